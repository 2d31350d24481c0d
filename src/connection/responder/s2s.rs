//! The proof between servers, and of a component, as the receiving side takes it (RFC 6120 4.7,
//! 13.7.2; XEP-0178; XEP-0220 2.2; XEP-0114).

use alloc::string::ToString;

use crate::close::{AuthenticationReason, CloseReason};
use crate::config::{HostConfig, ResponderConfig, ResponderSecurity};
use crate::connection::context::Context;
use crate::dialback::DialbackKey;
use crate::event::{DialbackQuestion, Proven};
use crate::jid::Jid;
use crate::sasl::{CredentialAnswer, CredentialQuery, SaslCondition};
use crate::stream::header::CLOSING_TAG;
use crate::stream::{
    Answer, DialbackCondition, DialbackContent, DialbackElement, DialbackPolicy, DialbackVerdict,
    FirstLevelElement, HeaderClass, Input, ParsedHeader, StreamCondition, handshake,
};
use crate::tls;
use crate::tls::identity::Purpose;

/// What a peer server has proved with its certificate.
#[derive(Debug, Default)]
pub(super) struct PeerProof {
    certified: Option<CertifiedDomain>,
}

/// A domain for which the peer's certificate is good.
#[derive(Debug)]
struct CertifiedDomain {
    domain: Jid,
    _proof: tls::Verified,
}

impl PeerProof {
    /// Whether the certificate is good for the domain in the peer's header.
    pub(super) const fn is_certified(&self) -> bool {
        self.certified.is_some()
    }

    /// Returns the class of the peer's header. `from` may be missing, because liberality is asked for
    /// (RFC 6120 4.7.1) and the certificate or dialback decides who the peer is; but after a
    /// certificate has proved that (`authenticated`), it may not name somebody else.
    pub(super) fn read_header(
        &self,
        parsed: &ParsedHeader<'_>,
        authenticated: bool,
    ) -> HeaderClass {
        let proved = self
            .certified
            .as_ref()
            .filter(|_| authenticated)
            .map(|proof| &proof.domain);
        match (parsed.class, &parsed.from, &parsed.to) {
            (HeaderClass::Valid(_), _, Ok(None)) => {
                HeaderClass::Bad(StreamCondition::ImproperAddressing)
            }
            (HeaderClass::Valid(_), Ok(Some(from)), _)
                if proved.is_some_and(|proved| proved != from) =>
            {
                HeaderClass::Bad(StreamCondition::InvalidFrom)
            }
            (class, _, _) => class,
        }
    }

    /// Verifies after TLS whether the peer's certificate is good for the domain in its header (RFC
    /// 6120 13.7.2). Returns why the stream is refused: if that is the only proof accepted here and
    /// there is none, the stream has no use (RFC 6120 6.4.5).
    pub(super) fn verify(
        &mut self,
        config: &ResponderConfig,
        host: &HostConfig,
        cx: &Context<'_>,
    ) -> Option<StreamCondition> {
        let session = cx.tls?;
        self.certified = certify(config, host, session, cx.peer.from());
        let hopeless = self.certified.is_none() && config.dialback != DialbackPolicy::Allowed;
        hopeless.then_some(StreamCondition::PolicyViolation)
    }

    /// XEP-0178 3: the certificate speaks for the domain in the header, and the peer asks to act as
    /// no other.
    pub(super) fn authorize(&self, query: &CredentialQuery) -> CredentialAnswer {
        let (Some(certified), CredentialQuery::External { authzid }) = (&self.certified, query)
        else {
            return CredentialAnswer::Reject(SaslCondition::NotAuthorized);
        };
        let wanted = match authzid {
            None => Some(certified.domain.clone()),
            Some(authzid) => Jid::parse(authzid).ok(),
        };
        match wanted {
            Some(wanted) if wanted == certified.domain => CredentialAnswer::Accept {
                authcid: certified.domain.to_string(),
            },
            _ => CredentialAnswer::Reject(SaslCondition::InvalidAuthzid),
        }
    }

    /// Records the pair that a stream carries after a login. Dialback records its pair itself.
    pub(super) fn established(&self, cx: &mut Context<'_>) {
        if let (Some(certified), Some(to), Some(s2s)) =
            (&self.certified, cx.peer.to(), cx.s2s.as_deref_mut())
        {
            s2s.add_pair(certified.domain.clone(), to.clone(), Proven::External);
        }
    }
}

fn certify(
    config: &ResponderConfig,
    host: &HostConfig,
    session: &tls::TlsSession,
    from: Option<&Jid>,
) -> Option<CertifiedDomain> {
    let tls = match &config.security {
        ResponderSecurity::DirectTls(tls) => tls,
        ResponderSecurity::StartTls => host.tls.as_ref()?,
        ResponderSecurity::DangerousPlaintext => return None,
    };
    let (domain, now) = (from?, tls.unix_time()?);
    let trust = host.trust.as_ref()?;
    let purpose = Purpose::ServerAsClient;
    let (proof, _) = session
        .verify_peer(trust, domain.domain(), purpose, now)
        .ok()?;
    Some(CertifiedDomain {
        domain: domain.clone(),
        _proof: proof,
    })
}

/// Asks the application whether a pair is genuine (XEP-0220 2.2.1).
pub(super) fn ask_pair(
    element: Option<&FirstLevelElement<'_>>,
    stream_id: &str,
    config: &ResponderConfig,
    cx: &mut Context<'_>,
) -> Option<Input> {
    let (
        Some(DialbackElement {
            from,
            to,
            content: DialbackContent::Request { key },
        }),
        Some(s2s),
    ) = (
        element.and_then(FirstLevelElement::dialback),
        cx.s2s.as_deref_mut(),
    )
    else {
        cx.defect("a dialback request without its element");
        return None;
    };
    let pair = (from.clone(), to.clone());
    if let Some(condition) = refuses_to_ask(to, config, s2s.has_room()) {
        return Some(s2s.settle_pair(pair, DialbackVerdict::Error(condition)));
    }
    s2s.ask(pair, stream_id, DialbackQuestion::Authorize(key.clone()));
    None
}

/// Checks a key that this server has made, or asks the application (XEP-0220 2.2.2).
pub(super) fn check_key(
    element: Option<&FirstLevelElement<'_>>,
    host: Option<&HostConfig>,
    config: &ResponderConfig,
    cx: &mut Context<'_>,
) -> Option<Input> {
    let (
        Some(DialbackElement {
            from,
            to,
            content: DialbackContent::Verify { id, key },
        }),
        Some(s2s),
    ) = (
        element.and_then(FirstLevelElement::dialback),
        cx.s2s.as_deref_mut(),
    )
    else {
        cx.defect("a dialback verification without its element");
        return None;
    };
    let pair = (from.clone(), to.clone());
    let verdict = match is_own_key(host, &pair, id, key) {
        Some(true) => DialbackVerdict::Valid,
        Some(false) => DialbackVerdict::Invalid,
        None => {
            let Some(condition) = refuses_to_ask(to, config, s2s.has_room()) else {
                s2s.ask(pair, id, DialbackQuestion::Verify(key.clone()));
                return None;
            };
            DialbackVerdict::Error(condition)
        }
    };
    Some(s2s.settle_key(pair, id.to_string(), verdict))
}

/// Writes the result for a pair or a key.
pub(super) fn write_settled(cx: &mut Context<'_>) {
    let written = cx
        .s2s
        .as_deref_mut()
        .and_then(|s2s| s2s.write_settled(cx.out));
    if written.is_none() {
        cx.defect("there is no dialback result to write");
    }
}

/// Writes the result for a pair; an invalid key does not end the stream (XEP-0220 2.2.1).
pub(super) fn write_settled_leniently(cx: &mut Context<'_>) {
    let written = cx
        .s2s
        .as_deref_mut()
        .and_then(|s2s| s2s.write_settled_leniently(cx.out));
    if written.is_none() {
        cx.defect("there is no dialback result to write");
    }
}

/// Writes that a pair is refused, and the closing tag, because no other pair is verified (XEP-0220
/// 2.2.1).
pub(super) fn refuse_pair(cx: &mut Context<'_>) {
    match cx
        .s2s
        .as_deref_mut()
        .and_then(|s2s| s2s.write_settled(cx.out))
    {
        Some(verdict) => {
            let reason = AuthenticationReason::Dialback(verdict);
            cx.reason = Some(CloseReason::AuthenticationFailed(reason));
            cx.out.push_control(|out| out.push_str(CLOSING_TAG));
        }
        None => cx.defect("there is no dialback result to write"),
    }
}

/// Answers a dialback element where dialback is not offered (XEP-0220 2.5).
pub(super) fn decline(
    element: Option<&FirstLevelElement<'_>>,
    condition: DialbackCondition,
    cx: &mut Context<'_>,
) {
    let (Some(DialbackElement { from, to, content }), Some(s2s)) = (
        element.and_then(FirstLevelElement::dialback),
        cx.s2s.as_deref_mut(),
    ) else {
        return cx.defect("a dialback element that is not there is declined");
    };
    let (pair, verdict) = (
        (from.clone(), to.clone()),
        DialbackVerdict::Error(condition),
    );
    // The table has decided already; it is not told.
    let _ = match content {
        DialbackContent::Verify { id, .. } => s2s.settle_key(pair, id.to_string(), verdict),
        _ => s2s.settle_pair(pair, verdict),
    };
    s2s.write_settled(cx.out);
}

/// Checks a component's proof (XEP-0114 3).
pub(super) fn check_handshake(
    element: Option<&FirstLevelElement<'_>>,
    stream_id: &str,
    host: Option<&HostConfig>,
    cx: &mut Context<'_>,
) -> Option<Input> {
    let Some(element) = element else {
        cx.defect("a handshake without its element");
        return None;
    };
    let proof = handshake::read(&element.element());
    // A host that the application serves without a secret accepts nobody.
    let secret = host.and_then(|host| host.component.as_ref());
    Some(Input::Answer(
        match secret.is_some_and(|secret| secret.verify(stream_id, &proof)) {
            true => Answer::Accept,
            false => Answer::Refuse,
        },
    ))
}

/// Whether this server has made the key; `None` if only the application can say.
fn is_own_key(
    host: Option<&HostConfig>,
    (from, to): &(Jid, Jid),
    id: &str,
    key: &DialbackKey,
) -> Option<bool> {
    let host = host?;
    let secret = host.dialback.as_ref()?;
    (host.domain() == to.domain()).then(|| secret.key(from, to, id) == *key)
}

/// Why the application is not asked about that domain, if it is not.
fn refuses_to_ask(to: &Jid, config: &ResponderConfig, has_room: bool) -> Option<DialbackCondition> {
    let only = config.host.as_ref();
    if only.is_some_and(|host| host.domain() != to.domain()) {
        return Some(DialbackCondition::ItemNotFound);
    }
    (!has_room).then_some(DialbackCondition::ResourceConstraint)
}
