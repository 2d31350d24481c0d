//! A table of certificates, each with its verdict.

use rcgen::ExtendedKeyUsagePurpose as Usage;
use rustls::pki_types::CertificateDer;
use xmpp_stream::tls::identity::Purpose::{
    self, Client, ClientToServer, ServerAsClient, ServerAsServer,
};
use xmpp_stream::tls::identity::check;

use crate::authority::San::{self, Dns, Raw, Srv, SrvInUtf8, Xmpp, XmppInIa5};
use crate::authority::{Authority, Recipe, authority, common_name_only, for_names};
use crate::common::pki::Crypto;
use crate::{DOMAIN, NOW, trust};

type Chain = Vec<CertificateDer<'static>>;

struct Row {
    what: String,
    chain: Chain,
    purpose: Purpose,
    reference: String,
    /// `ok`, or an error's code.
    expected: &'static str,
}

struct Table {
    root: Authority,
    rows: Vec<Row>,
}

impl Table {
    /// A certificate of our authority, under the one name asked for.
    fn issued(&mut self, what: &str, recipe: &Recipe, purpose: Purpose, expected: &'static str) {
        let chain = self.root.issue(recipe).chain;
        self.chain(what, chain, purpose, DOMAIN, expected);
    }

    /// A certificate of our authority with these names.
    fn named(
        &mut self,
        names: &[San<'_>],
        purpose: Purpose,
        reference: &str,
        expected: &'static str,
    ) {
        let chain = self.root.issue(&for_names(names)).chain;
        self.chain(&format!("{names:?}"), chain, purpose, reference, expected);
    }

    fn chain(
        &mut self,
        what: &str,
        chain: Chain,
        purpose: Purpose,
        reference: &str,
        expected: &'static str,
    ) {
        self.rows.push(Row {
            what: what.to_owned(),
            chain,
            purpose,
            reference: reference.to_owned(),
            expected,
        });
    }

    /// Prints every row with its verdict, and then compares.
    fn judge(&self) {
        assert!(!self.rows.is_empty());
        let mut wrong = Vec::new();
        for crypto in Crypto::ALL {
            let trust = trust(crypto, &[&self.root]);
            for row in &self.rows {
                let verdict = check(&row.chain, &trust, &row.reference, row.purpose, NOW);
                let (found, detail) = match &verdict {
                    Ok(_) => ("ok", String::new()),
                    Err(error) => (error.code(), format!("{error:?}")),
                };
                let Row {
                    what, reference, ..
                } = row;
                let purpose = format!("{:?}", row.purpose);
                let line = format!(
                    "{crypto:?} | {found:31} | {purpose:14} | {reference:25} | {what} | {detail}"
                );
                println!("{line}");
                if found != row.expected {
                    wrong.push(format!("{line}: expected {}", row.expected));
                }
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}

fn table() -> Table {
    Table {
        root: Authority::root(authority("root")),
        rows: Vec::new(),
    }
}

#[test]
fn rfc6120_13_7_1_2_1_dns_srv_and_xmpp_names_speak_for_a_server() {
    let mut t = table();
    let elsewhere = "elsewhere.example";
    let mismatch = "certificate-name-mismatch";
    for server in [ClientToServer, ServerAsServer, ServerAsClient] {
        t.named(&[Dns(DOMAIN)], server, DOMAIN, "ok");
        t.named(&[Dns("IM.Example.COM")], server, "im.EXAMPLE.com.", "ok");
        t.named(&[Dns("localhost")], server, "localhost", "ok");
        t.named(&[Dns(elsewhere)], server, DOMAIN, mismatch);
        t.named(&[Dns("example.com")], server, DOMAIN, mismatch);
        t.named(&[Dns("x.im.example.com")], server, DOMAIN, mismatch);
        t.named(&[Xmpp(DOMAIN)], server, DOMAIN, "ok");
        t.named(&[Xmpp("juliet@im.example.com")], server, DOMAIN, mismatch);
        t.named(&[Xmpp("im.example.com/x")], server, DOMAIN, mismatch);
        let several = [
            Dns(elsewhere),
            Srv("_xmpp-server.a.example"),
            Xmpp("b.example"),
            Dns(DOMAIN),
        ];
        t.named(&several, server, DOMAIN, "ok");
        t.named(&several, server, "b.example", "ok");
        t.named(&several, server, "c.example", mismatch);
    }
    for (service, purpose, expected) in [
        ("_xmpp-client.im.example.com", ClientToServer, "ok"),
        ("_XMPP-Client.IM.example.com", ClientToServer, "ok"),
        ("_xmpp-client.im.example.com", ServerAsServer, mismatch),
        ("_xmpp-client.im.example.com", ServerAsClient, mismatch),
        ("_xmpp-server.im.example.com", ServerAsServer, "ok"),
        ("_xmpp-server.im.example.com", ServerAsClient, "ok"),
        ("_xmpp-server.im.example.com", ClientToServer, mismatch),
        ("_xmpp-servers.im.example.com", ServerAsServer, mismatch),
        ("_imap.im.example.com", ClientToServer, mismatch),
        ("im.example.com", ServerAsServer, mismatch),
        ("_xmpp-server", ServerAsServer, mismatch),
        ("_xmpp-server.", ServerAsServer, mismatch),
    ] {
        t.named(&[Srv(service)], purpose, DOMAIN, expected);
    }
    t.issued(
        "common name only",
        &common_name_only(DOMAIN),
        ClientToServer,
        mismatch,
    );
    t.judge();
}

#[test]
fn rfc6120_13_7_1_2_1_a_wildcard_is_the_whole_leftmost_label() {
    let mut t = table();
    let (bad, mismatch) = ("certificate-bad-wildcard", "certificate-name-mismatch");
    for (name, reference, expected) in [
        ("*.example.com", DOMAIN, "ok"),
        ("*.EXAMPLE.com", "xn--bcher-kva.example.com", "ok"),
        ("*.example.com", "example.com", mismatch),
        ("*.example.com", "a.im.example.com", mismatch),
        ("*.example.com", "imXexample.com", mismatch),
        ("*.im.example.com", DOMAIN, mismatch),
        ("im*.example.com", DOMAIN, bad),
        ("*m.example.com", DOMAIN, bad),
        ("i*m.example.com", DOMAIN, bad),
        ("xn--*.example.com", "xn--bcher-kva.example.com", bad),
        ("im.*.com", DOMAIN, bad),
        ("*.*.com", DOMAIN, bad),
        ("**.example.com", DOMAIN, bad),
        ("*.com", "example.com", bad),
        ("*.localhost", "im.localhost", bad),
        ("*", "localhost", bad),
        ("*.", "localhost", bad),
    ] {
        t.named(&[Dns(name)], ClientToServer, reference, expected);
    }
    t.named(
        &[Dns("*.com"), Dns("*.example.com")],
        ServerAsServer,
        DOMAIN,
        "ok",
    );
    for name in [
        "_xmpp-server.*.example.com",
        "*.im.example.com",
        "_xmpp-*.im.example.com",
    ] {
        t.named(&[Srv(name)], ServerAsServer, DOMAIN, bad);
    }
    t.named(&[Xmpp("*.example.com")], ServerAsServer, DOMAIN, mismatch);
    t.judge();
}

#[test]
fn names_of_the_wrong_form_speak_for_nobody() {
    let mut t = table();
    for name in [
        Dns("im.example.com."),
        Dns(".im.example.com"),
        Dns(" im.example.com"),
        Dns(""),
        Dns("im.example.com\0.evil.example"),
        SrvInUtf8("_xmpp-server.im.example.com"),
        XmppInIa5("im.example.com"),
        Xmpp("im.example.com\n"),
        Raw(0x81, b"im.example.com"),
        Raw(0x86, b"xmpp:im.example.com"),
        Raw(0xa0, b"im.example.com"),
    ] {
        t.named(&[name], ServerAsServer, DOMAIN, "certificate-name-mismatch");
        // And do no harm to others.
        t.named(&[name, Dns(DOMAIN)], ServerAsServer, DOMAIN, "ok");
    }
    t.judge();
}

#[test]
fn internationalised_domains_are_compared_as_a_labels() {
    let mut t = table();
    let (a_label, u_label) = ("xn--bcher-kva.example", "b\u{fc}cher.example");
    let reference = "reference-identity";
    t.named(&[Dns(a_label)], ClientToServer, a_label, "ok");
    t.named(
        &[Dns(a_label)],
        ClientToServer,
        "XN--Bcher-KVA.example",
        "ok",
    );
    t.named(&[Dns(a_label)], ClientToServer, u_label, reference);
    t.named(&[Xmpp(u_label)], ServerAsServer, u_label, reference);
    t.named(
        &[Dns(u_label)],
        ClientToServer,
        a_label,
        "certificate-name-mismatch",
    );
    for none in [
        "",
        ".",
        "a..example",
        "im.example.com/x",
        "192.0.2.1",
        "127.1",
        "[2001:db8::1]",
        "2001:db8::1",
        "*.example.com",
        "a b",
    ] {
        t.named(
            &[Dns(DOMAIN), Raw(0x87, &[192, 0, 2, 1])],
            ServerAsServer,
            none,
            reference,
        );
    }
    // A user's address is compared as it stands.
    t.named(&[Xmpp("a@b\u{fc}cher.example")], Client, u_label, "ok");
    t.judge();
}

#[test]
fn rfc6120_13_7_2_2_1_a_client_is_known_by_an_address_on_our_domain() {
    let mut t = table();
    let mismatch = "certificate-name-mismatch";
    t.named(&[Xmpp("juliet@im.example.com")], Client, DOMAIN, "ok");
    t.named(
        &[Xmpp("romeo@a.example"), Xmpp("Juliet@IM.example.com")],
        Client,
        DOMAIN,
        "ok",
    );
    t.named(
        &[Xmpp("juliet@elsewhere.example")],
        Client,
        DOMAIN,
        mismatch,
    );
    t.named(&[Xmpp("@im.example.com")], Client, DOMAIN, mismatch);
    t.named(&[Dns(DOMAIN)], Client, DOMAIN, mismatch);
    t.named(
        &[Srv("_xmpp-client.im.example.com")],
        Client,
        DOMAIN,
        mismatch,
    );
    t.judge();
}

#[test]
fn a_certificate_serves_the_purposes_its_key_usage_has() {
    let mut t = table();
    let wrong = "certificate-wrong-purpose";
    let xmpp = || Usage::Other(vec![1, 3, 6, 1, 5, 5, 7, 8, 5]);
    for (usages, as_server, as_peer, as_client) in [
        (vec![], "ok", "ok", "ok"),
        // What public authorities issue to servers has serverAuth only.
        (vec![Usage::ServerAuth], "ok", "ok", wrong),
        (vec![Usage::ClientAuth], wrong, "ok", "ok"),
        (vec![Usage::ServerAuth, Usage::ClientAuth], "ok", "ok", "ok"),
        (vec![Usage::EmailProtection], wrong, wrong, wrong),
        (vec![Usage::EmailProtection, xmpp()], "ok", "ok", "ok"),
        (vec![Usage::Any], wrong, wrong, wrong),
    ] {
        let names = [Dns(DOMAIN), Xmpp("juliet@im.example.com")];
        let recipe = for_names(&names).usage(&usages);
        let what = format!("{usages:?}");
        t.issued(&what, &recipe, ClientToServer, as_server);
        t.issued(&what, &recipe, ServerAsServer, as_server);
        t.issued(&what, &recipe, ServerAsClient, as_peer);
        t.issued(&what, &recipe, Client, as_client);
    }
    let mail = t
        .root
        .authority(authority("mail only").usage(&[Usage::EmailProtection]));
    let chain = mail.issue(&for_names(&[Dns(DOMAIN)])).chain;
    t.chain(
        "issued by an authority for mail",
        chain,
        ServerAsServer,
        DOMAIN,
        wrong,
    );
    t.judge();
}

#[test]
fn rfc6120_13_7_2_the_chain_leads_to_a_root_of_ours() {
    let mut t = table();
    let peer = || for_names(&[Dns(DOMAIN)]);
    let between = t.root.authority(authority("between"));
    let mut row = |what, chain, expected| t.chain(what, chain, ServerAsServer, DOMAIN, expected);

    row("no certificate", Vec::new(), "certificate-missing");
    let chain = between.issue(&peer()).chain;
    row("below an intermediate authority", chain.clone(), "ok");
    row(
        "its certificate missing",
        chain[..1].to_vec(),
        "certificate-unknown-issuer",
    );
    let others = Authority::root(authority("other"));
    let noise = [&chain[..1], &others.chain, &chain[1..], &between.chain].concat();
    row("out of order, with others and the root", noise, "ok");
    let long = [&chain[..], &vec![others.chain[0].clone(); 6]].concat();
    row("8 certificates", long, "certificate-chain-too-long");

    row(
        "self-signed",
        peer().self_signed().chain,
        "certificate-self-signed",
    );
    let proud = peer().calls_itself_an_authority();
    row(
        "self-signed authority",
        proud.self_signed().chain,
        "certificate-self-signed",
    );
    row(
        "unknown authority",
        others.issue(&peer()).chain,
        "certificate-unknown-issuer",
    );

    // The right name, the wrong key.
    let impostor = Authority::root(authority("root"));
    row(
        "forged: another key of the same name",
        impostor.issue(&peer()).chain,
        "certificate-bad-signature",
    );
    let impostor = impostor.authority(authority("between"));
    row(
        "forged intermediate",
        impostor.issue(&peer()).chain,
        "certificate-bad-signature",
    );
    let mut damaged = between.issue(&peer()).chain;
    let mut bytes = damaged[0].to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    damaged[0] = bytes.into();
    row("a damaged signature", damaged, "certificate-bad-signature");

    let no_authority = t.root.authority(peer());
    let mut row = |what, chain, expected| t.chain(what, chain, ServerAsServer, DOMAIN, expected);
    row(
        "issued by a peer",
        no_authority.issue(&peer()).chain,
        "certificate-issuer-no-authority",
    );
    let leaf_of_leafs = between
        .authority(authority("last").path_length(0))
        .authority(authority("one too many"));
    row(
        "path too long",
        leaf_of_leafs.issue(&peer()).chain,
        "certificate-issuer-no-authority",
    );
    let proud = between.issue(&peer().calls_itself_an_authority());
    row("an authority", proud.chain, "certificate-authority-as-peer");
    let strange = between.issue(&peer().unknown_critical_extension());
    row(
        "unknown critical extension",
        strange.chain,
        "certificate-critical-extension",
    );
    t.judge();
}

#[test]
fn rfc6120_13_7_2_a_certificate_is_good_at_its_time_only() {
    let mut t = table();
    let peer = || for_names(&[Dns(DOMAIN)]);
    let (expired, early) = ("certificate-expired", "certificate-not-yet-valid");
    for (from, until, expected) in [
        (2000, 2025, expired),
        (2027, 2030, early),
        (2000, 2030, "ok"),
        (2026, 2026, "ok"),
    ] {
        let what = format!("from {from} until {until}");
        t.issued(&what, &peer().valid(from, until), ServerAsClient, expected);
        let old = t.root.authority(authority("old").valid(from, until));
        let chain = old.issue(&peer()).chain;
        t.chain(
            &format!("its authority {what}"),
            chain,
            ServerAsClient,
            DOMAIN,
            expected,
        );
    }
    // The chain is judged before the name.
    let other = for_names(&[Dns("elsewhere.example")]).valid(2000, 2025);
    t.issued(
        "expired, and for another name",
        &other,
        ServerAsClient,
        expired,
    );
    t.judge();
}

#[test]
fn name_constraints_leave_only_the_names_they_cover() {
    let mut t = table();
    let narrow = t
        .root
        .authority(authority("narrow").only_dns_names_below("example.com"));
    let constraint = "certificate-name-constraint";
    for (names, reference, expected) in [
        (vec![Dns(DOMAIN)], DOMAIN, "ok"),
        (vec![Dns("*.example.com")], DOMAIN, "ok"),
        (vec![Dns("bank.example")], "bank.example", constraint),
        // By the letter of RFC 5280 the authority could issue these.
        (
            vec![Srv("_xmpp-server.bank.example")],
            "bank.example",
            constraint,
        ),
        (vec![Xmpp("bank.example")], "bank.example", constraint),
        (
            vec![Dns(DOMAIN), Xmpp("bank.example")],
            "bank.example",
            constraint,
        ),
        (vec![Dns(DOMAIN), Xmpp("bank.example")], DOMAIN, "ok"),
        (vec![Srv("_xmpp-server.im.example.com")], DOMAIN, constraint),
    ] {
        let chain = narrow.issue(&for_names(&names)).chain;
        t.chain(
            &format!("constrained: {names:?}"),
            chain,
            ServerAsServer,
            reference,
            expected,
        );
    }
    let chain = narrow.issue(&for_names(&[Xmpp("a@bank.example")])).chain;
    t.chain(
        "constrained: a client",
        chain,
        Client,
        "bank.example",
        constraint,
    );
    t.judge();
}
