//! The end of a stream (RFC 6120 4.4, 4.9.1.1), the same in both roles.
//!
//! Whoever wrote its closing tag writes nothing more and waits, under a
//! deadline, for the peer's. Then TLS and TCP are ended. What arrives in
//! between is delivered after a plain close, and dropped after a stream error:
//! an error is unrecoverable (4.9.1.1), and behind unreadable bytes there is
//! nothing to read.

use super::table::{
    Act, Cause, Failure, Inbound, Input, Local, NegotiationFailure, Output, OwnHeader, Tell, act,
    tell,
};
use super::{ElementClass, HeaderClass as OpeningClass, StreamCondition as Condition};

/// Phases of the end, in both roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// The peer has closed an established stream and the application is being
    /// told: it may still send. Then the own closing tag goes out.
    PeerClosed,
    /// The own closing tag is written, the peer's is outstanding.
    AwaitFooter(Inbound),
    /// Both tags are exchanged, or it is no use waiting for the peer's.
    Done,
}

impl Closing {
    /// The one function that moves; the same shape as the roles' tables.
    pub(super) fn step(self, input: Input) -> (Self, Output) {
        use Closing::{AwaitFooter, Done, PeerClosed};
        match (self, input) {
            // 4.4: answer the peer's closing tag with the own one.
            (PeerClosed, Input::Resume) => (Done, act(Act::CloseStream(Cause::Closed))),
            (PeerClosed, Input::Local(Local::Close)) => {
                (Done, act(Act::CloseStream(Cause::Closed)))
            }
            (PeerClosed, Input::Local(Local::Fail)) => (Done, failed(Failure::Application)),
            (PeerClosed, Input::Local(Local::Reset(_))) => (Done, failed(Failure::Reset)),
            (PeerClosed, Input::Expired) => (Done, act(Act::CloseStream(Cause::Closed))),

            (AwaitFooter(_), Input::Footer) => (Done, act(Act::EndTransport(Cause::Closed))),
            (AwaitFooter(_), Input::Expired) => (Done, act(Act::EndTransport(Cause::Timeout))),
            (AwaitFooter(_), Input::Fault(_)) => (Done, act(Act::EndTransport(Cause::Unreadable))),
            // Both sides may have failed at once; the peer's error is news.
            (AwaitFooter(_), Input::Element(ElementClass::StreamError(_))) => (
                AwaitFooter(Inbound::Discard),
                tell(Tell::StreamError, Act::Wait),
            ),
            // What would be refused is not delivered either, nor is what follows.
            (AwaitFooter(_), Input::Element(class)) if ends_the_stream(class) => {
                (AwaitFooter(Inbound::Discard), Output::NOTHING)
            }
            (AwaitFooter(Inbound::Deliver), Input::Element(class)) if !is_proof(class) => {
                (self, delivered(class))
            }
            (AwaitFooter(Inbound::Deliver), Input::Keepalive) => {
                (self, tell(Tell::Keepalive, Act::Wait))
            }

            // Everything else is late, or was asked for twice.
            (_, _) => (self, Output::NOTHING),
        }
    }
}

/// A first-level element of an established stream, as the application gets it.
pub(super) const fn delivered(class: ElementClass) -> Output {
    match is_stanza(class) {
        true => tell(Tell::Stanza, Act::Wait),
        false => tell(Tell::Element, Act::Wait),
    }
}

/// Whether it is a stanza (4.1); negotiation rides on some of them.
pub(super) const fn is_stanza(class: ElementClass) -> bool {
    use ElementClass as E;
    matches!(
        class,
        E::Stanza(_)
            | E::BindRequest
            | E::BindResult
            | E::BindError(_)
            | E::SessionRequest
            | E::SessionResult
            | E::SessionError
    )
}

/// Whether it belongs to the proof of a domain or of a component: never the
/// application's.
pub(super) const fn is_proof(class: ElementClass) -> bool {
    use ElementClass as E;
    matches!(
        class,
        E::DialbackRequest
            | E::DialbackVerify
            | E::DialbackResult(_)
            | E::DialbackVerified
            | E::Handshake
    )
}

/// Whether it ends any stream that it comes on.
pub(super) const fn ends_the_stream(class: ElementClass) -> bool {
    use ElementClass as E;
    matches!(class, E::StreamError(_) | E::SecondHeader | E::Bad(_))
}

/// Stream error and closing tag; the own header was written long ago.
pub(super) const fn failed(failure: Failure) -> Output {
    act(Act::Fail(OwnHeader::Sent, failure))
}

/// The application ends an established stream.
pub(super) fn leave(local: Local) -> (Closing, Output) {
    use Closing::AwaitFooter;
    match local {
        Local::Close => (
            AwaitFooter(Inbound::Deliver),
            act(Act::CloseStream(Cause::Closed)),
        ),
        Local::Fail => (AwaitFooter(Inbound::Discard), failed(Failure::Application)),
        Local::Reset(inbound) => (AwaitFooter(inbound), failed(Failure::Reset)),
    }
}

/// What a role does where its table says nothing else and XML flows: the stream
/// ends, or (`None`) goes on as if nothing had come. `header` says whether the
/// own header is out, `late` what is said when the time is up. Nothing is
/// delivered afterwards: the stream was never established (4.3.5), or it
/// failed.
pub(super) fn interrupted(
    header: OwnHeader,
    late: Failure,
    input: Input,
) -> Option<(Closing, Output)> {
    use Closing::{AwaitFooter, Done};
    let fail = |failure| {
        let order = act(Act::Fail(header, failure));
        (AwaitFooter(Inbound::Discard), order)
    };
    let refuse = |condition| fail(Failure::Condition(condition));
    Some(match input {
        // 11.7: white space is tolerated in the middle of negotiation.
        Input::Keepalive => return None,
        // Behind a fault nothing can be read, so nothing is waited for.
        Input::Fault(fault) => (Done, refuse(fault).1),
        Input::Element(ElementClass::StreamError(_)) => (
            AwaitFooter(Inbound::Discard),
            tell(Tell::StreamError, Act::CloseStream(Cause::PeerError)),
        ),
        // 4.9.1.1: whatever the peer sends after this is not processed.
        Input::Element(ElementClass::Bad(bad)) | Input::Header(OpeningClass::Bad(bad)) => {
            refuse(bad)
        }
        Input::Element(ElementClass::SecondHeader) | Input::Header(OpeningClass::Valid(_)) => {
            refuse(Condition::BadFormat)
        }
        // 4.9.3.12, 4.9.3.24
        Input::Element(class) if is_stanza(class) => refuse(Condition::NotAuthorized),
        Input::Element(_) => refuse(Condition::UnsupportedStanzaType),
        Input::Footer => {
            let left = Cause::Negotiation(NegotiationFailure::PeerClosed);
            (Done, act(Act::CloseStream(left)))
        }
        Input::Expired => fail(late),
        Input::Local(Local::Fail) => fail(Failure::Application),
        Input::Local(Local::Reset(_)) => fail(Failure::Reset),
        Input::Local(Local::Close) if header == OwnHeader::Sent => (
            AwaitFooter(Inbound::Discard),
            act(Act::CloseStream(Cause::Closed)),
        ),
        Input::Local(Local::Close) => (Done, act(Act::EndTransport(Cause::Closed))),
        // The driver's defects: never taken for progress.
        Input::Begin
        | Input::Secured
        | Input::Sasl(_)
        | Input::Verdict(_)
        | Input::Pair(_)
        | Input::KeyChecked
        | Input::Resume => (Done, act(Act::EndTransport(Cause::Internal))),
    })
}
