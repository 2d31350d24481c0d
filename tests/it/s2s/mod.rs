//! Streams between servers: who may send what, and what proves it (RFC 6120,
//! XEP-0178, XEP-0220).

mod bounds;
mod dialback;
mod endings;
mod external;
mod peer;
mod servers;
mod stanzas;
mod traces;
mod unanswered;
mod unsolicited;
