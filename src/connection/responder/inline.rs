//! What a client asks for with its login by SASL2, on the receiving side: the resource (XEP-0386) and
//! stream management (XEP-0198 9).
//!
//! What was not offered is not heard. Nothing is done before the table says that the client is
//! authenticated.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::config::HostConfig;
use crate::connection::context::Context;
use crate::event::InlineBindRequest;
use crate::jid::Jid;
use crate::sasl::Secret;
use crate::stream::sasl2::{
    Authenticate, BoundOut, EnableOut, InlineEnable, InlineXml, ResumptionOut, SuccessOut,
    UserAgent, write_success,
};
use crate::stream::{InlineRequests, LoginOutcome, ManagementRefusal};

/// The inline requests of the login that is under way, and what has come of them.
#[derive(Debug, Default)]
pub(super) struct InlineLogin {
    user_agent: Option<UserAgent>,
    bind: Option<Box<InlineBindRequest>>,
    enable: Option<InlineEnable>,
    resume: Option<Resume>,
    refused: Refused,
    /// What the application answers to the features that came with the resource.
    results: Vec<InlineXml>,
}

/// The session that is to be resumed.
#[derive(Debug)]
pub(super) struct Resume {
    pub(super) previd: Secret,
    pub(super) h: u32,
}

/// Whether a resumption was refused.
#[derive(Debug, Default)]
enum Refused {
    #[default]
    No,
    /// With the count that is known of the session.
    Yes(Option<u32>),
}

impl InlineLogin {
    /// Keeps what was asked for and is offered. `resumes` says whether sessions can be resumed,
    /// `manages` whether stream management is configured.
    pub(super) fn read(
        authenticate: &Authenticate<'_>,
        host: &HostConfig,
        manages: bool,
        resumes: bool,
    ) -> Self {
        let user_agent = authenticate.user_agent.clone();
        let bind = authenticate.bind.as_ref();
        Self {
            bind: bind.map(|bind| {
                Box::new(InlineBindRequest {
                    tag: bind.tag.as_deref().map(String::from),
                    user_agent: user_agent.clone(),
                    features: bind
                        .features()
                        .filter(|feature| host.offers_inline(feature.ns()))
                        .filter_map(|feature| InlineXml::new(&feature.standalone()).ok())
                        .collect(),
                })
            }),
            user_agent,
            enable: bind.and_then(|bind| bind.enable).filter(|_| manages),
            resume: authenticate
                .resume
                .as_ref()
                .filter(|_| resumes)
                .map(|resume| Resume {
                    previd: Secret::from(resume.previd.as_bytes()),
                    h: resume.h,
                }),
            refused: Refused::No,
            results: Vec::new(),
        }
    }

    /// What is left to be done once the client is authenticated.
    pub(super) const fn requests(&self) -> InlineRequests {
        InlineRequests::new(false, self.resume.is_some(), self.bind.is_some())
    }

    /// What the client says of itself.
    pub(super) const fn user_agent(&self) -> Option<&UserAgent> {
        self.user_agent.as_ref()
    }

    /// The session to resume, once.
    pub(super) fn take_resume(&mut self) -> Option<Resume> {
        self.resume.take()
    }

    /// The request for a resource, once.
    pub(super) fn take_bind(&mut self) -> Option<Box<InlineBindRequest>> {
        self.bind.take()
    }

    /// Records that the session is not resumed, and the count that is known of it.
    pub(super) fn refuse_resumption(&mut self, handled: Option<u32>) {
        self.refused = Refused::Yes(handled);
    }

    /// Keeps what the application answers to the features that came with the resource.
    pub(super) fn set_results(&mut self, results: Vec<InlineXml>) {
        self.results = results;
    }

    /// Writes `<success/>` for `identifier`, with what has come of the requests.
    pub(super) fn write_success(
        &mut self,
        outcome: LoginOutcome,
        identifier: &Jid,
        data: Option<&Secret>,
        cx: &mut Context<'_>,
    ) {
        let mut management = cx.management.as_deref_mut();
        if let (LoginOutcome::Bound, Some(enable)) = (outcome, self.enable.take()) {
            let enabled = management
                .as_deref_mut()
                .map(|management| management.enable_inline(enable.resume, enable.max));
            if let Some(Err(_)) = enabled {
                return cx.no_randomness();
            }
        }
        let management = cx.management.as_deref();
        let resumption = match (outcome, &self.refused, management) {
            (LoginOutcome::Resumed, _, Some(management)) => {
                let (h, previd) = management.resumed_inline();
                ResumptionOut::Resumed { h, previd }
            }
            (_, Refused::Yes(h), _) => ResumptionOut::Failed {
                refusal: ManagementRefusal::ItemNotFound,
                h: *h,
            },
            _ => ResumptionOut::Absent,
        };
        let bound = (outcome == LoginOutcome::Bound).then(|| BoundOut {
            management: match management.and_then(|management| management.enabled_inline()) {
                Some((id, max, location)) => EnableOut::Enabled { id, max, location },
                None => EnableOut::Absent,
            },
            features: &self.results,
        });
        let success = SuccessOut {
            additional_data: data,
            resumption,
            bound,
            ..SuccessOut::new(identifier)
        };
        cx.out
            .push_secret_element(success.max_len(), |out| write_success(out, &success));
    }
}
