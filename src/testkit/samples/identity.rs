//! Why a certificate does not prove an identity.

use alloc::borrow::ToOwned;
use alloc::vec;
use core::time::Duration;

use rustls::pki_types::UnixTime;

use super::samples;
use crate::tls::identity::IdentityError;

samples!(IdentityError {
    Reference => [Self::Reference],
    NoCertificate => [Self::NoCertificate],
    ChainTooLong => [Self::ChainTooLong],
    Malformed => [Self::Malformed],
    CriticalExtension => [Self::CriticalExtension],
    Expired => [Self::Expired { not_after: long_ago() }],
    NotYetValid => [Self::NotYetValid { not_before: long_ago() }],
    UnknownIssuer => [Self::UnknownIssuer],
    SelfSigned => [Self::SelfSigned],
    BadSignature => [Self::BadSignature],
    UnsupportedAlgorithm => [Self::UnsupportedAlgorithm],
    WrongPurpose => [Self::WrongPurpose { purposes: vec!["1.3.6.1.5.5.7.3.2".to_owned()] }],
    AuthorityAsPeer => [Self::AuthorityAsPeer],
    NotAnAuthority => [Self::NotAnAuthority],
    NameConstraint => [Self::NameConstraint],
    Revoked => [Self::Revoked],
    RevocationList => [Self::RevocationList],
    TooComplex => [Self::TooComplex],
    BadWildcard => [Self::BadWildcard { name: "DNS:w*.example.com".to_owned() }],
    NameMismatch => [Self::NameMismatch { presented: vec!["DNS:example.net".to_owned()] }],
    Rejected => [Self::Rejected { detail: "Other".to_owned() }],
});

fn long_ago() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(946_684_800))
}
