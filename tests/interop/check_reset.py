"""RFC 6120 section 4.9.3.16: a reset ends TLS and SASL with the stream; the next connection starts from nothing."""

from check_servers import VERSIONS
from frames import Footer, error_condition, show
from harness import expect, expect_equal, listen
from peer import FIN, RESET, Peer
from programs import Client, Server, expect_events
from tls import ClientHello, client_context, records, server_context


def run(suite, lab):
    """All checks of this module."""
    for version in VERSIONS:
        for direct in (False, True):
            way = "direct TLS" if direct else "STARTTLS"
            suite.check(
                f"reset-client: answered in order, then a full handshake, TLS {version}, {way}",
                client_reset, lab, version, direct,
            )
        suite.check(f"reset-client: control: after a plain loss it resumes, TLS {version}", client_loss, lab, version)
        suite.check(f"reset-client: nothing old comes back later, TLS {version}", client_reset_then_loss, lab, version)
        suite.check(f"reset-server: --reset-after-records, TLS {version}", server_records, lab, version)
        suite.check(f"reset-server: --reset-after, TLS {version}", server_seconds, lab, version)
        suite.check(f"reset-server: no resumption afterwards, TLS {version}", server_resumption, lab, version)
        suite.check(f"reset-both: client and server through several resets, TLS {version}", both, lab, version)


# ---- client


def client_reset(lab, version, direct):
    """Closing tag, close_notify, FIN; then a connection that offers no session."""
    listener, port = listen()
    options = ["--tls", version, "--reconnect", "1", "--max-delay", "200", "--stay", "1"]
    client = Client(port, lab.pki.ca, *options, *(["--direct-tls"] if direct else []))
    context = server_context(lab.pki, version=version)
    peer = Peer.answer(listener)
    peer.serve_log_in(context, direct)
    first = hello(peer)
    client.wait_event("bound")
    reset(peer)
    client.wait_event("close-tcp", reason="reset", manner="graceful")
    peer.close()
    second = Peer.answer(listener)
    second.serve_log_in(context, direct)
    expect_fresh(second, first)
    close(second)
    client.expect_exit(0)
    expect_events(client, ["bound", "close-tcp", "reconnect", "tcp-connected", "tls", "authenticated", "bound"])
    expect_equal([event["handshake"] for event in client.events("tls")], ["full", "full"], "handshakes")
    expect_equal(client.events("reconnect")[0]["tls_resumption"], False, "tls_resumption")


def client_loss(lab, version):
    """Without a reset the same client does resume: the check above could fail."""
    listener, port = listen()
    options = ["--tls", version, "--reconnect", "1", "--max-delay", "200", "--stay", "1"]
    client = Client(port, lab.pki.ca, *options)
    context = server_context(lab.pki, version=version)
    peer = Peer.answer(listener)
    peer.serve_log_in(context)
    client.wait_event("bound")
    peer.kill()
    second = Peer.answer(listener)
    second.serve_log_in(context)
    expect(second.tls.reused(), "the session was not resumed")
    close(second)
    client.expect_exit(0)
    expect_equal([event["handshake"] for event in client.events("tls")], ["full", "resumed"], "handshakes")
    expect_equal(client.events("reconnect")[0]["tls_resumption"], True, "tls_resumption")


def client_reset_then_loss(lab, version):
    """Reset, then a connection that gets no ticket, then a loss: the third has nothing to offer."""
    listener, port = listen()
    options = ["--tls", version, "--reconnect", "2", "--max-delay", "200", "--stay", "1"]
    client = Client(port, lab.pki.ca, *options)
    generous = server_context(lab.pki, version=version)
    peer = Peer.answer(listener)
    peer.serve_log_in(generous)
    first = hello(peer)
    client.wait_event("bound")
    reset(peer)
    peer.close()
    second = Peer.answer(listener)
    second.serve_log_in(server_context(lab.pki, version=version, tickets=False))
    expect_fresh(second, first)
    second.kill()
    third = Peer.answer(listener)
    third.serve_log_in(generous)
    expect_fresh(third, first)
    close(third)
    client.expect_exit(0)
    expect_equal([event["handshake"] for event in client.events("tls")], ["full"] * 3, "handshakes")


def reset(peer):
    """Send `<reset/>` and hold the client to the order of RFC 6120 section 4.4."""
    peer.send(RESET)
    peer.expect_footer()
    while not peer.tls.close_notify:
        expect(not peer.end, f"{peer.end} without close_notify")
        expect(peer.read() is None or not peer.tls.close_notify, "text behind the closing tag")
    peer.close_tls()
    expect_equal(peer.read_to_end(), [], "text behind the closing tag")
    expect_equal(peer.end, FIN, "end of the TCP connection")


def close(peer):
    """The client ends by itself; answer in kind."""
    peer.expect_footer()
    peer.send("</stream:stream>")
    peer.close_tls()
    peer.read_to_end()
    peer.close()


def hello(peer):
    """The ClientHello of this connection."""
    return ClientHello(peer.handshake_tape)


def expect_fresh(peer, first):
    """A full handshake, asked for as such."""
    offer = hello(peer)
    expect(not peer.tls.reused(), "the session was resumed")
    expect(not offer.offers_psk and not offer.early_data, "the ClientHello offers a pre-shared key")
    expect_equal(offer.ticket, b"", "session ticket in the ClientHello")
    expect(not offer.session_id or offer.session_id != first.session_id, "the session id is the old one")


# ---- server


def server_records(lab, version):
    """Pings until the reset comes; everything before it was answered."""
    server = Server(lab.pki, "--tls", version, "--reset-after-records", "40")
    peer = Peer.dial(server.port)
    peer.log_in(client_context(lab.pki.ca, version))
    answered = 0
    for number in range(60):
        answer = peer.ping(number)
        if error_condition(answer):
            break
        expect_equal((answer.get("type"), answer.get("id")), ("result", f"p{number}"), "pong")
        answered += 1
    expect_reset(server, peer, answer)
    sealed = [kind for kind, _ in records(peer.received[peer.received.index(b"\x16\x03") :])[0]]
    expect(10 <= answered <= 40, f"{answered} pings answered, {len(sealed)} records received")


def server_seconds(lab, version):
    """The same by age, on a connection at rest."""
    server = Server(lab.pki, "--tls", version, "--reset-after", "1")
    peer = Peer.dial(server.port)
    peer.log_in(client_context(lab.pki.ca, version))
    expect_reset(server, peer, peer.read(6))


def expect_reset(server, peer, error):
    """Error and closing tag in one write; after ours the server's close_notify and FIN."""
    expect_equal(error_condition(error), "reset", f"stream error in {show(error)}")
    expect(isinstance(peer.frames.next(), Footer), "the closing tag did not come with the error")
    expect(peer.quiet(0.3), "the server went on before the answer")
    peer.send("</stream:stream>")
    peer.close_tls()
    expect_equal(peer.read_to_end(), [], "text behind the closing tag")
    expect_equal((peer.end, peer.tls.close_notify), (FIN, True), "end, close_notify")
    server.expect_close("reset", "graceful")
    server.expect_alive()


def server_resumption(lab, version):
    """A session from before the reset is not taken up."""
    server = Server(lab.pki, "--tls", version, "--reset-after", "1")
    context = client_context(lab.pki.ca, version)
    peer = Peer.dial(server.port)
    peer.log_in(context)
    peer.ping()
    session = peer.tls.connection.get_session()
    expect_reset(server, peer, peer.read(6))
    peer.close()
    second = Peer.dial(server.port)
    second.log_in(context, session=session)
    expect(not second.tls.reused(), "the session was resumed")
    expect_equal([event["handshake"] for event in server.wait_events("tls", 2)], ["full", "full"], "handshakes")
    second.close()


# ---- both


def both(lab, version):
    """A script longer than one key's life: every ping is answered once, each connection is new."""
    server = Server(lab.pki, "--tls", version, "--reset-after-records", "40")
    options = ["--tls", version, "--reconnect", "9", "--max-delay", "50", "--ping", "80"]
    options += ["--send", "<message to='localhost' id='once'><body>x</body></message>"]
    client = Client(server.port, lab.pki.ca, *options)
    client.expect_exit(0)
    expect_equal([event["n"] for event in client.events("pong")], list(range(1, 81)), "numbers of the pongs")
    reasons = [event["reason"] for event in client.events("close-tcp")]
    expect(reasons.count("reset") >= 2 and reasons[-1] == "closed", f"reasons {reasons}")
    expect_equal(set(reasons), {"reset", "closed"}, "reasons")
    handshakes = [event["handshake"] for event in client.events("tls")]
    expect_equal(handshakes, ["full"] * len(reasons), "handshakes")
    echoes = [event for event in client.events("stanza") if "once" in event["xml"]]
    expect_equal(len(echoes), 1, "echoes of the message")
