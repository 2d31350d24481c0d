//! What a hostile peer puts on the wire after the handshake, and what must
//! come of it.

use Outcome::{Alerted, Failed, PeerClosed, Quiet, Renegotiation};
use Piece::{
    Alert, Ccs, Damaged, Forged, ForgedHello, Handshake, Hello, HelloBytes, HelloRest, Hellos,
    LongMessage, ModernHello, Oversized, Raw, Relabelled, Text, WrongHello,
};
use Sign::{Fragment, Record, Right, Wrong};
use xmpp_stream::tls::RenegotiationEvidence;

use crate::common::hostile_tls::{
    ALERT, CHANGE_CIPHER_SPEC, DATA, HANDSHAKE, HELLO_REQUEST, HostileTls, client_hello, forged,
    message,
};

/// The role of the session under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// Bytes on the wire. Records are authentic unless it says otherwise. The
/// right hello is the one the peer would send to renegotiate.
#[derive(Clone, Copy, Debug)]
pub enum Piece {
    Text(&'static [u8]),
    Alert([u8; 2]),
    Ccs,
    Handshake(&'static [u8]),
    Hello,
    WrongHello,
    /// A TLS 1.3 ClientHello.
    ModernHello,
    /// This many right hellos in one record.
    Hellos(usize),
    /// The first bytes of the right hello.
    HelloBytes(usize),
    /// The right hello without its first bytes.
    HelloRest(usize),
    /// A message of unknown type, as long as a record may be.
    LongMessage,
    /// One byte longer than a record may be.
    Oversized,
    /// The right hello with a broken tag.
    Damaged,
    /// Text under the header of a handshake record.
    Relabelled,
    /// A record in clear.
    Forged(u8, &'static [u8]),
    /// The right hello in clear.
    ForgedHello,
    Raw(&'static [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Right,
    Wrong,
    Fragment,
    Record,
}

/// `Quiet` has no terminal step. `Failed` comes without an alert of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Renegotiation(Sign),
    Alerted(&'static str),
    Failed(&'static str),
    PeerClosed,
    Quiet,
}

#[derive(Clone, Copy, Debug)]
pub struct Attack {
    pub pieces: &'static [Piece],
    pub outcome: Outcome,
    /// The text that must have been given out.
    pub text: &'static [u8],
}

const CLOSE_NOTIFY: Piece = Alert([1, 0]);
const FATAL: Piece = Alert([2, 40]);
const WARNING: Piece = Alert([1, 90]);
const BEFORE: Piece = Text(b"before");
const LATER: Piece = Text(b"later");
const UNKNOWN: Piece = Handshake(b"\x63\0\0\x04what");
const UNPARSABLE_HELLO: Piece = Handshake(&[1, 0, 0, 3, 3, 3, 1]);
const FINISHED: Piece = Handshake(&[20, 0, 0, 12, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
const TICKET12: Piece = Handshake(&[4, 0, 0, 8, 0, 0, 1, 0, 0, 2, 7, 7]);
const TICKET13: Piece =
    Handshake(b"\x04\0\0\x12\0\0\x01\0\x01\x02\x03\x04\x01\x09\0\x04\x07\x07\x07\x07\0\0");
const CERTIFICATE_REQUEST: Piece = Handshake(b"\x0d\0\0\x0b\0\0\x08\0\x0d\0\x04\0\x02\x04\x03");
const KEY_UPDATE: Piece = Handshake(&[24, 0, 0, 1, 0]);
const KEY_UPDATE_REQUEST: Piece = Handshake(&[24, 0, 0, 1, 1]);
const KEY_UPDATE_AND_HELLO: Piece = Handshake(&[24, 0, 0, 1, 0, 0, 0, 0, 0]);

const fn row(pieces: &'static [Piece], outcome: Outcome, text: &'static [u8]) -> Attack {
    Attack {
        pieces,
        outcome,
        text,
    }
}

pub const TLS12_ATTACKS: &[Attack] = &[
    row(&[Hello], Renegotiation(Right), b""),
    row(&[Hello, LATER], Renegotiation(Right), b""),
    row(&[BEFORE, Hello], Renegotiation(Right), b"before"),
    row(&[BEFORE, Hello, LATER], Renegotiation(Right), b"before"),
    row(
        &[BEFORE, BEFORE, Hello],
        Renegotiation(Right),
        b"beforebefore",
    ),
    row(&[Hello, Hello], Renegotiation(Right), b""),
    row(&[Hello; 20], Renegotiation(Right), b""),
    row(&[Hellos(3)], Renegotiation(Right), b""),
    row(&[LongMessage], Renegotiation(Record), b""),
    row(&[HelloBytes(1)], Renegotiation(Fragment), b""),
    row(&[BEFORE, HelloBytes(3)], Renegotiation(Fragment), b"before"),
    row(&[HelloBytes(2), HelloRest(2)], Renegotiation(Fragment), b""),
    row(&[HelloBytes(2), LATER], Renegotiation(Fragment), b""),
    row(
        &[BEFORE, Handshake(b"")],
        Renegotiation(Fragment),
        b"before",
    ),
    row(&[WrongHello], Renegotiation(Record), b""),
    row(&[UNKNOWN], Renegotiation(Record), b""),
    row(&[TICKET12], Renegotiation(Record), b""),
    row(&[FINISHED], Renegotiation(Record), b""),
    row(&[UNPARSABLE_HELLO], Renegotiation(Record), b""),
    // Not authentic.
    row(&[ForgedHello], Alerted("bad-record"), b""),
    row(
        &[BEFORE, ForgedHello, LATER],
        Alerted("bad-record"),
        b"before",
    ),
    row(&[Forged(HANDSHAKE, &[0; 80])], Alerted("bad-record"), b""),
    row(&[Damaged], Alerted("bad-record"), b""),
    row(&[Relabelled], Alerted("bad-record"), b""),
    row(&[Forged(DATA, b"text")], Alerted("bad-record"), b""),
    row(&[Forged(DATA, b"")], Alerted("bad-record"), b""),
    row(&[Forged(HANDSHAKE, b"")], Alerted("malformed-record"), b""),
    row(
        &[Raw(&[22, 3, 3, 0x48, 0])],
        Alerted("malformed-record"),
        b"",
    ),
    row(&[Raw(&[22, 9, 9, 0, 4])], Alerted("malformed-record"), b""),
    row(&[Raw(b"<stream")], Alerted("malformed-record"), b""),
    // Authentic, or of a type that never is, and something else.
    row(&[Ccs], Alerted("malformed-message"), b""),
    row(
        &[Forged(CHANGE_CIPHER_SPEC, &[1])],
        Alerted("unexpected-message"),
        b"",
    ),
    row(&[Oversized], Alerted("oversized-record"), b""),
    row(&[CLOSE_NOTIFY, Hello], PeerClosed, b""),
    row(&[BEFORE, CLOSE_NOTIFY, LATER], PeerClosed, b"before"),
    row(&[FATAL, Hello], Failed("alert-received"), b""),
    row(&[WARNING, Text(b"text")], Quiet, b"text"),
    row(&[Text(b""), Text(b"text")], Quiet, b"text"),
    row(&[Raw(&[22, 3, 3, 0, 28, 0, 0, 0])], Quiet, b""),
];

pub const TLS13_ATTACKS: &[Attack] = &[
    row(&[Hello], Renegotiation(Right), b""),
    row(&[WrongHello], Renegotiation(Wrong), b""),
    row(&[BEFORE, Hello, LATER], Renegotiation(Right), b"before"),
    row(&[Hellos(2)], Renegotiation(Right), b""),
    row(&[HelloBytes(3), HelloRest(3)], Renegotiation(Right), b""),
    row(&[Handshake(b""), Hello], Renegotiation(Right), b""),
    // The rest of the family, none of it a renegotiation.
    row(&[HelloBytes(3)], Quiet, b""),
    row(&[Handshake(b"")], Quiet, b""),
    row(
        &[HelloBytes(3), Text(b"text")],
        Alerted("peer-misbehaved"),
        b"",
    ),
    row(&[KEY_UPDATE_AND_HELLO], Alerted("peer-misbehaved"), b""),
    row(&[UNPARSABLE_HELLO], Alerted("malformed-message"), b""),
    row(&[UNKNOWN], Alerted("unexpected-message"), b""),
    row(&[CERTIFICATE_REQUEST], Alerted("unexpected-message"), b""),
    row(&[KEY_UPDATE], Quiet, b""),
    row(&[BEFORE, KEY_UPDATE_REQUEST], Quiet, b"before"),
    row(&[Handshake(&[24, 0]), Handshake(&[0, 1, 0])], Quiet, b""),
    row(&[ForgedHello], Alerted("bad-record"), b""),
    row(&[Damaged], Alerted("bad-record"), b""),
    row(&[Forged(HANDSHAKE, b"")], Alerted("malformed-record"), b""),
    row(&[Oversized], Alerted("oversized-record"), b""),
    row(&[CLOSE_NOTIFY, Hello], PeerClosed, b""),
    row(&[FATAL, Hello], Failed("alert-received"), b""),
];

/// These depend on the role.
pub const TLS13_CLIENT: &[Attack] = &[
    row(&[TICKET13, Text(b"text")], Quiet, b"text"),
    row(&[ModernHello], Renegotiation(Wrong), b""),
];
pub const TLS13_SERVER: &[Attack] = &[
    row(&[TICKET13, LATER], Alerted("unexpected-message"), b""),
    row(&[ModernHello], Renegotiation(Right), b""),
];

impl Role {
    fn hello(self) -> Vec<u8> {
        match self {
            Self::Client => HELLO_REQUEST.to_vec(),
            Self::Server => client_hello(false),
        }
    }

    pub fn sign(self, sign: Sign) -> RenegotiationEvidence {
        match (sign, self) {
            (Right, Self::Client) | (Wrong, Self::Server) => RenegotiationEvidence::HelloRequest,
            (Right, Self::Server) | (Wrong, Self::Client) => RenegotiationEvidence::ClientHello,
            (Fragment, _) => RenegotiationEvidence::HandshakeFragment,
            (Record, _) => RenegotiationEvidence::HandshakeRecord,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl Attack {
    /// The bytes against a session in this role.
    pub fn bytes(&self, peer: &mut HostileTls, role: Role) -> Vec<u8> {
        let pieces = self.pieces.iter();
        pieces.flat_map(|piece| piece.bytes(peer, role)).collect()
    }
}

impl Piece {
    pub fn bytes(self, peer: &mut HostileTls, role: Role) -> Vec<u8> {
        let hello = role.hello();
        match self {
            Text(text) => peer.seal(DATA, text),
            Alert(alert) => peer.seal(ALERT, &alert),
            Ccs => peer.seal(CHANGE_CIPHER_SPEC, &[1]),
            Handshake(content) => peer.seal(HANDSHAKE, content),
            Hello => peer.seal(HANDSHAKE, &hello),
            WrongHello => peer.seal(HANDSHAKE, &role.other().hello()),
            ModernHello => peer.seal(HANDSHAKE, &client_hello(true)),
            Hellos(n) => peer.seal(HANDSHAKE, &hello.repeat(n)),
            HelloBytes(n) => peer.seal(HANDSHAKE, &hello[..n]),
            HelloRest(n) => peer.seal(HANDSHAKE, &hello[n..]),
            LongMessage => peer.seal(HANDSHAKE, &message(99, &[0; 16_380])),
            Oversized => peer.seal(HANDSHAKE, &vec![0; 16_385]),
            Damaged => {
                let mut record = peer.seal(HANDSHAKE, &hello);
                *record.last_mut().unwrap() ^= 1;
                record
            }
            Relabelled => {
                let mut record = peer.seal(DATA, &hello);
                record[0] = HANDSHAKE;
                record
            }
            Forged(kind, payload) => forged(kind, payload),
            ForgedHello => forged(HANDSHAKE, &hello),
            Raw(bytes) => bytes.to_vec(),
        }
    }
}
