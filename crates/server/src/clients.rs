//! The way in for clients: what the settings mean for streams, sessions and rooms.

use std::sync::Arc;
use std::time::Duration;

use conclave_xmpp::parser::{Limits as ParserLimits, NAMESPACES_MAX};
use conclave_xmpp::stream::{StreamSettings, TlsPolicy};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::connection::Terms;
use crate::listener::{self, Places};
use crate::metrics::Metrics;
use crate::outbound::OutboundLimits;
use crate::pace::Pace;
use crate::run::Node;
use crate::sessions::{End, SessionTable};
use crate::settings::{Limits, PlainWithoutTls};

/// Elements within each other before anybody has logged in: SASL and binding need three.
const DEPTH_BEFORE_LOGIN: usize = 8;

/// The table of sessions that the settings ask for.
pub fn session_table(limits: &Limits, node: u32, metrics: Arc<Metrics>) -> SessionTable {
    let outbound = OutboundLimits { bytes_max: limits.outbound_queue_bytes_max, stanzas_max: limits.outbound_queue_stanzas_max };
    SessionTable::new(outbound, node, metrics)
}

/// Ends the sessions of accounts that are deleted, as this node learns of it.
pub async fn end_deleted(node: Arc<Node>) {
    let mut meta = node.cluster.meta();
    loop {
        let sessions = &node.sessions;
        let deleted = sessions.accounts().into_iter().filter(|account| node.accounts.credentials(account).is_none());
        deleted.flat_map(|account| sessions.of(&account)).for_each(|bound| bound.end(End::AccountDeleted));
        tokio::select! {
            changed = meta.changed() => if changed.is_err() { return },
            () = node.shutdown.cancelled() => return,
        }
    }
}

/// Takes clients from here on, until the node's `shutdown`. Listeners close then, and streams end with `system-shutdown` soon.
pub fn take(node: &Arc<Node>, c2s: Vec<TcpListener>, c2s_tls: Vec<TcpListener>) {
    let Limits { connections_max, connections_per_address_max, .. } = node.settings.limits;
    let places = Places::new(connections_max, connections_per_address_max);
    let accept = |listener: TcpListener, tls: Option<TlsAcceptor>, direct_tls: bool| {
        let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let terms = Arc::new(terms(node, tls, direct_tls, loopback));
        node.connections.spawn(listener::accept(listener, terms, places.clone(), node.connections.clone()));
    };
    let tls = node.tls.as_ref();
    c2s.into_iter().for_each(|listener| accept(listener, tls.map(|tls| tls.starttls.clone()), false));
    c2s_tls.into_iter().for_each(|listener| accept(listener, tls.map(|tls| tls.direct.clone()), true));
}

/// What the connections of one listener have in common. A listener on loopback has clients of this machine only.
fn terms(node: &Arc<Node>, tls: Option<TlsAcceptor>, direct_tls: bool, loopback: bool) -> Terms {
    let limits = &node.settings.limits;
    let trial = loopback && node.settings.plain_without_tls == PlainWithoutTls::Loopback;
    let policy = match (&tls, trial) {
        (None, _) => TlsPolicy::Unavailable,
        (Some(_), true) => TlsPolicy::Optional,
        (Some(_), false) => TlsPolicy::Required,
    };
    let accounts = node.accounts.clone();
    Terms {
        stream: Arc::new(stream_settings(node, policy, trial)),
        tls,
        direct_tls,
        unauthenticated_max: Duration::from_secs(limits.unauthenticated_seconds_max.into()),
        pace: Pace { per_second: limits.session_stanzas_per_second, burst: limits.session_stanzas_burst },
        look_up: Arc::new(move |account| accounts.credentials(account)),
        hub: node.hub.clone(),
        shutdown: node.shutdown.clone(),
    }
}

fn stream_settings(node: &Node, tls: TlsPolicy, plain_without_tls: bool) -> StreamSettings {
    let limits = &node.settings.limits;
    let decoy = node.accounts.decoy();
    StreamSettings {
        domain: node.settings.domain.to_string(),
        tls,
        plain_without_tls,
        before_authentication: ParserLimits {
            stanza_bytes_max: limits.unauthenticated_bytes_max,
            depth_max: limits.depth_max.min(DEPTH_BEFORE_LOGIN),
            attributes_max: limits.attributes_max,
            namespaces_max: NAMESPACES_MAX,
            stream_bytes_max: Some(limits.unauthenticated_bytes_max),
        },
        authenticated: ParserLimits {
            stanza_bytes_max: limits.stanza_bytes_max,
            depth_max: limits.depth_max,
            attributes_max: limits.attributes_max,
            namespaces_max: NAMESPACES_MAX,
            stream_bytes_max: None,
        },
        decoy_secret: decoy.secret,
        iterations: decoy.iterations,
    }
}
