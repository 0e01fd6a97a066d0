//! `conclave settings`: what all nodes of a service go by.

use std::io::Write;

use crate::admin::asking::{AskError, connect};
use crate::admin::{Answer, Ask};
use crate::args::{ServiceSettings, SettingsCommand};

/// Does what is asked.
pub fn run(asked: &ServiceSettings, out: &mut impl Write) -> Result<(), AskError> {
    let mut client = connect(&asked.node)?;
    let text = match &asked.command {
        SettingsCommand::List(form) => {
            let Answer::Settings { settings } = client.obtain(&Ask::Settings)? else { return Err(AskError::strange()) };
            if form.json {
                serde_json::to_string_pretty(&settings).map_err(|cause| AskError::Output(cause.into()))? + "\n"
            } else {
                let width = settings.iter().map(|line| line.key.len()).max().unwrap_or_default();
                settings.iter().map(|line| format!("{:width$}  {}", line.key, line.value).trim_end().to_owned() + "\n").collect()
            }
        }
        SettingsCommand::Set { key, values } => {
            let ask = Ask::Set { key: key.clone(), value: values.join(" ") };
            let Answer::Set { from, to } = client.obtain(&ask)? else { return Err(AskError::strange()) };
            if from == to {
                format!("`{key}` is {to:?}, as before\n")
            } else {
                format!("`{key}` is {to:?} now; it was {from:?}\n")
            }
        }
    };
    out.write_all(text.as_bytes()).map_err(AskError::Output)
}
