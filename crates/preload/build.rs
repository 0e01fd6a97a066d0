//! Compiles the two libraries. Where there is no Linux there are none.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-env-changed=CC");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let out = std::env::var_os("OUT_DIR").expect("cargo names a directory");
    for library in ["disk", "clock"] {
        compile(library, Path::new(&out));
    }
}

fn compile(library: &str, out: &Path) {
    let (source, target) = (format!("c/{library}.c"), out.join(format!("{library}.so")));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let options = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"];
    let compiled = Command::new(&compiler).args(options).arg(target).arg(&source).status();
    assert!(compiled.as_ref().is_ok_and(|status| status.success()), "{compiler:?} does not compile {source}: {compiled:?}");
}
