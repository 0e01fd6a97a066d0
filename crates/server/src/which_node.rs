//! Which node of this machine is meant.

use std::path::PathBuf;

use crate::args::WhichNode;
use crate::settings::{DIRECTORY_DEFAULT, SettingFlags, Settings, SettingsError, variable_of};

impl WhichNode {
    /// Its data directory.
    pub fn directory(&self) -> Result<PathBuf, SettingsError> {
        match (&self.dir, &self.config) {
            (Some(dir), _) => Ok(dir.clone()),
            (None, Some(config)) => {
                let settings = Settings::load(Some(config), std::env::vars_os(), &SettingFlags::default());
                settings.map(|settings| settings.dir)
            }
            (None, None) => Ok(std::env::var_os(variable_of("dir")).unwrap_or_else(|| DIRECTORY_DEFAULT.into()).into()),
        }
    }
}
