//! The lengths that every part of an address keeps to, by RFC 7622 and by RFC 6122.
//!
//! Change this file only if a document changes one of them.

/// The longest part of an address, in bytes (RFC 7622 3.2 to 3.4).
pub const MAX_PART_BYTES: usize = 1023;

/// The longest label of a domain name, in bytes (RFC 1034 3.1).
pub(super) const MAX_LABEL_BYTES: usize = 63;
