//! Everything that the clients received, in order, and what became of it.

use conclave_xmpp::Element;

/// How many stanzas a play of a script keeps. A script expects a few dozen; a server that sends without end must not
/// fill the memory.
const ARRIVALS_MAX: usize = 100_000;

/// What became of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody has looked at it yet, or a later step may still take it.
    Waiting,
    /// A step waited for another one.
    PassedOver,
    /// The script expects it on this line.
    Expected(usize),
    /// The `.extra` file lets it pass on this line.
    Allowed(usize),
}

/// A stanza that a client received.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Who received it: an index into the script's clients.
    pub client: usize,
    /// What it was.
    pub stanza: Element,
    /// What became of it.
    pub fate: Fate,
}

/// All arrivals of one play; those of one client are in the order in which it received them.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Vec<Arrival>);

impl Ledger {
    /// Everything, for reading.
    pub fn arrivals(&self) -> &[Arrival] {
        &self.0
    }

    /// What `client` received, in order.
    pub fn of(&self, client: usize) -> impl Iterator<Item = &Arrival> {
        self.0.iter().filter(move |arrival| arrival.client == client)
    }

    /// What `client` received and no step took, since one last did.
    pub fn since_last_match(&self, client: usize) -> Vec<&Element> {
        let all: Vec<&Arrival> = self.of(client).collect();
        let last = all.iter().rposition(|arrival| matches!(arrival.fate, Fate::Expected(_)));
        all[last.map_or(0, |last| last + 1)..].iter().map(|arrival| &arrival.stanza).collect()
    }

    /// Adds a stanza; the error is the bound on their number.
    pub(crate) fn enter(&mut self, client: usize, stanza: Element, fate: Fate) -> Result<(), usize> {
        if self.0.len() >= ARRIVALS_MAX {
            return Err(ARRIVALS_MAX);
        }
        self.0.push(Arrival { client, stanza, fate });
        Ok(())
    }

    /// The numbers of those that wait for `client` to look at them.
    pub(crate) fn waiting(&self, client: usize) -> impl Iterator<Item = usize> + use<> {
        self.numbers(client, |fate| fate == Fate::Waiting).into_iter()
    }

    /// The numbers of those that no line of the script expects.
    pub(crate) fn unexpected(&self, client: usize) -> Vec<usize> {
        self.numbers(client, |fate| !matches!(fate, Fate::Expected(_)))
    }

    pub(crate) fn stanza(&self, number: usize) -> &Element {
        &self.0[number].stanza
    }

    pub(crate) fn settle(&mut self, number: usize, fate: Fate) {
        self.0[number].fate = fate;
    }

    fn numbers(&self, client: usize, wanted: impl Fn(Fate) -> bool) -> Vec<usize> {
        (0..self.0.len()).filter(|number| self.0[*number].client == client && wanted(self.0[*number].fate)).collect()
    }
}
