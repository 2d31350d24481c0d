//! Compiles the requests to callgrind, which are C macros.
fn main() {
    println!("cargo:rerun-if-changed=src/callgrind.c");
    cc::Build::new().file("src/callgrind.c").compile("requests");
}
