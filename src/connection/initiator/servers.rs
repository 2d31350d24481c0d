//! The initiating server and the component: what proves them, and whom they
//! talk to (RFC 6120 4.7, 13.7.2; XEP-0220 2.1; XEP-0114).

use super::{Declared, InitiatorSide};
use crate::close::{CloseReason, InternalError, Manner};
use crate::config::{InitiatorSecurity, KeySource, Proof};
use crate::connection::link::Link;
use crate::event::{DialbackQuestion, Proven};
use crate::jid::Jid;
use crate::stream::{
    Features, HeaderClass as OpeningClass, Kind, ParsedHeader as Opened, Sasl,
    StreamCondition as Condition, handshake, ns,
};
use crate::tls;
use crate::tls::identity::Purpose;
use crate::xml::{Frame, Header};

impl InitiatorSide {
    /// 4.7.1, 4.7.2: between servers the answer comes from whom we wanted, and
    /// goes to whom we are. Under TLS it has to say so.
    pub(super) fn opened_by_server(
        &mut self,
        opened: &Opened<'_>,
        header: &Header<'_>,
        protected: bool,
    ) -> OpeningClass {
        if self.config.kind != Kind::ServerToServer {
            return opened.class;
        }
        let declared = header.namespaces().any(|(_, name)| name == ns::DIALBACK);
        self.declared = match declared {
            true => Declared::Dialback,
            false => Declared::Nothing,
        };
        let named = |address: &Result<Option<Jid>, _>, expected: &str| match address {
            Ok(Some(address)) => address.domain() == expected,
            Ok(None) => !protected,
            Err(_) => false,
        };
        match opened.class {
            OpeningClass::Valid(_) if !named(&opened.from, &self.config.peer) => {
                OpeningClass::Bad(Condition::InvalidFrom)
            }
            OpeningClass::Valid(_) if !named(&opened.to, self.config.account.domain()) => {
                OpeningClass::Bad(Condition::ImproperAddressing)
            }
            class => class,
        }
    }

    /// Once per TLS session: is the peer's certificate good for its domain
    /// (13.7.2)? If not, EXTERNAL is out of the question.
    pub(super) fn judge_peer(&mut self, link: &Link) {
        let (Proof::Server(server), Some(session)) = (&self.config.proof, link.tls()) else {
            return;
        };
        let now = match &self.config.security {
            InitiatorSecurity::StartTls(tls) | InitiatorSecurity::DirectTls(tls) => tls.unix_time(),
            InitiatorSecurity::DangerousPlaintext => None,
        };
        let (Some((trust, _)), Some(now)) = (&server.external, now) else {
            return;
        };
        let verdict = session.verify_peer(trust, &self.config.peer, Purpose::ServerAsServer, now);
        self.verified = verdict.ok().map(|(verified, _)| verified);
    }

    /// Whether the features just read offer dialback.
    pub(super) fn note_dialback(&mut self, link: &Link) {
        if let Some(Frame::Element(element)) = link.framer.frame() {
            if Features::read(*element).is_some_and(|features| features.dialback()) {
                self.declared = Declared::Dialback;
            }
        }
    }

    /// What is left where no mechanism is. Dialback needs encryption (design
    /// invariant: only TLS makes that proof), or the word for going without.
    pub(super) fn without_mechanism(&self, link: &Link) -> Sasl {
        let Proof::Server(server) = &self.config.proof else {
            return Sasl::Exhausted;
        };
        let has_keys = matches!(server.keys, KeySource::Secret(_) | KeySource::Application);
        let encrypted = link.tls().and_then(tls::Session::encrypted).is_some();
        let dangerous = matches!(self.config.security, InitiatorSecurity::DangerousPlaintext);
        let possible = has_keys
            && self.declared == Declared::Dialback
            && link.peer.id.is_some()
            && (encrypted || dangerous);
        match possible {
            true => Sasl::Dialback,
            false => Sasl::Exhausted,
        }
    }

    /// XEP-0220 2.1.1
    pub(super) fn request_pair(&mut self, link: &mut Link) {
        let (Proof::Server(server), Some(id), Ok(peer)) = (
            &self.config.proof,
            link.peer.id.clone(),
            Jid::parse(&self.config.peer),
        ) else {
            return link.finish(CloseReason::Internal(InternalError::Table), Manner::Abort);
        };
        let own = self.config.account.clone();
        match &server.keys {
            KeySource::Secret(secret) => {
                let key = secret.key(&peer, &own, &id);
                link.request_pair(own, peer, &key);
            }
            KeySource::Application => {
                let question = DialbackQuestion::MakeKey;
                link.federation.question((own, peer), &id, question);
            }
            KeySource::None | KeySource::VerifyOnly => {
                link.finish(CloseReason::Internal(InternalError::Table), Manner::Abort);
            }
        }
    }

    /// The stream is established: by SASL, or by the answer to our question.
    pub(super) fn federate(&mut self, link: &mut Link) {
        link.framer.set_limits(self.config.limits.after_auth());
        if self.config.kind != Kind::ServerToServer {
            return;
        }
        if link.federation.granted() {
            return;
        }
        if let Ok(peer) = Jid::parse(&self.config.peer) {
            let own = self.config.account.clone();
            link.federation.verified(own, peer, Proven::External);
        }
    }

    /// XEP-0114 3
    pub(super) fn send_handshake(&mut self, link: &mut Link) {
        let Proof::Component(secret) = &self.config.proof else {
            return link.finish(CloseReason::Internal(InternalError::Table), Manner::Abort);
        };
        let proof = secret.handshake(link.peer.id.as_deref().unwrap_or_default());
        link.outbox.say_secret(|out| handshake::write(out, &proof));
    }
}
