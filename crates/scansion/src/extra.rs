//! The `.extra` file of a script: stanzas beyond the script that `--exact` lets pass, each with its reason.

use std::path::{Path, PathBuf};

use conclave_xmpp::Element;

use crate::block::{Block, blocks};
use crate::script::{Script, ScriptError, no_client, whose};
use crate::stanza_text::{Fault, stanzas};

/// What may come beyond the script.
#[derive(Debug, Default)]
pub struct Extra {
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// One stanza that comes beyond the script, exactly once, at any point.
#[derive(Debug)]
pub struct Entry {
    /// The line on which the stanza stands, from 1.
    pub line: usize,
    /// Who receives it: an index into the script's clients.
    pub client: usize,
    /// What it must look like.
    pub stanza: Element,
    /// Why the script does not expect it and it is right all the same.
    pub reason: String,
}

impl Extra {
    /// Reads `NAME.extra` beside `NAME.scs`, or else in `elsewhere`; without such a file nothing may come.
    pub fn of(script: &Script, elsewhere: Option<&Path>) -> Result<Extra, ScriptError> {
        let beside = script.path.with_extension("extra");
        let name = beside.file_name().map(PathBuf::from).unwrap_or_default();
        let candidates = [Some(beside), elsewhere.map(|directory| directory.join(name))];
        let Some(path) = candidates.into_iter().flatten().find(|path| path.is_file()) else {
            return Ok(Extra::default());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Extra::parse(path, &text, script),
            Err(source) => Err(ScriptError::Unreadable { path, source }),
        }
    }

    /// Reads a text; `path` is for messages.
    pub fn parse(path: PathBuf, text: &str, script: &Script) -> Result<Extra, ScriptError> {
        match parse(text, script) {
            Ok(entries) => Ok(Extra { path: Some(path), entries }),
            Err(fault) => Err(fault.in_file(&path)),
        }
    }
}

fn parse(text: &str, script: &Script) -> Result<Vec<Entry>, Fault> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let blocks =
        blocks(lines).map_err(|line| Fault { line, what: "this line stands below no `NAME may receive:`".to_owned() })?;
    let mut entries = Vec::new();
    for block in &blocks {
        entries.extend(entries_of(block, script)?);
    }
    Ok(entries)
}

fn entries_of(block: &Block<'_>, script: &Script) -> Result<Vec<Entry>, Fault> {
    let fault = |what: String| Fault { line: block.line, what };
    let (client, rest) = whose(block.head, &script.clients).ok_or_else(|| fault(no_client(block.head, &script.clients)))?;
    if rest.trim_end_matches(':').trim_end() != "may receive" {
        return Err(fault(format!("`{rest}`: write `NAME may receive:`")));
    }
    if block.comment.is_empty() {
        return Err(fault("the reason is missing: write it as a `#` comment directly above this line".to_owned()));
    }
    let stanzas = stanzas(&block.body, &script.names())?;
    if stanzas.is_empty() {
        return Err(fault("a stanza is missing: write it indented below this line".to_owned()));
    }
    let entry = |(line, stanza)| Entry { line, client, stanza, reason: block.comment.clone() };
    Ok(stanzas.into_iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Extra, String> {
        let script = "[Client] Ada\njid: ada@one.example/desk\npassword: x\n-----\n";
        let script = Script::parse(Path::new("t.scs"), script).expect("a script");
        Extra::parse(PathBuf::from("t.extra"), text, &script).map_err(|e| e.to_string())
    }

    #[test]
    fn each_stanza_is_an_entry_with_the_reason_above() {
        let text = "# About this file.\n\n# §7.2: she sees\n# herself.\nAda may receive:\n\t<presence to=\"${Ada's full JID}\"/>\n\t<message/>\n";
        let extra = read(text).expect("entries");
        let shown: Vec<_> = extra.entries.iter().map(|e| (e.line, e.client, e.stanza.to_string(), e.reason.as_str())).collect();
        let why = "§7.2: she sees herself.";
        let expected = [(6, 0, "<presence to='ada@one.example/desk'/>".to_owned(), why), (7, 0, "<message/>".to_owned(), why)];
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_file_beside_the_script_comes_before_the_one_elsewhere() {
        let folder = std::env::temp_dir().join(format!("scansion-extra-{}", std::process::id()));
        let elsewhere = folder.join("elsewhere");
        std::fs::create_dir_all(&elsewhere).expect("folders");
        let text = "[Client] Ada\njid: ada@one.example/desk\npassword: x\n-----\n";
        let script = Script::parse(&folder.join("t.scs"), text).expect("a script");
        let found = || Extra::of(&script, Some(&elsewhere)).expect("a file or none").path;
        assert_eq!(found(), None);
        for path in [elsewhere.join("t.extra"), folder.join("t.extra")] {
            std::fs::write(&path, "").expect("a file");
            assert_eq!(found(), Some(path));
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let table = [
            ("Ada may receive:\n\t<presence/>", "t.extra:1: the reason is missing"),
            ("# why\n\nAda may receive:\n\t<presence/>", "t.extra:3: the reason is missing"),
            ("# why\nAda receives:\n\t<presence/>", "t.extra:2: `receives:`: write `NAME may receive:`"),
            ("# why\nBea may receive:\n\t<presence/>", "t.extra:2: `Bea may receive:` does not begin with a client's name"),
            ("# why\nAda may receive:\n", "t.extra:2: a stanza is missing"),
            ("# why\nAda may receive:\n\t<presence>", "t.extra:3: "),
            ("\t<presence/>", "t.extra:1: this line stands below no"),
        ];
        for (text, expected) in table {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
