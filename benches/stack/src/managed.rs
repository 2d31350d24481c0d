//! What stream management costs: the same conversation with it and without, and what an idle
//! connection holds.

use crate::machine::{Carrier, Configs, Login, Profile};
use crate::meter::{self, Role};
use crate::pair::Pair;
use crate::pki::{Pki, Shown, Version};
use crate::stanza::stanza;

/// Stanzas each way, after as many unmeasured.
const STANZAS: usize = 320;

/// Both roles, direct TLS 1.3, each sending a stanza of `size` bytes in turn, one per record.
pub fn measure(pki: &Pki, size: usize) {
    let mut client = pki.client(Version::Tls13, Shown::Nothing);
    let mut server = pki.server(Version::Tls13, Shown::Nothing);
    client.alpn_protocols = vec![b"xmpp-client".to_vec()];
    server.alpn_protocols = vec![b"xmpp-client".to_vec()];
    let (client, server) = (client.into(), server.into());
    let (login, carrier) = (Login::Anonymous, Carrier::DirectTls);
    let without = Configs::new(login, carrier, Profile::Sasl, &client, &server);
    let with = Configs::managed(login, carrier, Profile::Sasl, &client, &server);
    let text = stanza(size);
    for (name, configs) in [("without", without), ("with", with)] {
        for role in Role::BOTH {
            meter::take(role);
        }
        let mut pair = Pair::log_in(&configs, &mut Vec::new());
        pair.idle(60_000);
        for role in Role::BOTH {
            let held = meter::take(role).live as f64;
            meter::tell(&format!("managed-idle/{}/{name}", role.name()), held);
        }
        let mut transit = Vec::with_capacity(1 << 17);
        for watched in [None, Some(Role::Initiator), Some(Role::Responder)] {
            meter::watch(watched);
            for _ in 0..STANZAS {
                for from in Role::BOTH {
                    pair.converse(from, &text, &mut transit);
                }
            }
            meter::watch(None);
            if let Some(role) = watched {
                meter::dump(
                    &format!("managed/{size}/{}/{name}", role.name()),
                    2 * STANZAS,
                );
            }
        }
    }
}
