//! The variables of the environment: `CONCLAVE_` and the name of the key in capitals. Lists have commas.

use std::ffi::OsString;

use super::complaint::{Complaint, Place};
use super::key::Key;
use super::value::{Given, Value};

/// Variables that are no settings, and are read elsewhere.
const OTHERS: &[&str] = &[
    // The settings file, if no flag names it.
    "CONCLAVE_CONFIG",
    // The password of `conclave user`.
    "CONCLAVE_PASSWORD",
    // The bug that a build for tests is to have.
    #[cfg(feature = "planted")]
    crate::planted::VARIABLE,
    // More scenarios for the tests.
    "CONCLAVE_SCENARIOS",
];

/// What Kubernetes gives to every container that runs beside a service of the name "conclave".
const LINKS: &[&str] = &["CONCLAVE_PORT", "CONCLAVE_SERVICE_HOST", "CONCLAVE_SERVICE_PORT"];

/// Reads what the environment gives; an unknown variable with our beginning is a complaint.
pub(super) fn read(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    given: &mut Vec<Given>,
    complaints: &mut Vec<Complaint>,
) {
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with("CONCLAVE_") && !is_no_setting(name)) else { continue };
        let place = Place::Variable(name.to_owned());
        match (Key::all().find(|key| key.variable() == name), value.into_string()) {
            (None, _) => complaints.push(Complaint::new(place, unknown())),
            (Some(_), Err(_)) => complaints.push(Complaint::new(place, "its value is not UTF-8")),
            (Some(key), Ok(words)) => given.push(Given { key, value: Value::Words(words), place }),
        }
    }
}

/// The variable of the key with this name.
pub fn variable_of(name: &str) -> String {
    format!("CONCLAVE_{}", name.to_uppercase())
}

fn is_no_setting(name: &str) -> bool {
    OTHERS.contains(&name) || LINKS.iter().any(|link| name.starts_with(link))
}

fn unknown() -> String {
    let names: Vec<String> = Key::all().map(Key::variable).collect();
    format!("there is no such setting; there are: {}", names.join(", "))
}
