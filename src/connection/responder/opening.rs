//! Host, header, features and the step into TLS, receiving side (RFC 6120 4.7,
//! 4.3.2, 5.4).

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::ResponderSide;
use crate::close::{CloseReason, InternalError, Manner};
use crate::config::ResponderSecurity;
use crate::connection::NO_RANDOMNESS;
use crate::connection::gate::{Gate, Question};
use crate::connection::link::Link;
use crate::connection::role::{NoRandomness, Role};
use crate::connection::transport::Opening;
use crate::hex::hex;
use crate::jid::Jid;
use crate::sasl::MechanismName;
use crate::stream::{
    self, Dialback, FeatureOffer as Offer, FeaturesOut, HeaderOut, Input, Kind, Leg, Receiving,
    StartTls, StreamCondition as Condition, StreamError, Version, features::write_features,
    header::CLOSING_TAG,
};
use crate::tls;

impl ResponderSide {
    /// The first header's `to` names the host, and the restarted streams keep
    /// it (RFC 6120 4.3.3): another name is unknown to them.
    pub(super) fn ask_host(&mut self, link: &mut Link) -> Option<Input> {
        let known = self.host.as_ref().or(self.config.host.as_ref()).cloned();
        let Some(host) = known else {
            link.gate = Some(Gate::new(Question::Host {
                to: link.peer.to.clone(),
                from: link.peer.from.clone(),
                sni: link
                    .tls_info()
                    .and_then(tls::TlsInfo::server_name)
                    .map(ToOwned::to_owned),
            }));
            return None;
        };
        let named = link.peer.to.as_ref().map(Jid::domain);
        if named == Some(host.domain()) {
            Some(self.serve(host, link))
        } else {
            self.common.error = Some(StreamError::new(Condition::HostUnknown));
            Some(Input::Verdict(stream::Verdict::Refuse))
        }
    }

    pub(super) fn header(&mut self, out: &mut String) -> Result<(), NoRandomness> {
        self.stream_id = self.random_hex()?;
        // 4.9.1.3: with no host there is nobody to be from.
        let from = self
            .host
            .as_ref()
            .or(self.config.host.as_ref())
            .map(|host| host.domain())
            .unwrap_or_default();
        let (to, version, lang) = match &self.answer {
            Some(answer) => (
                answer.to.as_ref().map(ToString::to_string),
                answer.version,
                answer.lang.as_deref(),
            ),
            None => (None, Some(Version::XMPP_1_0), None),
        };
        let lang = stream::lang::choose_language(lang, &[&self.config.lang]);
        HeaderOut {
            to: to.as_deref(),
            version,
            ..HeaderOut::response(self.config.kind, from, &self.stream_id, lang)
        }
        .write(out);
        Ok(())
    }

    /// 128 random bits in hex: a stream's id (4.7.3), a resource (7.6).
    pub(super) fn random_hex(&self) -> Result<String, NoRandomness> {
        let mut random = [0; 16];
        self.config
            .random
            .fill(&mut random)
            .map_err(|_| NoRandomness)?;
        Ok(hex(&random))
    }

    pub(super) fn open_stream(&mut self, link: &mut Link, leg: Leg) {
        let mut text = String::new();
        if self.header(&mut text).is_err() {
            link.finish(NO_RANDOMNESS, Manner::Abort);
            return;
        }
        // A component is offered nothing (XEP-0114).
        if self.config.kind != Kind::Component {
            self.features(link, leg, &mut text);
        }
        link.say(|out| out.push_str(&text));
    }

    /// What is offered on this leg (4.3.2, 5.3.1, 6.4.1, 7.4).
    fn features(&self, link: &Link, leg: Leg, out: &mut String) {
        let starttls =
            leg == Leg::Plain && matches!(self.config.security, ResponderSecurity::StartTls);
        let advertised = self.advertised(link);
        let names: Vec<_> = advertised
            .mechanisms()
            .iter()
            .map(MechanismName::as_str)
            .collect();
        let kinds: Vec<_> = advertised.bindings().collect();
        // XEP-0220 2.4
        let dialback = self.config.dialback == Dialback::Allowed;
        let extra = self.host.as_ref().map(|host| host.features.as_slice());
        let features = match leg {
            // 5.3.1: where TLS is mandatory, nothing else is offered.
            Leg::Plain if starttls => FeaturesOut {
                starttls: Offer::Required,
                ..FeaturesOut::default()
            },
            Leg::Plain | Leg::Secured => FeaturesOut {
                mechanisms: &names,
                channel_bindings: &kinds,
                dialback,
                ..FeaturesOut::default()
            },
            Leg::Authenticated => FeaturesOut {
                dialback,
                bind: self.config.kind == stream::Kind::ClientToServer,
                session: self.config.kind == stream::Kind::ClientToServer,
                extra: extra.unwrap_or_default(),
                ..FeaturesOut::default()
            },
        };
        write_features(out, &features);
    }

    /// 5.4.2.3, 5.4.3.1: nothing may stand between `<starttls/>` and the
    /// handshake.
    pub(super) fn proceed(&mut self, link: &mut Link) {
        if link.framer.has_unread() {
            link.finish(CloseReason::PlaintextAfterStarttls, Manner::Abort);
            return;
        }
        match <Receiving as Role>::tls_session(self, link) {
            Ok(session) => {
                link.say(|out| out.push_str(StartTls::Proceed.as_xml()));
                // Sealing comes after this: the text must go out plain.
                link.send_plain();
                link.start_tls(session, Opening::Awaited);
                self.answer = None;
            }
            // 5.4.2.2: our own failure, too, is the end.
            Err(error) => {
                link.end_with(CloseReason::Internal(InternalError::TlsSetup(error)));
                link.say(|out| {
                    out.push_str(StartTls::Failure.as_xml());
                    out.push_str(CLOSING_TAG);
                });
                link.send_plain();
                link.drain();
            }
        }
    }
}
