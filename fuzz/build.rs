//! Links the system's expat, for `differential`.
fn main() {
    println!("cargo:rustc-link-lib=expat");
}
