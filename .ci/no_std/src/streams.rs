//! Client and server back to back: negotiation, a message, a reset.

use alloc::{string::ToString, sync::Arc, vec};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime},
    time_provider::TimeProvider,
};
use xmpp_stream::{
    Action, Connection, Decision, Event, Initiator, Negotiation, Responder,
    config::{HostConfig, InitiatorConfig, ResponderConfig},
    jid::Jid,
    reset::ResetCause,
    sasl::{Decoy, Password, ScramKeys, Username},
    time::Instant,
    tls::{ClientTls, ServerTls},
};

/// Made by `run` for each build.
const CERTIFICATE: &[u8] = include_bytes!(concat!(env!("IMAGE_PKI"), "/certificate.der"));
const KEY: &[u8] = include_bytes!(concat!(env!("IMAGE_PKI"), "/key.der"));
/// The wall clock, seconds since 1970: an image has none of its own.
const BUILT_AT: &str = env!("IMAGE_TIME");

/// How a conversation is protected.
#[derive(Clone, Copy)]
pub enum Protection {
    None,
    Tls(&'static SupportedProtocolVersion),
}

/// Logs in, sends a message, and has the server reset the stream; `None` if
/// anything comes out differently.
pub fn conversation(provider: &Arc<CryptoProvider>, protection: Protection) -> Option<()> {
    let now = Instant::from_millis(0);
    let mut client = Initiator::new(client(provider, protection)?, now);
    let mut server = Responder::new(server(provider, protection)?, now);
    let mut progress = Progress::default();
    for _ in 0..10_000 {
        let client_end = turn(&mut client, now, &mut progress)?;
        let server_end = turn(&mut server, now, &mut progress)?;
        if let (Some("reset"), Some("reset")) = (client_end, server_end) {
            return (progress.established == 2 && progress.messages == 1).then_some(());
        }
        if let Some(mut session) = client.session() {
            if progress.established == 2 && progress.sent == 0 {
                session.send("<message><body>hi</body></message>").ok()?;
                progress.sent += 1;
            }
        }
        if progress.messages == 1 {
            if let Some(session) = server.session() {
                session.reset(ResetCause::KeyRefresh);
            }
        }
        carry(&mut client, &mut server);
        carry(&mut server, &mut client);
        if client_end.is_some() {
            server.receive_eof();
        }
        if server_end.is_some() {
            client.receive_eof();
        }
    }
    None
}

/// What both machines told, and what was said.
#[derive(Default)]
struct Progress {
    established: u32,
    sent: u32,
    messages: u32,
}

/// Polls until the machine waits (`Some(None)`) or has closed.
fn turn<N: Negotiation>(
    machine: &mut Connection<N>,
    now: Instant,
    progress: &mut Progress,
) -> Option<Option<&'static str>> {
    loop {
        match machine.poll(now) {
            Action::Event(Event::Established(_)) => progress.established += 1,
            Action::Event(Event::Stanza(stanza)) => {
                (stanza.child("body", "jabber:client")?.text() == "hi").then_some(())?;
                progress.messages += 1;
            }
            Action::Event(_) => {}
            Action::Wait(_) => return Some(None),
            Action::CloseTcp(close) => return Some(Some(close.reason().code())),
        }
        if let Some(decision) = machine.decision() {
            decide(decision)?;
        }
    }
}

fn carry<A: Negotiation, B: Negotiation>(from: &mut Connection<A>, to: &mut Connection<B>) {
    let taken = to.receive(from.transmit());
    from.transmitted(taken);
}

fn decide(decision: Decision<'_>) -> Option<()> {
    match decision {
        Decision::Scram(scram) => {
            let name = scram.username().to_string();
            let password = Password::ascii("secret").ok()?;
            let keys = ScramKeys::derive(scram.hash(), &password, &[7; 16], 4_096).ok()?;
            scram.keys(name, keys);
        }
        Decision::Bind(bind) => {
            let local = bind.identity().authcid.clone();
            bind.accept(Jid::parse(&(local + "@localhost/image")).ok()?)
                .ok()?;
        }
        _ => return None,
    }
    Some(())
}

fn client(provider: &Arc<CryptoProvider>, protection: Protection) -> Option<Arc<InitiatorConfig>> {
    let builder = InitiatorConfig::client(&Jid::parse("alice@localhost").ok()?);
    let builder = match protection {
        Protection::None => builder.dangerous_plaintext(provider.secure_random),
        Protection::Tls(version) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from(CERTIFICATE)).ok()?;
            let config = ClientConfig::builder_with_details(provider.clone(), Arc::new(BuildTime))
                .with_protocol_versions(&[version])
                .ok()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            builder.starttls(ClientTls::new(Arc::new(config)))
        }
    };
    let (name, password) = (
        Username::ascii("alice").ok()?,
        Password::ascii("secret").ok()?,
    );
    builder.password(name, password).build().ok()
}

fn server(provider: &Arc<CryptoProvider>, protection: Protection) -> Option<Arc<ResponderConfig>> {
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4_096));
    let builder = ResponderConfig::server(provider.secure_random);
    Some(match protection {
        Protection::None => builder
            .single_host(host.build().ok()?)
            .dangerous_plaintext()
            .build()
            .ok()?,
        Protection::Tls(version) => {
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(KEY));
            let config = ServerConfig::builder_with_details(provider.clone(), Arc::new(BuildTime))
                .with_protocol_versions(&[version])
                .ok()?
                .with_no_client_auth()
                .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
                .ok()?;
            let host = host.tls(ServerTls::new(Arc::new(config)));
            builder.single_host(host.build().ok()?).starttls().build().ok()?
        }
    })
}

#[derive(Debug)]
struct BuildTime;

impl TimeProvider for BuildTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = BUILT_AT.parse().ok()?;
        Some(UnixTime::since_unix_epoch(core::time::Duration::from_secs(
            seconds,
        )))
    }
}
