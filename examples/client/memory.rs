//! What the client remembers of its logins: `--fast FILE` (XEP-0484) and `--pin FILE`.
//!
//! The file of the token has two lines: the id of this client, a random UUID, and the token in hex,
//! unless it was refused. It is as secret as a password. The file of the pin has one line of text.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use xmpp_stream::close::AuthenticationReason;
use xmpp_stream::config::{Sasl2Options, TokenFallback};
use xmpp_stream::sasl::{FastToken, LoginPin, SaslCondition};
use xmpp_stream::stream::sasl2::UserAgent;
use xmpp_stream::{CloseReason, CloseTcp, Initiator};

use crate::shared::options::{Options, Usage, bad};
use crate::shared::tls;

/// Where the files are, and what is in them.
#[derive(Default)]
pub struct Memory {
    fast: Option<Fast>,
    pin: Option<(String, Option<LoginPin>)>,
}

struct Fast {
    path: String,
    /// Of this client.
    id: String,
    /// Whether the token of the file is the one that is used.
    is_used: bool,
}

impl Memory {
    /// Reads the files that exist. What they say of the next login is added to `options` of SASL2.
    pub fn read(options: &Options, mut sasl2: Sasl2Options) -> Result<(Self, Sasl2Options), Usage> {
        let mut memory = Self::default();
        let fallback = match options.has("fast-only") {
            true => TokenFallback::End,
            false => TokenFallback::Credentials,
        };
        if let Some(path) = options.get("fast") {
            let text = fs::read_to_string(path).unwrap_or_default();
            let (id, token) = match text.split_once('\n') {
                Some((id, token)) => (id.to_owned(), token.trim()),
                None => (uuid()?, ""),
            };
            let agent =
                UserAgent::new(Some(&id), Some("xmpp-stream"), None).map_err(bad("fast"))?;
            sasl2 = sasl2.user_agent(agent).request_token();
            if !token.is_empty() {
                let bytes = unhex(token).ok_or_else(|| Usage("--fast: no token".into()))?;
                let token = FastToken::from_bytes(&bytes).map_err(bad("fast"))?;
                sasl2 = sasl2.token(token, fallback);
            }
            memory.fast = Some(Fast {
                path: path.to_owned(),
                id,
                is_used: !token.is_empty(),
            });
        }
        let has_token = memory.fast.as_ref().is_some_and(|fast| fast.is_used);
        if fallback == TokenFallback::End && !has_token {
            return Err(Usage("--fast-only: --fast has no token".into()));
        }
        if let Some(path) = options.get("pin") {
            let stored = fs::read_to_string(path).ok();
            let pin = stored.map(|text| text.trim().parse().map_err(bad("pin")));
            memory.pin = Some((path.to_owned(), pin.transpose()?));
        }
        Ok((memory, sasl2))
    }

    /// What the next login must not fall below.
    pub fn pin(&self) -> Option<LoginPin> {
        self.pin.as_ref()?.1
    }

    /// Stores what the login has brought, as soon as it is there.
    pub fn keep(&mut self, machine: &mut Initiator) {
        if let (Some(fast), Some(token)) = (&mut self.fast, machine.take_token()) {
            let mut text = format!("{}\n", fast.id);
            for byte in token.to_bytes().as_bytes() {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
            store(&fast.path, &text);
            fast.is_used = false;
        }
        let found = machine.login_pin();
        if let Some((path, pin)) = &mut self.pin {
            if found.is_some() && found != *pin {
                *pin = found;
                store(
                    path,
                    &found.map_or_else(String::new, |pin| format!("{pin}\n")),
                );
            }
        }
    }

    /// Discards the token of a login that the server has refused (XEP-0484 4.1). The token may be the
    /// reason although the password was tried too: Prosody's module takes no second attempt on a stream.
    pub fn discard(&mut self, close: &CloseTcp) {
        let refused = match close.reason() {
            CloseReason::AuthenticationFailed(AuthenticationReason::Refused(condition)) => {
                *condition != SaslCondition::TemporaryAuthFailure
            }
            _ => false,
        };
        if let Some(fast) = self.fast.as_mut().filter(|fast| fast.is_used && refused) {
            store(&fast.path, &format!("{}\n", fast.id));
            fast.is_used = false;
        }
    }
}

/// Writes a file that only its owner can read.
fn store(path: &str, text: &str) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        eprintln!("{path}: {error}");
    }
}

/// A random UUID (version 4, RFC 9562 5.4).
fn uuid() -> Result<String, Usage> {
    let mut bytes = [0; 16];
    tls::random()
        .fill(&mut bytes)
        .map_err(|_| Usage("no randomness".into()))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    Ok(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
