//! The image for a Cortex-M4 (MPS2 board with AN386, as QEMU has it).
//!
//! Two UARTs carry the data and the commands to the modem. What this machine lacks comes from the
//! debugger by semihosting: the date, the log, the exit code, and randomness. A product has a real
//! generator in its place.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use bare_metal::heap::Counting;
use bare_metal::{Board, Figures, stack};

#[global_allocator]
static HEAP: Counting = Counting::empty();

unsafe extern "C" {
    static mut bss_start: u8;
    static mut bss_end: u8;
    static mut data_start: u8;
    static mut data_end: u8;
    static data_load: u8;
    static mut stack_bottom: u8;
    static mut stack_top: u8;
    static mut heap_start: u8;
    static mut heap_end: u8;
}

global_asm!(
    ".section .vectors, \"a\"",
    ".word stack_top",
    ".word reset",
    ".rept 13",
    ".word fault",
    ".endr",
    ".word tick",
    ".section .text.reset, \"ax\"",
    ".global reset",
    ".type reset, %function",
    ".thumb_func",
    "reset:",
    // The floating-point unit is off after a reset, and this target's code uses its registers.
    "ldr r0, =0xE000ED88",
    "ldr r1, [r0]",
    "orr r1, r1, #0xF00000",
    "str r1, [r0]",
    "dsb",
    "isb",
    "bl start",
);

/// Milliseconds since the start. They go round after 49 days, which this image does not live.
static MILLIS: AtomicU32 = AtomicU32::new(0);

/// The handler of SysTick.
#[unsafe(no_mangle)]
extern "C" fn tick() {
    MILLIS.fetch_add(1, Ordering::Relaxed);
}

/// The handler of every other exception.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    semihosting::write("fault\n");
    semihosting::exit(102)
}

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    // SAFETY: the symbols are those of link.ld; nothing has been used yet.
    unsafe {
        let length = (&raw const data_end as usize) - (&raw const data_start as usize);
        ptr::copy_nonoverlapping(&raw const data_load, &raw mut data_start, length);
        let length = (&raw const bss_end as usize) - (&raw const bss_start as usize);
        ptr::write_bytes(&raw mut bss_start, 0, length);
        stack::paint(&raw mut stack_bottom);
        let room = (&raw const heap_end as usize) - (&raw const heap_start as usize);
        HEAP.init(&raw mut heap_start, room);
        systick();
    }
    let mut board = Mps2 {
        data: Uart(0x4000_4000),
        modem: Uart(0x4000_5000),
    };
    board.data.enable();
    board.modem.enable();
    let code = bare_metal::run(&mut board, semihosting::time, || Figures {
        heap: HEAP.peak(),
        // SAFETY: the bounds are those of link.ld.
        stack: unsafe { stack::used(&raw const stack_bottom, &raw const stack_top) },
    });
    semihosting::exit(code)
}

/// One tick a millisecond; the machine runs at 25 MHz.
unsafe fn systick() {
    // SAFETY: the registers of SysTick (ARMv7-M, B3.3).
    unsafe {
        ptr::write_volatile(0xE000_E014 as *mut u32, 25_000 - 1);
        ptr::write_volatile(0xE000_E018 as *mut u32, 0);
        ptr::write_volatile(0xE000_E010 as *mut u32, 7);
    }
}

/// A UART of Arm's CMSDK: data, state, control; BAUDDIV at 16.
struct Uart(usize);

impl Uart {
    fn enable(&self) {
        // SAFETY: the registers of this UART.
        unsafe {
            ptr::write_volatile((self.0 + 16) as *mut u32, 16);
            ptr::write_volatile((self.0 + 8) as *mut u32, 3);
        }
    }

    fn state(&self) -> u32 {
        // SAFETY: as above.
        unsafe { ptr::read_volatile((self.0 + 4) as *const u32) }
    }

    fn read(&mut self) -> Option<u8> {
        (self.state() & 2 != 0).then(|| {
            // SAFETY: as above.
            unsafe { ptr::read_volatile(self.0 as *const u32) as u8 }
        })
    }

    fn write(&mut self, byte: u8) -> bool {
        let room = self.state() & 1 == 0;
        if room {
            // SAFETY: as above.
            unsafe { ptr::write_volatile(self.0 as *mut u32, u32::from(byte)) }
        }
        room
    }
}

struct Mps2 {
    data: Uart,
    modem: Uart,
}

impl Board for Mps2 {
    fn millis(&self) -> u64 {
        u64::from(MILLIS.load(Ordering::Relaxed))
    }

    fn receive(&mut self) -> Option<u8> {
        self.data.read()
    }

    fn transmit(&mut self, byte: u8) -> bool {
        self.data.write(byte)
    }

    fn modem_receive(&mut self) -> Option<u8> {
        self.modem.read()
    }

    fn modem_transmit(&mut self, byte: u8) -> bool {
        self.modem.write(byte)
    }

    fn log(&mut self, text: fmt::Arguments<'_>) {
        let _ = writeln!(semihosting::Log, "{text}");
    }
}

getrandom::register_custom_getrandom!(random);

/// Where the provider's randomness comes from: the host's, through the debugger.
fn random(buffer: &mut [u8]) -> Result<(), getrandom::Error> {
    semihosting::random(buffer).ok_or(getrandom::Error::UNSUPPORTED)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(semihosting::Log, "{info}");
    semihosting::exit(101)
}

/// Calls to the debugger ("Semihosting for AArch32 and AArch64", Arm).
mod semihosting {
    use super::{UnsafeCell, asm, fmt};

    /// What the host's file is called.
    const RANDOM: &[u8] = b"/dev/urandom\0";

    unsafe fn call(operation: u32, argument: usize) -> u32 {
        let result;
        // SAFETY: the caller's argument is what the operation wants.
        unsafe {
            asm!("bkpt 0xAB", inlateout("r0") operation => result, in("r1") argument);
        }
        result
    }

    pub(super) fn write(text: &str) {
        let mut line = [0_u8; 128];
        for part in text.as_bytes().chunks(line.len() - 1) {
            line[..part.len()].copy_from_slice(part);
            line[part.len()] = 0;
            // SAFETY: SYS_WRITE0 takes a text that ends in zero.
            unsafe { call(0x04, line.as_ptr() as usize) };
        }
    }

    /// Seconds since 1970 (SYS_TIME).
    pub(super) fn time() -> u64 {
        // SAFETY: takes nothing.
        u64::from(unsafe { call(0x11, 0) })
    }

    /// Ends the machine with a code (SYS_EXIT_EXTENDED, ADP_Stopped_ApplicationExit).
    pub(super) fn exit(code: u32) -> ! {
        let block = [0x2_0026, code];
        // SAFETY: the block is as the operation wants it.
        unsafe { call(0x20, block.as_ptr() as usize) };
        loop {}
    }

    /// Fills the buffer from the host's generator (SYS_OPEN, SYS_READ, SYS_CLOSE).
    pub(super) fn random(buffer: &mut [u8]) -> Option<()> {
        let open = [RANDOM.as_ptr() as usize, 1, RANDOM.len() - 1];
        // SAFETY: the blocks are as the operations want them.
        unsafe {
            let file = call(0x01, open.as_ptr() as usize);
            if file == u32::MAX {
                return None;
            }
            let cell = UnsafeCell::new([file as usize, buffer.as_mut_ptr() as usize, buffer.len()]);
            let left = call(0x06, cell.get() as usize);
            call(0x02, [file as usize].as_ptr() as usize);
            (left == 0).then_some(())
        }
    }

    pub(super) struct Log;

    impl fmt::Write for Log {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            write(text);
            Ok(())
        }
    }
}
