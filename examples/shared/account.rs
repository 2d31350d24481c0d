//! A client's config from its options.

use std::sync::Arc;
use std::time::Duration;

use xmpp_stream::config::{Credentials, InitiatorConfig, Sasl2Options};
use xmpp_stream::jid::Jid;
use xmpp_stream::limits::Limits;
use xmpp_stream::reset::UsagePolicy;
use xmpp_stream::sasl::{
    BindingUse, LoginPin, MechanismName, MechanismPolicy, MechanismSet, Password, Username,
};
use xmpp_stream::sm::SmPolicy;

use super::options::{Options, Usage, bad};
use super::tls;
use super::trace::Printer;

/// The options that take a value.
pub const VALUED: [&str; 9] = [
    "jid",
    "password",
    "connect",
    "ca",
    "tls",
    "mechanism",
    "resource",
    "cert",
    "key",
];

/// The options that take none.
pub const FLAGS: [&str; 3] = ["direct-tls", "anonymous", "no-sasl2"];

/// The config the options describe, with what is known of earlier logins.
pub fn config(
    options: &Options,
    sasl2: Sasl2Options,
    pin: Option<LoginPin>,
) -> Result<Arc<InitiatorConfig>, Usage> {
    let mut jid: Jid = options.need("jid")?.parse().map_err(bad("jid"))?;
    if let Some(resource) = options.get("resource") {
        jid = jid.with_resource(resource).map_err(bad("resource"))?;
    }
    let tls = tls::client(options)?;
    let builder = InitiatorConfig::client(&jid);
    let builder = if options.has("direct-tls") {
        builder.direct_tls(tls)
    } else {
        builder.starttls(tls)
    };
    let mut builder = builder
        .credentials(credentials(options, &jid)?)
        .sasl(policy(options)?)
        .limits(limits()?);
    builder = match options.has("no-sasl2") {
        true => builder.without_sasl2(),
        false => builder.sasl2(sasl2),
    };
    if let Some(pin) = pin {
        builder = builder.pin(pin);
    }
    if let Some(trace) = Printer::from_options(options) {
        builder = builder.trace(trace);
    }
    if options.has("sm") {
        builder = builder.stream_management(SmPolicy::new());
    }
    if let Some(seconds) = options.parsed("reset-after")? {
        let mut usage = UsagePolicy::default();
        usage.age = Some(Duration::from_secs(seconds));
        builder = builder.usage(usage);
    }
    builder.build().map_err(bad("jid"))
}

/// ANONYMOUS if it is asked for; the certificate if it is all there is, or the
/// mechanism wants it; else the password.
fn credentials(options: &Options, jid: &Jid) -> Result<Credentials, Usage> {
    if options.has("anonymous") {
        return Ok(Credentials::Anonymous);
    }
    let external = options.get("mechanism") == Some("EXTERNAL");
    if options.has("cert") && (external || !options.has("password")) {
        return Ok(Credentials::External { authzid: None });
    }
    let local = jid
        .local()
        .ok_or_else(|| Usage("--jid has no local part".into()))?;
    Ok(Credentials::Password {
        username: Username::saslprep(local).map_err(bad("jid"))?,
        password: Password::saslprep(options.need("password")?).map_err(bad("password"))?,
        keys: None,
        authzid: None,
    })
}

/// The one mechanism, PLAIN included, or the crate's own choice.
///
/// The servers of Debian 12 offer -PLUS with `tls-unique` alone and announce no bindings (XEP-0440).
/// The default policy, `BindingUse::Preferred`, does not log in to them, because it cannot tell them
/// from a server whose announcement an attacker has removed. A program for trying servers does;
/// where the server is known, keep the default.
fn policy(options: &Options) -> Result<MechanismPolicy, Usage> {
    let policy = MechanismPolicy::new().binding(BindingUse::DangerousIfAnnounced);
    let Some(name) = options.get("mechanism") else {
        return Ok(policy);
    };
    let mechanism = MechanismName::from_name(name)
        .ok_or_else(|| Usage(format!("--mechanism: {name} is not known")))?;
    Ok(policy.allow(MechanismSet::EMPTY.with(mechanism)))
}

/// What can be received can be sent.
fn limits() -> Result<Limits, Usage> {
    let limits = Limits::client();
    limits
        .with_outbox_bytes(limits.stanza_bytes())
        .map_err(bad("limits"))
}
