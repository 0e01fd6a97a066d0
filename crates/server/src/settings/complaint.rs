//! What is wrong with the settings, and where.

use std::fmt;
use std::path::PathBuf;

/// Everything that is wrong, one line each.
#[derive(Debug)]
pub struct SettingsError {
    complaints: Vec<Complaint>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Complaint {
    place: Place,
    text: String,
}

/// Where something was said. Sorted as it is read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    /// A line and a column of the file, from 1.
    File { path: PathBuf, line: usize, column: usize },
    /// The file as a whole.
    WholeFile(PathBuf),
    /// A variable of the environment.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
    /// Nowhere: something is missing, or does not go together.
    Nowhere,
}

impl SettingsError {
    pub(super) fn new(mut complaints: Vec<Complaint>) -> SettingsError {
        complaints.sort_by(|one, other| one.place.cmp(&other.place));
        SettingsError { complaints }
    }
}

impl Complaint {
    pub(super) fn new(place: Place, text: impl Into<String>) -> Complaint {
        Complaint { place, text: text.into() }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used")?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n  {complaint}"))
    }
}

impl std::error::Error for SettingsError {}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Nowhere => f.write_str(&self.text),
            place => write!(f, "{place}: {}", self.text),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Place::WholeFile(path) => write!(f, "{}", path.display()),
            Place::Variable(name) | Place::Flag(name) => f.write_str(name),
            Place::Nowhere => Ok(()),
        }
    }
}
