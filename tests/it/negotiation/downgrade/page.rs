//! `docs/DOWNGRADE.md`, made from the cells.

use std::fmt::Write as _;

use xmpp_stream::sasl::OfferProof;

use super::{ATTACKS, Binding, Cell, Outcome, SERVERS, Server, TokenCell, policies};

const INTRODUCTION: &str = "\
# Downgrades

Made by `UPDATE_DOWNGRADE=1 cargo test --test it downgrade`; not to be edited. Each cell is a login
that the tests run.

The client trusts the certificate of a man in the middle: an authority that it trusts was deceived, or
is his. He ends TLS on both sides, reads everything, and changes what the server offers. The tables say
what a login of the client through him comes to, by its `MechanismPolicy`. The client has a password.
The server offers SCRAM with SHA-1, SHA-256 and SHA-512, PLAIN, SASL2 and FAST, under TLS 1.3.

From harmless to worst:

* **ends**: the client ends the login before it names its user.
* **name**: the client ends the login, and he has the name of the user.
* **proof**: the login fails, and he has the client's proof of its password (of its token, if it uses
  one). He can guess at a weak password offline (RFC 5802 9).
* **through**: the client logs in through him as strongly as it would without him. He reads and changes
  the stream, and does not get the password. He has the proof as well.
* **weaker**: the client logs in through him, with a weaker mechanism or profile of SASL than without
  him.
* **password**: he reads the password, and can log in by himself.

Where a cell names two outcomes, the second one is that of a client with the pin (`LoginPin`) of an
earlier login with the server itself. With one outcome the pin changes nothing; where the server and
the policy allow no login at all, no pin exists.

*-PLUS* are the mechanisms with channel binding, and the *announcement* is the server's list of channel
bindings (XEP-0440); *both* are these two. The *proof* is the server's hash of its offer (XEP-0474).
He *forges* it by hashing the offer that the client has read.

What the tables show:

* Only channel binding keeps him out. With `Required` he gets in nowhere, and by default nowhere where
  the server has channel binding.
* The proof of the offer keeps him from weakening the hash, or the binding, unnoticed. It does not keep
  him from relaying, and says nothing of the SASL profile.
* A pin keeps every login as strong as the earlier ones were, PLAIN included.
* PLAIN should not be allowed where a pin is not kept.

He may also play the server himself without relaying, and can always prevent a login; both are
outside of these tables. So is a man in the middle who has the key of the server's own certificate:
`tls-exporter` keeps him out, `tls-server-end-point` does not.
";

const TOKENS: &str = "
## Logins with a token

A client with a token of FAST (XEP-0484) and no fallback, at a server with channel binding. The first
outcome is that of a token for a mechanism with channel binding (`HT-SHA-256-EXPR`), the second that of
one without (`HT-SHA-256-NONE`). A token is used with its own mechanism alone, so that nobody can have
a bound one used unbound. With a fallback to the password, a login that ends or fails here goes on as
in the tables above.
";

const EARLY_DATA: &str = "
## TLS 0-RTT

Early data of TLS 1.3 is neither sent nor accepted, in either role, whatever the rustls config says
(`tls` switches it off). Whoever records it can send it again, so that a login in it could be repeated
with everything that travels with it. XEP-0388 3 therefore forbids logins in early data, unless another
document says how that is prevented. XEP-0484 3.4 does so for tokens: the server offers it
(`tls-0rtt`), and refuses a count of uses that it has seen before, which it has to keep on all its
nodes. Servers of this crate do not offer it. RFC 9325 3.10 forbids early data without such a profile.
The round trip is spared in another way: a client can send its login right after the handshake
(`Pipelining`).
";

pub fn render(cells: &[Cell], tokens: &[TokenCell]) -> String {
    let mut page = String::from(INTRODUCTION);
    for server in SERVERS {
        writeln!(page, "\n## {}\n", heading(server)).unwrap();
        columns(&mut page, policies().iter().map(|(name, _)| *name));
        for (attack, _) in ATTACKS {
            write!(page, "| {attack} |").unwrap();
            let row = |cell: &&Cell| cell.server == server && cell.attack == attack;
            for cell in cells.iter().filter(row) {
                pair(&mut page, cell.free, cell.pinned);
            }
            page.push('\n');
        }
    }
    page.push_str(TOKENS);
    page.push('\n');
    let attack = tokens[0].attack;
    columns(
        &mut page,
        tokens
            .iter()
            .filter(|cell| cell.attack == attack)
            .map(|cell| cell.policy),
    );
    for first in tokens.iter().filter(|cell| cell.policy == tokens[0].policy) {
        write!(page, "| {} |", first.attack).unwrap();
        for cell in tokens.iter().filter(|cell| cell.attack == first.attack) {
            write!(page, " {}, {} |", name(cell.bound), name(cell.unbound)).unwrap();
        }
        page.push('\n');
    }
    page.push_str(EARLY_DATA);
    page
}

fn columns<'a>(page: &mut String, policies: impl Iterator<Item = &'a str>) {
    page.push_str("| he does |");
    let mut rule = String::from("|---|");
    for policy in policies {
        write!(page, " {policy} |").unwrap();
        rule.push_str("---|");
    }
    writeln!(page, "\n{rule}").unwrap();
}

fn heading(server: Server) -> String {
    let binding = match server.binding {
        Binding::Present => "with",
        Binding::Absent => "without",
    };
    let proof = match server.proof {
        OfferProof::Verified => "with",
        _ => "without",
    };
    format!("A server {binding} channel binding, {proof} the proof of its offer")
}

fn pair(page: &mut String, free: Outcome, pinned: Option<Outcome>) {
    write!(page, " {}", name(free)).unwrap();
    match pinned {
        Some(pinned) if pinned != free => write!(page, ", pinned {} |", name(pinned)),
        _ => write!(page, " |"),
    }
    .unwrap();
}

const fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ends => "ends",
        Outcome::Name => "name",
        Outcome::Proof => "proof",
        Outcome::Through => "**through**",
        Outcome::Weaker => "**weaker**",
        Outcome::Password => "**password**",
    }
}
