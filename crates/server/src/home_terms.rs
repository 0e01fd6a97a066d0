//! What the homes of this node go by: the service's settings as meta has them now.

use std::sync::Arc;

use conclave_cluster::home::HomeSettings;
use conclave_cluster::meta::{Meta, ServiceSettings};
use conclave_muc::Service;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::settings::{RoomCreation, ServiceTerms, Settings};
use crate::vital;

/// For all homes alike.
#[derive(Clone, Debug)]
pub struct HomeTerms {
    /// The rules for rooms.
    pub service: Arc<Service>,
    /// The rules for sessions.
    pub home: HomeSettings,
    /// Rooms that there may be.
    pub rooms_max: usize,
}

/// As meta says from now on; `secret` is that of occupant ids.
pub fn follow(settings: &Settings, secret: [u8; 32], mut meta: watch::Receiver<Arc<Meta>>) -> watch::Receiver<HomeTerms> {
    let own = settings.of_the_service();
    let mut last = {
        let meta = meta.borrow_and_update();
        say_what_is_overruled(settings, &meta);
        meta.service().clone()
    };
    let (terms, followed) = watch::channel(HomeTerms::read(&last, &own, secret));
    vital::spawn("the watch over the service's settings", async move {
        while meta.changed().await.is_ok() {
            let now = meta.borrow_and_update().service().clone();
            if now != last {
                say_what_changed(&last, &now);
                terms.send_replace(HomeTerms::read(&now, &own, secret));
                last = now;
            }
        }
    });
    followed
}

impl HomeTerms {
    fn read(service: &ServiceSettings, own: &ServiceSettings, secret: [u8; 32]) -> HomeTerms {
        let (terms, complaints) = ServiceTerms::read(service, own);
        for complaint in complaints {
            warn!(
                "a setting of the service is not understood here, and this node goes by its own file: {complaint}; is its version older than the others'?"
            );
        }
        let ServiceTerms { detach_grace_ms, admins, room_creation, limits, .. } = terms;
        let service = Service {
            admins,
            creation_restricted: room_creation == RoomCreation::Admins,
            occupants_max: limits.occupants_per_room_max,
            history_max: limits.history_max,
            groupchat_bytes_max: limits.groupchat_bytes_max,
            room_messages_per_second: limits.room_messages_per_second,
            lock_milliseconds: u64::from(limits.room_lock_seconds_max) * 1000,
            secret,
        };
        HomeTerms {
            service: Arc::new(service),
            home: HomeSettings { grace_ms: detach_grace_ms, sessions_per_account_max: limits.sessions_per_account_max },
            rooms_max: limits.rooms_max,
        }
    }
}

fn say_what_is_overruled(settings: &Settings, meta: &Meta) {
    for (key, own, holds) in settings.overruled(meta.service(), meta.shards()) {
        let change =
            if meta.service().contains_key(key) { "; `conclave settings set` changes it for all nodes" } else { ", for ever" };
        warn!(
            "`{key}` is {own:?} in this node's settings, and {holds:?} in the cluster, which holds: what a node is told of it counts when the cluster is \
             made{change}"
        );
    }
}

fn say_what_changed(before: &ServiceSettings, now: &ServiceSettings) {
    for (key, value) in now.iter().filter(|(key, value)| before.get(*key) != Some(value)) {
        info!("`{key}` of the service is {value:?} now");
    }
}
