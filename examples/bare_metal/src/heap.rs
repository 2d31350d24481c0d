//! A heap that counts.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};

use linked_list_allocator::Heap;

/// A first-fit allocator for one thread.
pub struct Counting(UnsafeCell<State>);

struct State {
    heap: Heap,
    peak: usize,
}

// SAFETY: an image has one thread, and no interrupt handler allocates.
unsafe impl Sync for Counting {}

impl Counting {
    /// An empty heap, which has no room.
    #[must_use]
    pub const fn empty() -> Self {
        Self(UnsafeCell::new(State {
            heap: Heap::empty(),
            peak: 0,
        }))
    }

    /// Gives the heap its memory.
    ///
    /// # Safety
    ///
    /// Called once, before the first allocation; nothing else uses the memory.
    pub unsafe fn init(&self, start: *mut u8, size: usize) {
        // SAFETY: one thread, and the caller's promise.
        unsafe { (*self.0.get()).heap.init(start, size) }
    }

    /// The most bytes that were in use at once, the allocator's rounding included.
    #[must_use]
    pub fn peak(&self) -> usize {
        // SAFETY: one thread.
        unsafe { (*self.0.get()).peak }
    }
}

// SAFETY: the blocks are those of `linked_list_allocator`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread.
        let state = unsafe { &mut *self.0.get() };
        let block = state.heap.allocate_first_fit(layout);
        state.peak = state.peak.max(state.heap.used());
        block.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: one thread; the block is one of this heap.
        unsafe {
            (*self.0.get())
                .heap
                .deallocate(NonNull::new_unchecked(block), layout);
        }
    }
}
