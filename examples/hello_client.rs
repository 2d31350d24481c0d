//! Logs in, pings the server, prints the answer, closes.
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use xmpp_stream::driver::tokio::Driver;
use xmpp_stream::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(std::env::var("CA")?)?)?;
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots);
    let config = InitiatorConfig::client(&Jid::parse("alice@localhost")?)
        .starttls(ClientTls::new(tls.with_no_client_auth().into()))
        .password(Username::ascii("alice")?, Password::ascii("secret")?)
        .build()?;
    let mut stream = Driver::initiator(config, TcpStream::connect(std::env::var("SERVER")?).await?);
    stream.established().await?;
    let ping = "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>";
    stream.send(ping).await?;
    println!("{}", stream.stanza().await?.as_stanza().as_str());
    println!("{}", stream.close().await.reason());
    Ok(())
}
