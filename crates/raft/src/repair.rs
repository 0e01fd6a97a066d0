//! Going on with less: what only a person may decide, and only for a node that is alone.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::consensus;
use crate::data_dir::DataDir;
use crate::disk;
use crate::log::{self, Log, LogError};
use crate::open_error::advice;
use crate::settings::Sizes;
use crate::state::{self, StateError, StateStore};
use crate::{GroupId, OpenError};

/// What was given up, in words for a person.
#[derive(Debug)]
pub struct Loss {
    /// One sentence each; none when nothing was damaged.
    pub lost: Vec<String>,
    /// Where the damaged files are kept.
    pub copy: Option<PathBuf>,
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lost.is_empty() {
            return write!(formatter, "Nothing is damaged; nothing was changed.");
        }
        writeln!(formatter, "Given up:")?;
        self.lost.iter().try_for_each(|lost| writeln!(formatter, "  {lost}"))?;
        match &self.copy {
            Some(copy) => write!(formatter, "The files as they were are in {}.", copy.display()),
            None => write!(formatter, "The files as they were are beside the new ones."),
        }
    }
}

/// Makes the directory of a node that is alone usable again, without what the damage hides. The damaged files are copied first. The node must not run.
///
/// # Errors
/// A node that has had peers is refused: they have everything, and it must not vote with less than it acknowledged.
pub fn accept_loss(dir: &Path) -> Result<Loss, OpenError> {
    let data_dir = DataDir::inspect(dir)?;
    if !data_dir.record.alone {
        let reason = "this node has peers, so its loss may not be accepted".to_owned();
        return Err(OpenError::Damaged { file: dir.join("identity"), offset: None, reason, advice: advice(false, "") });
    }
    let mut loss = Loss { lost: Vec::new(), copy: None };
    let log = repair_log(&data_dir, &mut loss)?;
    repair_state(&data_dir, &log, &mut loss)?;
    log.close();
    Ok(loss)
}

fn repair_log(data_dir: &DataDir, loss: &mut Loss) -> Result<Log, OpenError> {
    let settings = || disk::log_settings(Sizes::default(), data_dir);
    match Log::open(settings()) {
        Err(LogError::Damaged { .. }) => {
            let copy = free_name(&data_dir.path, "log.damaged");
            let report = log::accept_loss(settings(), &copy).map_err(|error| disk::log_error(error, ""))?;
            loss.lost.push(report.to_string());
            loss.copy = Some(copy);
            Log::open(settings()).map_err(|error| disk::log_error(error, ""))
        }
        opened => opened.map_err(|error| disk::log_error(error, "")),
    }
}

/// Groups whose state is lost, and whose log does not reach back to the beginning, begin empty where it begins. Nothing is saved of a damaged
/// database: tried with flipped bits all over it, sled gives either everything or nothing.
fn repair_state(data_dir: &DataDir, log: &Log, loss: &mut Loss) -> Result<(), OpenError> {
    let dir = &data_dir.path;
    let failed = |error: StateError| disk::unreadable(dir, error.to_string());
    let (state, stored) = match disk::read_state(dir, log) {
        Ok(opened) => opened,
        Err(StateError::Damaged { path, reason }) => {
            let aside = state::set_aside(dir).map_err(|source| OpenError::Io { what: "move aside", path, source })?;
            loss.lost.push(format!("The state database: {reason}. It is in {}.", aside.display()));
            (StateStore::open(dir).map_err(failed)?, BTreeMap::new())
        }
        Err(error) => return Err(failed(error)),
    };
    for group in log.groups().into_iter().filter(|group| *group < GroupId::RESERVED) {
        let Some((purged, note)) = log.extent(group).purged else { continue };
        if stored.get(&group).is_none_or(|stored| stored.index < purged) {
            let note =
                consensus::alone_at(note, data_dir.record.node).map_err(|error| disk::unreadable(dir, error.to_string()))?;
            state.replace(group, purged, note, std::iter::empty()).map_err(failed)?;
            loss.lost.push(format!(
                "Group {group}: all of its state up to entry {purged}. It begins empty, and with the entries that follow."
            ));
        }
    }
    state.close();
    Ok(())
}

fn free_name(dir: &Path, name: &str) -> PathBuf {
    (1..).map(|n| dir.join(format!("{name}-{n}"))).find(|path| !path.exists()).unwrap_or_else(|| dir.join(name))
}
