//! TLS for XMPP streams (RFC 6120 5), without I/O and without renegotiation.
//!
//! [`Session`] wraps rustls 0.23, whose unbuffered API is the one that needs no
//! `std`: ciphertext in, text and ciphertext out, one record at a time. No type
//! of a rustls connection appears in the interface; configs and certificates
//! do, they are the user's. [`RecordGuard`] is the record-level part of the rule for users of
//! other TLS libraries.
//!
//! # Renegotiation
//!
//! RFC 6120 5.3.5 leaves support for TLS renegotiation optional. Here it is
//! not supported and never attempted, and RFC 5746 is still signalled in the
//! handshake, so patched peers accept it. An attempt of the peer is
//! [`Step::Renegotiation`]: the TCP connection is to be closed at once, without
//! a stream error, since the violation is not in the XMPP layer. Fresh keys and
//! worn-out sequence numbers are the business of a stream reset (4.9.3.16);
//! [`Session::counters`] tells when one is due. Client certificates are asked
//! for in the one handshake there is; TLS 1.3 encrypts them.
//!
//! TLS 1.3 has no renegotiation. A ClientHello or HelloRequest sent anyway is
//! treated as an attempt; KeyUpdate and NewSessionTicket are not.
//!
//! Three things look alike and are kept apart: a record that is not authentic
//! is [`Step::Failed`] whatever its header claims; a hello packed into the
//! record that ends the handshake is a failed handshake; and after our own
//! close_notify nothing is decrypted any more, so nothing is flagged.
//!
//! # Certificates
//!
//! Towards a client the rustls config's own verifier says who the peer is.
//! Between servers any certificate passes the handshake
//! ([`ClientTls::deferred`], [`ServerTls::deferred`]), and
//! [`Session::verify_peer`] judges it by the rules of XMPP ([`identity`]).
//!
//! # What is not done
//!
//! No early data and no half-RTT data; no post-handshake authentication; no
//! `tls-unique` binding (RFC 5929 3: undefined for TLS 1.3, and broken without
//! the extended master secret). RFC 6120 13.8.2's
//! `TLS_RSA_WITH_AES_128_CBC_SHA` does not exist in rustls, and RFC 9325 4.1
//! advises against its key transport.
//!
//! # Memory
//!
//! Per session: the library's connection (about 1 KB and its heap), the buffer
//! of received records (up to 18437 bytes unread and
//! [`TlsLimits::handshake_bytes`] plus one record undiscarded, allocated up to
//! twice that size, and given back when a burst is over), and the caller's
//! output.

mod channel_binding;
mod config;
mod config_hooks;
mod der;
mod engine;
mod exporter;
pub mod identity;
mod info;
mod key_usage;
mod post_close;
mod proof;
mod reason;
mod receive_buffer;
mod record;
mod record_guard;
mod renegotiation;
mod renegotiation_info;
mod server_end_point;
mod session;

pub use channel_binding::{Binding, ChannelBinding};
pub use config::{ClientTls, Resumption, ServerTls, SetupError, TlsLimits, Verification};
pub use info::{Counters, HandshakeKind, TlsInfo, TlsVersion};
pub use proof::{Encrypted, Verified};
pub use reason::{Alert, CertificateFault, TlsFailure, TlsFailureKind};
pub use record_guard::{RecordGuard, Scan};
pub use renegotiation::{Attempt, AttemptSign};
pub use session::{SealError, Session, Step};
