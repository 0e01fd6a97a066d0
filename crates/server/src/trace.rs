//! What the node writes to standard error while it runs.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How a line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line, for machines.
    Json,
}

/// Starts writing: a level, and behind commas levels by target. What [`check_directives`] refuses is not written at all.
pub fn init(directives: &str, format: LogFormat) {
    // The store logs every page at the levels below. openraft takes a group that is stopped for one whose disk fails; what does fail ends the group, and
    // is told by whoever owns it. Whoever wants more says so by target.
    let targets: Targets = format!("sled=warn,openraft=off,{directives}").parse().unwrap_or_default();
    let registry = tracing_subscriber::registry().with(targets);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // Whoever runs several nodes in one process, as tests do, has the first one's log.
    let _ = match format {
        LogFormat::Human => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().with_ansi(false)).try_init(),
    };
}

/// Whether the text says what to log. A lone word is a level: the library would take a misspelt one for the name of a target.
pub fn check_directives(text: &str) -> Result<(), String> {
    text.split(',').try_for_each(|directive| {
        let (target, level) = directive.split_once('=').unwrap_or(("conclave", directive));
        match level.parse::<LevelFilter>() {
            Ok(_) if !target.is_empty() && !level.is_empty() => Ok(()),
            _ => Err(format!("\"{directive}\" is neither a level nor a target with one")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_and_targets_with_levels_pass() {
        for (text, passes) in [
            ("info", true),
            ("off", true),
            ("WARN", true),
            ("info,conclave_server=debug", true),
            ("conclave_server::tls=trace,sled=off", true),
            ("inof", false),
            ("info,", false),
            ("", false),
            ("=debug", false),
            ("conclave_server=", false),
            ("conclave_server=loud", false),
        ] {
            assert_eq!(check_directives(text).is_ok(), passes, "{text}");
            assert!(!passes || text.parse::<Targets>().is_ok(), "{text}");
        }
    }
}
