//! Links the system's C parsers.
fn main() {
    println!("cargo:rustc-link-lib=expat");
    println!("cargo:rustc-link-lib=xml2");
}
