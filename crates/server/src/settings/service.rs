//! The settings of the service: the cluster keeps one set for all its nodes. What a node itself is told of them is for the beginning.

use conclave_cluster::meta::ServiceSettings;
use conclave_xmpp::BareJid;

use super::draft::Draft;
use super::key::{Key, Takes};
use super::value::Value;
use super::{Limits, RoomCreation, Settings};

/// All keys of the service, in the order in which people should read them.
pub const SERVICE_KEYS: [&str; 13] = [
    "domain",
    "service_domain",
    "detach_grace_ms",
    "node_silent_ms",
    "admins",
    "room_creation",
    "groupchat_bytes_max",
    "sessions_per_account_max",
    "room_messages_per_second",
    "rooms_max",
    "occupants_per_room_max",
    "history_max",
    "room_lock_seconds_max",
];

/// As it was when the cluster was made, for ever.
const SHARDS: &str = "shards";

/// What every node of the service goes by, but for the domains, which are the node's own business to have right. Of the limits those of [`SERVICE_KEYS`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceTerms {
    /// As in [`Settings`].
    pub detach_grace_ms: u64,
    /// As in [`Settings`].
    pub node_silent_ms: u64,
    /// As in [`Settings`].
    pub admins: Vec<BareJid>,
    /// As in [`Settings`].
    pub room_creation: RoomCreation,
    /// As in [`Settings`].
    pub limits: Limits,
}

impl Settings {
    /// What this node would have the service go by, by key.
    pub fn of_the_service(&self) -> ServiceSettings {
        let domains = [("domain", self.domain.to_string()), ("service_domain", self.service_domain.to_string())];
        let Settings { detach_grace_ms, node_silent_ms, room_creation, .. } = *self;
        let (admins, limits) = (self.admins.clone(), self.limits.clone());
        let mut texts = ServiceTerms { detach_grace_ms, node_silent_ms, admins, room_creation, limits }.texts();
        texts.extend(domains.map(|(key, text)| (key.to_owned(), text)));
        texts
    }

    /// Where this node was told something else than holds in a cluster that goes by `service` and has so many shards: the key, what it was told, and
    /// what holds.
    pub fn overruled(&self, service: &ServiceSettings, shards: u16) -> Vec<(&'static str, String, String)> {
        let (mut own, mut holds) = (self.of_the_service(), service.clone());
        own.insert(SHARDS.to_owned(), self.shards.to_string());
        holds.insert(SHARDS.to_owned(), shards.to_string());
        let told = SERVICE_KEYS.into_iter().chain([SHARDS]).filter(|key| self.given.contains(key));
        let both = told.filter_map(|key| Some((key, own.get(key)?.clone(), holds.get(key)?.clone())));
        both.filter(|(_, own, holds)| own != holds).collect()
    }
}

impl ServiceTerms {
    /// What `service` says; where that says nothing, or nothing that this version understands, what `own` does. Also what was not understood, for people.
    pub fn read(service: &ServiceSettings, own: &ServiceSettings) -> (ServiceTerms, Vec<String>) {
        let mut draft = Draft::default();
        let mut complaints = Vec::new();
        for (name, text) in own.iter().chain(service) {
            // What a newer version knows is for newer versions.
            if let Some(Err(complaint)) = find(name).map(|key| key.set(&value(key, text), &mut draft)) {
                complaints.push(complaint);
            }
        }
        (ServiceTerms::of(draft), complaints)
    }

    fn of(draft: Draft) -> ServiceTerms {
        let Draft { detach_grace_ms, node_silent_ms, admins, room_creation, limits, .. } = draft;
        ServiceTerms { detach_grace_ms, node_silent_ms, admins, room_creation, limits }
    }

    /// By key, as the cluster keeps it: the accounts of a list in order, with blanks between them, since an account may have a comma in its name.
    fn texts(&self) -> ServiceSettings {
        let mut admins: Vec<String> = self.admins.iter().map(ToString::to_string).collect();
        admins.sort_unstable();
        admins.dedup();
        let creation = match self.room_creation {
            RoomCreation::Anyone => "anyone",
            RoomCreation::Admins => "admins",
        };
        let limits = &self.limits;
        let texts = [
            ("detach_grace_ms", self.detach_grace_ms.to_string()),
            ("node_silent_ms", self.node_silent_ms.to_string()),
            ("admins", admins.join(" ")),
            ("room_creation", creation.to_owned()),
            ("groupchat_bytes_max", limits.groupchat_bytes_max.to_string()),
            ("sessions_per_account_max", limits.sessions_per_account_max.to_string()),
            ("room_messages_per_second", limits.room_messages_per_second.to_string()),
            ("rooms_max", limits.rooms_max.to_string()),
            ("occupants_per_room_max", limits.occupants_per_room_max.to_string()),
            ("history_max", limits.history_max.to_string()),
            ("room_lock_seconds_max", limits.room_lock_seconds_max.to_string()),
        ];
        texts.into_iter().map(|(key, text)| (key.to_owned(), text)).collect()
    }
}

/// The text as the cluster keeps it, or why the key cannot be that.
pub fn check(name: &str, text: &str) -> Result<String, String> {
    let Some(key) = find(name) else {
        return Err(match Key::all().find(|key| key.name == name) {
            Some(_) if ["initial_nodes", SHARDS].contains(&name) => {
                format!("`{name}` counts when the cluster is made, and cannot be changed afterwards")
            }
            Some(_) => format!(
                "`{name}` is each node's own setting: it is set in the node's settings file, and heeded at its next start"
            ),
            None => format!("there is no setting `{name}`; those of the service are {}", SERVICE_KEYS.join(", ")),
        });
    };
    let mut draft = Draft::default();
    key.set(&value(key, text), &mut draft)?;
    let domain = match name {
        "domain" => draft.domain.take(),
        "service_domain" => draft.service_domain.take(),
        _ => None,
    };
    let text = domain.map(|domain| domain.to_string()).or_else(|| ServiceTerms::of(draft).texts().remove(name));
    text.ok_or_else(|| format!("`{name}` cannot be kept"))
}

fn find(name: &str) -> Option<&'static Key> {
    Key::all().find(|key| key.name == name && SERVICE_KEYS.contains(&key.name))
}

fn value(key: &Key, text: &str) -> Value {
    match key.takes {
        Takes::List { .. } => Value::List(text.split_whitespace().map(|word| Value::Text(word.to_owned())).collect()),
        Takes::Text { .. } | Takes::Path { .. } | Takes::Number { .. } => Value::Words(text.to_owned()),
    }
}
