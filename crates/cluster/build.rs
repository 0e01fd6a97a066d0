//! Compiles `proto/` without a protoc on the system.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let proto = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", proto.display());
    let mut files: Vec<_> = std::fs::read_dir(&proto)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    // What is in these is none of this crate's business.
    let of_others = |path: &std::path::Path| path.ends_with("raft.proto") || path.ends_with("peers.proto");
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto") && !of_others(path));
    files.sort();
    let descriptors = protox::compile(&files, [&proto])?;
    prost_build::Config::new().bytes([".conclave.delivery.v1"]).compile_fds(descriptors)?;
    Ok(())
}
