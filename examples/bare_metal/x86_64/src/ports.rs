//! The devices of a PC: UARTs, clocks, and QEMU's ports for a log and an exit code.

use core::arch::asm;
use core::arch::x86_64::_rdtsc;
use core::fmt;

fn read(port: u16) -> u8 {
    let value;
    // SAFETY: the ports of this module have no effect on memory.
    unsafe { asm!("in al, dx", out("al") value, in("dx") port, options(nomem, nostack)) };
    value
}

fn write(port: u16, value: u8) {
    // SAFETY: as above.
    unsafe { asm!("out dx, al", in("al") value, in("dx") port, options(nomem, nostack)) };
}

/// A UART 16550, polled.
pub(crate) struct Uart(u16);

impl Uart {
    /// 115200 baud, eight bits, queues on, no interrupts.
    pub(crate) fn new(port: u16) -> Self {
        for (register, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 3), (2, 7), (4, 3)] {
            write(port + register, value);
        }
        Self(port)
    }

    pub(crate) fn read(&mut self) -> Option<u8> {
        (read(self.0 + 5) & 1 != 0).then(|| read(self.0))
    }

    pub(crate) fn write(&mut self, byte: u8) -> bool {
        let room = read(self.0 + 5) & 0x20 != 0;
        if room {
            write(self.0, byte);
        }
        room
    }
}

/// The processor's counter.
pub(crate) struct Clock {
    per_milli: u64,
}

impl Clock {
    /// Measures the counter against channel 2 of the timer chip (1 193 182 Hz).
    pub(crate) fn calibrated() -> Self {
        const MILLIS: u64 = 20;
        const COUNT: u64 = 1_193_182 * MILLIS / 1_000;
        // The channel counts, the loudspeaker is off.
        write(0x61, (read(0x61) & !2) | 1);
        // Channel 2, both bytes, interrupt on terminal count.
        write(0x43, 0xB0);
        write(0x42, COUNT as u8);
        write(0x42, (COUNT >> 8) as u8);
        let begin = counter();
        while read(0x61) & 0x20 == 0 {}
        Self {
            per_milli: ((counter() - begin) / MILLIS).max(1),
        }
    }

    pub(crate) fn millis(&self) -> u64 {
        counter() / self.per_milli
    }
}

fn counter() -> u64 {
    // SAFETY: every x86-64 processor has it.
    unsafe { _rdtsc() }
}

/// Seconds since 1970, from the clock chip (UTC, BCD, the years 2000 to 2099).
pub(crate) fn date() -> u64 {
    loop {
        let first = chip();
        // An update between two registers shows in a second look.
        if first == chip() {
            let [second, minute, hour, day, month, year] = first.map(u64::from);
            return days(2000 + year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        }
    }
}

fn chip() -> [u8; 6] {
    [0, 2, 4, 7, 8, 9].map(|register| {
        write(0x70, register);
        let bcd = read(0x71);
        (bcd >> 4) * 10 + (bcd & 15)
    })
}

/// Days since 1970 in the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // Years that begin in March, so that the day that leap years add is the last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The log: QEMU's `isa-debugcon`.
pub(crate) struct Log;

impl fmt::Write for Log {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| write(0xE9, byte));
        Ok(())
    }
}

/// Ends the machine: QEMU's `isa-debug-exit` makes its own exit code of it, 2 * code + 1.
pub(crate) fn exit(code: u32) -> ! {
    write(0xF4, code as u8);
    loop {}
}
