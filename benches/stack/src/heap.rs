//! Counts what is allocated. The counting costs three instructions per allocation, for either side
//! of a ratio alike.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

pub struct Counting;

#[global_allocator]
static HEAP: Counting = Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicU64 = AtomicU64::new(0);

/// Allocations and reallocations so far.
pub fn calls() -> u64 {
    CALLS.load(Relaxed)
}

/// Bytes in use, as they were asked for.
pub fn live() -> u64 {
    LIVE.load(Relaxed)
}

/// The program has one thread, so no locked instruction is needed.
fn add(counter: &AtomicU64, n: usize) {
    counter.store(counter.load(Relaxed).wrapping_add(n as u64), Relaxed);
}

fn subtract(counter: &AtomicU64, n: usize) {
    counter.store(counter.load(Relaxed).wrapping_sub(n as u64), Relaxed);
}

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(&CALLS, 1);
        add(&LIVE, layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(&CALLS, 1);
        add(&LIVE, layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        subtract(&LIVE, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(&CALLS, 1);
        add(&LIVE, size);
        subtract(&LIVE, layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}
