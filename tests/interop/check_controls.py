"""Controls without the crate: the scripts work with independent peers, and see what they are there to see."""

import sys
import threading
import time

import frames
from check_clients import HERE, compile_strophe
from check_plus import BINDINGS, flip, own_binding, peer_binding
from check_renegotiation import start_s_client
from check_servers import VERSIONS
from debian_servers import Ejabberd, Prosody
from harness import Process, expect, expect_equal, listen
from peer import Peer
from programs import PASSWORD
from scram import ClientScram, ScramError, ServerScram
from tap import Tap
from tls import ClientHello, Tls, client_context, server_context


def run(suite, lab):
    """All checks of this module."""
    suite.check("control: SCRAM of these scripts reproduces the exchange of RFC 7677 section 3", rfc7677)
    suite.check("control: a changed channel binding breaks the proof", changed_binding)
    for version, kind in BINDINGS:
        name = f"control: both scripted roles, SCRAM-SHA-256-PLUS, {kind}, TLS {version}"
        suite.check(name, scripted_pair, lab, version, kind)
    ejabberd = suite.setup("start ejabberd", Ejabberd, lab.directory / "control", lab.pki)
    prosody = suite.setup("start prosody", Prosody, lab.directory / "control", lab.pki, "rsa")
    if not (ejabberd and prosody):
        return
    for version in VERSIONS:
        name = f"control: the scripted client logs in at Prosody and ejabberd, TLS {version}"
        suite.check(name, log_in, lab, prosody, ejabberd, version)
        suite.check(f"control: a resumed session shows in the ClientHello, TLS {version}", resumption, lab, version)
    suite.check("control: slixmpp and libstrophe log in at ejabberd", helpers, lab, ejabberd)
    suite.check("control: Prosody's answer to a renegotiation is seen on the wire", prosody_answers, lab, prosody)
    ejabberd.process.stop()
    prosody.process.stop()


def rfc7677():
    """The published exchange, both roles."""
    first = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    server_first = (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    client = ClientScram("SCRAM-SHA-256", "user", "pencil")
    client.bare = first[3:]
    final = client.final(server_first)
    expect(final.endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), f"{final}")
    client.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def changed_binding():
    """Each side believes in another binding: both notice."""
    client = ClientScram("SCRAM-SHA-1-PLUS", "alice", "secret", ("tls-exporter", b"a" * 32))
    server = ServerScram("SCRAM-SHA-1-PLUS", "secret", ("tls-exporter", flip(b"a" * 32)))
    final = client.final(server.challenge(client.first()))
    for attempt in (lambda: server.success(final), lambda: client.verify(server.success(final, check=False))):
        try:
            attempt()
        except ScramError:
            continue
        expect(False, "a changed binding went unnoticed")


def scripted_pair(lab, version, kind):
    """The scripted client against the scripted server, up to a bound resource."""
    listener, port = listen()
    outcome = []

    def client():
        peer = Peer.dial(port)
        peer.open()
        peer.client_tls(client_context(lab.pki.ca, version))
        outcome.append(peer.scram("SCRAM-SHA-256-PLUS", binding=peer_binding(peer, kind)))
        peer.open()
        outcome.append(peer.bind())
        peer.close()

    thread = threading.Thread(target=client, daemon=True)
    thread.start()
    peer = Peer.answer(listener)
    peer.serve_tls(server_context(lab.pki, version=version))
    peer.serve_scram("SCRAM-SHA-256-PLUS", binding=own_binding(lab, peer, kind), bindings=[kind])
    peer.serve_bind()
    thread.join(5)
    expect_equal(outcome, [None, "alice@localhost/scripted"], "failure and JID of the client")


def log_in(lab, prosody, ejabberd, version):
    """PLAIN and SCRAM, STARTTLS; a ping."""
    for server in (prosody, ejabberd):
        for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            peer = Peer.dial(server.starttls)
            peer.open()
            peer.client_tls(client_context(lab.pki.ca, version))
            if mechanism == "PLAIN":
                peer.plain()
            else:
                expect_equal(peer.scram(mechanism), None, "failure")
                peer.open()
            peer.bind()
            answer = peer.ping()
            expect_equal((answer.tag, answer.get("type")), (f"{{{frames.CLIENT}}}iq", "result"), "pong")
            peer.close()


def resumption(lab, version):
    """What the reset checks look for is there when a session is offered, and only then."""
    for tickets in (True, False):
        client, server = client_context(lab.pki.ca, version), server_context(lab.pki, version=version, tickets=tickets)
        session, offers, reused = None, [], []
        for _ in range(2):
            ends = Tls(client, server=False, session=session), Tls(server, server=True)
            tape = connect(*ends)
            hello = ClientHello(tape)
            offers.append(bool(hello.offers_psk or hello.ticket or (version == "1.2" and hello.session_id)))
            reused.append(ends[1].reused())
            session = ends[0].connection.get_session()
            ends[0].shutdown()  # OpenSSL forgets the sessions of connections that just vanish
        expect_equal(offers, [False, tickets], f"session offered (tickets {tickets})")
        expect_equal(reused, [False, tickets], f"session resumed (tickets {tickets})")


def connect(client, server):
    """A handshake in memory; what the client sent."""
    tape, ready = b"", False
    while not ready:
        client.handshake()
        flight = client.take()
        tape += flight
        server.feed(flight)
        ready = server.handshake()
        client.feed(server.take())
    client.handshake()
    client.read()  # TLS 1.3 tickets come behind the handshake
    return tape


def helpers(lab, ejabberd):
    """The helper programs of the client checks."""
    program = lab.directory / "strophe_login"
    compile_strophe("strophe_login.c", program)
    for command in ([sys.executable, "-B", HERE / "slixmpp_login.py"], [program]):
        for way, port in (("starttls", ejabberd.starttls), ("direct", ejabberd.direct)):
            peer = Process([*command, port, lab.pki.ca, PASSWORD, way])
            code = peer.finish(15)
            expect(code == 0 and "done" in peer.lines, peer.tail())


def prosody_answers(lab, prosody):
    """OpenSSL's polite `no_renegotiation` is exactly the bytes RFC 6120 forbids: the relay must show them."""
    tap = Tap(prosody.starttls)
    peer = start_s_client(lab, tap.port, "1.2", direct=False)
    peer.wait_text("Verify return code")
    time.sleep(0.3)
    mark = tap.mark()
    peer.write("R\n")
    time.sleep(0.7)
    answer = tap.answer_to(mark)
    expect(answer, f"nothing seen: {answer!r}")
    tap.close()


