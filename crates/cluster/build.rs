//! Compiles `proto/` without a protoc on the system.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let proto = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", proto.display());
    let mut files: Vec<_> = std::fs::read_dir(&proto)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    // raft.proto belongs to crates/raft: what is in it is none of this crate's business.
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto") && !path.ends_with("raft.proto"));
    files.sort();
    let descriptors = protox::compile(&files, [&proto])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
