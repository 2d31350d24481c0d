//! How deep the stack went: it is painted at the start and looked at in the end.

const PAINT: u8 = 0xA5;

/// Paints what lies between the end of the stack and here.
///
/// # Safety
///
/// From `bottom` upwards to the present stack pointer there is stack only.
#[inline(never)]
pub unsafe fn paint(bottom: *mut u8) {
    let here = core::hint::black_box(0_u8);
    // The frame of this function and what it calls stay below this.
    let end = (&raw const here as usize).saturating_sub(512);
    let mut at = bottom;
    while (at as usize) < end {
        // SAFETY: within the unused part of the stack.
        unsafe {
            at.write_volatile(PAINT);
            at = at.add(1);
        }
    }
}

/// The most bytes of stack that were used.
///
/// # Safety
///
/// The bounds are those of the stack that was painted.
#[must_use]
pub unsafe fn used(bottom: *const u8, top: *const u8) -> usize {
    let mut at = bottom;
    // SAFETY: within the stack.
    while at < top && unsafe { at.read_volatile() } == PAINT {
        at = at.wrapping_add(1);
    }
    top as usize - at as usize
}
