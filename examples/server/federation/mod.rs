//! Streams with other servers: accepted, and opened when there is something
//! to say.
//!
//! A stream carries stanzas one way, so there are two of them between a pair
//! of domains. One task holds each stream. What another domain is to be told
//! or asked goes to the mailbox of the task that holds the stream to it, which
//! is begun if there is none.

mod inbound;
mod outbound;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use inbound::accepted;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use xmpp_stream::config::{HostConfig, InitiatorConfig, ResponderConfig};
use xmpp_stream::dialback::DialbackSecret;
use xmpp_stream::event::{DialbackRequest, RequestId};
use xmpp_stream::jid::Jid;
use xmpp_stream::reset::UsagePolicy;
use xmpp_stream::stream::{DialbackCondition, DialbackVerdict};
use xmpp_stream::tls::ClientTls;
use xmpp_stream::tls::identity::Trust;
use xmpp_stream::xml::write::escape_attr;

use crate::config::Server;
use crate::shared::options::{Options, Usage, bad};
use crate::shared::tls;
use crate::shared::trace::Printer;

/// What all streams with other servers share.
pub struct Federation {
    pub domain: Jid,
    accepting: Arc<ResponderConfig>,
    tls: ClientTls,
    trust: Option<Trust>,
    trace: Option<Arc<Printer>>,
    secret: Option<DialbackSecret>,
    /// Where to connect to, by domain.
    routes: HashMap<String, String>,
    links: Mutex<Links>,
}

#[derive(Default)]
struct Links {
    /// To each domain.
    outbound: HashMap<String, Sender<Letter>>,
    /// From others, by connection.
    inbound: HashMap<u64, Sender<Answer>>,
}

/// What a stream to another server is for.
pub enum Letter {
    Stanza(Parcel),
    /// Is this your key? The answer goes to who asks.
    Verify(DialbackRequest, Sender<Answer>),
    Stop,
}

/// What a stream from another server waits for.
pub enum Answer {
    Key(RequestId, DialbackVerdict),
    Stop,
}

/// A stanza, and what is needed to return it.
pub struct Parcel {
    pub xml: String,
    pub name: String,
    pub id: Option<String>,
    pub from: Jid,
    pub to: Jid,
    /// Whether an error may be returned (RFC 6120 8.3.1).
    pub returnable: bool,
}

impl Federation {
    pub fn from_options(
        options: &Options,
        usage: Option<UsagePolicy>,
        trace: Option<Arc<Printer>>,
    ) -> Result<Self, Usage> {
        let domain = Jid::parse(options.need("domain")?).map_err(bad("domain"))?;
        let trust = match options.has("no-external") {
            true => None,
            false => Some(tls::trust(options)?),
        };
        let secret = options.get("dialback-secret");
        let secret = secret.map(|secret| DialbackSecret::new(secret.as_bytes()));
        let mut host = HostConfig::s2s(&domain).tls(tls::s2s_server(options)?);
        if let Some(trust) = &trust {
            host = host.external(trust.clone());
        }
        if let Some(usage) = usage {
            host = host.usage(usage);
        }
        if let Some(secret) = &secret {
            host = host.dialback_secret(secret.clone());
        }
        let mut accepting = ResponderConfig::s2s(tls::random())
            .single_host(host.build().map_err(bad("domain"))?)
            .starttls();
        if secret.is_some() {
            accepting = accepting.dialback();
        }
        if let Some(trace) = &trace {
            accepting = accepting.trace(trace.clone());
        }
        let routes = options.all("s2s-route").map(|route| {
            let (domain, address) = route
                .split_once('=')
                .ok_or_else(|| Usage("--s2s-route is DOMAIN=HOST:PORT".into()))?;
            Ok((domain.to_ascii_lowercase(), address.to_owned()))
        });
        Ok(Self {
            domain,
            accepting: accepting.build().map_err(bad("no-external"))?,
            tls: tls::s2s_client(options)?,
            trust,
            trace,
            secret,
            routes: routes.collect::<Result<_, Usage>>()?,
            links: Mutex::default(),
        })
    }

    /// What a stream to `peer` is opened with.
    fn initiating(&self, peer: &Jid) -> Option<Arc<InitiatorConfig>> {
        let mut builder = InitiatorConfig::server(&self.domain, peer).starttls(self.tls.clone());
        if let Some(trust) = &self.trust {
            builder = builder.external(trust.clone());
        }
        if let Some(secret) = &self.secret {
            builder = builder.dialback(secret.clone());
        }
        if let Some(trace) = &self.trace {
            builder = builder.trace(trace.clone());
        }
        builder.build().ok()
    }

    /// `--s2s-route`, or the domain itself (RFC 6120 3.2.2: there is no DNS SRV
    /// in this program).
    fn address(&self, peer: &str) -> String {
        let route = self.routes.get(peer).cloned();
        route.unwrap_or_else(|| format!("{peer}:5269"))
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every stream says goodbye.
    pub fn stop(&self) {
        let links = self.links();
        for mailbox in links.outbound.values() {
            let _ = mailbox.try_send(Letter::Stop);
        }
        for mailbox in links.inbound.values() {
            let _ = mailbox.try_send(Answer::Stop);
        }
    }
}

/// Sends a letter to a domain, over the stream there is or a new one. A letter
/// that cannot be taken is returned.
pub fn post(server: &Arc<Server>, peer: &Jid, letter: Letter) {
    let Some(federation) = &server.federation else {
        return give_back(server, letter);
    };
    let mut links = federation.links();
    let refused = match links.outbound.get(peer.domain()) {
        None => letter,
        Some(mailbox) => match mailbox.try_send(letter) {
            Ok(()) => return,
            Err(TrySendError::Closed(letter)) => letter,
            Err(TrySendError::Full(letter)) => {
                drop(links);
                return give_back(server, letter);
            }
        },
    };
    let mailbox = outbound::open(server, peer, refused);
    links.outbound.insert(peer.domain().to_owned(), mailbox);
}

/// What was not delivered goes back to who sent or asked it.
fn give_back(server: &Arc<Server>, letter: Letter) {
    match letter {
        Letter::Stanza(parcel) => parcel.bounce(server),
        Letter::Verify(request, asker) => {
            let timeout = DialbackVerdict::Error(DialbackCondition::RemoteConnectionFailed);
            let _ = asker.try_send(Answer::Key(request.id(), timeout));
        }
        Letter::Stop => {}
    }
}

impl Parcel {
    /// A stanza that is not returned.
    pub fn new(name: &str, id: Option<String>, from: Jid, to: Jid, xml: String) -> Self {
        Self {
            xml,
            name: name.to_owned(),
            id,
            from,
            to,
            returnable: false,
        }
    }

    /// Tells the sender, one of our users, that nobody was reached (XEP-0220
    /// 2.1.1).
    fn bounce(self, server: &Arc<Server>) {
        if !self.returnable || self.from.local().is_none() {
            return;
        }
        let mut attributes = String::new();
        let id = self.id.as_deref();
        for (name, value) in [
            ("from", Some(self.to.as_str())),
            ("to", Some(self.from.as_str())),
            ("id", id),
        ] {
            if let Some(Ok(value)) = value.map(escape_attr) {
                // A `String` takes everything.
                let _ = write!(attributes, " {name}='{value}'");
            }
        }
        let error = format!(
            "<{name} type='error'{attributes}><error type='wait'><remote-server-timeout \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></{name}>",
            name = self.name,
        );
        // Gone, too: then nobody waits.
        let _ = server.router.deliver(&self.from, error);
    }
}
