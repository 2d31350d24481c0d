//! Stanzas over rustls alone, as every XMPP server and client sends them.

use std::io::{ErrorKind, Read as _, Write as _};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

use crate::pki::{DOMAIN, Pki};
use crate::{Failure, Records, stanza};

#[derive(Debug, Default)]
pub struct Plain {
    /// Stanzas that rustls took without an error.
    pub written: u64,
    /// Stanzas that came out at the other side, which must be the first ones.
    pub read: u64,
    pub records: Records,
    /// Whether the other side has got close_notify.
    pub is_closed: bool,
}

pub fn run(pki: &Pki, stanzas: u64) -> Result<Plain, Failure> {
    let mut client = ClientConnection::new(pki.client()?, ServerName::try_from(DOMAIN)?)?;
    let mut server = ServerConnection::new(pki.server()?)?;
    let mut plain = Plain::default();
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        wire.clear();
        client.write_tls(&mut wire)?;
        plain.records.count(&wire);
        server.read_tls(&mut wire.as_slice())?;
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire)?;
        client.read_tls(&mut wire.as_slice())?;
        client.process_new_packets()?;
    }
    let mut text = [0; 512];
    while plain.written < stanzas && !plain.is_closed {
        let sent = stanza(plain.written + 1);
        client.writer().write_all(sent.as_bytes())?;
        plain.written += 1;
        wire.clear();
        while client.wants_write() {
            client.write_tls(&mut wire)?;
        }
        plain.records.count(&wire);
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest)?;
            let state = server.process_new_packets()?;
            plain.is_closed |= state.peer_has_closed();
        }
        match server.reader().read(&mut text) {
            Ok(n) if text[..n] == *sent.as_bytes() => plain.read += 1,
            Ok(0) => {}
            Ok(_) => return Err("another stanza than the one sent".into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(plain)
}
