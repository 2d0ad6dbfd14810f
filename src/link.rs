//! The build script: what the linker is told for `--profile dist`, the binary that is handed out;
//! other builds are left alone. Why, and what it costs: docs/decisions/0031-size.md.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "cargo tells a build script by its environment, and listens to what it prints"
)]

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=src/link.rs");
    println!("cargo::rerun-if-changed=src/unwinding.ld");
    let told = |name| env::var(name).unwrap_or_default();
    // Cargo tells no build script its profile, but the folder is named after it:
    // target/PROFILE/build/PACKAGE/out. Elsewhere, the binary would only be larger.
    let out = told("OUT_DIR");
    let is_dist = Path::new(&out).ancestors().nth(3).is_some_and(|to| to.ends_with("dist"));
    if !is_dist || told("CARGO_CFG_TARGET_OS") != "linux" || told("CARGO_CFG_TARGET_ENV") != "gnu" {
        return;
    }
    let script = Path::new(&told("CARGO_MANIFEST_DIR")).join("src/unwinding.ld");
    println!("cargo::rustc-link-arg-bin=longshore=-Wl,-T,{}", script.display());
}
