//! rustls configs from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SecureRandom};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use xmpp_stream::tls::identity::Trust;
use xmpp_stream::tls::{ClientTls, ServerTls};

use super::options::{Options, Usage, bad};

/// The cryptography: ring's.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The randomness that goes with it.
pub fn random() -> &'static dyn SecureRandom {
    rustls::crypto::ring::default_provider().secure_random
}

/// A client: `--ca`, `--tls`, and `--cert` with `--key`.
pub fn client(options: &Options) -> Result<ClientTls, Usage> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(options)?)
        .map_err(bad("tls"))?
        .with_root_certificates(roots(options.need("ca")?)?);
    let config = match options.get("cert") {
        Some(cert) => builder
            .with_client_auth_cert(chain(cert)?, key(options.need("key")?)?)
            .map_err(bad("cert"))?,
        None => builder.with_no_client_auth(),
    };
    Ok(ClientTls::new(Arc::new(config)))
}

/// A server: `--cert`, `--key`, `--tls`; with `--client-ca` clients are asked
/// for a certificate, and let in without one.
///
/// Sessions may be resumed, but not by a server that resets streams: after a
/// reset everything is negotiated anew (RFC 6120 4.9.3.16).
pub fn server(options: &Options) -> Result<ServerTls, Usage> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(options)?)
        .map_err(bad("tls"))?;
    let builder = match options.get("client-ca") {
        Some(ca) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider())
                .allow_unauthenticated()
                .build()
                .map_err(bad("client-ca"))?,
        ),
        None => builder.with_no_client_auth(),
    };
    let config = builder
        .with_single_cert(chain(options.need("cert")?)?, key(options.need("key")?)?)
        .map_err(bad("cert"))?;
    let resets = options.has("reset-after") || options.has("reset-after-records");
    Ok(ServerTls::new(Arc::new(config)).tickets(!resets))
}

/// A server towards other servers: `--cert`, `--key`, `--tls`. Any certificate
/// of theirs passes the handshake; [`trust`] judges it, and dialback may follow.
pub fn s2s_server(options: &Options) -> Result<ServerTls, Usage> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(options)?)
        .map_err(bad("tls"))?;
    let certified = CertifiedKey::from_der(
        chain(options.need("cert")?)?,
        key(options.need("key")?)?,
        &provider(),
    )
    .map_err(bad("cert"))?;
    let resolver = SingleCertAndKey::from(certified);
    Ok(ServerTls::deferred(builder, Arc::new(resolver)))
}

/// The same server, as it connects to others: with its certificate, unless it
/// is not to use it.
pub fn s2s_client(options: &Options) -> Result<ClientTls, Usage> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(options)?)
        .map_err(bad("tls"))?
        .with_root_certificates(RootCertStore::empty());
    let config = if options.has("no-external") {
        builder.with_no_client_auth()
    } else {
        let (cert, key) = (chain(options.need("cert")?)?, key(options.need("key")?)?);
        builder
            .with_client_auth_cert(cert, key)
            .map_err(bad("cert"))?
    };
    Ok(ClientTls::deferred(Arc::new(config)))
}

/// Whom to believe about other servers: `--s2s-ca`.
pub fn trust(options: &Options) -> Result<Trust, Usage> {
    let roots = Arc::new(roots(options.need("s2s-ca")?)?);
    Ok(Trust::new(roots, &provider()))
}

static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

fn versions(options: &Options) -> Result<&'static [&'static SupportedProtocolVersion], Usage> {
    match options.get("tls") {
        None => Ok(rustls::ALL_VERSIONS),
        Some("1.2") => Ok(&TLS12),
        Some("1.3") => Ok(&TLS13),
        Some(other) => Err(Usage(format!("--tls is 1.2 or 1.3, not {other}"))),
    }
}

fn roots(file: &str) -> Result<RootCertStore, Usage> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(file)? {
        roots.add(certificate).map_err(bad(file))?;
    }
    Ok(roots)
}

fn chain(file: impl AsRef<Path>) -> Result<Vec<CertificateDer<'static>>, Usage> {
    let file = file.as_ref();
    let name = file.display().to_string();
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| Usage(format!("{name}: {error}")))?;
    if chain.is_empty() {
        return Err(Usage(format!("{name}: no certificate in it")));
    }
    Ok(chain)
}

fn key(file: &str) -> Result<PrivateKeyDer<'static>, Usage> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| Usage(format!("{file}: {error}")))
}
