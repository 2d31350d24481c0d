//! Bytes that complete nothing: the short way for streams that arrive byte by byte.
//!
//! Reading costs a few hundred instructions per call, little for a chunk and much for a byte. But most bytes change
//! nothing: inside a word, a value or a name nothing can end and nothing can be wrong. Such *quiet* bytes are recognised
//! by one look at a table and wait, unread, until one comes that is not; then all of them are read as if they had come
//! together. What waits is known to be valid and to lead to no frame and no fault, so nothing comes later than it
//! would otherwise.
//!
//! This is not a parser: where the table does not know, a byte is not quiet.

/// How many bytes may wait. More than nearly all tags have; little beside a window.
pub(crate) const MOST: usize = 512;

/// Of how many bytes it pays to look at each.
pub(crate) const FEW: usize = 8;

/// Where reading has come to, as far as it must be known to tell quiet bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(crate) enum Place {
    /// Behind the header or a first-level element.
    Between,
    /// Behind the `<` of a first-level element.
    Opening,
    /// Behind a tag, in an element.
    Content,
    /// In character data.
    Text,
    /// Behind a `<` in an element.
    Markup,
    /// In a start tag, outside of values.
    StartTag,
    /// In a value in single quotes.
    Single,
    /// In a value in double quotes.
    Double,
    /// In an end tag.
    EndTag,
    /// In the content of a CDATA section.
    Cdata,
    // In a character of several bytes, see `TAILS`.
    Text1,
    Text2,
    Text3,
    TextE0,
    TextEd,
    TextEf,
    TextEfBf,
    TextF0,
    TextF4,
    Single1,
    Single2,
    Single3,
    SingleE0,
    SingleEd,
    SingleEf,
    SingleEfBf,
    SingleF0,
    SingleF4,
    Double1,
    Double2,
    Double3,
    DoubleE0,
    DoubleEd,
    DoubleEf,
    DoubleEfBf,
    DoubleF0,
    DoubleF4,
    /// No byte is quiet here. Until here the table knows all.
    #[default]
    Loud,
    /// Behind an `&` in character data.
    Reference,
}

/// Which bytes are quiet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quiet {
    place: Place,
    /// Where reading has come to while there are bytes that were not looked at.
    paused: Place,
    /// How many bytes the reference may still have.
    left: u8,
}

impl Quiet {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            ..Self::default()
        }
    }

    /// Bytes come that are not looked at yet.
    #[inline]
    pub(crate) fn pause(&mut self) {
        if self.lasts() {
            self.paused = core::mem::take(&mut self.place);
        }
    }

    #[inline]
    pub(crate) fn is_paused(self) -> bool {
        self.paused != Place::Loud
    }

    /// Goes on behind a pause, if there was one.
    #[inline]
    pub(crate) fn resumes(&mut self) -> bool {
        self.place = core::mem::take(&mut self.paused);
        self.lasts()
    }

    /// Whether a few more bytes are quiet.
    #[inline]
    pub(crate) fn take_all(&mut self, bytes: &[u8]) -> bool {
        bytes.len() <= FEW && bytes.iter().all(|&byte| self.takes(byte))
    }

    /// Whether all bytes since the last reading were quiet.
    #[inline]
    pub(crate) fn lasts(self) -> bool {
        self.place != Place::Loud
    }

    /// Whether one more byte is quiet. Behind one that is not, none is.
    #[inline]
    pub(crate) fn takes(&mut self, byte: u8) -> bool {
        let next = NEXT[self.place as usize][usize::from(byte)];
        if next < Place::Loud {
            self.place = next;
            return true;
        }
        self.place = match next {
            Place::Reference => self.reference(byte),
            _ => Place::Loud,
        };
        self.lasts()
    }

    #[cold]
    fn reference(&mut self, byte: u8) -> Place {
        self.left = match byte {
            // So many bytes are looked at in any case, see `FrameLimits::reference_bytes`.
            b'&' => 16,
            _ => self.left,
        };
        self.left = self.left.saturating_sub(1);
        match self.left {
            0 => Place::Loud,
            _ => Place::Reference,
        }
    }
}

/// Where characters of several bytes are quiet. Elsewhere they are rare.
const AROUND: [Place; 3] = [Place::Text, Place::Single, Place::Double];

/// For each of them the places within a character (The Unicode Standard, table 3-7): one byte is missing; two are; three
/// are; behind 0xE0, 0xED, 0xEF, 0xEF 0xBF, 0xF0 and 0xF4, which not every byte may follow.
#[rustfmt::skip]
#[allow(clippy::enum_glob_use, reason = "a table of nearly all of them")]
const TAILS: [[Place; 9]; 3] = {
    use Place::*;
    [
        [Text1, Text2, Text3, TextE0, TextEd, TextEf, TextEfBf, TextF0, TextF4],
        [Single1, Single2, Single3, SingleE0, SingleEd, SingleEf, SingleEfBf, SingleF0, SingleF4],
        [Double1, Double2, Double3, DoubleE0, DoubleEd, DoubleEf, DoubleEfBf, DoubleF0, DoubleF4],
    ]
};

/// Where an ASCII byte leads.
const fn ascii(place: Place, byte: u8) -> Place {
    match (place, byte) {
        (_, ..=8 | 11 | 12 | 14..=31 | 128..) => Place::Loud,
        (Place::Between, b'<') => Place::Opening,
        (Place::Opening | Place::Markup, b'A'..=b'Z' | b'a'..=b'z' | b'_') => Place::StartTag,
        (Place::Markup, b'/') => Place::EndTag,
        (Place::Text, b'<') => Place::Markup,
        (Place::Text, b'&') => Place::Reference,
        (Place::Text, b'>') => Place::Loud,
        (Place::Text, _) => Place::Text,
        (Place::Reference, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'#') => Place::Reference,
        (Place::Single, b'\'') | (Place::Double, b'"') => Place::StartTag,
        (_, b'<') => Place::Loud,
        (Place::Single, _) => Place::Single,
        (Place::Double, _) => Place::Double,
        (_, b'>') => Place::Loud,
        (Place::StartTag, b'\'') => Place::Single,
        (Place::StartTag, b'"') => Place::Double,
        (Place::StartTag, _) => Place::StartTag,
        (Place::EndTag, _) => Place::EndTag,
        (Place::Cdata, _) => Place::Cdata,
        _ => Place::Loud,
    }
}

/// Where the first byte of a character of several leads.
const fn lead(tails: &[Place; 9], byte: u8) -> Place {
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
        _ => Place::Loud,
    }
}

/// Where a later one leads.
const fn tail(around: Place, tails: &[Place; 9], index: usize, byte: u8) -> Place {
    let [one, two, _, _, _, _, ef_bf, _, _] = *tails;
    match (index, byte) {
        (_, ..=0x7F | 0xC0..) => Place::Loud,
        (0, _) => around,
        (1, _) => one,
        (2, _) => two,
        (3, 0xA0..) => one,
        (4, ..=0x9F) => one,
        (5, 0xBF) => ef_bf,
        (5, _) => one,
        // U+FFFE and U+FFFF are no XML characters.
        (6, ..=0xBD) => around,
        (7, 0x90..) => two,
        (8, ..=0x8F) => two,
        _ => Place::Loud,
    }
}

const PLACES: usize = Place::Reference as usize + 1;

/// All but [`Place::Loud`], [`Place::Content`] and those within a character.
const PLAIN: [Place; 10] = [
    Place::Between,
    Place::Opening,
    Place::Text,
    Place::Markup,
    Place::StartTag,
    Place::Single,
    Place::Double,
    Place::EndTag,
    Place::Cdata,
    Place::Reference,
];

/// Where each byte leads from each place; [`Place::Reference`] also from where it has had its bytes.
static NEXT: [[Place; 256]; PLACES] = {
    let mut table = [[Place::Loud; 256]; PLACES];
    let mut byte: u8 = 0;
    while byte < u8::MAX {
        let mut i = 0;
        while i < PLAIN.len() {
            table[PLAIN[i] as usize][byte as usize] = ascii(PLAIN[i], byte);
            i += 1;
        }
        let mut i = 0;
        while byte >= 0x80 && i < AROUND.len() {
            table[AROUND[i] as usize][byte as usize] = lead(&TAILS[i], byte);
            let mut j = 0;
            while j < TAILS[i].len() {
                table[TAILS[i][j] as usize][byte as usize] = tail(AROUND[i], &TAILS[i], j, byte);
                j += 1;
            }
            i += 1;
        }
        byte += 1;
    }
    // What stands behind a tag is text.
    table[Place::Content as usize] = table[Place::Text as usize];
    table
};

#[cfg(test)]
mod tests {
    use super::super::chars;
    use super::*;

    #[test]
    fn every_legal_character_of_several_bytes_is_quiet_and_no_other() {
        for place in AROUND {
            for code in 0x80..=0x10_FFFF {
                let Some(c) = char::from_u32(code) else {
                    continue;
                };
                let mut buffer = [0; 4];
                let text = c.encode_utf8(&mut buffer);
                let mut quiet = Quiet::new(place);
                let taken = text.bytes().all(|b| quiet.takes(b));
                assert_eq!(taken, chars::characters(text).is_ok(), "U+{code:04X}");
                assert_eq!(quiet.lasts(), taken);
                assert!(!taken || quiet.place == place);
            }
        }
    }

    #[test]
    fn what_completes_nothing_is_quiet() {
        for (place, bytes, behind) in [
            (Place::Between, "<message", Place::StartTag),
            (Place::Between, "<_", Place::StartTag),
            (Place::Opening, "Zz to='a b", Place::Single),
            (Place::Content, " text\r\n", Place::Text),
            (Place::Content, "<x:body", Place::StartTag),
            (Place::Content, "\u{e9}", Place::Text),
            (Place::Text, "t & ", Place::Loud),
            (Place::Text, "t &amp", Place::Reference),
            (Place::Text, "&#x1F6", Place::Reference),
            (Place::Content, "&lt", Place::Reference),
            (Place::Text, "\u{1F600}\t]]</b ", Place::EndTag),
            (Place::Markup, "/a:b \n", Place::EndTag),
            (Place::StartTag, " a='\"\u{20ac}' b=\"'&lt;>", Place::Double),
            (Place::StartTag, " a = 'b>'/", Place::StartTag),
            (Place::Double, "\u{FFFD}\u{10FFFF}\"", Place::StartTag),
            (Place::Cdata, "a&b]] >", Place::Loud),
            (Place::Cdata, "a&b]", Place::Cdata),
        ] {
            let mut quiet = Quiet::new(place);
            let taken = bytes.bytes().all(|b| quiet.takes(b));
            assert_eq!(
                (taken, quiet.place),
                (behind != Place::Loud, behind),
                "{bytes}"
            );
        }
    }

    #[test]
    fn a_reference_is_quiet_for_fifteen_bytes() {
        let mut quiet = Quiet::new(Place::Text);
        for _ in 0..2 {
            quiet.place = Place::Text;
            let taken = b"&12345678901234567".iter();
            assert_eq!(taken.take_while(|b| quiet.takes(**b)).count(), 15);
        }
    }

    #[test]
    fn bytes_that_are_not_looked_at_interrupt() {
        let mut quiet = Quiet::new(Place::Text);
        assert!(quiet.lasts() && !quiet.is_paused());
        quiet.pause();
        assert!(!quiet.lasts() && quiet.is_paused() && !quiet.takes(b'x'));
        let mut few = quiet;
        assert!(few.resumes() && few.take_all(b"12345678") && !few.is_paused());
        let mut many = quiet;
        assert!(many.resumes() && !many.take_all(b"123456789"));
        let mut loud = quiet;
        assert!(loud.resumes() && !loud.take_all(b"1>2"));
        let mut never = Quiet::default();
        never.pause();
        assert!(!never.is_paused() && !never.resumes());
    }

    #[test]
    fn nothing_invalid_is_quiet() {
        // The bytes at which the rules for what may follow change, and their neighbours.
        let edges = [
            0x00, 0x09, 0x1F, 0x20, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBD, 0xBE, 0xBF,
            0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4,
            0xF5, 0xFF,
        ];
        for place in PLAIN {
            for n in 0..edges.len().pow(4) {
                let bytes = [0, 1, 2, 3].map(|i| edges[n / edges.len().pow(i) % edges.len()]);
                let mut quiet = Quiet::new(place);
                let taken = bytes.iter().take_while(|&&b| quiet.takes(b)).count();
                let valid = chars::validate(&bytes[..taken]);
                assert_eq!(valid.wrong, None, "{place:?} {bytes:x?}");
            }
        }
    }
}
