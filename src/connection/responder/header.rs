//! Our stream header and features (RFC 6120 4.7, 4.3.2).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::config::{HostConfig, ResponderConfig, ResponderSecurity};
use crate::connection::role::NoRandomness;
use crate::hex::hex;
use crate::jid::Jid;
use crate::sasl::{Advertisement, FastMechanism, MechanismName};
use crate::stream::features::AuthenticationOut;
use crate::stream::sasl2::upgrade_name;
use crate::stream::{
    DialbackPolicy, FeatureOffer, FeatureXml, FeaturesOut, HeaderOut, Kind, ParsedHeader,
    PeerHeader, Sasl2Policy, StreamLevel, Version, features, lang, ns,
};

/// What our header says.
#[derive(Debug)]
pub(super) struct ResponseHeader {
    config: Arc<ResponderConfig>,
    /// What answers the peer's header; `None` until this stream has one. Nothing of it survives a
    /// restart (RFC 6120 4.3.3, 5.4.3.3).
    answer: Option<Answer>,
    /// The id of our stream (RFC 6120 4.7.3), on which dialback keys and a component's handshake
    /// depend.
    stream_id: String,
}

/// What our header answers to the peer's, beside the address and the language that stand there.
#[derive(Debug)]
struct Answer {
    version: Option<Version>,
}

impl ResponseHeader {
    pub(super) const fn new(config: Arc<ResponderConfig>) -> Self {
        Self {
            config,
            answer: None,
            stream_id: String::new(),
        }
    }

    /// Records what the peer's header asks for.
    pub(super) fn record(&mut self, peer: &ParsedHeader<'_>) {
        let version = peer.answer_version();
        self.answer = Some(Answer { version });
    }

    /// Forgets the peer's header at a restart.
    pub(super) fn forget_peer(&mut self) {
        self.answer = None;
    }

    pub(super) fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// Appends our header, with a new stream id. To a peer whose header has been read it says the
    /// bare address that the peer gave for itself (RFC 6120 4.7.2), and the language that it asked
    /// for (RFC 6120 4.7.4).
    pub(super) fn write(
        &mut self,
        host: Option<&HostConfig>,
        peer: &PeerHeader,
        out: &mut String,
    ) -> Result<(), NoRandomness> {
        self.stream_id = random_hex(&self.config)?;
        // RFC 6120 4.9.1.3: without a host `from` is empty.
        let from = host.or(self.config.host.as_deref()).map(HostConfig::domain);
        let (to, version, asked) = match &self.answer {
            Some(answer) => (peer.from().map(Jid::bare_str), answer.version, peer.lang()),
            None => (None, Some(Version::XMPP_1_0), None),
        };
        let lang = lang::choose_language(asked, &[&self.config.lang]);
        HeaderOut {
            to,
            version,
            ..HeaderOut::response(
                self.config.kind,
                from.unwrap_or_default(),
                &self.stream_id,
                lang,
            )
        }
        .write(out);
        Ok(())
    }
}

/// 128 random bits in hex: a stream's id (RFC 6120 4.7.3), a resource (RFC 6120 7.6).
pub(super) fn random_hex(config: &ResponderConfig) -> Result<String, NoRandomness> {
    let mut random = [0; 16];
    config.random.fill(&mut random).map_err(|_| NoRandomness)?;
    Ok(hex(&random))
}

/// Appends what is offered on this level (RFC 6120 4.3.2, 5.3.1, 6.4.1, 7.4).
pub(super) fn write_features(
    config: &ResponderConfig,
    host: Option<&HostConfig>,
    level: StreamLevel,
    advertised: &Advertisement,
    out: &mut String,
) {
    let starttls =
        level == StreamLevel::Plain && matches!(config.security, ResponderSecurity::StartTls);
    let mut names = [""; MechanismName::BY_PREFERENCE.len()];
    let offered = names.iter_mut().zip(advertised.mechanisms().iter());
    let offered = offered.map(|(name, mechanism)| *name = mechanism.as_str());
    let count = offered.count();
    let names = names.get(..count).unwrap_or_default();
    let kinds: Vec<_> = advertised.bindings().collect();
    let offered_upgrades = host.and_then(|host| host.upgrades.as_ref());
    let upgrades: Vec<_> = offered_upgrades
        .into_iter()
        .flat_map(|upgrades| &upgrades.hashes)
        .filter_map(|hash| upgrade_name(*hash))
        .collect();
    let fast: Vec<_> = advertised
        .fast_mechanisms()
        .iter()
        .map(FastMechanism::as_str)
        .collect();
    // XEP-0220 2.4
    let dialback = config.dialback == DialbackPolicy::Allowed;
    let extra = |features: fn(&HostConfig) -> &Vec<FeatureXml>| {
        host.map(|host| features(host).as_slice())
            .unwrap_or_default()
    };
    let inline = host
        .filter(|host| host.sasl2 == Sasl2Policy::On && level == StreamLevel::Secured)
        .filter(|_| !names.is_empty())
        .map(|host| inline_features(config, host));
    let offered = match level {
        // RFC 6120 5.3.1: where TLS is mandatory, nothing else is offered.
        StreamLevel::Plain if starttls => FeaturesOut {
            starttls: FeatureOffer::Required,
            ..FeaturesOut::default()
        },
        StreamLevel::Plain | StreamLevel::Secured => FeaturesOut {
            authentication: inline.as_deref().map(|bind| AuthenticationOut {
                mechanisms: names,
                management: can_resume(config),
                bind: Some(bind),
                fast: &fast,
                upgrades: &upgrades,
            }),
            mechanisms: names,
            channel_bindings: &kinds,
            dialback,
            extra: extra(|host| &host.login_features),
            ..FeaturesOut::default()
        },
        StreamLevel::Authenticated => FeaturesOut {
            dialback,
            bind: config.kind == Kind::ClientToServer,
            session: config.kind == Kind::ClientToServer,
            management: config.management.is_some(),
            extra: extra(|host| &host.features),
            ..FeaturesOut::default()
        },
    };
    features::write_features(out, &offered);
}

/// Appends what is offered to a client that has bound its resource with its login (XEP-0388 2.6.1):
/// no further resource, and stream management unless that is on already.
pub(super) fn write_features_after_bind(
    config: &ResponderConfig,
    host: Option<&HostConfig>,
    is_managed: bool,
    out: &mut String,
) {
    let offered = FeaturesOut {
        management: config.management.is_some() && !is_managed,
        extra: host
            .map(|host| host.features.as_slice())
            .unwrap_or_default(),
        ..FeaturesOut::default()
    };
    features::write_features(out, &offered);
}

/// The names of what can be enabled together with a resource (XEP-0386 3.1).
fn inline_features<'a>(config: &ResponderConfig, host: &'a HostConfig) -> Vec<&'a str> {
    let management = config.management.as_ref().map(|_| ns::MANAGEMENT);
    let further = host.inline_features.iter().map(String::as_str);
    management.into_iter().chain(further).collect()
}

fn can_resume(config: &ResponderConfig) -> bool {
    let management = config.management.as_deref();
    management.is_some_and(|policy| policy.resumption.is_some())
}
