//! The image for x86-64 without an operating system (a PC as QEMU has it).
//!
//! COM1 carries the data, COM2 the commands to the modem. The log goes to the debug port of QEMU,
//! the date comes from the clock chip, randomness from the processor (RDRAND).
#![no_std]

mod memory;
mod ports;

use core::arch::global_asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use bare_metal::heap::Counting;
use bare_metal::{Board, Figures, stack};
use ports::{Clock, Log, Uart, exit};

#[global_allocator]
static HEAP: Counting = Counting::empty();

global_asm!(include_str!("boot.s"), options(att_syntax));

unsafe extern "C" {
    static mut stack_bottom: u8;
    static mut stack_top: u8;
    static mut heap_start: u8;
    static heap_end: u8;
}

/// Called by boot.s.
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    // SAFETY: the symbols are those of link.ld; nothing has been used yet.
    unsafe {
        stack::paint(&raw mut stack_bottom);
        let room = (&raw const heap_end as usize) - (&raw const heap_start as usize);
        HEAP.init(&raw mut heap_start, room);
    }
    let mut board = Pc {
        data: Uart::new(0x3F8),
        modem: Uart::new(0x2F8),
        clock: Clock::calibrated(),
    };
    let code = bare_metal::run(&mut board, ports::date, || Figures {
        heap: HEAP.peak(),
        // SAFETY: the bounds are those of link.ld.
        stack: unsafe { stack::used(&raw const stack_bottom, &raw const stack_top) },
    });
    exit(code)
}

struct Pc {
    data: Uart,
    modem: Uart,
    clock: Clock,
}

impl Board for Pc {
    fn millis(&self) -> u64 {
        self.clock.millis()
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
        let _ = writeln!(Log, "{text}");
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Log, "{info}");
    exit(101)
}
