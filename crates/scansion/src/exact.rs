//! `--exact`: nothing may come that no line expects.
//!
//! Whatever a step passes over, and whatever is left at the end, must stand in the `.extra` file, once for each stanza.

use std::collections::{BTreeMap, BTreeSet};

use conclave_xmpp::{Element, Jid, ns};

use crate::client::ConnectionError;
use crate::expect::satisfies;
use crate::extra::Extra;
use crate::ledger::{Fate, Ledger};
use crate::outcome::Reason;
use crate::pairing::pair;
use crate::play::{Player, Seat};
use crate::script::{Act, Script};

/// Reads, for every client, all that follows from what was sent so far.
///
/// Each client pings its own server and every entity that the script speaks to, and waits for the answers: they come
/// behind everything that these entities had sent before. That happens twice. After the first round all that anybody
/// sent is dealt with; the second round then reads what this caused for the others.
pub(crate) async fn drain(player: &mut Player<'_>) -> Result<(), Reason> {
    for round in 1..=2 {
        let mut asked = Vec::new();
        for client in 0..player.seats.len() {
            asked.push(ask(player, client, round).await);
        }
        for (client, open) in asked.into_iter().enumerate() {
            await_answers(player, client, open).await?;
        }
    }
    Ok(())
}

/// Sends the pings of one client; the result is whom it asked, by id.
async fn ask(player: &mut Player<'_>, client: usize, round: usize) -> BTreeMap<String, String> {
    let deadline = player.deadline();
    let mut open = BTreeMap::new();
    let Seat::Online(connection) = &mut player.seats[client] else { return open };
    for (number, to) in entities(player.script, connection.jid().domain()).into_iter().enumerate() {
        let id = format!("scansion-drain-{round}-{number}");
        let ping = Element::new("iq", ns::CLIENT).with("type", "get").with("id", &id).with("to", &to);
        let ping = ping.with_child(Element::new("ping", ns::PING));
        if connection.send(&ping, deadline).await.is_err() {
            // The server has left. What it sent before that is read all the same.
            break;
        }
        open.insert(id, to);
    }
    open
}

/// The server itself and the bare addresses that the script sends to, as far as they are of this server.
fn entities(script: &Script, domain: &str) -> BTreeSet<String> {
    let sent = script.steps.iter().filter_map(|step| match &step.act {
        Act::Send(stanzas) => Some(stanzas),
        _ => None,
    });
    let addresses = sent.flatten().filter_map(|stanza| Jid::parse(stanza.attribute("to")?).ok());
    let ours = |jid: &Jid| jid.domain() == domain || jid.domain().ends_with(&format!(".{domain}"));
    let mut entities: BTreeSet<String> = addresses.filter(ours).map(|jid| jid.to_bare().as_str().to_owned()).collect();
    entities.insert(domain.to_owned());
    entities
}

async fn await_answers(player: &mut Player<'_>, client: usize, mut open: BTreeMap<String, String>) -> Result<(), Reason> {
    let deadline = player.deadline();
    let Seat::Online(connection) = &mut player.seats[client] else { return Ok(()) };
    while let Some(to) = open.values().next().cloned() {
        match connection.next(deadline).await {
            Ok(Some(stanza)) if is_answer(&stanza) && open.remove(stanza.attribute("id").unwrap_or_default()).is_some() => {}
            Ok(Some(stanza)) => player.ledger.enter(client, stanza, Fate::Waiting).map_err(Reason::Flood)?,
            Ok(None) => return Err(Reason::NotDrained { client: player.script.clients[client].name.clone(), to }),
            Err(ConnectionError::Closed | ConnectionError::Broken(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Any answer will do: an entity that knows no pings says so.
fn is_answer(stanza: &Element) -> bool {
    stanza.is("iq", ns::CLIENT) && matches!(stanza.attribute("type"), Some("result" | "error"))
}

/// Gives each stanza beyond the script an entry of its own, as far as possible.
pub(crate) fn judge(ledger: &mut Ledger, extra: Extra, clients: usize) -> Option<Reason> {
    let mut stale = Vec::new();
    let mut unexpected = 0;
    let mut by_client: Vec<Vec<_>> = (0..clients).map(|_| Vec::new()).collect();
    for entry in extra.entries {
        by_client[entry.client].push(entry);
    }
    for (client, entries) in by_client.into_iter().enumerate() {
        let came = ledger.unexpected(client);
        let partners = pair(entries.len(), came.len(), |e, c| satisfies(ledger.stanza(came[c]), &entries[e].stanza));
        unexpected += came.len() - partners.iter().flatten().count();
        for (entry, partner) in entries.into_iter().zip(partners) {
            match partner {
                Some(partner) => ledger.settle(came[partner], Fate::Allowed(entry.line)),
                None => stale.push(entry),
            }
        }
    }
    (unexpected > 0 || !stale.is_empty()).then_some(Reason::NotExact { unexpected, stale })
}
