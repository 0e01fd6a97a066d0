//! `conclave user`: the accounts of a running node.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use crate::admin::client::{Client, ClientError};
use crate::admin::{Answer, Ask};
use crate::args::{User, UserCommand, WithPassword};
use crate::settings::SettingsError;

/// The variable that may hold a password.
pub const PASSWORD_VARIABLE: &str = "CONCLAVE_PASSWORD";

/// Why it is not done.
#[derive(Debug)]
pub enum UserError {
    /// The settings file does not say where the node is.
    Settings(SettingsError),
    /// The node cannot be asked.
    Client(ClientError),
    /// The node said no.
    Refused(String),
    /// The file of the password cannot be read.
    PasswordFile(PathBuf, io::Error),
    /// The password cannot be asked for.
    NoTerminal(io::Error),
    /// It was typed in two ways.
    NotTheSame,
    /// What there is to say cannot be written.
    Output(io::Error),
}

/// Does what is asked, and says so.
pub fn run(user: &User, out: &mut impl Write) -> Result<(), UserError> {
    let directory = user.node.directory().map_err(UserError::Settings)?;
    let connect = || Client::connect(&directory).map_err(UserError::Client);
    // That no node runs is said before a password is asked for; typing it may take longer than the node waits.
    let mut client = connect()?;
    match &user.command {
        UserCommand::Add(WithPassword { name, password_file }) => {
            let ask = Ask::UserAdd { name: name.clone(), password: password(password_file.as_deref())? };
            done(&mut connect()?, &ask, "added", out)
        }
        UserCommand::Passwd(WithPassword { name, password_file }) => {
            let ask = Ask::UserPasswd { name: name.clone(), password: password(password_file.as_deref())? };
            done(&mut connect()?, &ask, "has a new password", out)
        }
        UserCommand::Del { name } => done(&mut client, &Ask::UserDel { name: name.clone() }, "deleted", out),
        UserCommand::List => list(&mut client, out),
    }
}

fn done(client: &mut Client, ask: &Ask, what: &str, out: &mut impl Write) -> Result<(), UserError> {
    match client.ask(ask).map_err(UserError::Client)? {
        Answer::Done { account } => writeln!(out, "{account} {what}").map_err(UserError::Output),
        other => Err(not_done(other)),
    }
}

fn list(client: &mut Client, out: &mut impl Write) -> Result<(), UserError> {
    let mut behind = None;
    loop {
        match client.ask(&Ask::UserList { behind }).map_err(UserError::Client)? {
            Answer::Accounts { accounts, more } => {
                accounts.iter().try_for_each(|account| writeln!(out, "{account}")).map_err(UserError::Output)?;
                if !more {
                    return Ok(());
                }
                behind = accounts.last().cloned();
            }
            other => return Err(not_done(other)),
        }
    }
}

fn not_done(answer: Answer) -> UserError {
    match answer {
        Answer::Refused { text, .. } => UserError::Refused(text),
        _ => UserError::Refused("the node answers something else; is it of another version?".to_owned()),
    }
}

/// From the file, from the environment, or twice from the terminal.
fn password(file: Option<&Path>) -> Result<String, UserError> {
    if let Some(path) = file {
        return first_line(path).map_err(|cause| UserError::PasswordFile(path.to_owned(), cause));
    }
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(password);
    }
    let ask = |prompt| rpassword::prompt_password(prompt).map_err(UserError::NoTerminal);
    let password = ask("Password: ")?;
    if ask("The same again: ")? == password { Ok(password) } else { Err(UserError::NotTheSame) }
}

fn first_line(path: &Path) -> io::Result<String> {
    let mut line = String::new();
    io::BufReader::new(std::fs::File::open(path)?).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserError::Settings(cause) => cause.fmt(f),
            UserError::Client(cause) => cause.fmt(f),
            UserError::Refused(text) => f.write_str(text),
            UserError::PasswordFile(path, cause) => write!(f, "the password cannot be read from {}: {cause}", path.display()),
            UserError::NoTerminal(cause) => write!(
                f,
                "there is no terminal to ask for the password ({cause}); use --password-file FILE, or the variable {PASSWORD_VARIABLE}"
            ),
            UserError::NotTheSame => f.write_str("the two passwords are not the same; nothing was changed"),
            UserError::Output(cause) => write!(f, "it is done, and cannot be said: {cause}"),
        }
    }
}

impl std::error::Error for UserError {}

#[cfg(test)]
mod tests;
