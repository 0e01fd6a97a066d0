//! The head of a script: its title, its tags, and the clients that take part.

use conclave_xmpp::{FullJid, Jid};

use crate::block::is_comment;
use crate::stanza_text::Fault;

/// A client of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What the script calls it.
    pub name: String,
    /// Its full address. Where the script gives no resource, one is made from the name, so that it is known beforehand.
    pub jid: FullJid,
    /// The account's password.
    pub password: String,
    /// Where to connect if no target is given; else the domain of the address.
    pub connect_host: Option<String>,
    /// The port to connect to if no target is given.
    pub connect_port: Option<u16>,
}

/// Everything above the line of dashes.
#[derive(Debug, Default)]
pub(crate) struct Cast {
    pub title: Option<String>,
    pub tags: Vec<String>,
    pub clients: Vec<Client>,
}

/// A client whose lines are still being read.
struct Draft {
    line: usize,
    name: String,
    values: [Option<String>; KEYS.len()],
}

const KEYS: [&str; 5] = ["jid", "password", "resource", "connect_host", "connect_port"];

impl Cast {
    /// Reads up to and with the line of dashes.
    pub fn parse<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Cast, Fault> {
        let mut cast = Cast::default();
        let mut draft: Option<Draft> = None;
        let mut last = 1;
        for (line, text) in lines {
            last = line;
            let text = text.trim();
            if text.len() >= 2 && text.bytes().all(|b| b == b'-') {
                cast.admit(draft)?;
                return Ok(cast);
            } else if let Some(name) = text.strip_prefix("[Client]") {
                cast.admit(draft.take())?;
                draft = Some(cast.draft(line, name.trim())?);
            } else if text.is_empty() || is_comment(text) {
                cast.note(text);
            } else {
                let what = || format!("`{text}`: expected `[Client] NAME`, `key: value` or a line of dashes");
                let draft = draft.as_mut().ok_or_else(|| Fault { line, what: what() })?;
                draft.set(line, text.split_once(':').ok_or_else(|| Fault { line, what: what() })?)?;
            }
        }
        Err(Fault { line: last, what: "the line of dashes that ends the clients is missing".to_owned() })
    }

    /// The first comment is the title; those with two marks are tags.
    fn note(&mut self, text: &str) {
        if let Some(tag) = text.strip_prefix("##") {
            self.tags.push(tag.trim().to_owned());
        } else if let Some(title) = text.strip_prefix('#') {
            self.title.get_or_insert_with(|| title.trim().to_owned());
        }
    }

    fn draft(&self, line: usize, name: &str) -> Result<Draft, Fault> {
        if name.is_empty() {
            return Err(Fault { line, what: "the client has no name: write `[Client] NAME`".to_owned() });
        }
        if self.clients.iter().any(|client| client.name == name) {
            return Err(Fault { line, what: format!("there is a client `{name}` already") });
        }
        Ok(Draft { line, name: name.to_owned(), values: Default::default() })
    }

    fn admit(&mut self, draft: Option<Draft>) -> Result<(), Fault> {
        let Some(draft) = draft else { return Ok(()) };
        let line = draft.line;
        self.clients.push(draft.finish().map_err(|what| Fault { line, what })?);
        Ok(())
    }
}

impl Draft {
    fn set(&mut self, line: usize, (key, value): (&str, &str)) -> Result<(), Fault> {
        let key = key.trim();
        let known = KEYS.iter().position(|known| *known == key);
        let known = known.ok_or_else(|| Fault { line, what: format!("`{key}`: a client has {}", KEYS.join(", ")) })?;
        match self.values[known].replace(value.trim().to_owned()) {
            None => Ok(()),
            Some(_) => Err(Fault { line, what: format!("`{key}` is given twice") }),
        }
    }

    fn finish(self) -> Result<Client, String> {
        let name = self.name;
        let [jid, password, resource, connect_host, connect_port] = self.values;
        let missing = |key: &str| format!("client `{name}` has no `{key}`");
        let jid = Jid::parse(&jid.ok_or_else(|| missing("jid"))?).map_err(|e| format!("client `{name}`: {e}"))?;
        if jid.local().is_none() {
            return Err(format!("client `{name}`: `{}` is no account; write user@domain", jid.as_str()));
        }
        let resource = jid.resource().map(str::to_owned).or(resource).unwrap_or_else(|| resource_of(&name));
        let jid = jid.to_bare().with_resource(&resource).map_err(|e| format!("client `{name}`: {e}"))?;
        let connect_port = match connect_port {
            None => None,
            Some(port) => Some(port.parse().map_err(|_| format!("client `{name}`: connect_port `{port}` is no port (1-65535)"))?),
        };
        Ok(Client { password: password.ok_or_else(|| missing("password"))?, jid, connect_host, connect_port, name })
    }
}

/// The name without what a resource need not carry. Two clients of a script never share a name, but `A b` and `a-B` may
/// share this; they are the same session only if they share the account as well.
fn resource_of(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("scansion-{plain}")
}
