//! A reader for DER, as far as certificates need it here.
//!
//! The reader is total: any input gives an answer or `None`, and each element costs constant time.
//!
//! Change here how elements are read. What they mean is decided in
//! [`server_end_point`](super::server_end_point) and [`identity`](super::identity).

/// The tag of `SEQUENCE`.
pub(super) const SEQUENCE: u8 = 0x30;
/// The tag of `OBJECT IDENTIFIER`.
pub(super) const OID: u8 = 0x06;

/// A position in a DER encoding.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next element and returns its tag and its content.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let len = match first {
            0..=0x7f => usize::from(first),
            // The long form with at most four bytes, because no certificate is longer.
            0x81..=0x84 => {
                let (bytes, following) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = following;
                bytes.iter().try_fold(0_usize, |len, &byte| {
                    Some(len.checked_mul(256)? + usize::from(byte))
                })?
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// Takes the next element, which must have the tag `wanted`, and returns its content.
    pub(super) fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next()
            .and_then(|(tag, content)| (tag == wanted).then_some(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_both_forms_and_lies_are_refused() {
        assert_eq!(Der(&[4, 2, 7, 8, 9]).next(), Some((4, &[7, 8][..])));
        assert_eq!(Der(&[4, 0x81, 1, 7]).next(), Some((4, &[7][..])));
        for lie in [
            &[4][..],
            &[4, 3, 1, 2],
            &[4, 0x80, 0, 0],
            &[4, 0x82, 1],
            &[4, 0x85, 0, 0, 0, 0, 1, 7],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert_eq!(Der(lie).next(), None, "{lie:?}");
        }
    }
}
