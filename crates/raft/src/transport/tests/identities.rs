//! What cannot be an identity is told at the start.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};

use super::authority::Authority;
use super::{CLUSTER, ONE, TWO};
use crate::transport::Identity;
use crate::transport::identity::{Credentials, name};

fn error(identity: &Identity) -> String {
    match Credentials::new(identity) {
        Ok(_) => panic!("this is no identity: {identity:?}"),
        Err(error) => error.to_string(),
    }
}

fn starts(identity: &Identity, expected: &str) {
    let error = error(identity);
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn files_that_are_no_pem() {
    let good = Authority::new().identity(CLUSTER, ONE);
    assert!(Credentials::new(&good).is_ok());
    let none = "is not PEM as it should be: there is nothing of that kind in it. Give the file that begins with -----BEGIN.";
    assert_eq!(error(&Identity { ca: b"nonsense".to_vec(), ..good.clone() }), format!("the cluster's authority {none}"));
    assert_eq!(error(&Identity { certificate: Vec::new(), ..good.clone() }), format!("the node's certificate {none}"));
    assert_eq!(error(&Identity { key: good.certificate.clone(), ..good.clone() }), format!("the node's key {none}"));
    let half = good.certificate[..good.certificate.len() / 2].to_vec();
    starts(&Identity { certificate: half, ..good }, "the node's certificate is not PEM as it should be: ");
}

#[test]
fn certificates_that_say_something_else() {
    let authority = Authority::new();
    let wrong = authority.identity_named(CLUSTER, ONE, &name(CLUSTER, TWO));
    starts(&wrong, "the node's certificate does not say node-1.test.invalid among its subject alternative names");
    let wrong = authority.identity_named(CLUSTER, ONE, &name("other.invalid", ONE));
    starts(&wrong, "the node's certificate does not say node-1.test.invalid");
    let wrong = Identity { cluster: "two words".to_owned(), ..authority.identity(CLUSTER, ONE) };
    starts(&wrong, "node-1.two words cannot be a DNS name");
}

#[test]
fn certificates_that_no_peer_would_take() {
    let (authority, good) = (Authority::new(), Authority::new().identity(CLUSTER, ONE));
    let foreign = Identity { ca: authority.identity(CLUSTER, ONE).ca, ..good.clone() };
    starts(&foreign, "the node's certificate, as peers will see it cannot be used: invalid peer certificate: UnknownIssuer");
    let other_key = Identity { key: authority.identity(CLUSTER, ONE).key, ..good };
    starts(&other_key, "the client's side cannot be used: ");
    let named = || CertificateParams::new(vec![name(CLUSTER, ONE)]).unwrap();
    let mut expired = named();
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    expired.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    starts(
        &authority.issue(CLUSTER, ONE, expired),
        "the node's certificate, as peers will see it cannot be used: invalid peer certificate: certificate expired",
    );
    for purpose in [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth] {
        let mut one_sided = named();
        one_sided.extended_key_usages = vec![purpose];
        starts(
            &authority.issue(CLUSTER, ONE, one_sided),
            "the node's certificate, as peers will see it cannot be used: invalid peer certificate: ",
        );
    }
}

#[test]
fn the_key_is_not_shown() {
    let identity = Authority::new().identity(CLUSTER, ONE);
    assert_eq!(format!("{identity:?}"), format!("Identity {{ cluster: {CLUSTER:?}, node: NodeId(1), .. }}"));
}
