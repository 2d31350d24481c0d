//! The receiving server, and the server of a component: who the peer is, and
//! what dialback asks (RFC 6120 4.7, 13.7.2; XEP-0178; XEP-0220 2.2; XEP-0114).

use alloc::string::{String, ToString};

use super::{Certified, ResponderSide};
use crate::close::{AuthenticationFailure, CloseReason};
use crate::config::ResponderSecurity;
use crate::connection::link::Link;
use crate::dialback::DialbackKey;
use crate::event::{DialbackQuestion, Proven};
use crate::jid::Jid;
use crate::sasl::{self, Answer};
use crate::stream::{
    Dialback, DialbackCondition as DialbackError, DialbackContent, DialbackElement,
    DialbackVerdict, HeaderClass as OpeningClass, Input, Kind, ParsedHeader as Opened,
    StreamCondition as Condition, Verdict, handshake, header::CLOSING_TAG,
};
use crate::tls;
use crate::tls::identity::Purpose;
use crate::xml::Frame;

impl ResponderSide {
    /// 4.7.1: under TLS a server says who it is; and once a certificate has
    /// proved that, it does not say otherwise.
    pub(super) fn opened_by_server(&self, opened: &Opened<'_>, protected: bool) -> OpeningClass {
        let proved = match (&self.certified, &self.identity) {
            (Some(certified), Some(_)) => Some(&certified.domain),
            _ => None,
        };
        match (opened.class, &opened.from, &opened.to) {
            (OpeningClass::Valid(_), _, Ok(None)) => {
                OpeningClass::Bad(Condition::ImproperAddressing)
            }
            (OpeningClass::Valid(_), Ok(None), _) if protected => {
                OpeningClass::Bad(Condition::ImproperAddressing)
            }
            (OpeningClass::Valid(_), Ok(from), _)
                if proved.is_some() && proved != from.as_ref() =>
            {
                OpeningClass::Bad(Condition::InvalidFrom)
            }
            (class, _, _) => class,
        }
    }

    /// Once, behind TLS: is the peer's certificate good for the domain it says
    /// it is (13.7.2)? If that is the only proof accepted here, and there is
    /// none, the stream has no use (6.4.5).
    pub(super) fn judge_peer(&mut self, link: &Link) -> Option<Condition> {
        let (Some(session), None) = (link.tls(), &self.identity) else {
            return None;
        };
        if self.config.kind != Kind::ServerToServer {
            return None;
        }
        self.certified = self.certify(session, link.peer.from.as_ref());
        let hopeless = self.certified.is_none() && self.config.dialback != Dialback::Allowed;
        hopeless.then_some(Condition::PolicyViolation)
    }

    fn certify(&self, session: &tls::Session, from: Option<&Jid>) -> Option<Certified> {
        let host = self.host.as_ref()?;
        let tls = match &self.config.security {
            ResponderSecurity::DirectTls(tls) => tls,
            ResponderSecurity::StartTls => host.tls.as_ref()?,
            ResponderSecurity::DangerousPlaintext => return None,
        };
        let (domain, now) = (from?, tls.unix_time()?);
        let trust = host.trust.as_ref()?;
        let (proof, _) = session
            .verify_peer(trust, domain.domain(), Purpose::ServerAsClient, now)
            .ok()?;
        Some(Certified {
            domain: domain.clone(),
            _proof: proof,
        })
    }

    /// XEP-0178 3: the certificate speaks for the domain in the header, and the
    /// peer wants to be no other.
    pub(super) fn authorize_server(&self, question: &sasl::Question) -> Answer {
        let (Some(certified), sasl::Question::External { authzid }) = (&self.certified, question)
        else {
            return Answer::Reject(sasl::Condition::NotAuthorized);
        };
        let wanted = match authzid {
            None => Some(certified.domain.clone()),
            Some(authzid) => Jid::parse(authzid).ok(),
        };
        match wanted {
            Some(wanted) if wanted == certified.domain => Answer::Accept {
                authcid: certified.domain.to_string(),
            },
            _ => Answer::Reject(sasl::Condition::InvalidAuthzid),
        }
    }

    /// The stream is established: by SASL, or by dialback, which keeps its pair
    /// itself.
    pub(super) fn federate(&mut self, link: &mut Link) {
        link.framer.set_limits(self.limits().after_auth());
        let (Some(certified), Some(_)) = (&self.certified, &self.identity) else {
            return;
        };
        if let Some(to) = link.peer.to.clone() {
            let from = certified.domain.clone();
            link.federation.verified(from, to, Proven::External);
        }
    }

    /// XEP-0220 2.2.1
    pub(super) fn ask_pair(&mut self, link: &mut Link) -> Option<Input> {
        let DialbackElement { from, to, content } = link.dialback_element()?;
        let DialbackContent::Request { key } = content else {
            return None;
        };
        let pair = (from, to);
        if let Some(error) = self.refuses_to_ask(&pair.1, link) {
            let verdict = DialbackVerdict::Error(error);
            return Some(link.federation.settle_pair(pair, verdict));
        }
        let question = DialbackQuestion::Authorize(key);
        link.federation.question(pair, &self.stream_id, question);
        None
    }

    /// XEP-0220 2.2.2
    pub(super) fn check_key(&mut self, link: &mut Link) -> Option<Input> {
        let DialbackElement { from, to, content } = link.dialback_element()?;
        let DialbackContent::Verify { id, key } = content else {
            return None;
        };
        let (id, pair) = (id.into_owned(), (from, to));
        if let Some(valid) = self.is_own_key(&pair, &id, &key) {
            let verdict = match valid {
                true => DialbackVerdict::Valid,
                false => DialbackVerdict::Invalid,
            };
            return Some(link.federation.settle_key(pair, id, verdict));
        }
        if let Some(error) = self.refuses_to_ask(&pair.1, link) {
            let verdict = DialbackVerdict::Error(error);
            return Some(link.federation.settle_key(pair, id, verdict));
        }
        let question = DialbackQuestion::Verify(key);
        link.federation.question(pair, &id, question);
        None
    }

    /// XEP-0114 3
    pub(super) fn check_handshake(&self, link: &Link) -> Input {
        let secret = self.host.as_ref().and_then(|host| host.component.as_ref());
        let proved = match (secret, link.framer.frame()) {
            (Some(secret), Some(Frame::Element(element))) => {
                secret.verify(&self.stream_id, &handshake::read(&element))
            }
            _ => false,
        };
        Input::Verdict(match proved {
            true => Verdict::Accept,
            false => Verdict::Refuse,
        })
    }

    /// Whether it is a key of our own; `None` if that is not for us to say.
    fn is_own_key(&self, (from, to): &(Jid, Jid), id: &str, key: &DialbackKey) -> Option<bool> {
        let host = self.host.as_ref()?;
        let secret = host.dialback.as_ref()?;
        (host.domain() == to.domain()).then(|| secret.key(from, to, id) == *key)
    }

    /// Why the application is not asked about that domain, if it is not.
    fn refuses_to_ask(&self, to: &Jid, link: &Link) -> Option<DialbackError> {
        let only = self.config.host.as_ref();
        if only.is_some_and(|host| host.domain() != to.domain()) {
            return Some(DialbackError::ItemNotFound);
        }
        (!link.federation.has_room()).then_some(DialbackError::ResourceConstraint)
    }
}

impl Link {
    /// XEP-0220 2.2.1: nobody else was verified, so this is the end.
    pub(super) fn refuse_pair(&mut self) {
        if let Some(verdict) = self.say_settled(false) {
            let failure = AuthenticationFailure::Dialback(verdict);
            self.end_with(CloseReason::AuthenticationFailed(failure));
        }
        self.say(|out| out.push_str(CLOSING_TAG));
    }

    /// Dialback is not to be had here (XEP-0220 2.5).
    pub(super) fn decline_dialback(&mut self, error: DialbackError) {
        let Some(DialbackElement { from, to, content }) = self.dialback_element() else {
            return;
        };
        let id: Option<String> = match content {
            DialbackContent::Verify { id, .. } => Some(id.into_owned()),
            _ => None,
        };
        let verdict = DialbackVerdict::Error(error);
        // What it orders is done here already.
        let _ = match id {
            Some(id) => self.federation.settle_key((from, to), id, verdict),
            None => self.federation.settle_pair((from, to), verdict),
        };
        self.say_settled(false);
    }
}
