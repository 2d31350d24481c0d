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

/// Where reading has come to, as far as it must be known to tell quiet bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// No byte is quiet here.
    #[default]
    Loud,
    /// Behind the header or a first-level element.
    Between,
    /// Behind the `<` of a first-level element.
    Opening,
    /// Behind a tag, in an element.
    Content,
    /// In character data.
    Text,
    /// Behind an `&` in character data.
    Reference,
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
    /// In a character of several bytes.
    Character,
}

/// Which bytes are quiet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quiet {
    place: Place,
    /// What else [`Place::Character`] and [`Place::Reference`] must know.
    within: Within,
}

#[derive(Clone, Copy, Debug, Default)]
struct Within {
    /// How many bytes the character still has; how many the reference may have.
    left: u8,
    /// What the next byte of the character may be.
    low: u8,
    high: u8,
    /// The first byte of the character.
    lead: u8,
    /// Where the character stands.
    around: Place,
}

impl Quiet {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            within: Within::default(),
        }
    }

    /// Whether all bytes since the last reading were quiet.
    #[inline]
    pub(crate) fn lasts(self) -> bool {
        self.place != Place::Loud
    }

    /// Whether one more byte is quiet. Behind one that is not, none is.
    #[inline]
    pub(crate) fn takes(&mut self, byte: u8) -> bool {
        match NEXT[self.place as usize][usize::from(byte)] {
            Place::Loud => {
                self.place = self.other(byte);
                self.lasts()
            }
            next => {
                self.place = next;
                true
            }
        }
    }

    /// What does not follow from place and byte alone.
    fn other(&mut self, byte: u8) -> Place {
        let within = &mut self.within;
        match (self.place, byte) {
            (Place::Character, _) if within.low <= byte && byte <= within.high => {
                within.left = within.left.saturating_sub(1);
                within.low = 0x80;
                within.high = match (within.lead, byte) {
                    (0xEF, 0xBF) => 0xBD, // U+FFFE and U+FFFF are no XML characters.
                    _ => 0xBF,
                };
                match within.left {
                    0 => within.around,
                    _ => Place::Character,
                }
            }
            (Place::Content | Place::Text, b'&') => {
                // So many bytes are looked at in any case, see `FrameLimits::reference_bytes`.
                within.left = 15;
                Place::Reference
            }
            (Place::Reference, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'#')
                if within.left > 0 =>
            {
                within.left -= 1;
                Place::Reference
            }
            (Place::Content | Place::Text, 0xC2..=0xF4) => within.lead(byte, Place::Text),
            (
                Place::StartTag | Place::Single | Place::Double | Place::EndTag | Place::Cdata,
                0xC2..=0xF4,
            ) => within.lead(byte, self.place),
            _ => Place::Loud,
        }
    }
}

impl Within {
    /// Takes the first byte of a character (The Unicode Standard, table 3-7).
    fn lead(&mut self, byte: u8, around: Place) -> Place {
        let (left, low, high) = match byte {
            0xE0 => (2, 0xA0, 0xBF),
            0xED => (2, 0x80, 0x9F),
            0xE1..=0xEF => (2, 0x80, 0xBF),
            0xF0 => (3, 0x90, 0xBF),
            0xF4 => (3, 0x80, 0x8F),
            0xF1..=0xF3 => (3, 0x80, 0xBF),
            _ => (1, 0x80, 0xBF),
        };
        *self = Self {
            left,
            low,
            high,
            lead: byte,
            around,
        };
        Place::Character
    }
}

/// Where an ASCII byte leads; [`Place::Loud`] also where [`Quiet::other`] knows better.
const fn next(place: Place, byte: u8) -> Place {
    let legal = matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=0x7F);
    match (place, byte) {
        _ if !legal => Place::Loud,
        (Place::Loud | Place::Reference | Place::Character, _) => Place::Loud,
        (Place::Between, b'<') => Place::Opening,
        (Place::Between, _) => Place::Loud,
        (Place::Opening | Place::Markup, b'A'..=b'Z' | b'a'..=b'z' | b'_') => Place::StartTag,
        (Place::Markup, b'/') => Place::EndTag,
        (Place::Opening | Place::Markup, _) => Place::Loud,
        (Place::Content | Place::Text, b'<') => Place::Markup,
        (Place::Content | Place::Text, b'&' | b'>') => Place::Loud,
        (Place::Content | Place::Text, _) => Place::Text,
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
    }
}

const PLACES: [Place; 13] = [
    Place::Loud,
    Place::Between,
    Place::Opening,
    Place::Content,
    Place::Text,
    Place::Reference,
    Place::Markup,
    Place::StartTag,
    Place::Single,
    Place::Double,
    Place::EndTag,
    Place::Cdata,
    Place::Character,
];

/// [`next`] for every place and byte.
static NEXT: [[Place; 256]; PLACES.len()] = {
    let mut table = [[Place::Loud; 256]; PLACES.len()];
    let mut place = 0;
    while place < PLACES.len() {
        let mut byte: u8 = 0;
        while byte < 128 {
            table[PLACES[place] as usize][byte as usize] = next(PLACES[place], byte);
            byte += 1;
        }
        place += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::super::chars;
    use super::*;

    /// Those in which characters of any kind may stand.
    const WIDE: [Place; 6] = [
        Place::Text,
        Place::StartTag,
        Place::Single,
        Place::Double,
        Place::EndTag,
        Place::Cdata,
    ];

    #[test]
    fn the_table_has_every_place_where_it_belongs() {
        for (index, place) in PLACES.iter().enumerate() {
            assert_eq!(*place as usize, index);
        }
    }

    #[test]
    fn every_legal_character_of_several_bytes_is_quiet_and_no_other() {
        for place in WIDE {
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
    fn nothing_invalid_is_quiet() {
        // The bytes at which the rules for what may follow change, and their neighbours.
        let edges = [
            0x00, 0x09, 0x1F, 0x20, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBD, 0xBE, 0xBF,
            0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4,
            0xF5, 0xFF,
        ];
        for place in PLACES {
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
