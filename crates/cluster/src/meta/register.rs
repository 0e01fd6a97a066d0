//! The register of nodes.

/// What is known of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeEntry {
    /// Where other nodes reach it, `host:port`.
    pub peer: String,
    /// What it is to the cluster.
    pub state: NodeState,
    /// The number of its newest incarnation; 0 if it never came.
    pub incarnation: u32,
    /// Whether that one lives, as far as is known.
    pub lives: bool,
    /// That one is over because the node has no clients any more; but its process runs, and its replicas count.
    pub drained: bool,
    /// It hands over what it has, and takes nothing new.
    pub draining: bool,
    /// Of its program; empty if it never came.
    pub version: String,
    /// Where clients reach it.
    pub clients: Vec<String>,
    /// Where those reach it who watch.
    pub http: Option<String>,
    /// Its invitation is withdrawn if it does not come; that of a node with which the cluster began is not.
    pub runs_out: bool,
    /// The highest feature level that its program speaks, as it said; 0 if it said none, or never came.
    pub feature_level: u32,
}

/// What a node is to the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeState {
    /// It has a number and a certificate, and never came.
    Invited,
    /// It belongs to the cluster, whether it runs or not.
    Member,
    /// It is to be removed once its replicas are elsewhere.
    Leaving,
}

impl NodeEntry {
    /// A node that may come, and take its time.
    pub fn invited(peer: String) -> NodeEntry {
        NodeEntry {
            peer,
            state: NodeState::Invited,
            incarnation: 0,
            lives: false,
            drained: false,
            draining: false,
            version: String::new(),
            clients: Vec::new(),
            http: None,
            runs_out: false,
            feature_level: 0,
        }
    }

    /// Whether replicas may be on it.
    pub(super) fn holds_replicas(&self) -> bool {
        self.state == NodeState::Member && self.incarnation != 0
    }

    /// Whether its process runs, as far as is known.
    pub fn runs(&self) -> bool {
        self.lives || self.drained
    }

    /// Whether it may lead.
    pub(super) fn may_lead(&self) -> bool {
        self.state == NodeState::Member && self.lives && !self.draining
    }
}
