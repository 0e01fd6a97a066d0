//! Compiles `proto/peers.proto` and `proto/standing.proto` without a protoc on the system.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let proto = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = ["peers.proto", "standing.proto"].map(|name| proto.join(name));
    files.iter().for_each(|file| println!("cargo::rerun-if-changed={}", file.display()));
    let descriptors = protox::compile(&files, [&proto])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
