//! SASL, initiating side (RFC 6120 6.4).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Binding, InitiatorSide};
use crate::close::{AuthenticationFailure, CloseReason, InternalError, Manner};
use crate::config::Credentials;
use crate::connection::NO_RANDOMNESS;
use crate::connection::link::Link;
use crate::connection::role::NoRandomness;
use crate::sasl::{
    self, AnonymousClient, ExternalClient, Means, Mechanism, MechanismName, PlainClient,
    ScramClient, Secret,
};
use crate::stream::{self, Features, Input, SaslElement, SaslFailure};
use crate::tls;
use crate::xml::Frame;

impl InitiatorSide {
    /// The strongest acceptable mechanism, or the next one after a failure
    /// that leaves others open (RFC 6120 6.4.5).
    pub(super) fn choose(&mut self, link: &mut Link) -> Input {
        self.note_dialback(link);
        let exhausted = Input::Sasl(self.without_mechanism(link));
        match link.framer.frame() {
            Some(Frame::Element(element)) => {
                if let Some(features) = Features::read(*element) {
                    self.offer = Some(offer(&features));
                } else if !self.note_failure(SaslElement::read(&element).ok().as_ref()) {
                    return exhausted;
                }
            }
            _ => return exhausted,
        }
        let offer = self
            .failed
            .iter()
            .fold(self.offer.unwrap_or_default(), sasl::Offer::refused);
        let means = self.means(link);
        let choice = match sasl::select(offer, means, self.config.sasl) {
            Ok(choice) => choice,
            Err(refusal) => {
                self.failure
                    .get_or_insert(AuthenticationFailure::NoMechanism(refusal));
                return exhausted;
            }
        };
        match self.build(choice, link) {
            Ok(Some(mechanism)) => {
                mechanism.name().clone_into(&mut self.mechanism_name);
                self.mechanism = Some(mechanism);
                // The failure before this one is made up for.
                self.failure = None;
                Input::Sasl(stream::Sasl::Send)
            }
            Ok(None) => exhausted,
            Err(NoRandomness) => {
                link.finish(NO_RANDOMNESS, Manner::Abort);
                exhausted
            }
        }
    }

    /// Whether another mechanism may be tried. Not after a refusal of the
    /// credentials: a password the server did not accept for SCRAM must not be
    /// shown to it by PLAIN.
    ///
    /// A server that offers -PLUS and announces no bindings (XEP-0440 calls
    /// that undefined) may know none of ours: most such servers have
    /// `tls-unique` alone. It is asked with our best one first, and then once
    /// without, by SCRAM only, unless the policy requires binding.
    fn note_failure(&mut self, element: Option<&SaslElement<'_>>) -> bool {
        let condition = refusal(element);
        self.failure = Some(AuthenticationFailure::Refused(condition));
        if let Some(name) = MechanismName::from_name(&self.mechanism_name) {
            self.failed = self.failed.with(name);
        }
        let guessed = self.mechanism_name.ends_with("-PLUS")
            && !self.offer.is_some_and(|offer| offer.announces_bindings())
            && !self.config.sasl.requires_binding();
        if guessed && self.binding == Binding::Tried {
            self.binding = Binding::GivenUp;
            self.failed = self.failed.with(MechanismName::Plain);
            return true;
        }
        matches!(
            condition,
            sasl::Condition::InvalidMechanism
                | sasl::Condition::MechanismTooWeak
                | sasl::Condition::MalformedRequest
                | sasl::Condition::IncorrectEncoding
        )
    }

    fn means(&self, link: &Link) -> Means {
        let mut means = match self.config.credentials() {
            Some(Credentials::Password { .. }) => Means::new().password(),
            Some(Credentials::Keys { keys, .. }) => Means::new().keys(keys.hash()),
            Some(Credentials::External { .. }) => Means::new().certificate(),
            Some(Credentials::Anonymous) => Means::new().anonymous(),
            None => Means::new(),
        };
        if self.binding == Binding::Tried {
            for binding in link.channel_bindings() {
                means = means.binding(binding.kind());
            }
        }
        // Design invariant 7: only TLS can make this proof.
        let by_config = link.tls().and_then(tls::Session::verified);
        match by_config.or(self.verified) {
            Some(_) => means.verified(),
            None => means,
        }
    }

    fn build(
        &self,
        choice: sasl::Choice,
        link: &Link,
    ) -> Result<Option<Box<dyn Mechanism>>, NoRandomness> {
        let Some(credentials) = self.config.credentials() else {
            return Ok(None);
        };
        let (username, authzid) = match credentials {
            Credentials::Password {
                username, authzid, ..
            }
            | Credentials::Keys {
                username, authzid, ..
            } => (Some(username), authzid.as_ref()),
            Credentials::External { authzid } => (None, authzid.as_ref()),
            Credentials::Anonymous => (None, None),
        };
        let built: Box<dyn Mechanism> = match (choice.mechanism(), username, credentials) {
            (MechanismName::Scram(hash) | MechanismName::ScramPlus(hash), Some(username), _) => {
                let Some(secret) = scram_credentials(credentials) else {
                    return Ok(None);
                };
                let Some(binding) = choice.client_binding(&link.channel_bindings()) else {
                    return Ok(None);
                };
                let mut nonce = [0; 18];
                self.config
                    .random
                    .fill(&mut nonce)
                    .map_err(|_| NoRandomness)?;
                let mut scram = ScramClient::new(hash, username.clone(), secret, binding, nonce)
                    .iterations(self.config.iterations);
                if let Some(authzid) = authzid {
                    scram = scram.authzid(authzid.clone());
                }
                Box::new(scram)
            }
            (MechanismName::Plain, Some(username), Credentials::Password { password, .. }) => {
                let mut plain = PlainClient::new(username.clone(), password.clone());
                if let Some(authzid) = authzid {
                    plain = plain.authzid(authzid.clone());
                }
                Box::new(plain)
            }
            (MechanismName::External, ..) => {
                let mut external = ExternalClient::new();
                if let Some(authzid) = authzid {
                    external = external.authzid(authzid.clone());
                }
                Box::new(external)
            }
            (MechanismName::Anonymous, ..) => Box::new(AnonymousClient::new()),
            _ => return Ok(None),
        };
        Ok(Some(built))
    }

    pub(super) fn send_auth(&mut self, link: &mut Link) {
        let Some(mechanism) = &mut self.mechanism else {
            return;
        };
        match mechanism.initial() {
            Ok(data) => {
                let name = &self.mechanism_name;
                link.outbox.say_secret(|out| {
                    stream::sasl::write_auth(out, name, data.as_ref().map(Secret::as_bytes));
                });
            }
            Err(_) => link.finish(CloseReason::Internal(InternalError::Table), Manner::Abort),
        }
    }

    pub(super) fn run_challenge(&mut self, link: &Link) -> Option<Input> {
        let element = match link.framer.frame() {
            Some(Frame::Element(element)) => SaslElement::read(&element).ok(),
            _ => None,
        };
        let Some(SaslElement::Challenge(data)) = element else {
            self.failure = Some(AuthenticationFailure::Mechanism(sasl::Error::Malformed));
            return Some(Input::Sasl(stream::Sasl::Failed));
        };
        let step = self.mechanism.as_mut()?.challenge(data.as_bytes());
        self.stepped(step)
    }

    pub(super) fn stepped(&mut self, step: Result<sasl::Step, sasl::Error>) -> Option<Input> {
        self.working = false;
        match step {
            Ok(sasl::Step::Working) => {
                self.working = true;
                None
            }
            Ok(sasl::Step::Respond(reply)) => {
                self.reply = Some(reply);
                Some(Input::Sasl(stream::Sasl::Send))
            }
            Err(error) => {
                self.failure = Some(AuthenticationFailure::Mechanism(error));
                Some(Input::Sasl(stream::Sasl::Failed))
            }
        }
    }

    pub(super) fn verify(&mut self, link: &Link) -> Input {
        let verified = match (link.framer.frame(), &mut self.mechanism) {
            (Some(Frame::Element(element)), Some(mechanism)) => match SaslElement::read(&element) {
                Ok(SaslElement::Success(data)) => {
                    mechanism.success(data.as_ref().map(Secret::as_bytes))
                }
                _ => Err(sasl::Error::Malformed),
            },
            _ => Err(sasl::Error::OutOfSequence),
        };
        match verified {
            Ok(outcome) => {
                self.mechanism = None;
                self.keys = outcome.into_client_keys();
                Input::Sasl(stream::Sasl::Done)
            }
            Err(error) => {
                self.failure = Some(AuthenticationFailure::Mechanism(error));
                Input::Sasl(stream::Sasl::Failed)
            }
        }
    }
}

fn offer(features: &Features<'_>) -> sasl::Offer {
    let names: Vec<_> = features.mechanisms().collect();
    let offer = sasl::Offer::new(names.iter().map(AsRef::as_ref));
    match features.channel_bindings() {
        Some(bindings) => {
            let bindings: Vec<_> = bindings.collect();
            offer.announcing(bindings.iter().map(AsRef::as_ref))
        }
        None => offer,
    }
}

fn scram_credentials(credentials: &Credentials) -> Option<sasl::Credentials> {
    match credentials {
        Credentials::Password { password, keys, .. } => {
            let secret = sasl::Credentials::password(password.clone());
            Some(match keys {
                Some(keys) => secret.with_keys(keys.clone()),
                None => secret,
            })
        }
        Credentials::Keys { keys, .. } => Some(sasl::Credentials::keys(keys.clone())),
        Credentials::External { .. } | Credentials::Anonymous => None,
    }
}

/// What a `<failure/>` says.
pub(super) fn refusal(element: Option<&SaslElement<'_>>) -> sasl::Condition {
    match element {
        Some(SaslElement::Failure(SaslFailure { condition, .. })) => *condition,
        _ => sasl::Condition::NotAuthorized,
    }
}
