//! The end of a stream, the same in both roles: the exchange of closing tags (RFC 6120 4.4), and
//! what ends a stream that is not established (RFC 6120 4.9.1.1).
//!
//! An entity that has written its closing tag writes nothing more and waits, under a deadline, for
//! the peer's. After both, TLS and TCP are ended, which is no longer this table's matter. What
//! arrives in between is delivered after a plain close, and dropped after a stream error, because an
//! error is unrecoverable (RFC 6120 4.9.1.1) and nothing can be read after unreadable bytes.

use super::table::{
    AppRequest, CloseCause, Command, ErrorSource, InFlight, Input, ManagementResult,
    NegotiationReason, Notice, Output, OwnHeader, command, notify,
};
use super::{ElementClass, HeaderClass, ManagementClass, StreamCondition};

/// The phases of the end, in both roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Closing {
    /// The peer has closed an established stream and the application is being told: it may still
    /// send. Then our closing tag goes out.
    PeerClosed,
    /// Our closing tag is written, the peer's is outstanding.
    AwaitFooter(InFlight),
    /// Both tags are exchanged, or there is no use in waiting for the peer's.
    Done,
}

impl Closing {
    /// Takes one input. The same shape as the tables of the roles.
    pub(super) fn step<C>(self, input: Input) -> (Self, Output<C>) {
        use Closing::{AwaitFooter, Done, PeerClosed};
        match (self, input) {
            // RFC 6120 4.4: answer the peer's closing tag with ours.
            (PeerClosed, Input::Resume | Input::Expired) => {
                (Done, command(Command::CloseStream(CloseCause::Closed)))
            }
            (PeerClosed, Input::AppRequest(AppRequest::Close)) => {
                (Done, command(Command::CloseStream(CloseCause::Closed)))
            }
            (PeerClosed, Input::AppRequest(AppRequest::Fail)) => {
                (Done, failed(ErrorSource::Application))
            }
            (PeerClosed, Input::AppRequest(AppRequest::Reset(_))) => {
                (Done, failed(ErrorSource::Reset))
            }

            (AwaitFooter(_), Input::Footer) => {
                (Done, command(Command::EndTransport(CloseCause::Closed)))
            }
            (AwaitFooter(_), Input::Expired) => {
                (Done, command(Command::EndTransport(CloseCause::Timeout)))
            }
            (AwaitFooter(_), Input::Fault(_)) => {
                (Done, command(Command::EndTransport(CloseCause::Unreadable)))
            }
            // Both sides may have failed at once; the application learns the peer's error.
            (AwaitFooter(_), Input::Element(ElementClass::StreamError(_))) => (
                AwaitFooter(InFlight::Discard),
                notify(Notice::StreamError, Command::Wait),
            ),
            // What would be refused is not delivered either, nor is what follows.
            (AwaitFooter(_), Input::Element(class)) if ends_the_stream(class) => {
                (AwaitFooter(InFlight::Discard), Output::NOTHING)
            }
            // XEP-0198 4: an acknowledgement that crossed our closing tag still counts.
            (AwaitFooter(_), Input::Element(ElementClass::Management(ManagementClass::Answer))) => {
                (self, command(Command::Manage))
            }
            (AwaitFooter(_), Input::Managed(ManagementResult::Acknowledged)) => {
                (self, notify(Notice::Acknowledged, Command::Wait))
            }
            (AwaitFooter(_), Input::Element(ElementClass::Management(_))) => {
                (self, Output::NOTHING)
            }
            (AwaitFooter(InFlight::Deliver), Input::Element(class))
                if !is_peer_authentication(class) =>
            {
                (self, deliver(class))
            }
            (AwaitFooter(InFlight::Deliver), Input::Keepalive) => {
                (self, notify(Notice::Keepalive, Command::Wait))
            }

            // Inputs that crossed the close, and requests made twice.
            (_, _) => (self, Output::NOTHING),
        }
    }
}

/// Reports a first-level element of an established stream to the application.
pub(super) const fn deliver<C>(class: ElementClass) -> Output<C> {
    match class.is_stanza() {
        // A refused stanza is nobody's.
        _ if matches!(class, ElementClass::RefusedStanza(_)) => Output::NOTHING,
        true => notify(Notice::Stanza, Command::Wait),
        false => notify(Notice::Element, Command::Wait),
    }
}

/// Whether the element belongs to the proof of a domain or of a component. Such elements are never
/// delivered to the application.
pub(super) const fn is_peer_authentication(class: ElementClass) -> bool {
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

/// Whether the element ends any stream on which it arrives.
pub(super) const fn ends_the_stream(class: ElementClass) -> bool {
    use ElementClass as E;
    matches!(class, E::StreamError(_) | E::SecondHeader | E::Bad(_))
}

/// Writes a stream error and the closing tag; our header was written before.
pub(super) const fn failed<C>(error: ErrorSource) -> Output<C> {
    command(Command::Fail(OwnHeader::Sent, error))
}

/// Ends an established stream as the application requests.
pub(super) fn close_locally<C>(request: AppRequest) -> (Closing, Output<C>) {
    use Closing::AwaitFooter;
    match request {
        AppRequest::Close => (
            AwaitFooter(InFlight::Deliver),
            command(Command::CloseStream(CloseCause::Closed)),
        ),
        AppRequest::Fail => (
            AwaitFooter(InFlight::Discard),
            failed(ErrorSource::Application),
        ),
        AppRequest::Reset(in_flight) => (AwaitFooter(in_flight), failed(ErrorSource::Reset)),
    }
}

/// Whether the input belongs to stream management.
pub(super) const fn concerns_management(input: Input) -> bool {
    matches!(
        input,
        Input::Element(ElementClass::Management(_)) | Input::Managed(_)
    )
}

/// Stream management on an established stream, the same in both roles (XEP-0198 3, 4). Its elements
/// go to whoever counts, who answers with what came of them. The stream goes on where there is no
/// [`Closing`].
pub(super) fn managed<C>(input: Input) -> (Option<Closing>, Output<C>) {
    use ManagementResult as R;
    let fail = |error| (Some(Closing::AwaitFooter(InFlight::Discard)), failed(error));
    let notice = match input {
        Input::Element(ElementClass::Management(ManagementClass::Malformed)) => {
            return fail(ErrorSource::Condition(StreamCondition::BadFormat));
        }
        Input::Managed(R::TooHigh) => return fail(ErrorSource::HandledCount),
        Input::Managed(R::Enabled) => Notice::ManagementEnabled,
        Input::Managed(R::Refused) => Notice::ManagementRefused,
        Input::Managed(R::Acknowledged) => Notice::Acknowledged,
        // What nobody asked for means nothing here, and is the application's to see.
        Input::Managed(R::Unexpected) => Notice::Element,
        // Only a defect of the driver resumes a session that is established.
        Input::Managed(R::Resumed) => {
            let internal = Command::EndTransport(CloseCause::Internal);
            return (Some(Closing::Done), command(internal));
        }
        _ => return (None, command(Command::Manage)),
    };
    (None, notify(notice, Command::Wait))
}

/// What a role does where its table has no row and XML flows: the stream ends, or (`None`) continues
/// as if nothing had arrived. `header` says whether our header is written, `timeout` which error a
/// passed deadline makes.
///
/// Nothing is delivered afterwards: the stream was never established (RFC 6120 4.3.5), or it failed.
pub(super) fn default_transition<C>(
    header: OwnHeader,
    timeout: ErrorSource,
    input: Input,
) -> Option<(Closing, Output<C>)> {
    use Closing::{AwaitFooter, Done};
    let fail = |error| {
        (
            AwaitFooter(InFlight::Discard),
            command(Command::Fail(header, error)),
        )
    };
    let refuse = |condition| fail(ErrorSource::Condition(condition));
    Some(match input {
        // RFC 6120 11.7: white space is tolerated during negotiation.
        Input::Keepalive => return None,
        // Nothing can be read after a fault, so nothing is waited for.
        Input::Fault(fault) => (Done, refuse(fault).1),
        Input::Element(ElementClass::StreamError(_)) => (
            AwaitFooter(InFlight::Discard),
            notify(
                Notice::StreamError,
                Command::CloseStream(CloseCause::PeerError),
            ),
        ),
        // RFC 6120 4.9.1.1: whatever the peer sends after this is not processed.
        Input::Element(ElementClass::Bad(bad)) | Input::Header(HeaderClass::Bad(bad)) => {
            refuse(bad)
        }
        Input::Element(ElementClass::SecondHeader) | Input::Header(HeaderClass::Valid(_)) => {
            refuse(StreamCondition::BadFormat)
        }
        // RFC 6120 4.9.3.12, 4.9.3.24
        Input::Element(class) if class.is_stanza() => refuse(StreamCondition::NotAuthorized),
        Input::Element(_) => refuse(StreamCondition::UnsupportedStanzaType),
        Input::Footer => {
            let closed = CloseCause::Negotiation(NegotiationReason::PeerClosed);
            (Done, command(Command::CloseStream(closed)))
        }
        Input::Expired => fail(timeout),
        Input::AppRequest(AppRequest::Fail) => fail(ErrorSource::Application),
        Input::AppRequest(AppRequest::Reset(_)) => fail(ErrorSource::Reset),
        Input::AppRequest(AppRequest::Close) if header == OwnHeader::Sent => (
            AwaitFooter(InFlight::Discard),
            command(Command::CloseStream(CloseCause::Closed)),
        ),
        Input::AppRequest(AppRequest::Close) => {
            (Done, command(Command::EndTransport(CloseCause::Closed)))
        }
        // Only a defect of the driver gives these inputs. They are never taken for progress.
        Input::Begin
        | Input::Secured
        | Input::Sasl(_)
        | Input::Answer(_)
        | Input::Pair(_)
        | Input::KeyChecked
        | Input::Managed(_)
        | Input::Resume => (Done, command(Command::EndTransport(CloseCause::Internal))),
    })
}
