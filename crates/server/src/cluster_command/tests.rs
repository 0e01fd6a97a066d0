use std::sync::{Arc, Mutex};

use clap::Parser;
use expect_test::expect;

use super::*;
use crate::admin::cluster::{Behind, ClusterStatus, GroupLine, Later, Membership, NodeLine, NodeStands};
use crate::admin::{listener, scripted};
use crate::args::{Arguments, Command};

/// A cluster that remembers what it was asked. The last node to become new does so before the third upgrade.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

impl Membership for Asked {
    fn status(&self) -> Later<'_, ClusterStatus> {
        Box::pin(async { Ok(three()) })
    }

    fn invite(&self, peer: String) -> Later<'_, String> {
        self.0.lock().unwrap().push(format!("invite {peer}"));
        Box::pin(async { Ok("TOKEN".to_owned()) })
    }

    fn drain(&self, node: u32) -> Later<'_, ()> {
        self.0.lock().unwrap().push(format!("drain {node}"));
        Box::pin(async { Ok(()) })
    }

    fn remove(&self, node: u32) -> Later<'_, ()> {
        Box::pin(async move { Err(format!("node {node} still has replicas; drain it first")) })
    }

    fn upgrade(&self) -> Later<'_, Upgraded> {
        let mut asked = self.0.lock().unwrap();
        asked.push("upgrade".to_owned());
        let outcome = match asked.iter().filter(|what| *what == "upgrade").count() {
            1 => Ok(Upgraded { from: 1, to: 1 }),
            2 => Err("node 3 does not speak feature level 2".to_owned()),
            _ => Ok(Upgraded { from: 1, to: 2 }),
        };
        Box::pin(async { outcome })
    }
}

fn three() -> ClusterStatus {
    let node = |node: u32, stands, incarnation| {
        let version = if incarnation == 0 { "" } else { "0.1.0" }.to_owned();
        let feature_level = if incarnation == 0 { 0 } else { 1 };
        NodeLine { node, stands, version, feature_level, incarnation, peer: format!("10.0.0.{node}:7400") }
    };
    let group = |shard: Option<u16>, leader, behind: &[Behind]| GroupLine {
        shard,
        leader,
        preferred: None,
        voters: vec![1, 2, 3],
        learners: Vec::new(),
        committed: leader.map(|_| 4711),
        applied: leader.map(|_| 4711),
        behind: behind.to_vec(),
    };
    let mut groups = vec![group(None, Some(1), &[])];
    groups.extend((0..5).map(|shard| group(Some(shard), Some(1 + u32::from(shard) % 2), &[])));
    groups.push(group(Some(5), None, &[]));
    groups.push(group(Some(6), Some(2), &[Behind { node: 3, entries: 12 }]));
    groups.push(GroupLine { learners: vec![4], ..group(Some(7), Some(2), &[]) });
    let nodes =
        [(1, NodeStands::Serving, 4), (2, NodeStands::Draining, 1), (3, NodeStands::Down, 12), (4, NodeStands::Invited, 0)];
    let nodes = nodes.map(|(number, stands, life)| node(number, stands, life)).to_vec();
    ClusterStatus::new("c0ffee".to_owned(), 1, 1, nodes, groups)
}

/// As typed behind `conclave cluster`; what it says, or why not.
fn typed(words: &str, dir: &Path) -> String {
    let line = words.replace("DIR", dir.to_str().unwrap());
    let arguments = ["conclave", "cluster"].into_iter().chain(line.split(' '));
    let Command::Cluster(cluster) = Arguments::try_parse_from(arguments).unwrap().command else { panic!("{words}") };
    let mut out = Vec::new();
    let done = run(&cluster, &mut out);
    let not = done.err().map_or_else(String::new, |error| format!("not done: {error}\n"));
    let said = String::from_utf8(out).unwrap() + &not;
    said.replace(dir.to_str().unwrap(), "DIR")
}

#[test]
fn a_cluster_is_seen_at_a_glance() {
    expect![[r#"
        unavailable: some rooms or accounts are not served
          shard 5 has no leader that answers: is a majority of the replicas running?
          node 3 is down: start it again, or take it out with `conclave cluster remove 3`
        cluster c0ffee, 8 shards, feature level 1, told by node 1

        NODE  STATE     VERSION  LIFE  PEERS AT       LEADS
        1     serving   0.1.0    4     10.0.0.1:7400  meta, 0, 2, 4
        2     draining  0.1.0    1     10.0.0.2:7400  1, 3, 6-7
        3     DOWN      0.1.0    12    10.0.0.3:7400  -
        4     invited   -        -     10.0.0.4:7400  -

        SHARDS   LEADER  REPLICAS   BEHIND
        meta     1       1 2 3      nobody
        0, 2, 4  1       1 2 3      nobody
        1, 3     2       1 2 3      nobody
        5        NONE    1 2 3      not known
        6        2       1 2 3      node 3 by 12
        7        2       1 2 3 (4)  nobody
    "#]]
    .assert_eq(&table::of(&three()));
    let alone = NodeLine {
        node: 1,
        stands: NodeStands::Serving,
        version: "0.1.0".to_owned(),
        feature_level: 2,
        incarnation: 1,
        peer: "127.0.0.1:7400".to_owned(),
    };
    let group = |shard| GroupLine {
        shard,
        leader: Some(1),
        preferred: None,
        voters: vec![1],
        learners: Vec::new(),
        committed: Some(1),
        applied: Some(1),
        behind: Vec::new(),
    };
    let groups = [None].into_iter().chain((0..16).map(Some)).map(group).collect();
    expect![[r#"
        healthy
        cluster c0ffee, 16 shards, feature level 1, told by node 1
        all nodes speak feature level 2: `conclave cluster upgrade` raises it, and there is no way back

        NODE  STATE    VERSION  LIFE  PEERS AT        LEADS
        1     serving  0.1.0    1     127.0.0.1:7400  meta, 0-15

        SHARDS  LEADER  REPLICAS  BEHIND
        meta    1       1         nobody
        0-15    1       1         nobody
    "#]]
    .assert_eq(&table::of(&ClusterStatus::new("c0ffee".to_owned(), 1, 1, vec![alone], groups)));
}

#[test]
fn a_running_node_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut said = typed("status --dir DIR", dir.path());
    let asked = Arc::new(Asked::default());
    let node = asked.clone();
    scripted::serve(dir.path(), move |ask| {
        let node = node.clone();
        Box::pin(async move { listener::cluster(ask, node.as_ref()).await })
    });
    for words in ["invite 10.0.0.4:7400", "drain 2", "remove 2", "upgrade", "upgrade", "upgrade"] {
        said += &typed(&format!("{words} --dir DIR"), dir.path());
    }
    // Whoever only looks at the exit status knows as well.
    let fails = "not done: the cluster does not serve all rooms and accounts now; its status says why\n";
    assert_eq!(typed("status --dir DIR", dir.path()), table::of(&three()) + fails);
    let json = typed("status --json --dir DIR", dir.path());
    assert_eq!(serde_json::from_str::<ClusterStatus>(json.strip_suffix(fails).unwrap()).unwrap(), three());
    expect![[r#"
        not done: no node is running here: nobody listens on DIR/admin.sock. Start one with `conclave serve`, or name the directory of one that runs with --dir
        TOKEN
        node 2 hands over what it has; it is done when `conclave cluster status` says `drained`
        not done: node 2 still has replicas; drain it first
        the feature level is 1 already, and no node speaks a higher one
        not done: node 3 does not speak feature level 2
        the feature level is 2 now; it was 1
    "#]].assert_eq(&said);
    assert_eq!(*asked.0.lock().unwrap(), ["invite 10.0.0.4:7400", "drain 2", "upgrade", "upgrade", "upgrade"]);
}

#[test]
fn a_directory_becomes_one_node_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = typed("init --peer nowhere --dir DIR", dir.path());
    assert!(nowhere.contains("not done: \"nowhere\" is no address of a node"), "{nowhere}");
    let said = typed("init --shards 4 --peer 10.0.0.1:7400 --dir DIR", dir.path());
    assert!(said.contains("the first node of a new cluster"), "{said}");
    let again = typed("init --dir DIR", dir.path());
    assert!(again.contains("not done: DIR is the directory of a node already"), "{again}");
    let no_token = typed("join hello --dir DIR", dir.path());
    assert!(no_token.contains("not done: this is no token"), "{no_token}");
}

#[test]
fn a_token_comes_from_the_command_line_or_a_file() {
    for words in ["join", "join TOKEN --token-file F", "init --shards 0", "drain x", "invite", "upgrade 2"] {
        let arguments = ["conclave", "cluster"].into_iter().chain(words.split(' '));
        assert!(Arguments::try_parse_from(arguments).is_err(), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_messages_about_damage_name_exists() {
    let dir = tempfile::tempdir().unwrap();
    let running = crate::run::Running::start(crate::run::tests::settings(dir.path(), &[])).await.unwrap();
    let path = dir.path().to_owned();
    let refused = tokio::task::spawn_blocking(move || typed("accept-loss --dir DIR", &path)).await.unwrap();
    assert!(refused.contains("another process"), "{refused}");
    running.stop().await;
    let path = dir.path().to_owned();
    let said = tokio::task::spawn_blocking(move || typed("accept-loss --dir DIR", &path)).await.unwrap();
    assert_eq!(said, "Nothing is damaged; nothing was changed.\n");
}
