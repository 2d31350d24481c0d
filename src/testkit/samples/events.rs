//! What a machine reports.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Samples, each, samples, unit_samples};
use crate::action::{Action, Wait};
use crate::close::CloseTcp;
use crate::event::{
    Authenticated, DialbackQuestion, DialbackRequest, Established, EstablishedBuf, Event, EventBuf,
    KeyVerdict, ManagementEnabled, ManagementRefused, PairVerified, Proven, Question, Resumed,
    StreamOpened,
};
use crate::jid::Jid;
use crate::reset::ResetCause;
use crate::sasl::{FastMechanism, SaslProfile, Secret};
use crate::sm::SmState;
use crate::stream::{DialbackVerdict, Features, PeerHeader, StreamError, Version};
use crate::ticket::Ticket;
use crate::time::Instant;
use crate::tls::{HandshakeKind, TlsInfo, TlsVersion};
use crate::xml::StanzaBuf;

const STANZAS: [&str; 6] = [
    "<message xmlns='jabber:client' from='romeo@example.net/orchard' to='juliet@example.com' \
     id='m1' type='chat'><body>Wherefore art thou, Romeo?</body></message>",
    "<message xmlns='jabber:client'/>",
    "<presence xmlns='jabber:client' type='unavailable'/>",
    "<iq xmlns='jabber:client' type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq xmlns='jabber:client' type='error' id='p1'><error type='cancel'><service-unavailable \
     xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    "<presence xmlns='jabber:server' from='romeo@example.net' to='juliet@example.com'/>",
];

const ELEMENTS: [&str; 2] = [
    "<a xmlns='urn:example:app'/>",
    "<x:y xmlns:x='urn:example:app' b='c'>text<z/></x:y>",
];

const FEATURES: [&str; 4] = [
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>",
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><starttls \
     xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>",
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms \
     xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism></mechanisms>\
     </stream:features>",
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind \
     xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
];

const SUCCESS: &str = "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>\
     juliet@example.com</authorization-identifier></success>";

samples!(EventBuf {
    StreamOpened => headers().iter().map(|header| Event::StreamOpened(StreamOpened(header)).to_owned()),
    Decision => [Self::Decision],
    Features => FEATURES.map(|text| Self::Features(text.to_owned())),
    TlsEstablished => TlsInfo::samples().into_iter().map(Self::TlsEstablished),
    Authenticated => logins().map(|(profile, mechanism, identity)| Self::Authenticated {
        profile,
        mechanism: mechanism.to_owned(),
        token: token(mechanism),
        identity: identity.to_owned(),
        success: match profile {
            SaslProfile::Sasl => None,
            SaslProfile::Sasl2 => StanzaBuf::parse(SUCCESS).ok(),
        },
    }),
    Established => established().into_iter().map(Self::Established),
    Stanza => elements(&STANZAS).into_iter().map(Self::Stanza),
    Element => elements(&ELEMENTS).into_iter().map(Self::Element),
    Keepalive => [Self::Keepalive],
    ResetAdvised => each(Self::ResetAdvised),
    StreamError => each(Self::StreamError),
    PairVerified => pairs().into_iter().map(Self::PairVerified),
    Request => requests().into_iter().map(Self::Request),
    KeyVerdict => verdicts().into_iter().map(Self::KeyVerdict),
    ManagementEnabled => sessions().into_iter().map(|session| {
        Event::ManagementEnabled(ManagementEnabled { session: &session }).to_owned()
    }),
    ManagementRefused => sessions()
        .into_iter()
        .map(|session| Some(Box::new(session)))
        .chain([None])
        .map(Self::ManagementRefused),
    Acknowledged => [1, 2, u64::MAX].map(|number| Self::Acknowledged(Ticket::for_testing(number))),
    PeerClosing => [Self::PeerClosing],
});

/// Calls `f` with every kind of event, at least once each, as a machine lends them.
pub fn for_each_event(mut f: impl FnMut(Event<'_>)) {
    for header in headers() {
        f(Event::StreamOpened(StreamOpened(&header)));
    }
    for question in Question::samples() {
        f(Event::Decision(&question));
    }
    for features in elements(&FEATURES) {
        if let Some(features) = Features::read(features.as_stanza().as_element()) {
            f(Event::Features(features));
        }
    }
    for info in TlsInfo::samples() {
        f(Event::TlsEstablished(&info));
    }
    for success in elements(&[SUCCESS]) {
        for (profile, mechanism, identity) in logins() {
            let success = match profile {
                SaslProfile::Sasl => None,
                SaslProfile::Sasl2 => Some(success.as_stanza()),
            };
            f(Event::Authenticated(Authenticated {
                profile,
                mechanism,
                token: token(mechanism),
                identity,
                success,
            }));
        }
    }
    for EstablishedBuf { jid, resumed } in established() {
        f(Event::Established(Established {
            jid: jid.as_ref(),
            resumed,
        }));
    }
    for stanza in elements(&STANZAS) {
        f(Event::Stanza(stanza.as_stanza()));
    }
    for element in elements(&ELEMENTS) {
        f(Event::Element(element.as_stanza()));
    }
    f(Event::Keepalive);
    for cause in ResetCause::samples() {
        f(Event::ResetAdvised(cause));
    }
    for error in StreamError::samples() {
        f(Event::StreamError(&error));
    }
    for pair in pairs() {
        f(Event::PairVerified(&pair));
    }
    for request in requests() {
        f(Event::Request(&request));
    }
    for verdict in verdicts() {
        f(Event::KeyVerdict(&verdict));
    }
    for session in sessions() {
        f(Event::ManagementEnabled(ManagementEnabled {
            session: &session,
        }));
        f(Event::ManagementRefused(ManagementRefused {
            session: Some(&session),
        }));
    }
    f(Event::ManagementRefused(ManagementRefused {
        session: None,
    }));
    for number in [1, 2, u64::MAX] {
        f(Event::Acknowledged(Ticket::for_testing(number)));
    }
    f(Event::PeerClosing);
}

/// Calls `f` with every kind of action: every event, every combination of what a machine waits for,
/// and every end.
pub fn for_each_action(mut f: impl FnMut(Action<'_>)) {
    for_each_event(|event| f(Action::Event(event)));
    for deadline in [
        None,
        Some(Instant::from_millis(0)),
        Some(Instant::from_millis(30_000)),
    ] {
        for (read, write) in [(true, true), (true, false), (false, true), (false, false)] {
            // A machine never waits for nothing.
            if read || write || deadline.is_some() {
                f(Action::Wait(Wait {
                    read,
                    write,
                    deadline,
                }));
            }
        }
    }
    for close in CloseTcp::samples() {
        f(Action::CloseTcp(&close));
    }
}

fn headers() -> [PeerHeader; 3] {
    let jid = |text| Jid::parse(text).ok();
    let of = PeerHeader::for_testing;
    [
        of(
            Some("++TR84Sm6A3hnt3Q065SnAbbk3Y="),
            jid("im.example.com"),
            jid("juliet@im.example.com"),
            Some("en"),
            Version::XMPP_1_0,
        ),
        of(
            None,
            jid("juliet@im.example.com"),
            jid("im.example.com"),
            None,
            Version::XMPP_1_0,
        ),
        of(None, None, None, None, Version::LEGACY),
    ]
}

fn logins() -> [(SaslProfile, &'static str, &'static str); 5] {
    [
        (SaslProfile::Sasl, "SCRAM-SHA-256-PLUS", "juliet"),
        (SaslProfile::Sasl2, "SCRAM-SHA-1", "juliet"),
        (SaslProfile::Sasl2, "HT-SHA-256-EXPR", "juliet"),
        (SaslProfile::Sasl, "EXTERNAL", "im.example.com"),
        (SaslProfile::Sasl, "ANONYMOUS", ""),
    ]
}

fn token(mechanism: &str) -> Option<FastMechanism> {
    FastMechanism::BY_PREFERENCE
        .into_iter()
        .find(|token| token.as_str() == mechanism)
}

fn established() -> Vec<EstablishedBuf> {
    let jids = [Jid::parse("juliet@im.example.com/balcony").ok(), None];
    let with = |jid: Option<Jid>| {
        [None, Some(0), Some(3)].map(|retransmitted| EstablishedBuf {
            jid: jid.clone(),
            resumed: retransmitted.map(|retransmitted| Resumed {
                h: u32::MAX,
                retransmitted,
            }),
        })
    };
    jids.into_iter().flat_map(with).collect()
}

fn elements(texts: &[&str]) -> Vec<StanzaBuf> {
    texts
        .iter()
        .filter_map(|text| StanzaBuf::parse(text).ok())
        .collect()
}

/// Two domains.
fn domains() -> Option<(Jid, Jid)> {
    Jid::parse("example.net")
        .ok()
        .zip(Jid::parse("example.com").ok())
}

fn pairs() -> Vec<PairVerified> {
    let with = |by| domains().map(|(from, to)| PairVerified::for_testing(from, to, by));
    Proven::samples().into_iter().filter_map(with).collect()
}

fn requests() -> Vec<DialbackRequest> {
    let with = |(number, question)| {
        let (from, to) = domains()?;
        let stream = String::from("D60000229F");
        Some(DialbackRequest::for_testing(
            number, from, to, stream, question,
        ))
    };
    (0..)
        .zip(DialbackQuestion::samples())
        .filter_map(with)
        .collect()
}

fn verdicts() -> Vec<KeyVerdict> {
    let with = |verdict| {
        let (from, to) = domains()?;
        Some(KeyVerdict::for_testing(
            from,
            to,
            String::from("D60000229F"),
            verdict,
        ))
    };
    DialbackVerdict::samples()
        .into_iter()
        .filter_map(with)
        .collect()
}

/// One that cannot be resumed, one that can, and one of which everything is known.
fn sessions() -> [SmState; 3] {
    let mut all = [SmState::new(0), SmState::new(2), SmState::new(9)];
    let [_, named, full] = &mut all;
    named.id = Some(Secret::new(b"some-long-sm-id".to_vec()));
    full.id = Some(Secret::new(b"another-sm-id".to_vec()));
    full.jid = Jid::parse("juliet@im.example.com/balcony")
        .ok()
        .map(Box::new);
    full.max = Some(600);
    full.location = Some("[2001:41D0:1:A49b::1]:9222".into());
    all
}

unit_samples!(Proven { External, Dialback });

/// Both versions, with full and resumed handshakes.
impl Samples for TlsInfo {
    const VARIANTS: &'static [&'static str] = TlsVersion::VARIANTS;

    fn samples() -> Vec<Self> {
        let versions = TlsVersion::samples().into_iter();
        versions
            .flat_map(|version| {
                each(move |handshake: HandshakeKind| {
                    Self::for_testing(version, handshake, Vec::new())
                })
            })
            .collect()
    }

    fn variant(&self) -> &'static str {
        self.version().variant()
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    /// No wildcard: an event that is added is an error here.
    fn name(event: &Event<'_>) -> &'static str {
        match event {
            Event::StreamOpened(_) => "StreamOpened",
            Event::Decision(_) => "Decision",
            Event::Features(_) => "Features",
            Event::TlsEstablished(_) => "TlsEstablished",
            Event::Authenticated(_) => "Authenticated",
            Event::Established(_) => "Established",
            Event::Stanza(_) => "Stanza",
            Event::Element(_) => "Element",
            Event::Keepalive => "Keepalive",
            Event::ResetAdvised(_) => "ResetAdvised",
            Event::StreamError(_) => "StreamError",
            Event::PairVerified(_) => "PairVerified",
            Event::Request(_) => "Request",
            Event::KeyVerdict(_) => "KeyVerdict",
            Event::ManagementEnabled(_) => "ManagementEnabled",
            Event::ManagementRefused(_) => "ManagementRefused",
            Event::Acknowledged(_) => "Acknowledged",
            Event::PeerClosing => "PeerClosing",
        }
    }

    #[test]
    fn every_event_is_lent_and_its_owned_twin_has_the_same_name() {
        let mut met = BTreeSet::new();
        for_each_event(|event| {
            assert_eq!(event.to_owned().variant(), name(&event));
            met.insert(name(&event));
        });
        let declared: BTreeSet<_> = EventBuf::VARIANTS.iter().copied().collect();
        assert_eq!(met, declared);
    }

    #[test]
    fn what_is_lent_is_what_the_texts_say() {
        let mut features = 0;
        let mut stanzas = 0;
        for_each_event(|event| match event {
            Event::Features(_) => features += 1,
            Event::Stanza(_) => stanzas += 1,
            _ => {}
        });
        assert_eq!((features, stanzas), (FEATURES.len(), STANZAS.len()));
    }

    #[test]
    fn every_question_and_every_close_comes_in_an_action() {
        let mut questions = BTreeSet::new();
        let mut closes = BTreeSet::new();
        let mut waits = 0;
        for_each_action(|action| match action {
            Action::Event(Event::Decision(question)) => {
                questions.insert(question.variant());
            }
            Action::Event(_) => {}
            Action::Wait(wait) => {
                assert!(wait.read || wait.write || wait.deadline.is_some());
                waits += 1;
            }
            Action::CloseTcp(close) => {
                closes.insert(close.variant());
            }
        });
        assert_eq!(questions.len(), Question::VARIANTS.len());
        assert_eq!(closes.len(), CloseTcp::VARIANTS.len());
        assert_eq!(waits, 11);
    }
}
