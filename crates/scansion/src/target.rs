//! Where the clients of a scenario connect to.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cast::Client;

/// RFC 6120 §14.7: the port of a server if nobody says otherwise.
const C2S_PORT: u16 = 5222;

/// The servers, or the nodes of one, over which the clients are spread; none means that the script decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    addresses: Vec<String>,
    rotation: usize,
}

/// Why there are no targets.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a list of host:port.
    #[error("`{0}` is no address: write host:port, several with commas between them")]
    Address(String),
    /// The file of nodes cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of nodes says something else.
    #[error("{}: expected a list of objects with `c2s`: {source}", path.display())]
    Nodes {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The file of nodes names no address.
    #[error("{}: no node has an address in `c2s`", path.display())]
    NoNode {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
struct Node {
    c2s: Option<String>,
}

impl Targets {
    /// Reads `host:port[,host:port...]`.
    pub fn parse(list: &str) -> Result<Targets, TargetError> {
        let addresses: Vec<String> = list.split(',').map(|address| address.trim().to_owned()).collect();
        match addresses.iter().find(|address| !is_address(address)) {
            Some(wrong) => Err(TargetError::Address(wrong.clone())),
            None => Ok(Targets { addresses, rotation: 0 }),
        }
    }

    /// Takes the addresses from the file that `conclave dev` writes: a list of nodes, each with its `c2s`.
    pub fn of_nodes(path: &Path) -> Result<Targets, TargetError> {
        let unreadable = |source| TargetError::Unreadable { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let wrong = |source| TargetError::Nodes { path: path.to_owned(), source };
        let nodes: Vec<Node> = serde_json::from_str(&text).map_err(wrong)?;
        let addresses: Vec<String> = nodes.into_iter().filter_map(|node| node.c2s).collect();
        if addresses.is_empty() {
            return Err(TargetError::NoNode { path: path.to_owned() });
        }
        Ok(Targets { addresses, rotation: 0 })
    }

    /// The same, with the first client at the address after the next `by`.
    #[must_use]
    pub fn rotated(self, by: usize) -> Targets {
        Targets { rotation: by, ..self }
    }

    /// Where the client that appears as number `index` in the script (from 0) connects to.
    pub(crate) fn address(&self, index: usize, client: &Client) -> String {
        if !self.addresses.is_empty() {
            return self.addresses[(index + self.rotation) % self.addresses.len()].clone();
        }
        let host = client.connect_host.as_deref().unwrap_or_else(|| client.jid.domain());
        format!("{host}:{}", client.connect_port.unwrap_or(C2S_PORT))
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;

    fn addresses(targets: &Targets) -> Vec<String> {
        let text = "[Client] A\njid: a@one.example\npassword: x\n[Client] B\njid: b@one.example\npassword: x\n\
                    connect_host: ::1\nconnect_port: 99\n[Client] C\njid: c@one.example\npassword: x\n--\n";
        let script = Script::parse(Path::new("t.scs"), text).expect("a script");
        script.clients.iter().enumerate().map(|(index, client)| targets.address(index, client)).collect()
    }

    #[test]
    fn clients_are_spread_in_order_of_appearance() {
        let two = Targets::parse("x:1, y:2").expect("targets");
        assert_eq!(addresses(&two), ["x:1", "y:2", "x:1"]);
        assert_eq!(addresses(&two.rotated(1)), ["y:2", "x:1", "y:2"]);
    }

    #[test]
    fn without_targets_the_script_decides() {
        assert_eq!(addresses(&Targets::default()), ["one.example:5222", "::1:99", "one.example:5222"]);
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for wrong in ["", "x", "x:", ":1", "x:0", "x:70000", "x:1,,y:2"] {
            assert!(Targets::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nodes_are_read_from_the_file_of_a_cluster() {
        let path = std::env::temp_dir().join(format!("scansion-nodes-{}.json", std::process::id()));
        let read = |text: &str| {
            std::fs::write(&path, text).expect("a file");
            Targets::of_nodes(&path)
        };
        let two = read(r#"[{"node":1,"c2s":"127.0.0.1:1","peer":null},{"node":2,"c2s":null},{"node":3,"c2s":"127.0.0.1:3"}]"#);
        assert_eq!(addresses(&two.expect("targets")), ["127.0.0.1:1", "127.0.0.1:3", "127.0.0.1:1"]);
        assert!(matches!(read("[]"), Err(TargetError::NoNode { .. })));
        assert!(matches!(read("{}"), Err(TargetError::Nodes { .. })));
        std::fs::remove_file(&path).expect("removed");
        assert!(matches!(Targets::of_nodes(&path), Err(TargetError::Unreadable { .. })));
    }
}
