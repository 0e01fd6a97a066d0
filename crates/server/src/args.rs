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
    /// Adds, changes, deletes and lists the accounts of a running node.
    #[command(after_help = USER_HELP)]
    User(User),
}

const SERVE_HELP: &str = "Settings come from the file, then from CONCLAVE_* variables, then from flags; what comes later wins. A variable has the \
name of the flag, in capitals and with underscores; the file the same in small letters, and the limits in its table [limits].";

const DEV_HELP: &str = "The domain is localhost, the rooms are at conference.localhost. There are the accounts user, user2, user3 and admin, an \
admin of the service; the password of all is \"password\". When the server is ready, DIR/nodes.json says where it listens.";

const USER_HELP: &str = "A password comes from --password-file, or from CONCLAVE_PASSWORD, or is asked for. Beside `conclave dev` the data \
directory is conclave-dev/node1.";

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
    /// How many nodes; this version runs one
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub nodes: usize,
    /// Where everything is kept, also for the next time
    #[arg(long, value_name = "DIR", default_value = "conclave-dev")]
    pub dir: PathBuf,
    /// Where clients connect, on 127.0.0.1; with TLS from the first byte it is this and 100. 0 lets the system choose both
    #[arg(long, value_name = "PORT", default_value_t = 5222, value_parser = clap::value_parser!(u16).range(0..=65_000))]
    pub port: u16,
    /// One more account; can be given several times
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = named_account)]
    pub users: Vec<(String, String)>,
    /// Keeps the limits of rate, which are off otherwise
    #[arg(long)]
    pub limits: bool,
}

/// Talks to a running node. A password comes from --password-file, or from CONCLAVE_PASSWORD, or is asked for.
#[derive(Args, Debug)]
pub struct User {
    /// What to do with the accounts.
    #[command(subcommand)]
    pub command: UserCommand,
    /// The data directory of the node; else CONCLAVE_DIR, else /var/lib/conclave
    #[arg(long, value_name = "DIR", global = true, conflicts_with = "config")]
    pub dir: Option<PathBuf>,
    /// The settings file of the node, which says where its data directory is
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
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
