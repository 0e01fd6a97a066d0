//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::settings::SettingFlags;

/// A clustered group-chat (MUC) server for XMPP.
#[derive(Parser, Debug)]
#[command(name = "conclave", version, max_term_width = 120)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Runs one node.
    #[command(after_help = SERVE_HELP)]
    Serve(Serve),
    /// Runs a server on this machine for trying and testing: own certificate authority, accounts, no rate limits.
    #[command(after_help = DEV_HELP)]
    Dev(Dev),
    /// Shows a cluster being shot at: three nodes, three clients that chat, and a home that is killed. Takes half a minute.
    Demo,
    /// Makes a cluster, adds nodes to it, watches over it and takes nodes out.
    #[command(after_help = CLUSTER_HELP)]
    Cluster(Cluster),
    /// Lists and changes the settings that all nodes of a running cluster have in common.
    #[command(after_help = SETTINGS_HELP)]
    Settings(ServiceSettings),
    /// Lists the rooms of a running cluster, and says where they live.
    #[command(after_help = NODE_HELP)]
    Room(Room),
    /// Adds, changes, deletes and lists the accounts of a running node.
    #[command(after_help = USER_HELP)]
    User(User),
}

const SERVE_HELP: &str = "Settings come from the file, then from CONCLAVE_* variables, then from flags; what comes later wins. A variable has the \
name of the flag, in capitals and with underscores; the file the same in small letters, and the limits in its table [limits]. Those marked \
[service] are heeded when the cluster is made; from then on the cluster keeps them for all its nodes, and `conclave settings set` changes them.";

const DEV_HELP: &str = "The domain is localhost, the rooms are at conference.localhost. There are the accounts user, user2, user3 and admin, an \
admin of the service; the password of all is \"password\". When the server is ready, DIR/nodes.json says where it listens.";

const USER_HELP: &str = "A password comes from --password-file, or from CONCLAVE_PASSWORD, or is asked for. Beside `conclave dev` the data \
directory is conclave-dev/node1.";

const CLUSTER_HELP: &str = "A cluster begins with `cluster init` on one machine and `serve` there. For each further node: `cluster invite HOST:PORT` at a \
node that runs, with the address at which the others will reach the new one; `cluster join TOKEN` on the new machine; then `serve` there.";

const SETTINGS_HELP: &str = "The cluster keeps these settings itself. What the settings of a node say of them counts when the cluster is made; a node that starts says \
in its log where that is not what holds. Any node of the cluster can be asked. Beside `conclave dev` the data directory of the first is conclave-dev/node1.";

const NODE_HELP: &str =
    "Any node of the cluster can be asked. Beside `conclave dev` the data directory of the first is conclave-dev/node1.";

/// Settings come from the file, then from CONCLAVE_* variables, then from flags; what comes later wins. A variable has the name of
/// the flag, in capitals and with underscores; the file the same in small letters, and the limits in its table `[limits]`.
#[derive(Args, Debug)]
pub struct Serve {
    /// The settings file, TOML
    #[arg(long, value_name = "FILE", env = "CONCLAVE_CONFIG")]
    pub config: Option<PathBuf>,
    /// The settings.
    #[command(flatten)]
    pub settings: SettingFlags,
    /// Ends when the other end of standard input, which is a pipe, is closed.
    #[arg(long, hide = true)]
    pub end_with_stdin: bool,
}

/// The domain is localhost, the rooms are at conference.localhost. There are the accounts user, user2, user3 and admin, an
/// admin of the service; the password of all is "password". When the server is ready, DIR/nodes.json says where it listens.
#[derive(Args, Debug)]
pub struct Dev {
    /// How many nodes: 1 to 9
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    pub nodes: u16,
    /// Where everything is kept, also for the next time
    #[arg(long, value_name = "DIR", default_value = "conclave-dev")]
    pub dir: PathBuf,
    /// Where clients connect to the first node, on 127.0.0.1; node n has this and n - 1. TLS from the first byte is 100 behind, metrics and
    /// health 200. 0 lets the system choose all
    #[arg(long, value_name = "PORT", default_value_t = 5222, value_parser = clap::value_parser!(u16).range(0..=65_000))]
    pub port: u16,
    /// One more account; can be given several times
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = named_account)]
    pub users: Vec<(String, String)>,
    /// Keeps the limits of rate, which are off otherwise; that of rooms only if DIR is new
    #[arg(long)]
    pub limits: bool,
    /// Errors alone are logged.
    #[arg(skip)]
    pub quiet: bool,
}

/// Talks to a running node. A password comes from --password-file, or from CONCLAVE_PASSWORD, or is asked for.
#[derive(Args, Debug)]
pub struct User {
    /// What to do with the accounts.
    #[command(subcommand)]
    pub command: UserCommand,
    /// Which node.
    #[command(flatten)]
    pub node: WhichNode,
}

/// A node of this machine.
#[derive(Args, Debug, Default)]
pub struct WhichNode {
    /// The data directory of the node; else CONCLAVE_DIR, else /var/lib/conclave
    #[arg(long, value_name = "DIR", global = true, conflicts_with = "config")]
    pub dir: Option<PathBuf>,
    /// The settings file of the node, which says where its data directory is
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

/// A cluster begins with `cluster init` on one machine; each further node is invited by one that runs.
#[derive(Args, Debug)]
pub struct Cluster {
    /// What to do.
    #[command(subcommand)]
    pub command: ClusterCommand,
    /// Which node.
    #[command(flatten)]
    pub node: WhichNode,
}

/// What can be done with a cluster.
#[derive(Subcommand, Debug)]
pub enum ClusterCommand {
    /// Makes the first node of a new cluster, before it is started for the first time
    Init(ClusterInit),
    /// Prints a token with which one new node can join, once
    Invite {
        /// Where the other nodes will reach the new one, such as 10.0.0.2:7400 or node2.example.org:7400
        #[arg(value_name = "HOST:PORT")]
        peer: String,
    },
    /// Makes this machine's node a member, before it is started for the first time
    Join(ClusterJoin),
    /// Shows nodes, versions, the feature level, who leads what, and whether all is well. Fails if some rooms or accounts are not served
    Status(AsJson),
    /// Has a node hand over everything and take nothing new, before it is taken out
    Drain {
        /// The node's number
        node: u32,
    },
    /// Takes a node out for good; its number is never used again
    Remove {
        /// The node's number
        node: u32,
    },
    /// Raises the feature level, when a new version runs on all nodes: to the highest that all of them speak. Nodes of older versions cannot join or come
    /// back from then on
    Upgrade,
    /// Goes on without what damage on this machine's disk hides; only for a node that was always alone, and does not run. The damaged files are kept
    AcceptLoss,
}

/// A new cluster.
#[derive(Args, Debug)]
pub struct ClusterInit {
    /// Over how many shards the rooms are spread; it stays so for ever [default: as the node's settings say, else 16]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub shards: Option<u16>,
    /// Rooms are served as soon as so many nodes have joined [default: as the node's settings say, else 1]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub initial_nodes: Option<u32>,
    /// Where the other nodes will reach this one, such as 10.0.0.1:7400; a node that stays alone needs none
    #[arg(long, value_name = "HOST:PORT")]
    pub peer: Option<String>,
}

/// A token, one way or the other.
#[derive(Args, Debug)]
pub struct ClusterJoin {
    /// What `cluster invite` has printed
    #[arg(required_unless_present = "token_file", conflicts_with = "token_file")]
    pub token: Option<String>,
    /// A file whose first line is the token; others see what stands on a command line
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// How it is said.
#[derive(Args, Debug)]
pub struct AsJson {
    /// For machines
    #[arg(long)]
    pub json: bool,
}

/// The cluster keeps the settings of the service itself.
#[derive(Args, Debug)]
pub struct ServiceSettings {
    /// What to do with them.
    #[command(subcommand)]
    pub command: SettingsCommand,
    /// Which node.
    #[command(flatten)]
    pub node: WhichNode,
}

/// What can be done with the settings of the service.
#[derive(Subcommand, Debug)]
pub enum SettingsCommand {
    /// Lists them as the node has heard of them last
    List(AsJson),
    /// Changes one, on all nodes and at once; it stays so when they are started again
    Set {
        /// Its name
        key: String,
        /// What it is to be. `admins` takes any number of accounts, with blanks between them; "" is none
        #[arg(value_name = "VALUE", required = true, allow_negative_numbers = true)]
        values: Vec<String>,
    },
}

/// Any node of the cluster can be asked.
#[derive(Args, Debug)]
pub struct Room {
    /// What to do.
    #[command(subcommand)]
    pub command: RoomCommand,
    /// Which node.
    #[command(flatten)]
    pub node: WhichNode,
}

/// What can be asked about rooms.
#[derive(Subcommand, Debug)]
pub enum RoomCommand {
    /// Lists all rooms
    List(AsJson),
    /// Shows one room, and which node is its home: also of a room that does not exist yet
    Show {
        /// garden or garden@conference.example.org
        room: String,
        /// How it is said.
        #[command(flatten)]
        form: AsJson,
    },
}

/// What can be done with accounts.
#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Adds an account
    Add(WithPassword),
    /// Gives an account another password
    Passwd(WithPassword),
    /// Deletes an account and ends its sessions
    Del {
        /// romeo or romeo@example.org
        name: String,
    },
    /// Lists all accounts, one a line
    List,
}

/// An account that gets a password.
#[derive(Args, Debug)]
pub struct WithPassword {
    /// romeo or romeo@example.org
    pub name: String,
    /// A file whose first line is the password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

fn named_account(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, password)) if !name.is_empty() && !password.is_empty() => Ok((name.to_owned(), password.to_owned())),
        _ => Err("it takes a name, a colon and a password".to_owned()),
    }
}
