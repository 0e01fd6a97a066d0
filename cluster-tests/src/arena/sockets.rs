//! What the system says of sockets: who listens, and whose a connection is. It is asked for one socket at a time: a list of all costs it 20 ms.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink, recv, send, socket};

/// `SOCK_DIAG_BY_FAMILY`: a request, and its answer.
const BY_FAMILY: u16 = 20;

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;

/// TCP over IPv4.
const AF_INET: u8 = 2;
const IPPROTO_TCP: u8 = 6;

/// `TCP_LISTEN`.
const LISTENS: u8 = 10;

/// Of `struct nlmsghdr`, and of it with `struct inet_diag_req_v2`.
const HEADER_BYTES: usize = 16;
const REQUEST_BYTES: u32 = 72;

/// Places in the answer: `struct inet_diag_msg` behind the header.
const STATE_AT: usize = HEADER_BYTES + 1;
const INODE_AT: usize = HEADER_BYTES + 68;

/// A socket of this machine.
struct Found {
    state: u8,
    inode: u32,
}

/// Whether somebody listens there, on IPv4.
pub(super) fn is_listened_at(address: SocketAddr) -> bool {
    find(address, None).is_some_and(|found| found.state == LISTENS)
}

/// The node of the cluster in this directory whose process has the end of a connection that is at the first address; the other end is at the second.
/// Its settings or its data directory stand on its command line, which survives restarts.
pub(super) fn owner(dir: &Path, near: SocketAddr, far: SocketAddr) -> Option<u32> {
    let socket = format!("socket:[{}]", find(near, Some(far))?.inode);
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|process| process.path());
    let mut nodes = processes.filter_map(|process| Some((node_of(dir, &process)?, process)));
    nodes.find_map(|(node, process)| has(&process, &socket).then_some(node))
}

/// The socket at this address that is connected with the other, or listens if there is no other.
fn find(near: SocketAddr, far: Option<SocketAddr>) -> Option<Found> {
    let kernel = socket(AddressFamily::NETLINK, SocketType::RAW, Some(netlink::SOCK_DIAG)).ok()?;
    send(&kernel, &request(near, far)?, SendFlags::empty()).ok()?;
    let mut answer = [0; 512];
    let (length, _) = recv(&kernel, &mut answer, RecvFlags::empty()).ok()?;
    let answer = answer.get(..length)?;
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    // Anything else is an error: there is none.
    (kind == BY_FAMILY).then_some(())?;
    Some(Found { state: *answer.get(STATE_AT)?, inode: u32::from_ne_bytes(answer.get(INODE_AT..INODE_AT + 4)?.try_into().ok()?) })
}

/// `struct nlmsghdr`, then `struct inet_diag_req_v2`: linux/netlink.h, linux/inet_diag.h. Ports and addresses are as on the wire.
fn request(near: SocketAddr, far: Option<SocketAddr>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.extend(REQUEST_BYTES.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([AF_INET, IPPROTO_TCP, 0, 0]);
    // In any state.
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(near.port().to_be_bytes());
    bytes.extend(far.map_or(0, |far| far.port()).to_be_bytes());
    for end in [Some(near), far] {
        let IpAddr::V4(address) = end.map_or(near.ip(), |end| end.ip()) else { return None };
        bytes.extend(address.octets());
        bytes.extend([0; 12]);
    }
    // Through any interface, with any cookie.
    bytes.extend([0; 4]);
    bytes.extend([0xff; 8]);
    Some(bytes)
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
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn inode(socket: &impl std::os::fd::AsRawFd) -> u64 {
        fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).expect("it is open").ino()
    }

    #[test]
    fn a_port_is_listened_at_while_somebody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        assert!(is_listened_at(address));
        drop(listener);
        assert!(!is_listened_at(address));
    }

    #[test]
    fn the_end_of_a_connection_is_found_and_a_stranger_is_no_node() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let far = listener.local_addr().expect("its address");
        let stream = TcpStream::connect(far).expect("a connection");
        let near = stream.local_addr().expect("its address");
        assert_eq!(find(near, Some(far)).map(|found| u64::from(found.inode)), Some(inode(&stream)));
        assert_eq!(owner(Path::new("/nowhere"), near, far), None);
    }
}
