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
use crate::connection::management::Management;
use crate::event::{InlineBindRequest, TokenRequest};
use crate::jid::Jid;
use crate::random::Random;
use crate::sasl::{
    FastMechanism, FastSet, FastToken, Identity, SaslCondition, Secret, TokenError, TokenSlot,
};
use crate::stream::sasl2::{
    Authenticate, BoundOut, EnableOut, FastUse, InlineBind, InlineEnable, InlineXml,
    MAX_BIND_FEATURE_BYTES, ResumptionOut, SuccessOut, TokenOut, UserAgent, write_success,
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
    /// What concerns tokens.
    fast: Option<FastUse>,
    requested: Option<FastMechanism>,
    used: Option<(TokenSlot, FastMechanism)>,
    issued: Option<FastToken>,
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
    /// Keeps what was asked for and is offered, within [`MAX_BIND_FEATURE_BYTES`]. `resumes` says whether sessions can be resumed,
    /// `manages` whether stream management is configured, and `fast` which tokens are offered.
    ///
    /// # Errors
    /// `malformed-request` for longer features.
    pub(super) fn read(
        authenticate: &Authenticate<'_>,
        host: &HostConfig,
        manages: bool,
        resumes: bool,
        fast: FastSet,
    ) -> Result<Self, SaslCondition> {
        let user_agent = authenticate.user_agent.clone();
        let is_named = user_agent
            .as_ref()
            .is_some_and(|agent| agent.id().is_some());
        let bind = authenticate.bind.as_ref();
        let request = match bind {
            Some(bind) => Some(Box::new(InlineBindRequest {
                tag: bind.tag.as_deref().map(String::from),
                user_agent: user_agent.clone(),
                features: read_features(bind, host)?,
            })),
            None => None,
        };
        Ok(Self {
            bind: request,
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
            fast: authenticate.fast,
            // XEP-0484 4.1: a token belongs to a client with an id.
            requested: authenticate
                .request_token
                .as_deref()
                .and_then(FastMechanism::from_name)
                .filter(|mechanism| is_named && fast.contains(*mechanism)),
            used: None,
            issued: None,
        })
    }

    /// What is left to be done once the client is authenticated.
    pub(super) const fn requests(&self) -> InlineRequests {
        let token = self.used.is_some() || self.requested.is_some();
        InlineRequests {
            token,
            resume: self.resume.is_some(),
            bind: self.bind.is_some(),
        }
    }

    /// The id of the client, if it gave one.
    pub(super) fn client(&self) -> Option<&str> {
        self.user_agent.as_ref().and_then(UserAgent::id)
    }

    /// Whether the client logs in with a token.
    pub(super) const fn uses_token(&self) -> bool {
        self.fast.is_some()
    }

    /// Records the token that the client has logged in with.
    pub(super) fn set_used(&mut self, used: Option<(TokenSlot, FastMechanism)>) {
        self.used = used;
    }

    /// The question what becomes of the client's tokens.
    ///
    /// # Errors
    /// There is no randomness for a new one.
    pub(super) fn token_request(
        &self,
        identity: &Identity,
        random: &dyn Random,
    ) -> Result<Option<TokenRequest>, TokenError> {
        let mechanism = self.requested.or(self.used.map(|(_, mechanism)| mechanism));
        let (Some(mechanism), Some(client)) = (mechanism, self.client()) else {
            return Ok(None);
        };
        // The application says when it expires.
        let fresh = FastToken::generate(mechanism, "-", random)?;
        Ok(Some(TokenRequest {
            identity: identity.clone(),
            client: client.into(),
            used: self.used.map(|(slot, _)| slot),
            count: self.fast.and_then(|fast| fast.count),
            invalidate: self.fast.is_some_and(|fast| fast.invalidate),
            requested: self.requested.is_some(),
            mechanism,
            secret: fresh.secret().clone(),
        }))
    }

    /// Keeps the token that the client is given.
    pub(super) fn issue(&mut self, token: FastToken) {
        self.issued = Some(token);
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
        if let (LoginOutcome::Bound, Some(enable)) = (outcome, self.enable.take()) {
            let enabled = cx
                .management
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
            management: match management.and_then(Management::enabled_inline) {
                Some((id, max, location)) => EnableOut::Enabled { id, max, location },
                None => EnableOut::Absent,
            },
            features: &self.results,
        });
        let success = SuccessOut {
            additional_data: data,
            resumption,
            bound,
            token: self.issued.as_ref().map(|token| TokenOut {
                token: core::str::from_utf8(token.secret().as_bytes()).unwrap_or_default(),
                expiry: token.expiry(),
            }),
            ..SuccessOut::new(identifier)
        };
        cx.out
            .push_secret_element(success.max_len(), |out| write_success(out, &success));
    }
}

/// The features that are asked for and offered, each with the namespace declarations that it needs to
/// stand alone.
///
/// # Errors
/// `malformed-request` if they are longer together than [`MAX_BIND_FEATURE_BYTES`].
fn read_features(
    bind: &InlineBind<'_>,
    host: &HostConfig,
) -> Result<Vec<InlineXml>, SaslCondition> {
    let mut room = MAX_BIND_FEATURE_BYTES;
    let mut features = Vec::new();
    let offered = bind
        .features()
        .filter(|feature| host.offers_inline(feature.ns()));
    for feature in offered {
        let xml = feature.standalone();
        room = room
            .checked_sub(xml.len())
            .ok_or(SaslCondition::MalformedRequest)?;
        features.extend(InlineXml::new(&xml).ok());
    }
    Ok(features)
}
