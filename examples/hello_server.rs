//! Lets alice in, and sends her back whatever she says.
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use xmpp_stream::driver::tokio::Driver;
use xmpp_stream::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [cert, key, listen] = ["CERT", "KEY", "LISTEN"].map(std::env::var);
    let chain = CertificateDer::pem_file_iter(cert?)?.collect::<Result<_, _>>()?;
    let tls = rustls::ServerConfig::builder().with_no_client_auth();
    let tls = tls.with_single_cert(chain, PrivateKeyDer::from_pem_file(key?)?)?;
    let host = HostConfig::builder("localhost", Decoy::new(&[7; 32], 4096)); // 32 random octets
    let host = host.tls(ServerTls::new(tls.into())).build()?;
    let config = ResponderConfig::server(rustls::crypto::ring::default_provider().secure_random);
    let config = config.single_host(host).starttls().build()?;
    let listener = TcpListener::bind(listen?).await?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(serve(Driver::responder(config.clone(), tcp)));
    }
}

async fn serve(mut stream: Driver<ResponderRole, TcpStream>) {
    let (alice, secret) = ("alice".to_string(), Password::ascii("secret").unwrap());
    let jid = Jid::parse("alice@localhost/hello").unwrap();
    while let Next::Event(event) = stream.next().await {
        match (event, stream.machine_mut().decision()) {
            (_, Some(Decision::Scram(user))) if user.username() == alice => {
                let keys = ScramKeys::derive(user.hash(), &secret, &[7; 16], 4096).unwrap();
                user.keys(alice.clone(), keys);
            }
            (_, Some(Decision::Scram(user))) => user.unknown_user("nobody".into()),
            (_, Some(Decision::Bind(bind))) => bind.accept(jid.clone()).unwrap(),
            (EventBuf::Stanza(said), _) => drop(stream.send(said.as_stanza().as_str()).await),
            _ => {}
        }
    }
}
