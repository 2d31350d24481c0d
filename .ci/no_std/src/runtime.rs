//! What `std` would have brought: a heap and a panic handler.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

unsafe extern "C" {
    /// Ends the program; in start.c.
    fn image_exit(code: i32) -> !;
}

const HEAP: usize = 8 << 20;

/// Hands memory out from the front of one array and takes none back.
#[repr(C, align(16))]
struct Bump {
    heap: UnsafeCell<[u8; HEAP]>,
    used: AtomicUsize,
}

// SAFETY: `used` is atomic, and each byte of `heap` is handed out once.
unsafe impl Sync for Bump {}

// SAFETY: blocks lie within `heap`, are aligned and never overlap.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.heap.get().cast::<u8>();
        let mut start = 0;
        let claim = |used: usize| {
            let address = base as usize + used;
            start = used + (address.next_multiple_of(layout.align()) - address);
            let end = start.checked_add(layout.size())?;
            (end <= HEAP).then_some(end)
        };
        let claimed = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim);
        match claimed {
            // SAFETY: `start` is within `heap`.
            Ok(_) => unsafe { base.add(start) },
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Bump = Bump {
    heap: UnsafeCell::new([0; HEAP]),
    used: AtomicUsize::new(0),
};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: takes any code.
    unsafe { image_exit(101) }
}
