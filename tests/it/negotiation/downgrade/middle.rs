//! A man in the middle with a certificate that the client trusts: he ends TLS on both sides, and
//! reads and changes all stream text.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConnection;
use sha2::{Digest, Sha256, Sha512};
use xmpp_stream::config::{HostConfig, InitiatorConfig};
use xmpp_stream::connection::{InitiatorRole, ResponderRole};
use xmpp_stream::{Initiator, Responder};

use crate::harness::phases::{Phase, bring_responder, responder_config};
use crate::harness::pki::{Crypto, Leaf, Setup, TLS13, pki};
use crate::harness::{App, Carrier, Harness, START, Scripted};

/// One change that he makes to what the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// He deletes the -PLUS mechanisms.
    HidePlus,
    /// He deletes what the server says of its bindings (XEP-0440).
    HideBindings,
    /// He leaves SHA-1 of the hashes of SCRAM.
    HideStrongHashes,
    /// He deletes all of SCRAM.
    HideScram,
    /// He deletes the offer of SASL2.
    HideSasl2,
    /// He deletes the server's proof of its offer (XEP-0474).
    HideProof,
    /// He replaces that proof by one of the offer that the client has read.
    ForgeProof,
    /// He deletes the mechanisms of FAST with a channel binding.
    HideBoundFast,
    /// He deletes FAST.
    HideFast,
}

pub struct Middle {
    pub client: Harness<InitiatorRole, Scripted>,
    pub server: Harness<ResponderRole, Scripted>,
    changes: &'static [Change],
    /// The features as the client has read them.
    offer: String,
    /// Everything that the client has said.
    pub said: String,
}

impl Middle {
    pub fn new(
        config: Arc<InitiatorConfig>,
        host: Arc<HostConfig>,
        app: App<ResponderRole>,
        changes: &'static [Change],
    ) -> Self {
        let mut client = Harness::scripted(Initiator::new(config, START), Box::new(|_, _| {}));
        // Another certificate than the server's.
        let tls = pki().server(&Setup::new(Crypto::Ring, TLS13), Leaf::SignedWithSha384);
        client.start_tls(ServerConnection::new(Arc::new(tls)).unwrap());
        let carrier = Carrier::DirectTls(TLS13);
        let config = responder_config(carrier, host);
        let mut server = Harness::scripted(Responder::new(config, START), app);
        bring_responder(&mut server, carrier, Phase::Secured);
        server.receive();
        Self {
            client,
            server,
            changes,
            offer: String::new(),
            said: String::new(),
        }
    }

    /// Carries text both ways until nothing moves.
    pub fn relay(mut self) -> Self {
        loop {
            let sent = self.client.receive();
            self.said.push_str(&sent);
            self.server.send(&sent);
            let mut answer = self.server.receive();
            if sent.is_empty() && answer.is_empty() {
                return self;
            }
            for change in self.changes {
                self.change(*change, &mut answer);
            }
            if self.offer.is_empty() && answer.contains("<stream:features>") {
                self.offer.clone_from(&answer);
            }
            self.client.send(answer);
        }
    }

    fn change(&self, change: Change, text: &mut String) {
        match change {
            Change::HidePlus => hide(text, |name| name.ends_with("-PLUS")),
            Change::HideStrongHashes => hide(text, |name| {
                name.starts_with("SCRAM-SHA-2") || name.starts_with("SCRAM-SHA-5")
            }),
            Change::HideScram => hide(text, |name| name.starts_with("SCRAM-")),
            Change::HideBoundFast => hide(text, |name| {
                name.starts_with("HT-") && !name.ends_with("-NONE")
            }),
            Change::HideBindings => delete(text, "sasl-channel-binding"),
            Change::HideSasl2 => delete(text, "authentication"),
            Change::HideFast => delete(text, "fast"),
            Change::HideProof => replace_proof(text, || None),
            Change::ForgeProof => replace_proof(text, || Some(self.forged())),
        }
    }

    /// The proof that belongs to the offer as the client has read it (XEP-0474 5.1).
    fn forged(&self) -> String {
        let list = match self.said.contains("<authenticate ") {
            true => between(&self.offer, "<authentication ", "<inline"),
            false => between(&self.offer, "<mechanisms ", "</mechanisms>"),
        };
        let mechanisms = sorted(list, "<mechanism>", "<");
        let bindings = sorted(&self.offer, "<channel-binding type='", "'");
        let mut text = mechanisms.join("\u{1e}");
        if !bindings.is_empty() {
            text.push('\u{1f}');
            text.push_str(&bindings.join("\u{1e}"));
        }
        if self.said.contains("mechanism='SCRAM-SHA-512") {
            STANDARD.encode(Sha512::digest(text))
        } else if self.said.contains("mechanism='SCRAM-SHA-256") {
            STANDARD.encode(Sha256::digest(text))
        } else {
            STANDARD.encode(sha1::Sha1::digest(text))
        }
    }
}

/// Deletes the mechanisms with such names.
fn hide(text: &mut String, which: impl Fn(&str) -> bool) {
    for name in sorted(&text.clone(), "<mechanism>", "<") {
        if which(name) {
            *text = text.replace(&format!("<mechanism>{name}</mechanism>"), "");
        }
    }
}

/// Deletes an element from the text, if it is there.
fn delete(text: &mut String, name: &str) {
    if let Some(start) = text.find(&format!("<{name} ")) {
        let end = format!("</{name}>");
        let length = text[start..].find(&end).unwrap() + end.len();
        text.replace_range(start..start + length, "");
    }
}

/// Changes the attribute `h` in the challenge of SCRAM, if both are there.
fn replace_proof(text: &mut String, proof: impl Fn() -> Option<String>) {
    let Some(start) = text.find("<challenge ") else {
        return;
    };
    let start = start + text[start..].find('>').unwrap() + 1;
    let end = start + text[start..].find('<').unwrap();
    let message = String::from_utf8(STANDARD.decode(&text[start..end]).unwrap()).unwrap();
    let mut changed = Vec::new();
    for attribute in message.split(',') {
        if attribute.starts_with("h=") {
            changed.extend(proof().map(|proof| format!("h={proof}")));
        } else {
            changed.push(attribute.to_string());
        }
    }
    text.replace_range(start..end, &STANDARD.encode(changed.join(",")));
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let start = text.find(start).unwrap();
    let length = text[start..].find(end).unwrap();
    &text[start..start + length]
}

/// What stands between each `start` and the `end` after it, in the order of octets.
fn sorted<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let mut found: Vec<&str> = text
        .split(start)
        .skip(1)
        .map(|rest| rest.split(end).next().unwrap())
        .collect();
    found.sort_unstable();
    found
}
