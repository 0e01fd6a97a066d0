//! Libraries that tests put in front of the C library of one process: a [`Disk`] that forgets what was not synced and fails when it is told to, and
//! a [`Clock`] that is wrong. Linux only, and only programs that make their system calls through the C library.
//!
//! Both take orders while the process runs, through a small file that the process has mapped.

mod chance;
mod clock;
mod disk;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

pub use clock::Clock;
pub use disk::{Disk, Lost, Orders};

/// One more library in front of the others.
fn put_before(command: &mut Command, library: &str) {
    let path = PathBuf::from(concat!(env!("OUT_DIR"), "/")).join(library);
    let before = command.get_envs().find(|(name, _)| *name == "LD_PRELOAD").and_then(|(_, value)| value.map(OsString::from));
    let mut all = path.into_os_string();
    if let Some(before) = before {
        all.push(":");
        all.push(before);
    }
    command.env("LD_PRELOAD", all);
}
