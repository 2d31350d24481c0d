//! What a login costs, beside a handshake of rustls and the same records.

use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ServerConfig};

use crate::bare::{BarePair, records};
use crate::machine::{Carrier, Configs, Login, Profile};
use crate::meter::{self, Role};
use crate::pair::{Flight, Pair};
use crate::pki::{Pki, Shown, Version};

/// A way to log in.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub login: Login,
    pub carrier: Carrier,
    pub version: Version,
    pub profile: Profile,
}

impl Way {
    pub fn name(self) -> String {
        let name = format!(
            "{:?}/{:?}/{}",
            self.login,
            self.carrier,
            self.version.name()
        );
        // The profile of RFC 6120 goes without saying.
        match self.profile {
            Profile::Sasl => name.to_lowercase(),
            Profile::Sasl2 => format!("{}/sasl2", name.to_lowercase()),
        }
    }

    /// Those that are measured when there is little time.
    pub fn quick() -> Vec<Self> {
        Self::all()
            .into_iter()
            .filter(|way| {
                matches!(way.login, Login::Plain | Login::Scram | Login::Fast)
                    && way.carrier == Carrier::StartTls
                    && way.version == Version::Tls13
            })
            .collect()
    }

    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for login in [
            Login::Plain,
            Login::External,
            Login::Scram,
            Login::ScramPlus,
            Login::Fast,
        ] {
            for carrier in [Carrier::StartTls, Carrier::DirectTls] {
                for version in [Version::Tls13, Version::Tls12] {
                    for profile in [Profile::Sasl, Profile::Sasl2] {
                        all.push(Self {
                            login,
                            carrier,
                            version,
                            profile,
                        });
                    }
                }
            }
        }
        // There are tokens in SASL2 alone; this one is bound to the exporter, which TLS 1.3 has.
        all.retain(|way| {
            way.login != Login::Fast
                || (way.profile, way.version) == (Profile::Sasl2, Version::Tls13)
        });
        all
    }
}

/// A way to log in with its configs, and the records it takes.
pub struct Prepared {
    way: Way,
    configs: Configs,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    /// Who sends records with texts of which lengths, in their order, after the handshake.
    texts: Vec<(Role, Vec<usize>)>,
}

impl Prepared {
    pub fn new(pki: &Pki, way: Way) -> Self {
        let shown = match way.login {
            Login::External => Shown::Certificate,
            _ => Shown::Nothing,
        };
        let mut client = pki.client(way.version, shown);
        let mut server = pki.server(way.version, shown);
        let configs = Configs::new(
            way.login,
            way.carrier,
            way.profile,
            &Arc::new(client.clone()),
            &Arc::new(server.clone()),
        );
        if way.carrier == Carrier::DirectTls {
            client.alpn_protocols = vec![b"xmpp-client".to_vec()];
            server.alpn_protocols = vec![b"xmpp-client".to_vec()];
        }
        let (client, server) = (Arc::new(client), Arc::new(server));
        let handshake = BarePair::handshake(&client, &server).handshake_records;
        let mut flights = Vec::new();
        Pair::log_in(&configs, &mut flights);
        let texts = texts(&flights, handshake, way.version);
        assert!(!texts.is_empty());
        Self {
            way,
            configs,
            client,
            server,
            texts,
        }
    }

    /// The crate's login.
    pub fn ours(&self) -> Pair {
        Pair::log_in(&self.configs, &mut Vec::new())
    }

    /// The handshake, and the same records.
    pub fn bare(&self) -> BarePair {
        let mut pair = BarePair::handshake(&self.client, &self.server);
        let text = [b' '; 1 << 14];
        for (role, lengths) in &self.texts {
            pair.carry(*role, lengths.iter().map(|length| &text[..*length]));
        }
        pair
    }
}

fn texts(flights: &[Flight], handshake: [usize; 2], version: Version) -> Vec<(Role, Vec<usize>)> {
    let mut texts = Vec::new();
    let (mut secured, mut seen) = ([false; 2], [0; 2]);
    for (role, bytes) in flights {
        let side = *role as usize;
        // XML does not begin with the type of a handshake record.
        secured[side] |= bytes[0] == 22;
        if !secured[side] {
            continue;
        }
        let mut lengths = Vec::new();
        for record in records(bytes) {
            seen[side] += 1;
            // A handshake counts what a side sends at the side's own place.
            if seen[side] > handshake[side] {
                lengths.push(record.len() - version.overhead());
            }
        }
        if !lengths.is_empty() {
            texts.push((*role, lengths));
        }
    }
    texts
}

/// Instructions of `times` logins, for each role.
pub fn instructions(prepared: &Prepared, times: usize) {
    let name = prepared.way.name();
    for role in Role::BOTH {
        for _ in 0..times {
            meter::watch(Some(role));
            let pair = prepared.ours();
            meter::watch(None);
            drop(pair);
        }
        meter::dump(&format!("login/{name}/{}/ours", role.name()), times);
        for _ in 0..times {
            meter::watch(Some(role));
            let pair = prepared.bare();
            meter::watch(None);
            drop(pair);
        }
        meter::dump(&format!("login/{name}/{}/bare", role.name()), times);
    }
}

/// The quickest of so many logins, in turns with the baseline; and the allocations of one.
pub fn time(prepared: &Prepared, times: usize) {
    let mut best = [[Duration::MAX; 2]; 2];
    let mut allocations = [[0; 2]; 2];
    for role in Role::BOTH {
        meter::take(role);
    }
    for _ in 0..times {
        for who in 0..2 {
            match who {
                0 => drop(prepared.ours()),
                _ => drop(prepared.bare()),
            }
            for role in Role::BOTH {
                let cost = meter::take(role);
                let best = &mut best[who][role as usize];
                *best = cost.time.min(*best);
                allocations[who][role as usize] = cost.allocations;
            }
        }
    }
    let name = prepared.way.name();
    for role in Role::BOTH {
        for (who, name_of) in ["ours", "bare"].into_iter().enumerate() {
            let key = format!("{name}/{}/{name_of}", role.name());
            let time = best[who][role as usize].as_secs_f64();
            meter::tell(&format!("login-time/{key}"), time);
            let count = allocations[who][role as usize];
            meter::tell(&format!("login-allocations/{key}"), count as f64);
        }
    }
}
