//! The flags: two dashes and the name of the key, with dashes in it. Lists have commas, or the flag more than once.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::SERVICE_KEYS;
use super::complaint::Place;
use super::key::{Key, Takes};
use super::value::{Given, Value};

/// The settings that were given as flags.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags {
    /// Name of the key, and what was given.
    flags: Vec<(&'static str, String)>,
}

impl SettingFlags {
    pub(super) fn read(&self, given: &mut Vec<Given>) {
        for (name, words) in &self.flags {
            if let Some(key) = Key::all().find(|key| key.name == *name) {
                given.push(Given { key, value: Value::Words(words.clone()), place: Place::Flag(format!("--{}", key.flag())) });
            }
        }
    }

    /// As if these flags had been given.
    #[cfg(test)]
    pub(super) fn of(flags: &[(&'static str, &str)]) -> SettingFlags {
        SettingFlags { flags: flags.iter().map(|(name, words)| (*name, (*words).to_owned())).collect() }
    }
}

impl clap::FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<SettingFlags, clap::Error> {
        let mut flags = SettingFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.flags = Key::all()
            .filter_map(|key| {
                let words: Vec<&str> = matches.get_many::<String>(key.name)?.map(String::as_str).collect();
                Some((key.name, words.join(",")))
            })
            .collect();
        Ok(())
    }
}

impl clap::Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        command.args(Key::all().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        SettingFlags::augment_args(command)
    }
}

/// Behind the help of such a setting.
const OF_THE_SERVICE: &str = " [service]";

fn flag(key: &'static Key) -> Arg {
    let (name, action) = match key.takes {
        Takes::Text { .. } => ("TEXT", ArgAction::Set),
        Takes::List { .. } => ("LIST", ArgAction::Append),
        Takes::Path { .. } => ("PATH", ArgAction::Set),
        Takes::Number { .. } => ("NUMBER", ArgAction::Set),
    };
    let help = match &key.takes {
        Takes::Number { default, unit, .. } => format!("{} [default: {default} {unit}]", key.help.trim()),
        _ => key.help.to_owned(),
    };
    let help = if SERVICE_KEYS.contains(&key.name) { help + OF_THE_SERVICE } else { help };
    let heading = if key.table.is_some() { "Limits" } else { "Settings" };
    Arg::new(key.name).long(key.flag()).value_name(name).action(action).help(help).help_heading(heading)
}
