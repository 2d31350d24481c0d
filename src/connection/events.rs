//! From a notice to the event that the application sees.
//!
//! An event lends what the parts of a connection hold. A further event is added here, as a `Notice` of
//! the state tables, and in [`event`](crate::event).

use super::decision::PendingDecision;
use super::inbound::Inbound;
use super::key_meter::KeyMeter;
use super::management::Management;
use super::role::Role;
use super::s2s::S2s;
use super::transport::Transport;
use crate::event::{Established, Event, StreamOpened};
use crate::stream::{Features, Notice, PeerHeader, StreamError};

/// The parts of a connection that events lend.
pub(super) struct Events<'a, R> {
    pub(super) role: &'a R,
    pub(super) transport: &'a Transport,
    pub(super) inbound: &'a Inbound,
    pub(super) peer: &'a PeerHeader,
    pub(super) peer_error: Option<&'a StreamError>,
    pub(super) decision: Option<&'a PendingDecision>,
    pub(super) keys: &'a KeyMeter,
    pub(super) s2s: Option<&'a S2s>,
    pub(super) management: Option<&'a Management>,
}

impl<'a, R: Role> Events<'a, R> {
    /// Whether what the notice tells of is there, which only a defect prevents. An event of a stanza
    /// is not made twice for that.
    #[expect(
        clippy::inline_always,
        reason = "so that for a stanza the parts are not gathered"
    )]
    #[inline(always)]
    pub(super) fn has_content(&self, notice: Notice) -> bool {
        match notice {
            Notice::Stanza | Notice::Element => self.inbound.has_element(),
            notice => self.event(notice).is_some(),
        }
    }

    /// The event of a notice; `None` only by a defect.
    #[inline]
    pub(super) fn event(&self, notice: Notice) -> Option<Event<'a>> {
        Some(match notice {
            Notice::Nothing => return None,
            Notice::TlsEstablished => Event::TlsEstablished(self.transport.tls_info()?),
            Notice::StreamOpened => Event::StreamOpened(StreamOpened(self.peer)),
            Notice::Features => Event::Features(Features::read(*self.inbound.element()?)?),
            Notice::Authenticated => {
                Event::Authenticated(self.role.authenticated(self.inbound.element()))
            }
            Notice::Established => Event::Established(Established {
                jid: self.role.bound(),
                resumed: self.management.and_then(Management::resumed),
            }),
            Notice::Stanza => Event::Stanza(self.inbound.element()?),
            Notice::Element => Event::Element(self.inbound.element()?),
            Notice::Keepalive => Event::Keepalive,
            Notice::StreamError => Event::StreamError(self.peer_error?),
            Notice::ManagementEnabled | Notice::ManagementRefused | Notice::Acknowledged => {
                self.management?.event(notice)?
            }
            Notice::PeerClosing => Event::PeerClosing,
            Notice::Decision => Event::Decision(self.decision?.question()),
            Notice::ResetAdvised => Event::ResetAdvised(self.keys.advised()?),
            Notice::PairVerified => Event::PairVerified(self.s2s?.announced_pair()?),
            Notice::Request => Event::Request(self.s2s?.announced_request()?),
            Notice::KeyVerdict => Event::KeyVerdict(self.s2s?.key_verdict()?),
        })
    }
}
