//! The proof between servers, and of a component, as the initiating side gives and takes it (RFC
//! 6120 4.7, 13.7.2; XEP-0220 2.1; XEP-0114).

use alloc::borrow::ToOwned;
use alloc::sync::Arc;

use crate::config::{InitiatorConfig, InitiatorSecurity, KeySource, Proof, UnverifiedServer};
use crate::connection::context::Context;
use crate::event::{DialbackQuestion, Proven};
use crate::jid::Jid;
use crate::stream::{
    Answer, Features, HeaderClass, Kind, ParsedHeader, SaslResult, StreamCondition, handshake, ns,
};
use crate::tls;
use crate::tls::identity::Purpose;
use crate::xml::Header;

/// What proves the peer server to us, and us to it.
#[derive(Debug)]
pub(super) struct PeerProof {
    config: Arc<InitiatorConfig>,
    /// The peer's certificate is good for its domain. Between servers TLS itself does not say so.
    verified: Option<tls::Verified>,
    dialback: PeerDialback,
}

/// What the peer says of Server Dialback (XEP-0220 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerDialback {
    Unknown,
    /// In the namespaces of its header, or in its features.
    Supported,
}

impl PeerProof {
    pub(super) const fn new(config: Arc<InitiatorConfig>) -> Self {
        Self {
            config,
            verified: None,
            dialback: PeerDialback::Unknown,
        }
    }

    /// Reads the peer's header. Its addresses may be missing, because liberality is asked for (RFC
    /// 6120 4.7.1, 4.7.2) and the certificate or dialback decides who the peer is, but they may not
    /// name somebody else.
    pub(super) fn read_header(
        &mut self,
        parsed: &ParsedHeader<'_>,
        header: &Header<'_>,
    ) -> HeaderClass {
        let declared = header.namespaces().any(|(_, name)| name == ns::DIALBACK);
        self.dialback = match declared {
            true => PeerDialback::Supported,
            false => PeerDialback::Unknown,
        };
        let named = |address: &Result<Option<Jid>, _>, expected: &str| match address {
            Ok(Some(address)) => address.domain() == expected,
            Ok(None) => true,
            Err(_) => false,
        };
        match parsed.class {
            HeaderClass::Valid(_) if !named(&parsed.from, &self.config.peer) => {
                HeaderClass::Bad(StreamCondition::InvalidFrom)
            }
            HeaderClass::Valid(_) if !named(&parsed.to, self.config.account.domain()) => {
                HeaderClass::Bad(StreamCondition::ImproperAddressing)
            }
            class => class,
        }
    }

    /// Verifies once per TLS session whether the peer's certificate is good for its domain (RFC 6120
    /// 13.7.2). If it is not, EXTERNAL is not used.
    pub(super) fn verify_certificate(&mut self, session: Option<&tls::TlsSession>) {
        let (Proof::Server(server), Some(session)) = (&self.config.proof, session) else {
            return;
        };
        let now = match &self.config.security {
            InitiatorSecurity::StartTls(tls) | InitiatorSecurity::DirectTls(tls) => tls.unix_time(),
            InitiatorSecurity::DangerousPlaintext => None,
        };
        let (Some((trust, _)), Some(now)) = (&server.external, now) else {
            return;
        };
        let result = session.verify_peer(trust, &self.config.peer, Purpose::ServerAsServer, now);
        self.verified = result.ok().map(|(verified, _)| verified);
    }

    /// The proof of who the server is: by the TLS config's own verifier, or by
    /// [`verify_certificate`](Self::verify_certificate). Only TLS can make it (design invariant 7).
    pub(super) fn verified(&self, session: Option<&tls::TlsSession>) -> Option<tls::Verified> {
        session
            .and_then(tls::TlsSession::verified)
            .or(self.verified)
    }

    /// Records whether the features offer dialback.
    pub(super) fn read_features(&mut self, features: &Features<'_>) {
        if features.dialback() {
            self.dialback = PeerDialback::Supported;
        }
    }

    /// What is left where no mechanism is. Dialback needs encryption, or the configuration that does
    /// without it.
    pub(super) fn without_mechanism(&self, cx: &Context<'_>) -> SaslResult {
        let Proof::Server(server) = &self.config.proof else {
            return SaslResult::Exhausted;
        };
        let has_keys = matches!(server.keys, KeySource::Secret(_) | KeySource::Application);
        let encrypted = cx.tls.and_then(tls::TlsSession::encrypted).is_some();
        let dangerous = matches!(self.config.security, InitiatorSecurity::DangerousPlaintext);
        let possible = has_keys
            && self.dialback == PeerDialback::Supported
            && cx.peer.id().is_some()
            && (encrypted || dangerous);
        match possible {
            true => SaslResult::Dialback,
            false => SaslResult::Exhausted,
        }
    }

    /// Asks for our domain pair (XEP-0220 2.1.1), with a key of our own or of the application.
    pub(super) fn request_pair(&self, cx: &mut Context<'_>) {
        let (Proof::Server(server), Some(id), Ok(peer), Some(s2s)) = (
            &self.config.proof,
            cx.peer.id().map(ToOwned::to_owned),
            Jid::parse(&self.config.peer),
            cx.s2s.as_deref_mut(),
        ) else {
            return cx.defect("a pair is asked for without a stream id or a peer");
        };
        let own = self.config.account.clone();
        match &server.keys {
            KeySource::Secret(secret) => {
                let key = secret.key(&peer, &own, &id);
                s2s.request_pair(own, peer, &key, cx.out);
            }
            KeySource::Application => s2s.ask((own, peer), &id, DialbackQuestion::MakeKey),
            KeySource::None | KeySource::VerifyOnly => {
                cx.defect("a pair is asked for without a key");
            }
        }
    }

    /// Records the pair that the established stream carries: by the answer to our request, or by the
    /// login.
    pub(super) fn established(&self, cx: &mut Context<'_>) {
        if self.config.kind != Kind::ServerToServer {
            return;
        }
        let Some(s2s) = cx.s2s.as_deref_mut() else {
            return cx.defect("a stream between servers without pairs");
        };
        if s2s.accept_requested() {
            return;
        }
        if let Ok(peer) = Jid::parse(&self.config.peer) {
            s2s.add_pair(self.config.account.clone(), peer, Proven::External);
        }
    }

    /// Returns whether a component may give its proof to this server (design invariant 7).
    pub(super) fn check_server(&self, cx: &Context<'_>) -> Answer {
        match (self.verified(cx.tls), self.config.unverified_server) {
            (Some(_), _) | (None, UnverifiedServer::DangerouslyAccepted) => Answer::Accept,
            (None, UnverifiedServer::Refused) => Answer::Refuse,
        }
    }

    /// Writes a component's proof (XEP-0114 3).
    pub(super) fn send_handshake(&self, cx: &mut Context<'_>) {
        let Proof::Component(secret) = &self.config.proof else {
            return cx.defect("a handshake without a component's secret");
        };
        let proof = secret.handshake(cx.peer.id().unwrap_or_default());
        cx.out
            .push_secret(proof.as_str().len(), |out| handshake::write(out, &proof));
    }
}
