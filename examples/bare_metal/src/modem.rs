//! The two lines of a board as one TCP connection.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use xmpp_stream::time::Instant;

use crate::Board;

/// How long the modem may take to connect.
const CONNECT: Duration = Duration::from_secs(30);

/// A connection over the modem.
pub(crate) struct Modem<'a, B> {
    board: &'a mut B,
    received: u32,
    sent: u32,
    /// What the modem has said of its present line.
    line: String,
    /// How many bytes come in all, once the modem has said it.
    end: Option<u32>,
}

impl<'a, B: Board> Modem<'a, B> {
    pub(crate) fn new(board: &'a mut B) -> Self {
        Self {
            board,
            received: 0,
            sent: 0,
            line: String::new(),
            end: None,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(self.board.millis())
    }

    pub(crate) fn log(&mut self, text: impl fmt::Display) {
        self.board.log(format_args!("{text}"));
    }

    /// Connects; false if that failed.
    pub(crate) fn connect(&mut self) -> bool {
        self.tell(format_args!("connect"));
        let until = self.now() + CONNECT;
        while self.now() < until {
            if let Some(line) = self.hear() {
                match line.as_str() {
                    "up" => return true,
                    "down" => return false,
                    // Of the connection before.
                    _ => {}
                }
            }
        }
        false
    }

    /// Reads what has come: `Some(0)` is nothing yet, `None` the end.
    pub(crate) fn read(&mut self, window: &mut [u8]) -> Option<usize> {
        let mut n = 0;
        while let Some(place) = window.get_mut(n) {
            let Some(byte) = self.board.receive() else {
                break;
            };
            *place = byte;
            n += 1;
        }
        self.received += n as u32;
        if let Some(line) = self.hear() {
            if let Some(end) = line.strip_prefix("eof ") {
                self.end = end.parse().ok();
            }
        }
        (n > 0 || self.end != Some(self.received)).then_some(n)
    }

    /// Writes what there is room for.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        let mut n = 0;
        while n < bytes.len() && self.board.transmit(bytes[n]) {
            n += 1;
        }
        self.sent += n as u32;
        n
    }

    pub(crate) fn finish(&mut self) {
        let sent = self.sent;
        self.tell(format_args!("finish {sent}"));
    }

    pub(crate) fn abort(&mut self) {
        self.tell(format_args!("abort"));
    }

    fn tell(&mut self, command: fmt::Arguments<'_>) {
        for byte in alloc::format!("{command}\n").bytes() {
            while !self.board.modem_transmit(byte) {}
        }
    }

    /// A whole line of the modem's, if there is one.
    fn hear(&mut self) -> Option<String> {
        while let Some(byte) = self.board.modem_receive() {
            if byte == b'\n' {
                return Some(core::mem::take(&mut self.line));
            }
            self.line.push(char::from(byte));
        }
        None
    }
}
