//! The image: an allocator, a panic handler, and a walk through the crate.
//!
//! `image_main` is called by `_start` (start.c) and its result is the exit
//! code: 0 if every step did what it should, else the number of the step that
//! did not.
#![no_std]

extern crate alloc;

mod runtime;
mod streams;
mod walk;

/// Runs the walk.
#[unsafe(no_mangle)]
pub extern "C" fn image_main() -> i32 {
    match walk::walk() {
        Ok(()) => 0,
        Err(step) => step,
    }
}
