"""Scripted peers: what must reach whom, what must never be acted upon, and how connections end."""

import select
import threading
import time

import frames
import tls
from check_servers import VERSIONS
from frames import Footer, error_condition
from harness import expect, expect_equal, listen
from peer import FIN, HEADER_TO_CLIENT, HEADER_TO_SERVER, PROCEED, STARTTLS
from peer import STARTTLS_FEATURES, Peer, mechanisms_features
from programs import Client, Server
from tls import ALERT, client_context, records, server_context

PLAIN_ALICE = f"<auth xmlns='{frames.SASL}' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>"
INJECTED = {
    "features": mechanisms_features(["PLAIN"]),
    "a stream": HEADER_TO_CLIENT.format("x") + mechanisms_features(["PLAIN"]),
    "success": f"<success xmlns='{frames.SASL}'/>",
    "white space": "\n",
}


def run(suite, lab):
    """All checks of this module."""
    for version in VERSIONS:
        name = f"scripted-server: the stream error reaches a peer that keeps sending, TLS {version}"
        suite.check(name, flood, lab, version)
    suite.check("scripted-server: the stream error reaches a peer that keeps sending, plain TCP", flood, lab, None)
    for what in ("SASL", "a header", "a ClientHello", "white space"):
        suite.check(f"scripted-server: {what} glued behind <starttls/>", glued_starttls, lab, what)
    suite.check("scripted-server: SASL instead of a ClientHello", text_for_tls, lab)
    suite.check("scripted-server: SASL before TLS", sasl_before_tls, lab)
    suite.check("scripted-server: STARTTLS inside TLS (5.4.2.2)", starttls_twice, lab)
    suite.check("scripted-server: TCP ends without </stream:stream>", server_sees_end, lab, "fin", "tls-truncated")
    suite.check("scripted-server: close_notify without </stream:stream>", server_sees_end, lab, "notify", "transport")
    suite.check("scripted-server: TCP reset", server_sees_end, lab, "rst", "transport")
    suite.check("scripted-server: a peer that says nothing", silent_peer, lab)
    suite.check("scripted-server: ends when its stdin closes, and on SIGTERM", server_ends, lab)
    suite.check("scripted-server: many connections at once", many, lab)
    for what, text in INJECTED.items():
        suite.check(f"scripted-client: {what} injected behind <proceed/>", injected, lab, text)
    suite.check("scripted-client: no STARTTLS offered", no_starttls, lab)
    suite.check("scripted-client: <failure/> to <starttls/>", starttls_refused, lab)
    suite.check("scripted-client: stream error instead of features", early_error, lab)
    suite.check("scripted-client: the server's signature is missing in <success/>", success_unverified, lab)
    for how, reason, code in (
        ("stream error", "stream-error", 5),
        ("malformed", "not-well-formed", 5),
        ("fin", "tls-truncated", 4),
        ("notify", "transport", 6),
        ("rst", "transport", 6),
        ("footer", "closed", 0),
        ("footer, no close_notify", "closed", 0),
    ):
        suite.check(f"scripted-client: the server ends with {how}", client_sees_end, lab, how, reason, code)


# ---- server


def flood(lab, version):
    """The peer writes as fast as it can, before and after its mistake; the error must get through."""
    server = Server(lab.pki, *(["--tls", version] if version else []))
    peer = Peer.dial(server.port)
    if version:
        peer.log_in(client_context(lab.pki.ca, version))
    else:
        peer.open()
    chaff = b"<presence><status>" + b"x" * 4000 + b"</status></presence>"
    sent = 0
    if version:
        for _ in range(50):
            sent += push(peer, chaff)
    push(peer, b"<message></wrong>")
    found, deadline = [], time.monotonic() + 10
    while not peer.end:
        expect(time.monotonic() < deadline, "the server never closed")
        sent += push(peer, chaff)
        if select.select([peer.socket], [], [], 0)[0]:
            peer._fill(deadline)
            while (frame := peer.frames.next()) is not None:
                found.append(frame)
    conditions = [error_condition(frame) for frame in found if error_condition(frame)]
    expect_equal(conditions, ["not-well-formed"], f"stream errors ({sent} bytes of chaff, end {peer.end})")
    expect(isinstance(found[-1], Footer), "no closing tag")
    # Closing a socket with unread input would end in RST, which can overtake the error on a longer way than this.
    expect_equal(peer.end, FIN, "end of the connection")
    server.expect_close("not-well-formed", "graceful")


def push(peer, data):
    """Send what the socket takes within a moment; how many bytes that was."""
    if peer.tls:
        peer.tls.write(data)
        data = peer.tls.take()
    total = len(data)
    peer.socket.settimeout(0.2)
    try:
        while data:
            data = data[peer.socket.send(data) :]
    except TimeoutError:
        # A sealed record that left in part must leave whole before the next: read until there is room.
        while data and not peer.end:
            peer._fill(time.monotonic() + 5)
            peer.socket.settimeout(0.2)
            try:
                data = data[peer.socket.send(data) :]
            except TimeoutError:
                continue
            except OSError:
                break
    except OSError:
        pass  # the server has closed; reading tells how
    return total - len(data)


def glued_starttls(lab, what):
    """Bytes behind `<starttls/>` before `<proceed/>`: the connection ends, nothing of them is acted upon."""
    server = Server(lab.pki)
    peer = Peer.dial(server.port)
    peer.open()
    glue = {
        "SASL": PLAIN_ALICE.encode(),
        "a header": HEADER_TO_SERVER.format("localhost").encode() + PLAIN_ALICE.encode(),
        "a ClientHello": client_hello(lab),
        "white space": b"\n",
    }[what]
    peer.send_raw(STARTTLS.encode() + glue)
    answer = peer.read_raw_to_end()
    expect(b"<success" not in answer and b"<proceed" not in answer, f"the server answered {answer!r}")
    expect(not records(answer)[0] or b"<" in answer[:1], f"TLS went on: {answer!r}")
    server.expect_close("plaintext-after-starttls")
    expect_equal(server.events("tls") + server.events("authenticated"), [], "events after <starttls/>")


def text_for_tls(lab):
    """The same in the next segment, behind `<proceed/>`: as good as glued."""
    server = Server(lab.pki)
    peer = Peer.dial(server.port)
    peer.open()
    peer.send(STARTTLS)
    peer.expect_element(frames.TLS, "proceed")
    peer.send(PLAIN_ALICE)
    expect_equal(peer.read_raw_to_end(), b"", "bytes in answer")
    server.expect_close("plaintext-after-starttls", "abort")
    expect_equal(server.events("tls") + server.events("authenticated"), [], "events after <starttls/>")


def client_hello(lab):
    """The first flight of a TLS client."""
    session = tls.Tls(client_context(lab.pki.ca), server=False, server_name="localhost")
    session.handshake()
    return session.take()


def sasl_before_tls(lab):
    """A password sent in the clear logs nobody in."""
    server = Server(lab.pki)
    peer = Peer.dial(server.port)
    features = peer.open()
    expect_equal([e.text for e in features.iter(f"{{{frames.SASL}}}mechanism")], [], "mechanisms before TLS")
    peer.send(PLAIN_ALICE)
    peer.send("</stream:stream>")
    said = peer.read_to_end()
    expect(not any(frames.is_element(frame, frames.SASL, "success") for frame in said), "logged in without TLS")
    server.wait_event("close-tcp")
    expect_equal(server.events("authenticated"), [], "authenticated events")


def starttls_twice(lab):
    """It is not offered there: `<failure/>`, the closing tag, the end."""
    server = Server(lab.pki)
    peer = Peer.dial(server.port)
    peer.open()
    features = peer.client_tls(client_context(lab.pki.ca))
    expect(features.find(f"{{{frames.TLS}}}starttls") is None, "STARTTLS is offered inside TLS")
    peer.send(STARTTLS)
    peer.expect_element(frames.TLS, "failure")
    peer.expect_footer()
    peer.send("</stream:stream>")
    peer.close_tls()
    peer.read_to_end()
    expect_equal((peer.end, peer.tls.close_notify), (FIN, True), "end, close_notify")


def server_sees_end(lab, how, reason):
    """design: how the end of a stream maps to a reason."""
    server = Server(lab.pki)
    peer = Peer.dial(server.port)
    peer.log_in(client_context(lab.pki.ca))
    end(peer, how)
    server.expect_close(reason)
    server.expect_alive()


def silent_peer(lab):
    """The negotiation timeout closes a connection that only holds a socket."""
    server = Server(lab.pki, "--negotiation-timeout", "1")
    peers = [Peer.dial(server.port), Peer.dial(server.port)]
    peers[1].open()
    begin = time.monotonic()
    for peer in peers:
        peer.read_raw_to_end(9)
        took = time.monotonic() - begin
        expect(0.5 < took < 8, f"closed after {took:.1f} s")  # the timeout, then 5 s for a closing tag
        peer.close()
    reasons = [event["reason"] for event in server.wait_events("close-tcp", 2)]
    expect_equal(reasons, ["timeout", "timeout"], "reasons")


def server_ends(lab):
    """Both ways to stop the program."""
    server = Server(lab.pki)
    server.child.stdin.close()
    server.finish(5)
    Server(lab.pki).end()


def many(lab):
    """Thirty clients at once; each gets its own answers."""
    server = Server(lab.pki)
    problems = []

    def one(number):
        try:
            peer = Peer.dial(server.port, timeout=25)
            peer.log_in(client_context(lab.pki.ca), user="bob" if number % 2 else "alice")
            for ping in range(10):
                answer = peer.ping(f"{number}-{ping}")
                expect_equal(answer.get("id"), f"p{number}-{ping}", "id of the pong")
            peer.send("</stream:stream>")
            peer.expect_footer()
            peer.close_tls()
            peer.read_to_end()
        except Exception as error:
            problems.append(f"{number}: {error!r}")

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(28)
    expect_equal(problems, [], "problems")
    reasons = [event["reason"] for event in server.wait_events("close-tcp", 30)]
    expect_equal(reasons, ["closed"] * 30, "reasons")


def end(peer, how):
    """End a connection in one of several rude ways."""
    if how == "fin":
        peer.close()
    elif how == "notify":
        peer.close_tls()
        peer.close()
    elif how == "rst":
        peer.kill()


# ---- client


def injected(lab, text):
    """Plaintext in the segment of `<proceed/>` goes to TLS and dies there; no secret leaves."""
    listener, port = listen()
    client = Client(port, lab.pki.ca)
    peer = Peer.answer(listener)
    peer.welcome(STARTTLS_FEATURES)
    peer.expect_element(frames.TLS, "starttls")
    peer.send(PROCEED + text)
    answer = peer.read_raw_to_end() if text.strip() else waits_or_ends(peer)
    peer.close()
    client.expect_exit(4)
    client.expect_close("tls")
    expect_equal(client.events("tls") + client.events("authenticated"), [], "events behind <proceed/>")
    found, rest = records(answer)
    kinds = [kind for kind, _ in found]
    expect(kinds in ([22], [22, ALERT]) and not rest, f"records behind <starttls/>: {kinds}, {rest!r}")


def waits_or_ends(peer):
    """A lone white space is less than a record header: the server's real flight makes it a bad record."""
    expect(not peer.quiet(5), "no ClientHello")
    peer.send_raw(bytes.fromhex("160303002a020000260303") + bytes(37))
    return peer.read_raw_to_end()


def no_starttls(lab):
    """A client that wants TLS sends no password without it."""
    listener, port = listen()
    client = Client(port, lab.pki.ca)
    peer = Peer.answer(listener)
    peer.welcome(mechanisms_features(["PLAIN", "SCRAM-SHA-1"]))
    said = peer.read()
    # RFC 7590 section 3.1: it may ask for STARTTLS all the same, but for nothing else.
    if frames.is_element(said, frames.TLS, "starttls"):
        peer.send(f"<failure xmlns='{frames.TLS}'/></stream:stream>")
    else:
        expect(said is None or isinstance(said, Footer) or error_condition(said), f"the client said {said}")
    peer.read_to_end()
    peer.close()
    expect(b"<auth" not in peer.received, "the client tried to log in without TLS")
    code = client.finish()
    expect(code == 2, f"exit code {code}: {client.tail()}")


def starttls_refused(lab):
    """RFC 6120 section 5.4.2.2"""
    listener, port = listen()
    client = Client(port, lab.pki.ca)
    peer = Peer.answer(listener)
    peer.welcome(STARTTLS_FEATURES)
    peer.expect_element(frames.TLS, "starttls")
    peer.send(f"<failure xmlns='{frames.TLS}'/></stream:stream>")
    peer.read_to_end()
    peer.close()
    client.expect_exit(2)
    client.expect_close("starttls-refused")


def early_error(lab):
    """A stream error may come at any time, also before the features."""
    listener, port = listen()
    client = Client(port, lab.pki.ca)
    peer = Peer.answer(listener)
    peer.welcome(f"<stream:error><host-unknown xmlns='{frames.ERRORS}'/></stream:error></stream:stream>")
    peer.read_to_end()
    peer.close()
    client.expect_exit(5)
    expect("host-unknown" in str(client.expect_close("stream-error")), "the condition is missing")


def success_unverified(lab):
    """A server that does not know the password cannot pretend to (RFC 5802 section 5.1)."""
    listener, port = listen()
    client = Client(port, lab.pki.ca)
    peer = Peer.answer(listener)
    peer.serve_tls(server_context(lab.pki))
    peer.welcome(mechanisms_features(["SCRAM-SHA-256"]))
    peer.expect_element(frames.SASL, "auth")
    peer.send(f"<success xmlns='{frames.SASL}'/>")
    peer.expect_footer()
    peer.close()
    client.expect_exit(2)
    client.expect_close("authentication-failed")


def client_sees_end(lab, how, reason, code):
    """design: how the end of a stream maps to a reason and an exit code."""
    listener, port = listen()
    client = Client(port, lab.pki.ca, "--stay", "20")
    peer = Peer.answer(listener)
    peer.serve_log_in(server_context(lab.pki))
    client.wait_event("bound")
    if how == "stream error":
        peer.send(f"<stream:error><conflict xmlns='{frames.ERRORS}'/></stream:error></stream:stream>")
        peer.expect_footer()
        peer.close_tls()
        peer.read_to_end()
        expect_equal((peer.end, peer.tls.close_notify), (FIN, True), "end, close_notify")
        peer.close()
    elif how == "malformed":
        peer.send("<message></wrong>")
        peer.expect_stream_error("not-well-formed")
        peer.close_tls()
        peer.read_to_end()
        peer.close()
    elif how.startswith("footer"):
        peer.send("</stream:stream>")
        peer.expect_footer()
        if how == "footer":
            peer.close_tls()
            peer.read_to_end()
        peer.close()
    else:
        end(peer, how)
    client.expect_exit(code)
    close = client.expect_close(reason)
    if how == "stream error":
        expect("conflict" in str(close), f"the condition is missing in {close}")
