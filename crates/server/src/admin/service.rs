//! The settings of the service: listed as this node has heard of them, and changed by the cluster.

use conclave_cluster::meta::{MetaDone, MetaRequest, ServiceSettings};

use super::listener::later;
use super::{Answer, Ask, Reason, SettingLine};
use crate::run::Node;
use crate::settings::{SERVICE_KEYS, check_service_setting};

pub(super) async fn answer(ask: Ask, node: &Node) -> Answer {
    let Ask::Set { key, value } = ask else {
        return Answer::Settings { settings: lines(node.cluster.meta().borrow().service().clone()) };
    };
    match check_service_setting(&key, &value) {
        Ok(to) => later(Box::pin(set(node, key, to.clone())), |from| Answer::Set { from, to }).await,
        Err(text) => Answer::Refused { reason: Reason::Invalid, text },
    }
}

/// What it was.
async fn set(node: &Node, key: String, value: String) -> Result<String, String> {
    match node.cluster.ask(MetaRequest::Set { key, value }).await {
        Ok(MetaDone::Set(from)) => Ok(from),
        Ok(_) => Err("the cluster answers something else; are its nodes of other versions?".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What this version does not know comes last.
fn lines(mut settings: ServiceSettings) -> Vec<SettingLine> {
    let known = SERVICE_KEYS.into_iter().filter_map(|key| settings.remove_entry(key)).collect::<Vec<_>>();
    known.into_iter().chain(settings).map(|(key, value)| SettingLine { key, value }).collect()
}
