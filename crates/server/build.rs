//! Compiles `proto/peers.proto` without a protoc on the system.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let proto = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let file = proto.join("peers.proto");
    println!("cargo::rerun-if-changed={}", file.display());
    let descriptors = protox::compile([&file], [&proto])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
