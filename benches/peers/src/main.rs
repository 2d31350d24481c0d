//! `peers PARSER FILE CHUNK` reads a stream in chunks and visits the name, namespace, attributes and
//! text of every element. It prints what was visited; the instructions to count are those of
//! `measured` and of what it calls.

mod c;
mod ours;
mod rust;
mod visit;

use visit::Visited;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, parser, file, chunk] = &args[..] else {
        eprintln!("usage: peers PARSER FILE CHUNK");
        std::process::exit(64);
    };
    let bytes = std::fs::read(file).expect("a readable file");
    let chunk: usize = chunk.parse().expect("a number");
    let parse: fn(&[u8], usize) -> Visited = match parser.as_str() {
        "ours" => ours::framer,
        "ours-frames" => ours::frames,
        "expat" => c::expat,
        "libxml2" => c::libxml2,
        "rxml" => rust::rxml,
        "minidom" => rust::minidom,
        "quick-xml" => rust::quick_xml,
        "quick-xml-ns" => rust::quick_xml_ns,
        _ => panic!("no such parser"),
    };
    println!("{}", measured(parse, &bytes, chunk));
}

/// Has a name that callgrind can switch its counting on with.
#[unsafe(no_mangle)]
#[inline(never)]
fn measured(parse: fn(&[u8], usize) -> Visited, bytes: &[u8], chunk: usize) -> Visited {
    std::hint::black_box(parse(bytes, chunk))
}
