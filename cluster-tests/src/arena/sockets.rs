//! What the system says of sockets: who listens, and whose a connection is.

use std::fs;
use std::path::Path;

/// The state of a socket that listens.
const LISTENS: &str = "0A";

/// Whether somebody listens at this port on IPv4.
pub(super) fn is_listened_at(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    lines_of(&table, port).any(|line| line.split_whitespace().nth(3) == Some(LISTENS))
}

/// The node of the cluster in this directory whose process has a connection from this local port: its settings or its data directory stand on its
/// command line, which survives restarts.
pub(super) fn owner(dir: &Path, port: u16) -> Option<u32> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let is_socket = |line: &&str| line.split_whitespace().nth(3).is_some_and(|state| state != LISTENS);
    // The inode is the tenth word.
    let inode = lines_of(&table, port).find(is_socket)?.split_whitespace().nth(9)?;
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|process| process.path());
    let nodes = processes.filter_map(|process| Some((node_of(dir, &process)?, process)));
    nodes.into_iter().find_map(|(node, process)| has(&process, &socket).then_some(node))
}

/// After a number come the two addresses, which end in the port as four digits.
fn lines_of(table: &str, port: u16) -> impl Iterator<Item = &str> {
    let ending = format!(":{port:04X}");
    table.lines().filter(move |line| line.split_whitespace().nth(1).is_some_and(|own| own.ends_with(&ending)))
}

fn has(process: &Path, socket: &str) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    open.flatten().any(|open| fs::read_link(open.path()).is_ok_and(|target| target.to_string_lossy() == socket))
}

fn node_of(dir: &Path, process: &Path) -> Option<u32> {
    let line = fs::read(process.join("cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    line.split('\0').find_map(|word| {
        let inside = Path::new(word).strip_prefix(dir).ok()?;
        inside.iter().next()?.to_str()?.strip_prefix("node")?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_is_listened_at_while_somebody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        assert!(is_listened_at(port));
        drop(listener);
        assert!(!is_listened_at(port));
    }

    #[test]
    fn a_connection_of_a_stranger_is_no_nodes() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let stream = std::net::TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        assert_eq!(owner(Path::new("/nowhere"), stream.local_addr().expect("its address").port()), None);
    }
}
