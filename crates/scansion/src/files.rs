//! Which scripts to play.

use std::io;
use std::path::{Path, PathBuf};

/// How deep folders of scripts may stand within each other; more is a loop of links.
const DEPTH_MAX: usize = 16;

/// The path itself if it is a file, or all `.scs` files below it, sorted.
pub fn scripts(path: &Path) -> io::Result<Vec<PathBuf>> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    if !std::fs::metadata(path).map_err(named)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    collect(path, DEPTH_MAX, &mut found).map_err(named)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == "scs") {
            found.push(path);
        }
    }
    Ok(())
}
