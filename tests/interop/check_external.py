"""Client certificates in the only handshake there is (SASL EXTERNAL, XEP-0178), both roles against OpenSSL."""

import base64

import frames
from OpenSSL import SSL

from check_plus import finish
from check_servers import VERSIONS
from frames import failure_condition, is_element, show
from harness import Failure, expect, expect_equal, listen
from peer import Peer, mechanisms_features, offered_mechanisms
from programs import Client, Server
from tls import client_context, server_context


def run(suite, lab):
    """All checks of this module."""
    for version in VERSIONS:
        suite.check(f"external-server: a certificate logs in, TLS {version}", server_accepts, lab, version)
        suite.check(f"external-server: not offered without a certificate, TLS {version}", server_without, lab, version)
        suite.check(f"external-server: another authority's certificate, TLS {version}", server_impostor, lab, version)
        suite.check(f"external-client: no password, a certificate, TLS {version}", client_external, lab, version)
        suite.check(f"external-both: log in and ping, TLS {version}", both, lab, version)
    suite.check("external-server: a certificate for somebody else", server_other_user, lab)


def reach(lab, server, version, certificate):
    """A scripted client before SASL, and the features it sees."""
    peer = Peer.dial(server.port)
    peer.open()
    return peer, peer.client_tls(client_context(lab.pki.ca, version, lab.pki, certificate))


def start(lab, version):
    """A server that asks for certificates."""
    return Server(lab.pki, "--tls", version, "--client-ca", lab.pki.ca)


def server_accepts(lab, version):
    """Without an authorization identity: the one of the certificate."""
    server = start(lab, version)
    peer, features = reach(lab, server, version, "alice")
    expect("EXTERNAL" in offered_mechanisms(features), f"offered {offered_mechanisms(features)}")
    answer = peer.auth("EXTERNAL", b"")
    expect(is_element(answer, frames.SASL, "success"), f"answer {show(answer)}")
    peer.open()
    jid = peer.bind()
    expect(jid.startswith("alice@localhost/"), f"bound as {jid}")
    expect_equal(server.wait_event("authenticated")["mechanism"], "EXTERNAL", "mechanism")


def server_without(lab, version):
    """Asked for, not shown: passwords are still there."""
    server = start(lab, version)
    peer, features = reach(lab, server, version, None)
    mechanisms = offered_mechanisms(features)
    expect("EXTERNAL" not in mechanisms and "PLAIN" in mechanisms, f"offered {mechanisms}")
    expect(failure_condition(peer.auth("EXTERNAL", b"")), "logged in with a mechanism that was not offered")
    peer.plain()
    peer.bind()


def server_impostor(lab, version):
    """The handshake fails; no stream inside TLS."""
    server = start(lab, version)
    try:
        peer, _features = reach(lab, server, version, "impostor")
        raise AssertionError(f"a stream over {peer.tls.version()}")
    except (Failure, SSL.Error):
        pass
    server.expect_close("tls")
    expect_equal(server.events("tls"), [], "tls events")
    server.expect_alive()


def server_other_user(lab):
    """Alice's certificate speaks for alice alone."""
    server = start(lab, "1.3")
    peer, _features = reach(lab, server, "1.3", "alice")
    condition = failure_condition(peer.auth("EXTERNAL", b"bob@localhost"))
    expect(condition in ("invalid-authzid", "not-authorized"), f"failure: {condition}")
    peer.close()
    server.wait_event("close-tcp")
    expect_equal(server.events("authenticated"), [], "authenticated events")


def client_external(lab, version):
    """The scripted server asks for the certificate in the handshake, and offers more than EXTERNAL."""
    listener, port = listen()
    options = ["--cert", lab.pki.chain("alice"), "--key", lab.pki.key("alice")]
    client = Client(port, lab.pki.ca, "--tls", version, *options, password=None)
    peer = Peer.answer(listener)
    peer.serve_tls(server_context(lab.pki, version=version, ask=True))
    shown = peer.tls.connection.get_peer_certificate().get_subject().CN
    expect_equal(shown, "alice", "certificate shown")
    peer.welcome(mechanisms_features(["SCRAM-SHA-256", "EXTERNAL"]))
    auth = peer.expect_element(frames.SASL, "auth")
    expect_equal(auth.get("mechanism"), "EXTERNAL", "mechanism")
    identity = b"" if auth.text in (None, "=") else base64.b64decode(auth.text)
    expect(identity in (b"", b"alice@localhost"), f"authorization identity {identity}")
    peer.send(f"<success xmlns='{frames.SASL}'/>")
    peer.serve_bind()
    finish(peer)
    client.expect_exit(0)
    expect_equal(client.events("authenticated")[0]["mechanism"], "EXTERNAL", "mechanism")


def both(lab, version):
    """The two programs with each other."""
    server = start(lab, version)
    options = ["--cert", lab.pki.chain("alice"), "--key", lab.pki.key("alice"), "--mechanism", "EXTERNAL"]
    client = Client(server.port, lab.pki.ca, "--tls", version, *options, "--ping", "1")
    client.expect_exit(0)
    expect_equal(client.events("authenticated")[0]["mechanism"], "EXTERNAL", "mechanism")
