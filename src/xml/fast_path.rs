//! A state machine over inert bytes, for streams that arrive in chunks of a few bytes.
//!
//! A call of the parser costs a few hundred instructions, which is little for a chunk and much for
//! a byte. But most bytes change nothing: inside a word, a value or a name nothing can end and
//! nothing can be wrong. Such bytes are called *inert*. One look-up in a table recognises them, and
//! they wait, unread, until a byte arrives that is not inert; then all of them are read as if they
//! had arrived together. What waits is known to be valid and to lead to no frame and no error, so
//! nothing is reported later than it would be otherwise.
//!
//! This is not a parser: where the table does not know, a byte is not inert. A new row or
//! transition has to keep that.

/// How many bytes may wait. Nearly all tags are shorter, and it is little beside a window.
pub(crate) const PENDING_MAX: usize = 512;

/// Up to this length chunks are tried byte by byte. Longer ones nearly always hold a byte that is
/// not inert.
pub(crate) const BATCH_MAX: usize = 8;

/// What the parser is reading, as far as it matters for whether a byte is inert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(crate) enum FastState {
    /// After the header or a first-level element.
    BetweenElements,
    /// After the `<` of a first-level element.
    FirstLevelMarkup,
    /// After a tag, in an element.
    Content,
    /// In character data.
    Text,
    /// After a `<` in an element.
    Markup,
    /// In a start tag, outside of attribute values.
    StartTag,
    /// In an attribute value in single quotes.
    SingleQuoted,
    /// In an attribute value in double quotes.
    DoubleQuoted,
    /// In an end tag.
    EndTag,
    /// In the content of a CDATA section.
    Cdata,
    // Within a character of several bytes, see `MULTI_BYTE_TAILS`.
    Text1,
    Text2,
    Text3,
    TextE0,
    TextEd,
    TextEf,
    TextEfBf,
    TextF0,
    TextF4,
    SingleQuoted1,
    SingleQuoted2,
    SingleQuoted3,
    SingleQuotedE0,
    SingleQuotedEd,
    SingleQuotedEf,
    SingleQuotedEfBf,
    SingleQuotedF0,
    SingleQuotedF4,
    DoubleQuoted1,
    DoubleQuoted2,
    DoubleQuoted3,
    DoubleQuotedE0,
    DoubleQuotedEd,
    DoubleQuotedEf,
    DoubleQuotedEfBf,
    DoubleQuotedF0,
    DoubleQuotedF4,
    /// No byte is inert; the parser has to read on. The variants above have a row in the table.
    #[default]
    Unknown,
    /// After an `&` in character data.
    Reference,
}

/// The state machine. It is active as long as every byte since the last parse was inert.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FastPath {
    state: FastState,
    /// The state to continue from, while there are bytes that were not scanned.
    suspended: FastState,
    /// How many more bytes of the reference are inert.
    reference_bytes_left: u8,
}

impl FastPath {
    pub(crate) fn new(state: FastState) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }

    /// Stops before bytes that are stored without being scanned.
    #[inline]
    pub(crate) fn suspend(&mut self) {
        if self.is_active() {
            self.suspended = core::mem::take(&mut self.state);
        }
    }

    /// Continues after [`suspend`](Self::suspend). Returns whether the machine is active.
    #[inline]
    pub(crate) fn resume(&mut self) -> bool {
        self.state = core::mem::take(&mut self.suspended);
        self.is_active()
    }

    /// Returns whether a few more bytes are inert.
    #[inline]
    pub(crate) fn accepts_all(&mut self, bytes: &[u8]) -> bool {
        bytes.len() <= BATCH_MAX && bytes.iter().all(|&byte| self.accepts(byte))
    }

    /// Returns whether all bytes since the last parse were inert.
    #[inline]
    pub(crate) fn is_active(self) -> bool {
        self.state != FastState::Unknown
    }

    /// Returns whether one more byte is inert. After one that is not, none is.
    #[inline]
    pub(crate) fn accepts(&mut self, byte: u8) -> bool {
        let next = TRANSITIONS[self.state as usize][usize::from(byte)];
        if next < FastState::Unknown {
            self.state = next;
            return true;
        }
        self.state = match next {
            FastState::Reference => self.reference(byte),
            _ => FastState::Unknown,
        };
        self.is_active()
    }

    /// Returns whether two more bytes are inert, and keeps its state if they are not.
    #[inline]
    pub(crate) fn accepts_pair(&mut self, first: u8, second: u8) -> bool {
        let next = TRANSITIONS[self.state as usize][usize::from(first)];
        if next >= FastState::Unknown {
            return false;
        }
        let next = TRANSITIONS[next as usize][usize::from(second)];
        if next >= FastState::Unknown {
            return false;
        }
        self.state = next;
        true
    }

    /// Copies bytes to `room` as long as they are inert. Returns `false`, and keeps its state, if
    /// one is not inert or is part of a reference, whose length has to be counted.
    #[inline]
    pub(crate) fn copy_inert(&mut self, bytes: &[u8], room: &mut [u8]) -> bool {
        let mut state = self.state;
        for (place, &byte) in room.iter_mut().zip(bytes) {
            state = TRANSITIONS[state as usize][usize::from(byte)];
            if state >= FastState::Unknown {
                return false;
            }
            *place = byte;
        }
        self.state = state;
        true
    }

    #[cold]
    fn reference(&mut self, byte: u8) -> FastState {
        self.reference_bytes_left = match byte {
            // So many bytes may a reference have under every limit, see
            // `FrameLimits::reference_bytes`.
            b'&' => 16,
            _ => self.reference_bytes_left,
        };
        self.reference_bytes_left = self.reference_bytes_left.saturating_sub(1);
        match self.reference_bytes_left {
            0 => FastState::Unknown,
            _ => FastState::Reference,
        }
    }
}

/// The states in which characters of several bytes are inert. In other states they are rare.
const MULTI_BYTE_STATES: [FastState; 3] = [
    FastState::Text,
    FastState::SingleQuoted,
    FastState::DoubleQuoted,
];

/// For each of them the states within a character (The Unicode Standard, table 3-7): one byte is
/// missing; two are; three are; after 0xE0, 0xED, 0xEF, 0xEF 0xBF, 0xF0 and 0xF4, which not every
/// byte may follow.
#[rustfmt::skip]
#[allow(clippy::enum_glob_use, reason = "a table of nearly all of them")]
const MULTI_BYTE_TAILS: [[FastState; 9]; 3] = {
    use FastState::*;
    [
        [Text1, Text2, Text3, TextE0, TextEd, TextEf, TextEfBf, TextF0, TextF4],
        [SingleQuoted1, SingleQuoted2, SingleQuoted3, SingleQuotedE0, SingleQuotedEd, SingleQuotedEf, SingleQuotedEfBf, SingleQuotedF0, SingleQuotedF4],
        [DoubleQuoted1, DoubleQuoted2, DoubleQuoted3, DoubleQuotedE0, DoubleQuotedEd, DoubleQuotedEf, DoubleQuotedEfBf, DoubleQuotedF0, DoubleQuotedF4],
    ]
};

/// Returns the state after an ASCII byte.
const fn ascii(state: FastState, byte: u8) -> FastState {
    match (state, byte) {
        (_, ..=8 | 11 | 12 | 14..=31 | 128..) => FastState::Unknown,
        (FastState::BetweenElements, b'<') => FastState::FirstLevelMarkup,
        (FastState::FirstLevelMarkup | FastState::Markup, b'A'..=b'Z' | b'a'..=b'z' | b'_') => {
            FastState::StartTag
        }
        (FastState::Markup, b'/') => FastState::EndTag,
        (FastState::Text, b'<') => FastState::Markup,
        (FastState::Text, b'&') => FastState::Reference,
        (FastState::Text, b'>') => FastState::Unknown,
        (FastState::Text, _) => FastState::Text,
        (FastState::Reference, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'#') => {
            FastState::Reference
        }
        (FastState::SingleQuoted, b'\'') | (FastState::DoubleQuoted, b'"') => FastState::StartTag,
        (_, b'<') => FastState::Unknown,
        (FastState::SingleQuoted, _) => FastState::SingleQuoted,
        (FastState::DoubleQuoted, _) => FastState::DoubleQuoted,
        (_, b'>') => FastState::Unknown,
        (FastState::StartTag, b'\'') => FastState::SingleQuoted,
        (FastState::StartTag, b'"') => FastState::DoubleQuoted,
        (FastState::StartTag, _) => FastState::StartTag,
        (FastState::EndTag, _) => FastState::EndTag,
        (FastState::Cdata, _) => FastState::Cdata,
        _ => FastState::Unknown,
    }
}

/// Returns the state after the first byte of a character of several bytes.
const fn lead_byte(tails: &[FastState; 9], byte: u8) -> FastState {
    let [one, two, three, e0, ed, ef, _, f0, f4] = *tails;
    match byte {
        0xC2..=0xDF => one,
        0xE0 => e0,
        0xED => ed,
        0xEF => ef,
        0xE1..=0xEE => two,
        0xF0 => f0,
        0xF4 => f4,
        0xF1..=0xF3 => three,
        _ => FastState::Unknown,
    }
}

/// Returns the state after a later byte of such a character.
const fn continuation_byte(
    context: FastState,
    tails: &[FastState; 9],
    index: usize,
    byte: u8,
) -> FastState {
    let [one, two, _, _, _, _, ef_bf, _, _] = *tails;
    match (index, byte) {
        (_, ..=0x7F | 0xC0..) => FastState::Unknown,
        (0, _) => context,
        (1, _) => one,
        (2, _) => two,
        (3, 0xA0..) => one,
        (4, ..=0x9F) => one,
        (5, 0xBF) => ef_bf,
        (5, _) => one,
        // U+FFFE and U+FFFF are no XML characters.
        (6, ..=0xBD) => context,
        (7, 0x90..) => two,
        (8, ..=0x8F) => two,
        _ => FastState::Unknown,
    }
}

const STATES: usize = FastState::Reference as usize + 1;

/// All states except [`FastState::Unknown`], [`FastState::Content`] and those within a character.
const SINGLE_BYTE_STATES: [FastState; 10] = [
    FastState::BetweenElements,
    FastState::FirstLevelMarkup,
    FastState::Text,
    FastState::Markup,
    FastState::StartTag,
    FastState::SingleQuoted,
    FastState::DoubleQuoted,
    FastState::EndTag,
    FastState::Cdata,
    FastState::Reference,
];

/// The state after each byte in each state. [`FastState::Reference`] stands also where a reference
/// has used up its inert bytes.
static TRANSITIONS: [[FastState; 256]; STATES] = {
    let mut table = [[FastState::Unknown; 256]; STATES];
    let mut byte: u8 = 0;
    while byte < u8::MAX {
        let mut i = 0;
        while i < SINGLE_BYTE_STATES.len() {
            table[SINGLE_BYTE_STATES[i] as usize][byte as usize] =
                ascii(SINGLE_BYTE_STATES[i], byte);
            i += 1;
        }
        let mut i = 0;
        while byte >= 0x80 && i < MULTI_BYTE_STATES.len() {
            table[MULTI_BYTE_STATES[i] as usize][byte as usize] =
                lead_byte(&MULTI_BYTE_TAILS[i], byte);
            let mut j = 0;
            while j < MULTI_BYTE_TAILS[i].len() {
                table[MULTI_BYTE_TAILS[i][j] as usize][byte as usize] =
                    continuation_byte(MULTI_BYTE_STATES[i], &MULTI_BYTE_TAILS[i], j, byte);
                j += 1;
            }
            i += 1;
        }
        byte += 1;
    }
    // Text follows a tag.
    table[FastState::Content as usize] = table[FastState::Text as usize];
    table
};

#[cfg(test)]
mod tests {
    use super::super::chars;
    use super::*;

    #[test]
    fn every_legal_character_of_several_bytes_is_quiet_and_no_other() {
        for state in MULTI_BYTE_STATES {
            for code in 0x80..=0x10_FFFF {
                let Some(c) = char::from_u32(code) else {
                    continue;
                };
                let mut buffer = [0; 4];
                let text = c.encode_utf8(&mut buffer);
                let mut fast_path = FastPath::new(state);
                let taken = text.bytes().all(|b| fast_path.accepts(b));
                assert_eq!(taken, chars::check_chars(text).is_ok(), "U+{code:04X}");
                assert_eq!(fast_path.is_active(), taken);
                assert!(!taken || fast_path.state == state);
            }
        }
    }

    #[test]
    fn what_completes_nothing_is_accepted() {
        for (state, bytes, next) in [
            (FastState::BetweenElements, "<message", FastState::StartTag),
            (FastState::BetweenElements, "<_", FastState::StartTag),
            (
                FastState::FirstLevelMarkup,
                "Zz to='a b",
                FastState::SingleQuoted,
            ),
            (FastState::Content, " text\r\n", FastState::Text),
            (FastState::Content, "<x:body", FastState::StartTag),
            (FastState::Content, "\u{e9}", FastState::Text),
            (FastState::Text, "t & ", FastState::Unknown),
            (FastState::Text, "t &amp", FastState::Reference),
            (FastState::Text, "&#x1F6", FastState::Reference),
            (FastState::Content, "&lt", FastState::Reference),
            (FastState::Text, "\u{1F600}\t]]</b ", FastState::EndTag),
            (FastState::Markup, "/a:b \n", FastState::EndTag),
            (
                FastState::StartTag,
                " a='\"\u{20ac}' b=\"'&lt;>",
                FastState::DoubleQuoted,
            ),
            (FastState::StartTag, " a = 'b>'/", FastState::StartTag),
            (
                FastState::DoubleQuoted,
                "\u{FFFD}\u{10FFFF}\"",
                FastState::StartTag,
            ),
            (FastState::Cdata, "a&b]] >", FastState::Unknown),
            (FastState::Cdata, "a&b]", FastState::Cdata),
        ] {
            let mut fast_path = FastPath::new(state);
            let taken = bytes.bytes().all(|b| fast_path.accepts(b));
            assert_eq!(
                (taken, fast_path.state),
                (next != FastState::Unknown, next),
                "{bytes}"
            );
        }
    }

    #[test]
    fn a_reference_is_accepted_for_fifteen_bytes() {
        let mut fast_path = FastPath::new(FastState::Text);
        for _ in 0..2 {
            fast_path.state = FastState::Text;
            let taken = b"&12345678901234567".iter();
            assert_eq!(taken.take_while(|b| fast_path.accepts(**b)).count(), 15);
        }
    }

    #[test]
    fn bytes_that_are_not_looked_at_interrupt() {
        let mut fast_path = FastPath::new(FastState::Text);
        assert!(fast_path.is_active());
        fast_path.suspend();
        assert!(!fast_path.is_active() && !fast_path.accepts(b'x'));
        let mut few = fast_path;
        assert!(few.resume() && few.accepts_all(b"12345678"));
        let mut many = fast_path;
        assert!(many.resume() && !many.accepts_all(b"123456789"));
        let mut resumed = fast_path;
        assert!(resumed.resume() && !resumed.accepts_all(b"1>2"));
        let mut never = FastPath::default();
        never.suspend();
        assert!(!never.resume());
    }

    #[test]
    fn nothing_invalid_is_quiet() {
        // The bytes at which the rules for what may follow change, and their neighbours.
        let edges = [
            0x00, 0x09, 0x1F, 0x20, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBD, 0xBE, 0xBF,
            0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4,
            0xF5, 0xFF,
        ];
        for state in SINGLE_BYTE_STATES {
            for n in 0..edges.len().pow(4) {
                let bytes = [0, 1, 2, 3].map(|i| edges[n / edges.len().pow(i) % edges.len()]);
                let mut fast_path = FastPath::new(state);
                let taken = bytes.iter().take_while(|&&b| fast_path.accepts(b)).count();
                let valid = chars::validate(&bytes[..taken]);
                assert_eq!(valid.error, None, "{state:?} {bytes:x?}");
            }
        }
    }
}
