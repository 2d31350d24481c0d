//! TLS for XMPP streams (RFC 6120 5), without I/O and without renegotiation.
//!
//! [`TlsSession`] wraps rustls 0.23 with its unbuffered API, the one that needs no `std`: ciphertext
//! in, text and ciphertext out, one record at a time. No type of a rustls connection appears in the
//! interface. Configs and certificates do, because they are the user's. [`RecordGuard`] is the
//! record-level part of the renegotiation rule for users of other TLS libraries.
//!
//! # Renegotiation
//!
//! Support for TLS renegotiation is optional (RFC 6120 5.3.5). This crate does not support it and
//! never attempts it. It still signals RFC 5746 in the handshake, so that patched peers accept it.
//! An attempt of the peer is [`TlsStep::Renegotiation`]: the TCP connection is to be closed at once,
//! without a stream error, because the violation is not in the XMPP layer. A stream reset gives
//! fresh keys and sequence numbers instead (RFC 6120 4.9.3.16); [`TlsSession::counters`] tells when
//! one is due. Client certificates are asked for in the only handshake there is, and TLS 1.3
//! encrypts them.
//!
//! TLS 1.3 has no renegotiation. A ClientHello or HelloRequest sent anyway is treated as an
//! attempt; KeyUpdate and NewSessionTicket are not.
//!
//! * During the handshake nothing is an attempt. A hello in the record that ends the handshake
//!   makes a failed handshake.
//! * After the handshake an authentic TLS 1.2 handshake record is an attempt, and so is a whole TLS
//!   1.3 ClientHello or HelloRequest.
//! * After our close_notify the same is an attempt, because records are still decrypted (see
//!   [`TlsSession::close`]), and in TLS 1.3 the first byte of a hello is enough.
//! * After the peer's close_notify bytes are ignored (RFC 8446 6.1).
//!
//! A record that is not authentic is [`TlsStep::Failed`] at every moment, whatever its header claims.
//!
//! # Certificates
//!
//! Towards a client, the verifier of the rustls config says who the peer is. Between servers any
//! certificate passes the handshake ([`ClientTls::deferred`], [`ServerTls::deferred`]), and
//! [`TlsSession::verify_peer`] checks it by the rules of XMPP ([`identity`]).
//!
//! # What is not done
//!
//! There is no early data and no half-RTT data, no post-handshake authentication, and no
//! `tls-unique` binding (RFC 5929 3: undefined for TLS 1.3, and broken without the extended master
//! secret). `TLS_RSA_WITH_AES_128_CBC_SHA` (RFC 6120 13.8.2) does not exist in rustls, and RFC 9325
//! 4.1 advises against its key transport.
//!
//! # Memory
//!
//! A session holds the library's connection (about 1 KB and its heap), the buffer of received
//! records and the facts of the handshake. The buffer has up to 18437 bytes unread, and
//! [`TlsLimits::handshake_bytes`] plus one record undiscarded, allocated up to twice that size.
//! Between records at most 36874 bytes of it are kept; [`TlsSession::shrink`] gives them back. What
//! only the handshake needs is dropped when it is complete.

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
#[cfg(feature = "testkit")]
mod record_keys;
mod renegotiation;
mod renegotiation_info;
mod resumable;
mod server_end_point;
mod session;
mod step;

pub use channel_binding::{Binding, ChannelBinding};
pub use config::{ClientTls, Resumption, ServerTls, SetupError, TlsLimits, Verification};
pub use info::{Counters, HandshakeKind, TlsInfo, TlsVersion};
pub use proof::{Encrypted, Verified};
pub use reason::{Alert, CertificateReason, TlsReason, TlsReasonKind};
pub use record::ContentType;
pub(crate) use record::record_types;
pub use record_guard::{RecordGuard, Scan};
#[cfg(feature = "testkit")]
#[cfg_attr(docsrs, doc(cfg(feature = "testkit")))]
pub use record_keys::RecordKeys;
pub use renegotiation::{RenegotiationAttempt, RenegotiationEvidence};
pub use resumable::ResumableSessions;
pub use session::TlsSession;
pub use step::{SealError, TlsStep};
