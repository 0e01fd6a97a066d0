//! The rules of the greetings as a table: one that is welcome, and everything that is changed about it.

use bytes::Bytes;
use expect_test::{Expect, expect};

use super::{CLUSTER, ONE, TWO};
use crate::transport::Remembered;
use crate::transport::hello::{Absence, Expected, PROTOCOL, check};
use crate::wire::Hello;

/// Node 2 greets node 1.
pub fn welcome() -> (Hello, Expected<'static>) {
    let hello = Hello {
        protocol: PROTOCOL,
        cluster: CLUSTER.to_owned(),
        node: TWO.0,
        storage: Bytes::from_static(&[0x22; 16]),
        incarnation: 5,
        life: Bytes::from_static(&[5; 16]),
        synced: 100,
        to: ONE.0,
    };
    let expected = Expected { cluster: CLUSTER, us: ONE, dialled: None, certified: true, absent: None, remembered: None };
    (hello, expected)
}

/// What is different.
type Change = fn(&mut Hello, &mut Expected<'static>);

fn remembered() -> Remembered {
    Remembered { storage: [0x22; 16], incarnation: 5, life: [5; 16], synced: 100 }
}

/// What becomes of the greeting of node 2, as node 1 remembers it.
fn verdict(change: impl FnOnce(&mut Hello, &mut Expected<'static>)) -> String {
    let (mut hello, mut expected) = welcome();
    expected.remembered = Some(remembered());
    change(&mut hello, &mut expected);
    match check(&hello, &expected) {
        Ok(now) => format!("start {}, life {}, frame {}", now.incarnation, now.life[0], now.synced),
        Err(refusal) => format!("{}{refusal}", if refusal.unfit() { "unfit: " } else { "" }),
    }
}

fn next_life(hello: &mut Hello) {
    (hello.incarnation, hello.life) = (6, Bytes::from_static(&[6; 16]));
}

#[test]
fn welcome_is_who_is_the_same_as_before_or_new() {
    let cases: [(&str, Change); 6] = [
        ("start 5, life 5, frame 100", |_, _| {}),
        ("start 5, life 5, frame 100", |_, expected| expected.remembered = None),
        ("start 5, life 5, frame 100", |_, expected| expected.dialled = Some(TWO)),
        ("start 5, life 5, frame 101", |hello, _| hello.synced = 101),
        // The same life cannot have forgotten; its answers were faster.
        ("start 5, life 5, frame 100", |hello, _| hello.synced = 99),
        ("start 6, life 6, frame 100", |hello, _| next_life(hello)),
    ];
    for (expected, change) in cases {
        assert_eq!(verdict(change), expected);
    }
}

#[test]
fn refusals_say_what_is_wrong_and_what_to_do() {
    let cases: [(Change, Expect); 15] = [
        (
            |hello, _| hello.protocol = 2,
            expect![
                "node 2 speaks version 2 of the protocol between nodes, and this one speaks 1: run versions of the program that fit on both"
            ],
        ),
        (
            |hello, _| hello.cluster = "other".to_owned(),
            expect![[
                r#"node 2 belongs to cluster "other", and this is a node of "test.invalid": correct the address or the cluster's name in the settings"#
            ]],
        ),
        (|hello, _| hello.to = 3, expect!["node 2 looks for node 3, but node 1 is here: correct the address of node 3"]),
        (
            |_, expected| expected.dialled = Some(crate::NodeId(3)),
            expect!["node 2 answers where node 3 should be: correct the address of node 3"],
        ),
        (
            |_, expected| expected.certified = false,
            expect![
                "who claims to be node 2 shows a certificate that does not say node-2.test.invalid: give it the certificate of that node"
            ],
        ),
        (
            |_, expected| expected.absent = Some(Absence::Unknown),
            expect!["node 2 is not known here so far: if it was invited, it is let in as soon as this node hears of it"],
        ),
        (
            |_, expected| expected.absent = Some(Absence::Removed),
            expect![
                "unfit: node 2 was removed from this cluster, or its invitation has run out: it may be switched off, and its directory deleted. It comes back under a new id."
            ],
        ),
        (
            |hello, _| hello.storage = Bytes::from_static(&[0x23; 16]),
            expect![
                "unfit: node 2 came back with an empty or different data directory (storage 23232323232323232323232323232323 instead of 22222222222222222222222222222222); its vote is lost with it. Start it as a new node under a new id; if it has just joined, its token was used for another directory before."
            ],
        ),
        (
            |hello, _| hello.storage = Bytes::from_static(&[0x22; 15]),
            expect![
                "a greeting that cannot be read: a storage of 15 bytes instead of 16. Whoever speaks there is no node, or one of a version that does not fit."
            ],
        ),
        (
            |hello, _| hello.life = Bytes::new(),
            expect![
                "a greeting that cannot be read: a life of 0 bytes instead of 16. Whoever speaks there is no node, or one of a version that does not fit."
            ],
        ),
        (
            |hello, _| hello.incarnation = 0,
            expect![
                "a greeting that cannot be read: starts are counted from 1, not 0. Whoever speaks there is no node, or one of a version that does not fit."
            ],
        ),
        (
            |hello, _| hello.incarnation = 4,
            expect![
                "unfit: node 2 came back with an old copy of its data directory (start number 4, but 5 was seen already); what it voted for since is lost. Start it as a new node under a new id."
            ],
        ),
        (
            |hello, _| hello.life = Bytes::from_static(&[6; 16]),
            expect![
                "unfit: node 2 runs from a copy of its data directory (two lives with start number 5 were seen). Keep the one that is right, and start the other as a new node under a new id."
            ],
        ),
        (
            |hello, _| {
                next_life(hello);
                hello.synced = 99;
            },
            expect![
                "unfit: node 2 came back with less in its log than it had (frame 99 is the last on its disk, but 100 was acknowledged): an old copy was restored, or the disk forgot. Start it as a new node under a new id."
            ],
        ),
        (
            |hello, _| (hello.incarnation, hello.synced) = (4, 1000),
            expect![
                "unfit: node 2 came back with an old copy of its data directory (start number 4, but 5 was seen already); what it voted for since is lost. Start it as a new node under a new id."
            ],
        ),
    ];
    for (change, expected) in cases {
        expected.assert_eq(&verdict(change));
    }
}

/// Of several faults the first is told: who is not proven to be somebody learns nothing of what we remember.
#[test]
fn the_first_fault_is_told() {
    let faults: [Change; 6] = [
        |hello, _| hello.protocol = 2,
        |hello, _| hello.cluster = "other".to_owned(),
        |hello, _| hello.to = 3,
        |_, expected| expected.certified = false,
        |_, expected| expected.absent = Some(Absence::Unknown),
        |hello, _| hello.storage = Bytes::from_static(&[0x23; 16]),
    ];
    for first in 0..faults.len() {
        let alone = verdict(faults[first]);
        let with_all_behind = verdict(|hello, expected| faults[first..].iter().for_each(|fault| fault(hello, expected)));
        // The texts name the cluster and the protocol as they are said.
        assert_eq!(
            with_all_behind.split_whitespace().take(5).collect::<Vec<_>>(),
            alone.split_whitespace().take(5).collect::<Vec<_>>()
        );
    }
}
