//! What is asked of the meta group, and what comes of it.

use std::fmt;

use conclave_xmpp::BareJid;

use super::{Authority, ServiceSettings};
use crate::accounts::{AccountRefusal, AccountRequest, Secret};
use crate::incarnation::Incarnation;

/// What nodes and administrators ask. Each may be asked again when its outcome is unknown; a second `Register` only costs a number.
#[derive(Clone, PartialEq, Debug)]
pub enum MetaRequest {
    /// The cluster begins.
    Begin {
        /// Its name, a DNS label.
        cluster: String,
        /// How many shards it has, for ever.
        shards: u16,
        /// Shards are placed when so many nodes are registered.
        wait_for: u32,
        /// From which the lasting secrets of the service derive.
        secret: Secret,
        /// Who signs.
        authority: Authority,
        /// Its first nodes, by number; all of them may come.
        nodes: Vec<NewNode>,
        /// What the service goes by.
        service: ServiceSettings,
    },
    /// A new node may come.
    Invite {
        /// Where others will reach it.
        peer: String,
    },
    /// A node that was invited has not come in time.
    Withdraw {
        /// Which.
        node: u32,
    },
    /// A node is here, as a new incarnation. Ends the former.
    Register {
        /// Which.
        node: u32,
        /// Where others reach it.
        peer: String,
        /// Of its program.
        version: String,
        /// Where clients reach it.
        clients: Vec<String>,
        /// Where those reach it who watch.
        http: Option<String>,
        /// The highest feature level that its program speaks.
        feature_level: u32,
        /// What the service goes by where it was not said before, and the domains that the node serves.
        service: ServiceSettings,
    },
    /// An incarnation is over.
    End {
        /// Which.
        incarnation: Incarnation,
        /// Why.
        why: EndReason,
    },
    /// A node is to hand over what it has.
    Drain {
        /// Which.
        node: u32,
    },
    /// A node is to be taken out for good.
    Remove {
        /// Which.
        node: u32,
    },
    /// A shard's group is made, or its voters have changed.
    Made {
        /// Which.
        shard: u16,
        /// Who votes now.
        voters: Vec<u32>,
    },
    /// Something about the accounts.
    Account(AccountRequest),
    /// A setting of the service is another from now on.
    Set {
        /// Which.
        key: String,
        /// What it is to be; checked by who asks.
        value: String,
    },
    /// All programs are new enough.
    RaiseFeatureLevel {
        /// For this.
        to: u32,
    },
}

/// A node that the cluster begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewNode {
    /// Its number.
    pub node: u32,
    /// Where others reach it.
    pub peer: String,
}

/// Why an incarnation is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndReason {
    /// It said so itself.
    Stopped,
    /// It was not heard of for too long.
    Silent,
    /// It was drained, and goes on as a replica.
    Drained,
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MetaDone {
    /// It is so.
    Done,
    /// The node is this incarnation from now on.
    Registered(Incarnation),
    /// The number of the node that may come.
    Invited(u32),
    /// The account that was changed.
    Account(BareJid),
    /// The setting is what it is to be; it was this.
    Set(String),
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MetaRefusal {
    /// The cluster has begun already.
    HasBegun,
    /// The cluster has not begun.
    NotBegun,
    /// No node has this number.
    NoSuchNode(u32),
    /// The node is needed: it is the last that could take over.
    LastNode(u32),
    /// The node is the one that makes the group of a shard, and has not said so far that it is made.
    Making(u32),
    /// Without the node, or already with it, the groups of some shards have no majority that runs.
    TooFewRun {
        /// The node that was to go.
        node: u32,
        /// Those that these groups miss, ascending.
        silent: Vec<u32>,
    },
    /// So many are invited and have not come.
    TooManyInvited {
        /// How many there may be.
        max: u32,
    },
    /// All numbers of nodes, or of lives of a node, are used up.
    NoNumberLeft,
    /// A cluster cannot begin like this: why.
    BadBeginning(String),
    /// The feature level never goes back.
    Level {
        /// What it is.
        is: u32,
    },
    /// Programs are too old for a feature level.
    Behind {
        /// Of these nodes, ascending.
        nodes: Vec<u32>,
        /// For this level.
        level: u32,
    },
    /// A node has another setting than the service, and may not have.
    Differs {
        /// Which node.
        node: u32,
        /// Which setting.
        key: String,
        /// What the node has.
        theirs: String,
        /// What the service has.
        ours: String,
    },
    /// The service has no setting of this name.
    NoSuchSetting(String),
    /// This setting is as it was when the cluster began, for ever.
    Lasting(String),
    /// About accounts.
    Account(AccountRefusal),
}

impl fmt::Display for MetaRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetaRefusal::HasBegun => f.write_str("the cluster has begun already"),
            MetaRefusal::NotBegun => f.write_str("the cluster has not begun yet; try again when its first node runs"),
            MetaRefusal::NoSuchNode(node) => {
                write!(
                    f,
                    "there is no node {node}: it was removed, or its invitation has run out; `conclave cluster status` lists those that there are"
                )
            }
            MetaRefusal::LastNode(node) => {
                write!(f, "node {node} is the only one that runs and could serve; start or join another first")
            }
            MetaRefusal::Making(node) => {
                write!(
                    f,
                    "node {node} is about to make the replicas of a shard; start it if it does not run, and try again in a moment"
                )
            }
            MetaRefusal::TooFewRun { node, silent } => {
                write!(
                    f,
                    "node {node} cannot be taken out now: with the nodes that do not run ({}) away as well, some shards would have no majority; start those \
                     first, or take them out before it",
                    listed(silent)
                )
            }
            MetaRefusal::TooManyInvited { max } => {
                write!(
                    f,
                    "{max} nodes are invited and have not come; `conclave cluster remove` withdraws an invitation, and each runs out, after an hour at the earliest"
                )
            }
            MetaRefusal::NoNumberLeft => f.write_str("there is no number left for it; a new cluster has to be made"),
            MetaRefusal::BadBeginning(what) => write!(f, "a cluster cannot begin like this: {what}"),
            MetaRefusal::Level { is } => write!(f, "the feature level is {is} and never goes back"),
            MetaRefusal::Behind { nodes, level } => {
                let (which, speak) = if nodes.len() == 1 { ("node", "does") } else { ("nodes", "do") };
                write!(
                    f,
                    "{which} {} {speak} not speak feature level {level}: start a newer version of the program there first",
                    listed(nodes)
                )
            }
            MetaRefusal::Differs { node, key, theirs, ours } => {
                write!(
                    f,
                    "`{key}` of node {node} is {theirs:?}, and this service is at {ours:?} for ever: set it so, or make a new cluster for another service"
                )
            }
            MetaRefusal::NoSuchSetting(key) => {
                write!(f, "the service has no setting `{key}`; `conclave settings list` shows those that it has")
            }
            MetaRefusal::Lasting(key) => {
                write!(f, "`{key}` is as it was when the cluster was made, for ever: accounts and rooms are named by it")
            }
            MetaRefusal::Account(refusal) => refusal.fmt(f),
        }
    }
}

fn listed(nodes: &[u32]) -> String {
    nodes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

impl std::error::Error for MetaRefusal {}
