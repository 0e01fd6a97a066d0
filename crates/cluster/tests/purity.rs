//! The arrows between the crates, as cargo itself sees them.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// What each pure crate may use directly. Whatever is not here is a decision to be made, not a line to be added.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "conclave-xmpp",
        &["base64", "bytes", "compact_str", "hmac", "jid", "jiff", "pbkdf2", "quick-xml", "sha1", "sha2", "stringprep", "subtle"],
    ),
    ("conclave-muc", &["compact_str", "conclave-xmpp", "rpds"]),
    ("conclave-cluster", &["bytes", "conclave-muc", "conclave-xmpp", "prost", "rpds", "sha2"]),
];

/// What must not be reached by any way: runtimes, sockets, disks, threads, clocks, chance.
const FORBIDDEN: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "tonic",
    "openraft",
    "sled",
    "rustls",
    "rand",
    "getrandom",
    "fastrand",
    "tracing",
    "async-std",
    "crossbeam-utils",
    "rayon",
    "tempfile",
];

fn metadata() -> Metadata {
    MetadataCommand::new().exec().expect("cargo describes the workspace")
}

#[test]
fn pure_crates_use_what_is_allowed_and_nothing_else() {
    let metadata = metadata();
    for (name, allowed) in ALLOWED {
        let package = metadata.workspace_packages().into_iter().find(|package| package.name == *name).expect("it is a member");
        let used: BTreeSet<&str> =
            package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal).map(|d| d.name.as_str()).collect();
        let unknown: Vec<_> = used.difference(&allowed.iter().copied().collect()).copied().collect();
        assert!(unknown.is_empty(), "{name} uses {unknown:?}");
    }
}

/// Which of our crates each of our crates may use; tests may use more.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "cluster-tests",
        &[
            "conclave-cluster",
            "conclave-muc",
            "conclave-preload",
            "conclave-raft",
            "conclave-scansion",
            "conclave-server",
            "conclave-xmpp",
        ],
    ),
    ("conclave-xmpp", &[]),
    ("conclave-muc", &["conclave-xmpp"]),
    ("conclave-cluster", &["conclave-muc", "conclave-xmpp"]),
    ("conclave-preload", &[]),
    ("conclave-raft", &[]),
    ("conclave-scansion", &["conclave-xmpp"]),
    ("conclave-server", &["conclave-cluster", "conclave-muc", "conclave-raft", "conclave-xmpp"]),
];

#[test]
fn arrows_point_one_way() {
    let metadata = metadata();
    assert_eq!(metadata.workspace_packages().len(), ARROWS.len(), "every crate of ours has its arrows here");
    for (name, allowed) in ARROWS {
        let package = metadata.workspace_packages().into_iter().find(|package| package.name == *name).expect("it is a member");
        let ours = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal && d.name.starts_with("conclave-"));
        let unknown: Vec<_> = ours.map(|d| d.name.as_str()).filter(|used| !allowed.contains(used)).collect();
        assert!(unknown.is_empty(), "{name} uses {unknown:?}");
    }
}

#[test]
fn nothing_impure_is_reached() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("dependencies are resolved");
    let names: BTreeMap<_, _> = metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
    for (name, _) in ALLOWED {
        let mut reached = BTreeSet::new();
        let mut next: Vec<_> = resolve.nodes.iter().filter(|node| names[&node.id] == *name).collect();
        while let Some(node) = next.pop() {
            for dependency in &node.deps {
                let normal = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
                if normal && reached.insert(dependency.pkg.clone()) {
                    next.extend(resolve.nodes.iter().filter(|node| node.id == dependency.pkg));
                }
            }
        }
        let impure: Vec<_> = reached.iter().map(|id| &names[id]).filter(|name| FORBIDDEN.contains(&name.as_str())).collect();
        assert!(impure.is_empty(), "{name} reaches {impure:?}");
    }
}

/// The rules of XEP-0045 live in `muc`: no other crate says an affiliation, a role or a status code.
#[test]
fn the_server_holds_no_rule_of_a_room() {
    // gRPC and raft have a `Status` of their own, so the room's is looked for by its path.
    let words = ["Affiliation::", "Role::", "muc::Status", "muc#admin", "muc#owner", "MUC_ADMIN", "MUC_OWNER"];
    let root = metadata().workspace_root.join("crates/server/src");
    let mut found = Vec::new();
    let mut folders = vec![root.into_std_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the sources are here") {
            let path = entry.expect("the sources are here").path();
            if path.is_dir() {
                // The demonstration's clients speak as clients do.
                folders.extend((!path.ends_with("demo")).then_some(path));
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("sources are text");
            found.extend(words.iter().filter(|word| text.contains(**word)).map(|word| format!("{}: {word}", path.display())));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
