//! Writes the seeds of `sasl` into a directory, and checks each of them.

use std::fs;
use std::path::PathBuf;

use xmpp_stream_fuzz::sasl;

fn main() {
    let directory = std::env::args()
        .nth(1)
        .map(PathBuf::from)
        .expect("where to");
    fs::create_dir_all(&directory).expect("a directory");
    for (number, seed) in sasl::seeds().into_iter().enumerate() {
        sasl::check(&seed);
        fs::write(directory.join(format!("{number:03}")), seed).expect("written");
    }
}
