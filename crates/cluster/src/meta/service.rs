//! The settings that make up the service: one set for all nodes, which an administrator changes.

use std::collections::BTreeMap;

use super::decide::Decided;
use super::{Meta, MetaChange, MetaDone, MetaRefusal};

/// Settings by their keys, as text. What a text may be is the business of who sets it and who goes by it.
pub type ServiceSettings = BTreeMap<String, String>;

/// Accounts and rooms are named by these: with others they would be other accounts and rooms.
const LASTING: [&str; 2] = ["domain", "service_domain"];

impl Meta {
    /// What the service goes by. Empty before the cluster begins.
    pub fn service(&self) -> &ServiceSettings {
        &self.service
    }

    /// A node comes only if it serves the same domains.
    pub(super) fn check_service(&self, node: u32, said: &ServiceSettings) -> Result<(), MetaRefusal> {
        let differs = |key: &&str| said.get(*key).zip(self.service.get(*key)).filter(|(theirs, ours)| theirs != ours);
        match LASTING.iter().find_map(|key| Some((key, differs(key)?))) {
            Some((key, (theirs, ours))) => {
                Err(MetaRefusal::Differs { node, key: (*key).to_owned(), theirs: theirs.clone(), ours: ours.clone() })
            }
            None => Ok(()),
        }
    }

    /// What the service has no value for so far is as the first node says that knows of it.
    pub(super) fn learn_service(&self, said: &ServiceSettings) -> Option<MetaChange> {
        let unknown = said.iter().filter(|(key, _)| !self.service.contains_key(*key));
        let new: ServiceSettings = unknown.map(|(key, value)| (key.clone(), value.clone())).collect();
        (!new.is_empty()).then_some(MetaChange::Service(new))
    }

    pub(super) fn set(&self, key: &str, value: &str) -> Decided {
        let is = self.service.get(key).ok_or_else(|| MetaRefusal::NoSuchSetting(key.to_owned()))?;
        if is == value {
            return Ok((Vec::new(), MetaDone::Set(is.clone())));
        }
        if LASTING.contains(&key) {
            return Err(MetaRefusal::Lasting(key.to_owned()));
        }
        let changed = ServiceSettings::from([(key.to_owned(), value.to_owned())]);
        Ok((vec![MetaChange::Service(changed)], MetaDone::Set(is.clone())))
    }
}
