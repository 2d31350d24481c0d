//! What a C library would have brought: the memory functions that compiled code calls, and the
//! call for randomness, which `getrandom` makes on the host's target.

use core::arch::asm;
use core::arch::x86_64::_rdrand64_step;

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") length => _,
            options(nostack, preserves_flags));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller's promise; backwards where a forward copy would overwrite its source.
    unsafe {
        if (to as usize).wrapping_sub(from as usize) >= length {
            return memcpy(to, from, length);
        }
        asm!("std", "rep movsb", "cld",
            inout("rdi") to.add(length).sub(1) => _,
            inout("rsi") from.add(length).sub(1) => _,
            inout("rcx") length => _, options(nostack));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("rep stosb", inout("rdi") to => _, inout("rcx") length => _, in("al") byte as u8,
            options(nostack, preserves_flags));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    let mut at = 0;
    while at < length {
        // SAFETY: the caller's promise.
        let (a, b) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
        at += 1;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(one, other, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller's promise.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

/// The one Linux call there is, `getrandom`, answered by the processor. Where RDRAND fails ten times
/// in a row, as its manual tells to try, so does this.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(number: i64, to: *mut u8, length: usize, _flags: u32) -> i64 {
    const GETRANDOM: i64 = 318;
    if number != GETRANDOM {
        return -1;
    }
    let mut done = 0;
    while done < length {
        let Some(word) = rdrand() else {
            return -1;
        };
        for byte in word.to_ne_bytes().into_iter().take(length - done) {
            // SAFETY: within the caller's buffer.
            unsafe { to.add(done).write(byte) };
            done += 1;
        }
    }
    done as i64
}

fn rdrand() -> Option<u64> {
    let mut word = 0;
    // SAFETY: the machine is started with a processor that has RDRAND; without it this faults.
    (0..10).any(|_| unsafe { step(&mut word) }).then_some(word)
}

#[target_feature(enable = "rdrand")]
unsafe fn step(word: &mut u64) -> bool {
    _rdrand64_step(word) == 1
}

/// `errno`, for `getrandom`'s failure.
#[unsafe(no_mangle)]
extern "C" fn __errno_location() -> *mut i32 {
    static mut ERROR: i32 = 38; // ENOSYS
    &raw mut ERROR
}

/// No file is opened.
#[unsafe(no_mangle)]
extern "C" fn open(_path: *const u8, _flags: i32) -> i32 {
    -1
}

#[unsafe(no_mangle)]
extern "C" fn close(_file: i32) -> i32 {
    -1
}

#[unsafe(no_mangle)]
extern "C" fn read(_file: i32, _buffer: *mut u8, _length: usize) -> isize {
    -1
}

#[unsafe(no_mangle)]
extern "C" fn poll(_files: *mut u8, _count: u64, _timeout: i32) -> i32 {
    -1
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_lock(_mutex: *mut u8) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_mutex_unlock(_mutex: *mut u8) -> i32 {
    0
}

/// Names an error; there is none with a text.
#[unsafe(no_mangle)]
extern "C" fn __xpg_strerror_r(_error: i32, _buffer: *mut u8, _length: usize) -> i32 {
    -1
}

/// The host target's `alloc` was compiled for unwinding. Nothing here unwinds: a panic ends the
/// image before it could.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    crate::ports::exit(103)
}

/// As [`_Unwind_Resume`].
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    crate::ports::exit(103)
}
