"""`client` against Prosody and ejabberd."""

from debian_servers import Ejabberd, Prosody
from harness import expect, expect_equal
from peer import Peer, offered_mechanisms
from programs import PASSWORD, Client, expect_events
from tls import client_context

# What these versions offer and the crate knows; offers of other mechanisms are of no interest.
# Their -PLUS is tls-unique alone, which the crate does not speak (RFC 9266 section 4.2 on TLS 1.3).
EXPECTED_OFFERS = {
    ("prosody", "localhost"): {"SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"},
    ("prosody", "hashed.localhost"): {"SCRAM-SHA-256", "PLAIN"},
    ("prosody", "anon.localhost"): {"ANONYMOUS"},
    ("ejabberd", "localhost"): {"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"},
    ("ejabberd", "anon.localhost"): {"ANONYMOUS"},
}
KNOWN = {"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "ANONYMOUS"}
VERSIONS = ["1.2", "1.3"]
LOGGED_IN = ["stream-opened", "features", "authenticated", "stream-opened", "features", "bound"]
STARTTLS = ["tcp-connected", "stream-opened", "features", "tls", *LOGGED_IN]
DIRECT = ["tcp-connected", "tls", *LOGGED_IN]


def run(suite, lab):
    """All checks of this module."""
    prosody = suite.setup("start prosody (RSA)", Prosody, lab.directory, lab.pki, "rsa")
    prosody_ecdsa = suite.setup("start prosody (ECDSA)", Prosody, lab.directory, lab.pki, "ecdsa")
    stranger = suite.setup("start prosody (foreign certificate)", Prosody, lab.directory, lab.pki, "wronghost")
    ejabberd = suite.setup("start ejabberd", Ejabberd, lab.directory, lab.pki)
    if None in (prosody, prosody_ecdsa, stranger, ejabberd):
        return
    talkers = [
        (prosody, "RSA", "localhost"),
        (prosody_ecdsa, "ECDSA", "localhost"),
        (ejabberd, "RSA", "localhost"),
        (ejabberd, "ECDSA", "ecdsa.localhost"),
    ]
    for server, key, domain in talkers:
        for version in VERSIONS:
            for direct in (False, True):
                way = "direct TLS" if direct else "STARTTLS"
                name = f"client-{server.name}: TLS {version}, {way}, {key}: log in, message, a hundred pings, close"
                suite.check(name, converse, lab, server, domain, version, direct)
    for (server_name, domain), mechanisms in EXPECTED_OFFERS.items():
        server = prosody if server_name == "prosody" else ejabberd
        for version in VERSIONS:
            name = f"client-{server.name}: {domain} offers over TLS {version} what is tried here"
            suite.check(name, offers, lab, server, domain, version, mechanisms)
            for mechanism in sorted(mechanisms):
                name = f"client-{server.name}: {domain}, TLS {version}, {mechanism}"
                suite.check(name, one_mechanism, lab, server, domain, version, mechanism)
    for server in (prosody, ejabberd):
        for version in VERSIONS:
            suite.check(f"client-{server.name}: its own choice, TLS {version}", own_choice, lab, server, version)
    for server in (prosody, ejabberd):
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"):
            suite.check(f"client-{server.name}: wrong password, {mechanism}", wrong_password, lab, server, mechanism)
        for version in VERSIONS:
            name = f"client-{server.name}: certificate of an unknown authority, TLS {version}"
            suite.check(name, tls_refused, lab, server.starttls, version, lab.pki.strangers)
        suite.check(f"client-{server.name}: a host it does not serve", unknown_host, lab, server)
    for version in VERSIONS:
        for port, way in ((stranger.starttls, "STARTTLS"), (stranger.direct, "direct TLS")):
            name = f"client-prosody: certificate of another host, TLS {version}, {way}"
            options = ["--direct-tls"] if port == stranger.direct else []
            suite.check(name, tls_refused, lab, port, version, lab.pki.ca, *options)
        name = f"client-ejabberd: certificate of another host, TLS {version}, STARTTLS"
        suite.check(name, tls_refused, lab, ejabberd.starttls, version, lab.pki.ca, jid="alice@nocert.localhost")


def converse(lab, server, domain, version, direct):
    """A whole conversation."""
    jid = f"alice@{domain}"
    options = ["--tls", version, "--resource", "here", "--ping", "100", "--mechanism", "SCRAM-SHA-256"]
    options += ["--send", f"<message to='{jid}/here' id='to-myself' type='chat'><body>&lt;é&gt;</body></message>"]
    if direct:
        options.append("--direct-tls")
    client = Client(server.direct if direct else server.starttls, lab.pki.ca, *options, jid=jid)
    client.expect_exit(0)
    expect_events(client, [*(DIRECT if direct else STARTTLS), "stanza", "pong", "close-tcp"])
    session = client.events("tls")[0]
    expect_equal((session["version"], session["handshake"]), (version, "full"), "tls event")
    expect_equal(client.events("bound")[0]["jid"], f"{jid}/here", "bound JID")
    expect_equal([event["n"] for event in client.events("pong")], list(range(1, 101)), "numbers of the pongs")
    delivered = [event["xml"] for event in client.events("stanza") if "to-myself" in event["xml"]]
    expect(len(delivered) == 1 and "&lt;é&gt;" in delivered[0], f"message to itself: {delivered}")
    # Not its manner: ejabberd may be gone before the last record reaches it, and answer that with RST.
    client.expect_close("closed")


def offers(lab, server, domain, version, mechanisms):
    """The table above is what the server really offers: nothing is left out."""
    peer = Peer.dial(server.starttls)
    peer.open(domain)
    features = peer.client_tls(client_context(lab.pki.ca, version), domain)
    known = KNOWN & set(offered_mechanisms(features))
    if (server.name, domain) == ("ejabberd", "anon.localhost"):
        known -= {"PLAIN"}  # offered, but the host has no accounts
    expect_equal(known, mechanisms, "offered mechanisms")
    peer.close()


def one_mechanism(lab, server, domain, version, mechanism):
    """Log in with one mechanism, ping, close."""
    options = ["--tls", version, "--mechanism", mechanism, "--ping", "1"]
    if mechanism == "ANONYMOUS":
        options.append("--anonymous")
    password = None if mechanism == "ANONYMOUS" else PASSWORD
    client = Client(server.starttls, lab.pki.ca, *options, jid=f"alice@{domain}", password=password)
    client.expect_exit(0)
    expect_events(client, [*STARTTLS, "pong", "close-tcp"])
    expect_equal(client.events("authenticated")[0]["mechanism"], mechanism, "mechanism")


def own_choice(lab, server, version):
    """The strongest mechanism offered that works.

    These servers offer -PLUS and announce no binding (XEP-0440); all they know is tls-unique, which is obsolete. The
    client asks with a binding of its own choice (RFC 5802 section 6), is refused, and goes on without.
    """
    client = Client(server.starttls, lab.pki.ca, "--tls", version, "--ping", "1")
    client.expect_exit(0)
    mechanism = client.events("authenticated")[0]["mechanism"]
    expect(mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"), f"the client chose {mechanism}")


def wrong_password(lab, server, mechanism):
    """The server says no: exit code 2."""
    client = Client(server.starttls, lab.pki.ca, "--mechanism", mechanism, password="guess")
    client.expect_exit(2)
    client.expect_close("authentication-failed")
    expect_equal(client.events("authenticated"), [], "authenticated events")


def tls_refused(lab, port, version, authority, *options, jid="alice@localhost"):
    """The client refuses the certificate: exit code 4, and no stream inside TLS."""
    client = Client(port, authority, "--tls", version, *options, jid=jid)
    client.expect_exit(4)
    detail = client.expect_close("tls")["detail"]
    why = "unknown-issuer" if authority == lab.pki.strangers else "name-mismatch"
    expect(why in detail, f"the reason is not {why} but {detail}")
    expect_equal(client.events("tls") + client.events("authenticated"), [], "events after TLS")


def unknown_host(lab, server):
    """host-unknown arrives as a stream error: exit code 5."""
    client = Client(server.starttls, lab.pki.ca, jid="alice@nowhere.example")
    client.expect_exit(5)
    close = client.expect_close("stream-error")
    expect("host-unknown" in str(close), f"the condition is missing in {close}")
