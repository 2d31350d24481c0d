//! Why a connection ends, down to the last cause.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Samples, each, samples, unit_samples};
use crate::close::{AuthenticationReason, CloseReason, CloseTcp, InternalReason, Manner, Phase};
use crate::reset::{ResetCause, Side};
use crate::sasl::{
    ChannelBindingKind, Downgrade, Hash, MechanismName, PinBreach, SaslCondition, SaslError,
    ScramError, SelectError, TokenUnusable,
};
use crate::stream::{
    DialbackCondition, DialbackVerdict, NegotiationReason, OtherHost, StreamCondition, StreamError,
};
use crate::tls::{
    Alert, CertificateReason, HandshakeKind, RenegotiationAttempt, RenegotiationEvidence,
    SetupError, TlsReason, TlsReasonKind, TlsVersion,
};
use crate::xml::{LimitKind, XmlError, XmlErrorKind};

samples!(CloseReason {
    Closed => each(|by| Self::Closed { by }),
    Reset => {
        let ours = each(|cause| Self::Reset { by: Side::Us, cause: Some(cause) });
        ours.into_iter().chain([Self::Reset { by: Side::Peer, cause: None }])
    },
    StreamError => {
        let errors = StreamError::samples();
        let errors = errors.into_iter().filter(|e| e.condition() != StreamCondition::Reset);
        errors.flat_map(|error| {
            [Side::Us, Side::Peer].map(|by| Self::StreamError { by, error: error.clone() })
        })
    },
    TlsRenegotiation => each(Self::TlsRenegotiation),
    Tls => each(Self::Tls),
    TlsTruncated => [Self::TlsTruncated],
    AuthenticationFailed => each(Self::AuthenticationFailed),
    NegotiationFailed => each(Self::NegotiationFailed),
    NotWellFormed => on_a_stream().filter(|error| !is_limit(error)).map(Self::NotWellFormed),
    Limit => on_a_stream().filter(is_limit).map(Self::Limit),
    Timeout => each(Self::Timeout),
    Transport => each(Self::Transport),
    StarttlsRefused => [Self::StarttlsRefused],
    StarttlsNotOffered => [Self::StarttlsNotOffered],
    PlaintextAfterStarttls => [Self::PlaintextAfterStarttls],
    LocalAbort => [Self::LocalAbort],
    Internal => each(Self::Internal),
});

fn on_a_stream() -> impl Iterator<Item = XmlError> {
    let never = [XmlErrorKind::Incomplete, XmlErrorKind::NotOneElement];
    let errors = XmlError::samples().into_iter();
    errors.filter(move |error| !never.contains(&error.kind))
}

fn is_limit(error: &XmlError) -> bool {
    matches!(error.kind, XmlErrorKind::Limit(_))
}

/// Every reason with [`Manner::Graceful`] if it can end so, and with [`Manner::Abort`]: whatever the
/// reason is, an RST that comes before the end leaves nothing to be graceful about.
impl Samples for CloseTcp {
    const VARIANTS: &'static [&'static str] = CloseReason::VARIANTS;

    fn samples() -> Vec<Self> {
        let manners = |reason: &CloseReason| match reason {
            CloseReason::TlsRenegotiation(_) | CloseReason::LocalAbort => &[Manner::Abort][..],
            _ => &[Manner::Graceful, Manner::Abort][..],
        };
        let with_manners = |reason: CloseReason| {
            let manners = manners(&reason).iter();
            manners.map(move |manner| Self::for_testing(reason.clone(), *manner))
        };
        let reasons = CloseReason::samples().into_iter();
        reasons.flat_map(with_manners).collect()
    }

    fn variant(&self) -> &'static str {
        self.reason().variant()
    }
}

unit_samples!(Manner { Abort, Graceful });

unit_samples!(Phase {
    Header,
    StartTls,
    TlsHandshake,
    Features,
    Authentication,
    Dialback,
    Binding,
    Decision,
    Negotiation,
    Established,
    Closing,
    Write,
    Acknowledgement,
});

unit_samples!(Side { Us, Peer });

unit_samples!(ResetCause {
    NewFeatures,
    KeyRefresh,
    SequenceLimit,
    CertificateExpiring,
    CertificateExpired,
    CertificateRevoked,
    Other,
});

unit_samples!(StreamCondition {
    BadFormat,
    BadNamespacePrefix,
    Conflict,
    ConnectionTimeout,
    HostGone,
    HostUnknown,
    ImproperAddressing,
    InternalServerError,
    InvalidFrom,
    InvalidNamespace,
    InvalidXml,
    NotAuthorized,
    NotWellFormed,
    PolicyViolation,
    RemoteConnectionFailed,
    Reset,
    ResourceConstraint,
    RestrictedXml,
    SeeOtherHost,
    SystemShutdown,
    UndefinedCondition,
    UnsupportedEncoding,
    UnsupportedFeature,
    UnsupportedStanzaType,
    UnsupportedVersion,
});

/// Every condition alone; `<see-other-host/>` with a name and with an IPv6 address; and one with text
/// and an application's condition.
impl Samples for StreamError {
    const VARIANTS: &'static [&'static str] = StreamCondition::VARIANTS;

    fn samples() -> Vec<Self> {
        let is_bare = |condition: &StreamCondition| *condition != StreamCondition::SeeOtherHost;
        let conditions = StreamCondition::samples().into_iter();
        let mut all: Vec<_> = conditions.filter(is_bare).map(Self::new).collect();
        let hosts = ["im2.example.com:9222", "[2001:db8::9]:5222"];
        let hosts = hosts
            .iter()
            .filter_map(|host| host.parse::<OtherHost>().ok());
        all.extend(hosts.map(Self::see_other_host));
        let explained = Self::new(StreamCondition::PolicyViolation)
            .with_text("too many stanzas & more")
            .with_application("<too-many xmlns='urn:example:app'/>");
        all.extend(explained.ok());
        all
    }

    fn variant(&self) -> &'static str {
        self.condition().variant()
    }
}

samples!(AuthenticationReason {
    Refused => each(Self::Refused),
    Mechanism => each(Self::Mechanism),
    NoMechanism => each(Self::NoMechanism),
    Token => each(Self::Token),
    Pin => each(Self::Pin),
    Task => [Self::Task],
    Dialback => each(Self::Dialback),
    ServerNotVerified => [Self::ServerNotVerified],
});

samples!(InternalReason {
    Randomness => [Self::Randomness],
    TlsSetup => each(Self::TlsSetup),
    KeysExhausted => [Self::KeysExhausted],
    Table => [Self::Table],
});

unit_samples!(NegotiationReason {
    PeerClosed,
    NoSasl,
    NoBind,
    BindRefused,
    SessionRefused,
});

samples!(DialbackVerdict {
    Valid => [Self::Valid],
    Invalid => [Self::Invalid],
    Error => each(Self::Error),
});

unit_samples!(DialbackCondition {
    ItemNotFound,
    RemoteConnectionFailed,
    RemoteServerNotFound,
    RemoteServerTimeout,
    PolicyViolation,
    NotAuthorized,
    Forbidden,
    NotAcceptable,
    ResourceConstraint,
    Other,
});

unit_samples!(SaslCondition {
    Aborted,
    AccountDisabled,
    CredentialsExpired,
    EncryptionRequired,
    IncorrectEncoding,
    InvalidAuthzid,
    InvalidMechanism,
    MalformedRequest,
    MechanismTooWeak,
    NotAuthorized,
    TemporaryAuthFailure,
});

samples!(SaslError {
    OutOfSequence => [Self::OutOfSequence],
    Unexpected => [Self::Unexpected],
    TooLong => [Self::TooLong],
    Malformed => [Self::Malformed],
    UnknownExtension => [Self::UnknownExtension],
    Nonce => [Self::Nonce],
    Iterations => [1, u32::MAX].map(|count| Self::Iterations { count }),
    NoPassword => [Self::NoPassword],
    ServerNotVerified => [Self::ServerNotVerified],
    Server => each(Self::Server),
    OfferChanged => [Self::OfferChanged],
    NoDowngradeProtection => [Self::NoDowngradeProtection],
    Other => [Self::Other("a reason of a mechanism outside the crate")],
});

unit_samples!(ScramError {
    InvalidEncoding,
    ExtensionsNotSupported,
    InvalidProof,
    ChannelBindingsDontMatch,
    ServerDoesSupportChannelBinding,
    ChannelBindingNotSupported,
    UnsupportedChannelBindingType,
    UnknownUser,
    InvalidUsernameEncoding,
    NoResources,
    Other,
});

samples!(SelectError {
    NoMechanism => [Self::NoMechanism],
    NotVerified => [Self::NotVerified],
    BindingRequired => [Self::BindingRequired],
    Downgrade => each(Self::Downgrade),
});

unit_samples!(Downgrade {
    NoCommonBinding,
    NoCommonMechanism,
    PlusStripped,
});

unit_samples!(TokenUnusable {
    NotVerified,
    NotOffered,
    NotAllowed,
    NoBinding,
    NoClientId,
});

samples!(PinBreach {
    Profile => [Self::Profile],
    Mechanism => [Self::Mechanism {
        pinned: MechanismName::ScramPlus(Hash::Sha256),
        found: MechanismName::Plain,
    }],
    Binding => [None, Some(ChannelBindingKind::TlsServerEndPoint)].map(|found| Self::Binding {
        pinned: ChannelBindingKind::TlsExporter,
        found,
    }),
    OfferProof => [Self::OfferProof],
});

unit_samples!(TlsVersion { Tls12, Tls13 });

unit_samples!(HandshakeKind { Full, Resumed });

unit_samples!(RenegotiationEvidence {
    HelloRequest,
    ClientHello,
    HandshakeFragment,
    HandshakeRecord,
});

/// Every sign in each version that has it: TLS 1.3 encrypts the type of a record, so that only whole
/// messages are seen there.
impl Samples for RenegotiationAttempt {
    const VARIANTS: &'static [&'static str] = RenegotiationEvidence::VARIANTS;

    fn samples() -> Vec<Self> {
        let in_version = |version| move |sign| Self { version, sign };
        let mut all = each(in_version(TlsVersion::Tls12));
        let whole = [
            RenegotiationEvidence::HelloRequest,
            RenegotiationEvidence::ClientHello,
        ];
        all.extend(whole.map(in_version(TlsVersion::Tls13)));
        all
    }

    fn variant(&self) -> &'static str {
        self.sign.variant()
    }
}

/// Every kind, with and without an alert to the peer.
impl Samples for TlsReason {
    const VARIANTS: &'static [&'static str] = TlsReasonKind::VARIANTS;

    fn samples() -> Vec<Self> {
        let kinds = TlsReasonKind::samples().into_iter();
        kinds
            .flat_map(|kind| [true, false].map(|alert| Self::for_testing(kind.clone(), alert)))
            .collect()
    }

    fn variant(&self) -> &'static str {
        self.kind().variant()
    }
}

samples!(TlsReasonKind {
    AlertReceived => [0, 40, 42, 45, 48, 112, 255].map(|code| Self::AlertReceived(Alert(code))),
    BadRecord => [Self::BadRecord],
    MalformedRecord => [Self::MalformedRecord { detail: detail("InvalidContentType") }],
    NotTls => [Self::NotTls],
    OversizedRecord => [Self::OversizedRecord],
    MalformedMessage => [Self::MalformedMessage { detail: detail("MissingData") }],
    UnexpectedMessage => [Self::UnexpectedMessage { detail: detail("Certificate") }],
    Certificate => each(Self::Certificate),
    ProtocolVersion => [Self::ProtocolVersion],
    CipherSuite => [Self::CipherSuite],
    Alpn => [Self::Alpn],
    Incompatible => [Self::Incompatible { detail: detail("NoKxGroupsInCommon") }],
    Misbehaved => [Self::Misbehaved { detail: detail("TooManyKeyUpdateRequests") }],
    NoRenegotiationInfo => [Self::NoRenegotiationInfo],
    RenegotiationInfo => [Self::RenegotiationInfo],
    HandshakeTooLarge => [Self::HandshakeTooLarge],
    Internal => [Self::Internal { detail: detail("FailedToGetRandomBytes") }],
});

fn detail(text: &str) -> String {
    text.to_owned()
}

unit_samples!(CertificateReason {
    Missing,
    BadEncoding,
    Expired,
    NotYetValid,
    Revoked,
    UnknownIssuer,
    NameMismatch,
    BadSignature,
    UnsupportedAlgorithm,
    WrongPurpose,
    Rejected,
});

samples!(SetupError {
    NoRandomness => [Self::NoRandomness],
    Alpn => [Self::Alpn],
    NotConfigured => [Self::NotConfigured],
    Config => [Self::Config { detail: detail("BadMaxFragmentSize") }],
});

samples!(XmlErrorKind {
    InvalidUtf8 => [Self::InvalidUtf8],
    InvalidCharacter => [Self::InvalidCharacter],
    TlsRecord => [Self::TlsRecord],
    UnsupportedEncoding => [Self::UnsupportedEncoding],
    Syntax => [Self::Syntax],
    MalformedDeclaration => [Self::MalformedDeclaration],
    MisplacedDeclaration => [Self::MisplacedDeclaration],
    Standalone => [Self::Standalone],
    TextBeforeHeader => [Self::TextBeforeHeader],
    TextBetweenStanzas => [Self::TextBetweenStanzas],
    AfterFooter => [Self::AfterFooter],
    MismatchedTag => [Self::MismatchedTag],
    DuplicateAttribute => [Self::DuplicateAttribute],
    UndeclaredPrefix => [Self::UndeclaredPrefix],
    UndeclaredFirstLevelPrefix => [Self::UndeclaredFirstLevelPrefix],
    ReservedNamespace => [Self::ReservedNamespace],
    EmptyNamespace => [Self::EmptyNamespace],
    LessThanInAttribute => [Self::LessThanInAttribute],
    CdataEnd => [Self::CdataEnd],
    BareAmpersand => [Self::BareAmpersand],
    InvalidCharacterReference => [Self::InvalidCharacterReference],
    EntityReference => [Self::EntityReference],
    Comment => [Self::Comment],
    ProcessingInstruction => [Self::ProcessingInstruction],
    Doctype => [Self::Doctype],
    Incomplete => [Self::Incomplete],
    NotOneElement => [Self::NotOneElement],
    Limit => each(Self::Limit),
});

unit_samples!(LimitKind {
    FrameBytes,
    HeaderBytes,
    Depth,
    Attributes,
    Elements,
    NameBytes,
    Namespaces,
});

/// Every kind, at some place of the stream.
impl Samples for XmlError {
    const VARIANTS: &'static [&'static str] = XmlErrorKind::VARIANTS;

    fn samples() -> Vec<Self> {
        let places = [0, 17, 4_096, u64::from(u32::MAX) + 1].into_iter().cycle();
        let kinds = XmlErrorKind::samples().into_iter();
        kinds
            .zip(places)
            .map(|(kind, position)| Self { kind, position })
            .collect()
    }

    fn variant(&self) -> &'static str {
        self.kind.variant()
    }
}
