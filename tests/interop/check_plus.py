"""Channel binding (SCRAM-*-PLUS) against OpenSSL, in both roles."""

import base64
import re
import select
import time

from check_servers import VERSIONS
from frames import SASL, is_element, show
from harness import expect, expect_equal, listen
from peer import FIN, Peer, mechanisms_features, offered_bindings, offered_mechanisms
from programs import Client, Server
from tls import client_context, end_point, load_certificate, server_context

SCRAM = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]
BINDINGS = [("1.3", "tls-exporter"), ("1.2", "tls-server-end-point"), ("1.3", "tls-server-end-point")]


def run(suite, lab):
    """All checks of this module."""
    for version, kind in BINDINGS:
        for mechanism in SCRAM:
            name = f"plus-client: {mechanism}-PLUS, {kind}, TLS {version}"
            suite.check(name, client_binds, lab, version, kind, f"{mechanism}-PLUS", [f"{mechanism}-PLUS", mechanism])
    suite.check(
        "plus-client: a certificate signed with SHA-384", client_binds, lab, "1.2", "tls-server-end-point",
        "SCRAM-SHA-256-PLUS", ["SCRAM-SHA-256-PLUS"], certificate="ecdsa384",
    )
    every = [f"{name}{suffix}" for name in SCRAM for suffix in ("", "-PLUS")] + ["PLAIN"]
    suite.check(
        "plus-client: the strongest is its own choice", client_binds, lab, "1.3", "tls-exporter",
        "SCRAM-SHA-512-PLUS", every, choose=False,
    )
    for version, kind in BINDINGS[:2]:
        suite.check(f"plus-client: a binding tampered with, {kind}", client_detects_tampering, lab, version, kind)
    suite.check("plus-client: no -PLUS offered: flag y", client_flag, lab, [], b"y")
    suite.check("plus-client: no -PLUS allowed: flag n", client_flag, lab, ["--mechanism", "SCRAM-SHA-256"], b"n")
    suite.check("plus-client: only bindings it does not know: no log in", client_refuses, lab)
    for version in VERSIONS:
        server = suite.setup(f"start server, TLS {version}", Server, lab.pki, "--tls", version)
        if not server:
            continue
        kinds = [kind for tls_version, kind in BINDINGS if tls_version == version]
        suite.check(f"plus-server: what is offered over TLS {version}", server_offers, lab, server, version)
        for mechanism in SCRAM:
            for kind in kinds:
                name = f"plus-server: {mechanism}-PLUS, {kind}, TLS {version}"
                suite.check(name, server_binds, lab, server, version, kind, f"{mechanism}-PLUS")
        for kind in kinds:
            name = f"plus-server: a binding tampered with, {kind}, TLS {version}"
            suite.check(name, server_detects_tampering, lab, server, version, kind)
        name = f"plus-server: flag y after -PLUS was offered, TLS {version}"
        suite.check(name, server_refuses_y, lab, server, version)
        suite.check(f"plus-server: a binding not offered, TLS {version}", server_refuses_kind, lab, server, version)
        suite.check(f"plus-server: SCRAM without binding, TLS {version}", server_without, lab, server, version)
        server.stop()
    suite.check("plus-both: client and server through a relay that terminates TLS", man_in_the_middle, lab, False)
    suite.check("plus-both: the same relay strips -PLUS from the offer", man_in_the_middle, lab, True)
    suite.check("plus-both: without the relay the same log in succeeds", no_man_in_the_middle, lab)


# ---- client


def client_binds(lab, version, kind, mechanism, offer, certificate="ecdsa", choose=True):
    """The scripted server computes the binding by itself and checks the client's."""
    listener, port = listen()
    options = ["--mechanism", mechanism] if choose else []
    client = Client(port, lab.pki.ca, "--tls", version, *options)
    peer = Peer.answer(listener)
    peer.serve_tls(server_context(lab.pki, certificate, version))
    expect_equal(peer.tls.version(), version, "TLS version")
    peer.serve_scram(mechanism, binding=own_binding(lab, peer, kind, certificate), bindings=[kind], offer=offer)
    peer.serve_bind()
    finish(peer)
    client.expect_exit(0)
    expect_equal(client.events("authenticated")[0]["mechanism"], mechanism, "mechanism")


def client_detects_tampering(lab, version, kind):
    """A server that signs over another binding than the client's is not believed."""
    listener, port = listen()
    client = Client(port, lab.pki.ca, "--tls", version)
    peer = Peer.answer(listener)
    peer.serve_tls(server_context(lab.pki, version=version))
    binding = own_binding(lab, peer, kind)
    changed = (binding[0], flip(binding[1]))
    peer.serve_scram("SCRAM-SHA-256-PLUS", binding=changed, bindings=[kind], check=False)
    finish(peer)
    client.expect_exit(2)
    client.expect_close("authentication-failed")
    expect_equal(client.events("authenticated"), [], "authenticated events")


def client_flag(lab, options, flag):
    """The gs2 flag of a SCRAM exchange without binding (RFC 5802 section 6)."""
    listener, port = listen()
    client = Client(port, lab.pki.ca, "--tls", "1.3", *options)
    peer = Peer.answer(listener)
    peer.serve_tls(server_context(lab.pki))
    exchange = peer.serve_scram("SCRAM-SHA-256")
    expect_equal(exchange.gs2, flag + b",,", "gs2 header")
    peer.serve_bind()
    finish(peer)
    client.expect_exit(0)


def client_refuses(lab):
    """A list without a common binding may have been shortened on the way: nothing of the password is used."""
    listener, port = listen()
    client = Client(port, lab.pki.ca, "--tls", "1.3")
    peer = Peer.answer(listener)
    peer.serve_tls(server_context(lab.pki))
    peer.welcome(mechanisms_features(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"], ["tls-unique"]))
    said = peer.read()
    expect(not is_element(said, SASL, "auth"), f"the client said {show(said)}")
    peer.close()
    client.expect_exit(2)


def own_binding(lab, peer, kind, certificate="ecdsa"):
    """The binding as this server knows it: from its own TLS, or from its own certificate file."""
    if kind == "tls-exporter":
        return kind, peer.tls.exporter()
    return kind, end_point(load_certificate(lab.pki.chain(certificate)))


def finish(peer):
    """The client closes; answer in kind."""
    peer.expect_footer()
    peer.send("</stream:stream>")
    peer.close_tls()
    peer.read_to_end()
    expect_equal((peer.end, peer.tls.close_notify), (FIN, True), "end of the connection, close_notify")
    peer.close()


# ---- server


def reach(lab, server, version):
    """A scripted client before SASL, and the features it sees."""
    peer = Peer.dial(server.port)
    peer.open()
    return peer, peer.client_tls(client_context(lab.pki.ca, version))


def server_offers(lab, server, version):
    """Each -PLUS beside its plain form, and the list of XEP-0440."""
    peer, features = reach(lab, server, version)
    mechanisms, bindings = set(offered_mechanisms(features)), set(offered_bindings(features))
    wanted = {f"{name}{suffix}" for name in SCRAM for suffix in ("", "-PLUS")}
    expect(wanted <= mechanisms, f"offered {sorted(mechanisms)}")
    expect_equal(bindings, {kind for tls_version, kind in BINDINGS if tls_version == version}, "bindings offered")
    peer.close()


def server_binds(lab, server, version, kind, mechanism):
    """A right binding logs in."""
    peer, _features = reach(lab, server, version)
    expect_equal(peer.scram(mechanism, binding=peer_binding(peer, kind)), None, "failure")
    peer.open()
    peer.bind()
    peer.close()


def server_detects_tampering(lab, server, version, kind):
    """One flipped bit: not-authorized, nothing else."""
    peer, _features = reach(lab, server, version)
    name, data = peer_binding(peer, kind)
    expect_equal(peer.scram("SCRAM-SHA-256-PLUS", binding=(name, flip(data))), "not-authorized", "failure")
    peer.close()
    server.expect_alive()


def server_refuses_y(lab, server, version):
    """RFC 5802 section 6: `y` where -PLUS was offered means that somebody removed it on the way."""
    peer, _features = reach(lab, server, version)
    expect_equal(peer.scram("SCRAM-SHA-256", flag=b"y"), "not-authorized", "failure")
    peer.close()


def server_refuses_kind(lab, server, version):
    """A binding type that was not offered is refused before any challenge."""
    peer, _features = reach(lab, server, version)
    finished = ("tls-unique", peer.tls.connection.get_finished())
    condition = peer.scram("SCRAM-SHA-256-PLUS", binding=finished)
    expect(condition in ("not-authorized", "malformed-request"), f"failure: {condition}")
    peer.close()


def server_without(lab, server, version):
    """A client that knows no channel binding logs in."""
    peer, _features = reach(lab, server, version)
    expect_equal(peer.scram("SCRAM-SHA-256"), None, "failure")
    peer.close()


def peer_binding(peer, kind):
    """The binding as a client knows it."""
    return kind, peer.tls.exporter() if kind == "tls-exporter" else peer.tls.end_point()


def flip(data):
    """One bit changed."""
    return data[:-1] + bytes([data[-1] ^ 1])


# ---- both


def man_in_the_middle(lab, strip):
    """A relay with a valid certificate and the right key: only the binding gives it away."""
    server = Server(lab.pki, "--tls", "1.3")
    listener, port = listen()
    client = Client(port, lab.pki.ca, "--tls", "1.3", "--no-sasl2")
    towards_client = Peer.answer(listener)
    towards_client.serve_tls(server_context(lab.pki, version="1.3"))
    towards_server = Peer.dial(server.port)
    towards_server.open()
    towards_server.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    towards_server.read()
    towards_server.start_tls(client_context(lab.pki.ca, "1.3"), server=False, server_name="localhost")
    said = relay(towards_client, towards_server, strip)
    client.expect_exit(2)
    client.expect_close("authentication-failed")
    server.wait_event("close-tcp")
    expect_equal(client.events("authenticated") + server.events("authenticated"), [], "authenticated events")
    flag = b"y,," if strip else b"p=tls-exporter,,"
    expect(flag in said, f"the client did not say {flag}")


def relay(left, right, strip):
    """Pass plaintext on until one side ends; the decoded initial response of the client."""
    deadline, said = time.monotonic() + 15, b""
    while not (left.end or right.end):
        expect(time.monotonic() < deadline, "the relayed log in never ended")
        for source, sink in ((left, right), (right, left)):
            if select.select([source.socket], [], [], 0.02)[0]:
                source._fill(deadline)
            text, source.frames.rest = source.frames.rest, b""
            if found := re.search(rb"<auth[^>]*>([^<]*)</auth>", text):
                said = base64.b64decode(found.group(1))
            if strip and source is right:
                text = re.sub(rb"<mechanism>[^<]*-PLUS</mechanism>", b"", text)
                text = re.sub(rb"<(\w+:)?sasl-channel-binding.*</(\w+:)?sasl-channel-binding>", b"", text)
            if text:
                sink.send(text)
    for peer in (left, right):
        peer.close()
    return said


def no_man_in_the_middle(lab):
    """The control: -PLUS by itself, straight."""
    server = Server(lab.pki, "--tls", "1.3")
    client = Client(server.port, lab.pki.ca, "--tls", "1.3", "--ping", "1")
    client.expect_exit(0)
    mechanism = client.events("authenticated")[0]["mechanism"]
    expect(mechanism.endswith("-PLUS"), f"the client chose {mechanism}")
