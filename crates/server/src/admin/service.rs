//! The settings of the service: listed as this node has heard of them, and changed by the cluster.

use conclave_cluster::meta::{MetaRequest, ServiceSettings};

use super::listener::later;
use super::of_node::ask as ask_meta;
use super::{Answer, Ask, Reason, SettingLine};
use crate::run::Node;
use crate::settings::{SERVICE_KEYS, check_service_setting};

pub(super) async fn answer(ask: Ask, node: &Node) -> Answer {
    let before = node.cluster.meta().borrow().service().clone();
    let Ask::Set { key, value } = ask else { return Answer::Settings { settings: lines(before) } };
    match check_service_setting(&key, &value) {
        Ok(to) => {
            let from = before.get(&key).cloned().unwrap_or_default();
            let request = MetaRequest::Set { key, value: to.clone() };
            later(Box::pin(ask_meta(node, request)), |()| Answer::Set { from, to }).await
        }
        Err(text) => Answer::Refused { reason: Reason::Invalid, text },
    }
}

/// What this version does not know comes last.
fn lines(mut settings: ServiceSettings) -> Vec<SettingLine> {
    let known = SERVICE_KEYS.into_iter().filter_map(|key| settings.remove_entry(key)).collect::<Vec<_>>();
    known.into_iter().chain(settings).map(|(key, value)| SettingLine { key, value }).collect()
}
