//! SASL, receiving side (RFC 6120 6.4).

use alloc::vec::Vec;

use super::ResponderSide;
use crate::connection::gate::{Gate, Question};
use crate::connection::link::Link;
use crate::jid::Jid;
use crate::sasl::{self, Advertisement, Channel, MechanismSet, Secret, ServerStep};
use crate::stream::{
    self, HeaderClass as OpeningClass, Input, Kind, ParsedHeader as Opened, SaslElement,
    StreamCondition as Condition,
};
use crate::tls;
use crate::xml::Frame;

impl ResponderSide {
    /// What this stream is offered. RFC 9266 4.1 wants a `tls-exporter` value
    /// used once, RFC 6120 6.4.5 wants retries: a retry of -PLUS on the same
    /// connection is allowed, as everywhere in the field.
    pub(super) fn advertised(&self, link: &Link) -> Advertisement {
        let mechanisms = self
            .host
            .as_ref()
            .map_or(MechanismSet::EMPTY, |host| host.mechanisms);
        let certified = match self.config.kind {
            // XEP-0178 3: good for the `from` of the header, no less.
            Kind::ServerToServer => self.certified.is_some(),
            Kind::ClientToServer | Kind::Component => {
                link.tls().and_then(tls::Session::verified).is_some()
            }
        };
        let channel = match link.tls() {
            Some(_) if certified => Channel::Certified,
            Some(session) if session.encrypted().is_some() => Channel::Encrypted,
            _ => Channel::Clear,
        };
        let bindings = if mechanisms.has_plus() {
            link.channel_bindings()
        } else {
            Vec::new()
        };
        Advertisement::new(mechanisms, channel, bindings)
    }

    pub(super) fn begin_mechanism(&mut self, link: &mut Link) -> Option<Input> {
        let failed = Some(Input::Sasl(stream::Sasl::Failed));
        let element = match link.framer.frame() {
            Some(Frame::Element(element)) => SaslElement::read(&element),
            _ => return failed,
        };
        let (name, data) = match element {
            Ok(SaslElement::Auth { mechanism, data }) => (mechanism.into_owned(), data),
            Ok(_) => {
                self.failure = sasl::Condition::MalformedRequest;
                return failed;
            }
            Err(condition) => {
                self.failure = condition;
                return failed;
            }
        };
        let mut nonce = [0; 18];
        if self.config.random.fill(&mut nonce).is_err() {
            self.failure = sasl::Condition::TemporaryAuthFailure;
            return failed;
        }
        // CVE-2017-10807: only what was offered, now and here.
        let accepted = match &self.host {
            Some(host) => self.advertised(link).accept(&name, &host.decoy, nonce),
            None => Err(sasl::Condition::InvalidMechanism),
        };
        match accepted {
            Ok(acceptor) => self.mechanism = Some(acceptor),
            Err(condition) => {
                self.failure = condition;
                return failed;
            }
        }
        self.mechanism_name = name;
        let step = self
            .mechanism
            .as_mut()?
            .response(data.as_ref().map(Secret::as_bytes));
        self.stepped(step, link)
    }

    /// Ends the attempt with `<failure/>` (6.4.5).
    pub(super) fn refuse(&mut self, link: &mut Link, condition: sasl::Condition) {
        self.mechanism = None;
        self.failure = condition;
        link.say(|out| stream::sasl::write_failure(out, condition, None));
    }

    pub(super) fn run_response(&mut self, link: &mut Link) -> Option<Input> {
        let element = match link.framer.frame() {
            Some(Frame::Element(element)) => SaslElement::read(&element),
            _ => Err(sasl::Condition::MalformedRequest),
        };
        match element {
            Ok(SaslElement::Response(data)) => {
                let step = self.mechanism.as_mut()?.response(Some(data.as_bytes()));
                self.stepped(step, link)
            }
            Ok(_) => {
                self.failure = sasl::Condition::MalformedRequest;
                Some(Input::Sasl(stream::Sasl::Failed))
            }
            Err(condition) => {
                self.failure = condition;
                Some(Input::Sasl(stream::Sasl::Failed))
            }
        }
    }

    pub(super) fn stepped(&mut self, step: ServerStep, link: &mut Link) -> Option<Input> {
        self.working = false;
        match step {
            ServerStep::Working => {
                self.working = true;
                None
            }
            ServerStep::Ask(question) if self.config.kind == Kind::ServerToServer => {
                let answer = self.authorize_server(&question);
                let step = self.mechanism.as_mut()?.provide(answer);
                self.stepped(step, link)
            }
            ServerStep::Ask(question) => {
                link.gate = Some(Gate::new(Question::Sasl(question)));
                None
            }
            ServerStep::Challenge(data) => {
                self.reply = Some(data);
                Some(Input::Sasl(stream::Sasl::Send))
            }
            ServerStep::Success { identity, .. }
                if link.tls_info().is_some()
                    && self.is_other(&identity, link.peer.from.as_ref()) =>
            {
                self.mechanism = None;
                Some(Input::Sasl(stream::Sasl::Mismatch))
            }
            ServerStep::Success { identity, data } => {
                self.mechanism = None;
                self.reply = data;
                self.identity = Some(identity);
                Some(Input::Sasl(stream::Sasl::Done))
            }
            ServerStep::Failure(condition) => {
                self.mechanism = None;
                self.failure = condition;
                Some(Input::Sasl(stream::Sasl::Failed))
            }
        }
    }

    /// 4.7.1, 6.4.6: a client that has been authenticated does not say that it
    /// is somebody else.
    pub(super) fn opened_by_client(&self, opened: &Opened<'_>, protected: bool) -> OpeningClass {
        match (opened.class, &self.identity, &opened.from) {
            (OpeningClass::Valid(_), Some(identity), Ok(from))
                if protected && self.is_other(identity, from.as_ref()) =>
            {
                OpeningClass::Bad(Condition::InvalidFrom)
            }
            (class, _, _) => class,
        }
    }

    /// Whether a client's `from` is neither whom SASL found nor for whom that
    /// one acts. Who has said nothing has said nothing wrong.
    fn is_other(&self, identity: &sasl::Identity, from: Option<&Jid>) -> bool {
        let (Some(host), Some(from), Kind::ClientToServer) = (&self.host, from, self.config.kind)
        else {
            return false;
        };
        let from = from.bare();
        let is = |name| address(name, host.domain()).as_ref() == Some(&from);
        host.compares_from && !is(&identity.authcid) && !identity.authzid.as_deref().is_some_and(is)
    }
}

/// A name of SASL as a bare address: an authorization identity is one (6.3.8),
/// an authentication identity is that or a local part (6.3.7).
fn address(name: &str, domain: &str) -> Option<Jid> {
    match name.contains('@') {
        true => Jid::parse(name),
        false => Jid::from_parts(Some(name), domain, None),
    }
    .ok()
    .map(|jid| jid.bare())
}
