//! The page `docs/guide/close-reasons.md` has every reason there is, and no other, and says of each
//! what the planner does.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::{AuthenticationReason, CloseReason, InternalReason, Phase};
use crate::random::{Random, RandomError};
use crate::reset::{Disconnect, GiveUp, Outcome, Plan, Planner, PlannerConfig, ResetCause, Side};
use crate::sasl::{
    Downgrade, PinBreach, SaslCondition, SaslError, ScramError, SelectError, TokenUnusable,
};
use crate::stream::{
    DialbackCondition, DialbackVerdict, NegotiationReason, StreamCondition, StreamError,
};
use crate::time::Instant;
use crate::tls::{CertificateReason, RenegotiationEvidence, SetupError, TlsReasonKind};
use crate::xml::{LimitKind, XmlErrorKind};

const PAGE: &str = include_str!("../../docs/guide/close-reasons.md");

/// Lists the variants of an enum. A variant that is left out does not compile.
macro_rules! variants {
    ($enum:ident: $($variant:ident)+) => {{
        let _is_complete = |value: &$enum| match value {
            $($enum::$variant { .. } => {})+
        };
        (stringify!($enum), [$(stringify!($variant)),+].to_vec())
    }};
}

fn enums() -> Vec<(&'static str, Vec<&'static str>)> {
    [
        variants!(CloseReason: Closed Reset StreamError TlsRenegotiation Tls TlsTruncated
            AuthenticationFailed NegotiationFailed NotWellFormed Limit Timeout Transport
            StarttlsRefused StarttlsNotOffered PlaintextAfterStarttls LocalAbort Internal),
        variants!(ResetCause: NewFeatures KeyRefresh SequenceLimit CertificateExpiring
            CertificateExpired CertificateRevoked Other),
        variants!(StreamCondition: BadFormat BadNamespacePrefix Conflict ConnectionTimeout
            HostGone HostUnknown ImproperAddressing InternalServerError InvalidFrom
            InvalidNamespace InvalidXml NotAuthorized NotWellFormed PolicyViolation
            RemoteConnectionFailed Reset ResourceConstraint RestrictedXml SeeOtherHost
            SystemShutdown UndefinedCondition UnsupportedEncoding UnsupportedFeature
            UnsupportedStanzaType UnsupportedVersion),
        variants!(RenegotiationEvidence: HelloRequest ClientHello HandshakeFragment
            HandshakeRecord),
        variants!(TlsReasonKind: AlertReceived BadRecord MalformedRecord NotTls OversizedRecord
            MalformedMessage UnexpectedMessage Certificate ProtocolVersion CipherSuite Alpn
            Incompatible Misbehaved NoRenegotiationInfo RenegotiationInfo HandshakeTooLarge
            Internal),
        variants!(CertificateReason: Missing BadEncoding Expired NotYetValid Revoked
            UnknownIssuer NameMismatch BadSignature UnsupportedAlgorithm WrongPurpose Rejected),
        variants!(AuthenticationReason: Refused Mechanism NoMechanism Token Pin Task Dialback
            ServerNotVerified),
        variants!(SaslCondition: Aborted AccountDisabled CredentialsExpired EncryptionRequired
            IncorrectEncoding InvalidAuthzid InvalidMechanism MalformedRequest MechanismTooWeak
            NotAuthorized TemporaryAuthFailure),
        variants!(SaslError: OutOfSequence Unexpected TooLong Malformed UnknownExtension Nonce
            Iterations NoPassword ServerNotVerified Server OfferChanged NoDowngradeProtection
            Other),
        variants!(ScramError: InvalidEncoding ExtensionsNotSupported InvalidProof
            ChannelBindingsDontMatch ServerDoesSupportChannelBinding ChannelBindingNotSupported
            UnsupportedChannelBindingType UnknownUser InvalidUsernameEncoding NoResources Other),
        variants!(SelectError: NoMechanism NotVerified BindingRequired Downgrade),
        variants!(Downgrade: NoCommonBinding NoCommonMechanism PlusStripped),
        variants!(TokenUnusable: NotVerified NotOffered NotAllowed NoBinding),
        variants!(PinBreach: Profile Mechanism Binding OfferProof),
        variants!(DialbackVerdict: Valid Invalid Error),
        variants!(DialbackCondition: ItemNotFound RemoteConnectionFailed RemoteServerNotFound
            RemoteServerTimeout PolicyViolation NotAuthorized Forbidden NotAcceptable
            ResourceConstraint Other),
        variants!(NegotiationReason: PeerClosed NoSasl NoBind BindRefused SessionRefused),
        variants!(XmlErrorKind: InvalidUtf8 InvalidCharacter TlsRecord UnsupportedEncoding Syntax
            MalformedDeclaration MisplacedDeclaration Standalone TextBeforeHeader
            TextBetweenStanzas AfterFooter MismatchedTag DuplicateAttribute UndeclaredPrefix
            UndeclaredFirstLevelPrefix ReservedNamespace EmptyNamespace LessThanInAttribute
            CdataEnd BareAmpersand InvalidCharacterReference EntityReference Comment
            ProcessingInstruction Doctype Incomplete NotOneElement Limit),
        variants!(LimitKind: FrameBytes HeaderBytes Depth Attributes Elements NameBytes
            Namespaces),
        variants!(Phase: Header StartTls TlsHandshake Features Authentication Dialback Binding
            Decision Negotiation Established Closing Write Acknowledgement),
        variants!(InternalReason: Randomness TlsSetup KeysExhausted Table),
        variants!(SetupError: NoRandomness Alpn NotConfigured Config),
    ]
    .to_vec()
}

/// A table of the page: its title, and its rows as cells.
struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<&'static str>>,
}

fn cells(line: &'static str) -> Vec<&'static str> {
    let line = line.trim_matches('|');
    line.split('|').map(str::trim).collect()
}

fn tables() -> Vec<Table> {
    let sections = PAGE.split("\n## ").skip(1);
    let read = |section: &'static str| {
        let (title, content) = section.split_once('\n').expect("a title");
        let mut lines = content.lines().filter(|line| line.starts_with('|'));
        Table {
            title: title.trim_matches('`'),
            head: cells(lines.next().expect("a head")),
            rows: lines.skip(1).map(cells).collect(),
        }
    };
    sections.map(read).collect()
}

#[test]
fn the_guide_has_every_close_reason_and_no_other() {
    let tables = tables();
    let written = tables.iter().map(|table| table.title).collect::<Vec<_>>();
    let known = enums();
    let titles = known.iter().map(|(title, _)| *title).collect::<Vec<_>>();
    assert_eq!(written, titles);
    for (table, (title, variants)) in tables.iter().zip(known) {
        let names = table.rows.iter().map(|row| row[0].trim_matches('`'));
        assert_eq!(names.collect::<Vec<_>>(), variants, "{title}");
        for row in &table.rows {
            assert_eq!(row.len(), table.head.len(), "{title}: {row:?}");
            assert!(row.iter().all(|cell| !cell.is_empty()), "{title}: {row:?}");
        }
    }
}

/// What is in the column *again* of this row.
fn again(title: &str, row: &str) -> String {
    let tables = tables();
    let table = tables.iter().find(|table| table.title == title);
    let table = table.expect("a table");
    let column = table.head.iter().position(|head| *head == "again");
    let row = table
        .rows
        .iter()
        .find(|cells| cells[0].trim_matches('`') == row);
    row.expect("a row")[column.expect("a column")].to_string()
}

#[derive(Debug)]
struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(0);
        Ok(())
    }
}

/// What a planner does about this end of an established stream, again and again.
fn planned(reason: &CloseReason) -> &'static str {
    let ended = Outcome::Closed(Disconnect::from(reason));
    let mut planner = Planner::new(PlannerConfig::new(), Zeros);
    let mut now = Instant::from_millis(0);
    let _keep = planner.next(now, Outcome::Established);
    for attempt in 0..100 {
        now = now + Duration::from_millis(1);
        match planner.next(now, ended) {
            Plan::GiveUp(_) if attempt == 0 => return "no",
            Plan::GiveUp(GiveUp::Refused) => return "few",
            Plan::GiveUp(_) => return "yes",
            _ => {}
        }
    }
    "yes"
}

#[test]
fn the_guide_says_of_each_condition_whether_the_planner_connects_again() {
    use DialbackCondition as D;
    let title = |condition: &str| {
        let words = condition.split('-');
        let word = |word: &str| word[..1].to_uppercase() + &word[1..];
        words.map(word).collect::<String>()
    };
    for condition in StreamCondition::ALL {
        let error = match condition {
            StreamCondition::SeeOtherHost => {
                StreamError::see_other_host("im.example.net".parse().unwrap())
            }
            condition => StreamError::new(condition),
        };
        let by = Side::Peer;
        let reason = CloseReason::StreamError { by, error };
        let row = title(condition.as_str());
        assert_eq!(again("StreamCondition", &row), planned(&reason), "{row}");
    }
    let failed = |reason| planned(&CloseReason::AuthenticationFailed(reason));
    for condition in SaslCondition::ALL {
        let row = title(condition.as_str());
        let planned = failed(AuthenticationReason::Refused(condition));
        assert_eq!(again("SaslCondition", &row), planned, "{row}");
    }
    for condition in [
        D::ItemNotFound,
        D::RemoteConnectionFailed,
        D::RemoteServerNotFound,
        D::RemoteServerTimeout,
        D::PolicyViolation,
        D::NotAuthorized,
        D::Forbidden,
        D::NotAcceptable,
        D::ResourceConstraint,
        D::Other,
    ] {
        let row = alloc::format!("{condition:?}");
        let verdict = DialbackVerdict::Error(condition);
        let planned = failed(AuthenticationReason::Dialback(verdict));
        assert_eq!(again("DialbackCondition", &row), planned, "{row}");
    }
    for (row, reason) in [
        (
            "Mechanism",
            AuthenticationReason::Mechanism(SaslError::ServerNotVerified),
        ),
        (
            "NoMechanism",
            AuthenticationReason::NoMechanism(SelectError::NoMechanism),
        ),
        (
            "Token",
            AuthenticationReason::Token(TokenUnusable::NotOffered),
        ),
        ("Pin", AuthenticationReason::Pin(PinBreach::Profile)),
        ("Task", AuthenticationReason::Task),
        ("ServerNotVerified", AuthenticationReason::ServerNotVerified),
    ] {
        assert_eq!(again("AuthenticationReason", row), failed(reason), "{row}");
    }
    for (row, reason) in [
        ("TlsTruncated", CloseReason::TlsTruncated),
        (
            "NegotiationFailed",
            CloseReason::NegotiationFailed(NegotiationReason::NoBind),
        ),
        ("Timeout", CloseReason::Timeout(Phase::Header)),
        ("Transport", CloseReason::Transport(Phase::Established)),
        ("StarttlsRefused", CloseReason::StarttlsRefused),
        ("StarttlsNotOffered", CloseReason::StarttlsNotOffered),
        (
            "PlaintextAfterStarttls",
            CloseReason::PlaintextAfterStarttls,
        ),
        ("LocalAbort", CloseReason::LocalAbort),
        (
            "Internal",
            CloseReason::Internal(InternalReason::Randomness),
        ),
    ] {
        assert_eq!(again("CloseReason", row), planned(&reason), "{row}");
    }
}
