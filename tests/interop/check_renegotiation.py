"""RFC 6120 section 5.3.5: an attempt to renegotiate TLS ends the TCP connection, with no byte in answer."""

import re
import time

import frames
from check_servers import VERSIONS
from harness import Process, expect, expect_equal, listen
from peer import BIND_FEATURES, HEADER_TO_CLIENT, HEADER_TO_SERVER, Peer, mechanisms_features
from programs import Client, Server
from scram import ClientScram
from tap import TO_CLIENT, Tap
from tls import client_context, records, server_context

PLAIN_ALICE = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>"
BIND = "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
MESSAGE = "<message to='{}' id='{}'><body>hello</body></message>"


def run(suite, lab):
    """All checks of this module."""
    for direct in (False, True):
        way = "direct TLS" if direct else "STARTTLS"
        suite.check(f"renegotiation-server: openssl s_client R, {way}, before the stream", s_client, lab, direct, False)
        suite.check(f"renegotiation-server: openssl s_client R, {way}, bound", s_client, lab, direct, True)
    suite.check("renegotiation-server: gnutls-cli --rehandshake, STARTTLS", gnutls_cli, lab)
    for phase in ("before the stream", "SASL", "bound", "behind a message", "inside a stanza"):
        suite.check(f"renegotiation-server: ClientHello from pyOpenSSL, {phase}", client_hello, lab, phase)
    for key in ("r", "R"):
        suite.check(f"renegotiation-client: openssl s_server {key}, direct TLS", s_server, lab, key)
    for phase in ("before the stream", "SASL", "bound", "behind a message", "before a message", "inside a stanza"):
        suite.check(f"renegotiation-client: HelloRequest from pyOpenSSL, {phase}", hello_request, lab, phase)
    for key in ("k", "K"):
        name = f"renegotiation-none: TLS 1.3 KeyUpdate, openssl s_client {key}, server stays"
        suite.check(name, key_update_server, lab, key)
    for request in (False, True):
        asked = "asking for one" if request else "not asking for one"
        suite.check(f"renegotiation-none: TLS 1.3 KeyUpdate {asked}, client stays", key_update_client, lab, request)
    suite.check("renegotiation-none: resumption and new tickets, server stays", no_alarm_on_second_connection, lab)


# ---- server


def s_client(lab, direct, bound):
    """OpenSSL's own client; a relay keeps the bytes."""
    server = Server(lab.pki, "--tls", "1.2", *(["--direct-tls"] if direct else []))
    tap = Tap(server.port)
    peer = start_s_client(lab, tap.port, "1.2", direct)
    server.wait_event("tls")
    if bound:
        type_log_in(peer)
        server.wait_event("bound")
    time.sleep(0.3)  # nothing is on its way when the attempt begins
    mark = tap.mark()
    peer.write("R\n")
    judge_server(server, tap, mark)
    peer.stop()
    tap.close()


def gnutls_cli(lab):
    """GnuTLS's client renegotiates by itself, as soon as it is connected."""
    server = Server(lab.pki, "--tls", "1.2")
    tap = Tap(server.port)
    peer = Process(
        ["gnutls-cli", "--starttls-proto=xmpp", "--rehandshake", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"]
        + ["--x509cafile", lab.pki.ca, "--port", tap.port, "localhost"]
    )
    server.wait_event("tls")
    server.expect_close("tls-renegotiation", "abort", timeout=10)
    expect(tap.wait_end(TO_CLIENT), "the server left the TCP connection open")
    # Encrypted handshake records of the client: Finished, then the attempt.
    entries = [index for index, (way, _) in enumerate(tap.log) if way != TO_CLIENT]
    answer = None
    for index in reversed(entries):
        answer = tap.answer_to(index)
        if answer is not None:
            break
    expect_equal(answer, b"", "bytes in answer")
    peer.finish(10)
    expect("rehandshake" in " ".join(peer.lines + peer.errors).lower(), f"no attempt was made: {peer.tail()}")
    tap.close()


def client_hello(lab, phase):
    """A scripted client that sends its ClientHello at the worst moments."""
    server = Server(lab.pki, "--tls", "1.2")
    peer = Peer.dial(server.port)
    peer.open()
    context = client_context(lab.pki.ca, "1.2")
    before = ""
    if phase == "before the stream":
        peer.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        peer.expect_element(frames.TLS, "proceed")
        peer.start_tls(context, server=False, server_name="localhost")
    elif phase == "SASL":
        peer.client_tls(context)
        answer = peer.auth("SCRAM-SHA-256", ClientScram("SCRAM-SHA-256", "alice", "secret").first())
        expect(frames.is_element(answer, frames.SASL, "challenge"), "no challenge")
    else:
        peer.client_tls(context)
        peer.plain()
        peer.bind()
    if phase == "behind a message":
        before = MESSAGE.format("localhost", "first")
    if phase == "inside a stanza":
        before = "<message to='localhost' id='half'><body>"
    peer.tls.write(before.encode())
    peer.tls.renegotiate()
    expect_equal([kind for kind, _ in records(peer.tls.out)[0]][-1], 22, "type of the last record sent")
    peer.send_raw(peer.tls.take())
    answer = peer.read_raw_to_end()
    server.expect_close("tls-renegotiation", "abort")
    stanzas = [event for event in server.events("stanza") if "first" in event["xml"] or "half" in event["xml"]]
    if phase == "behind a message":
        # What came in earlier records was delivered; its echo may or may not have left in time.
        expect_equal(len(stanzas), 1, "messages delivered")
        kinds = [kind for kind, _ in records(answer)[0]]
        expect(kinds in ([], [23]), f"records in answer: {kinds}")
    else:
        expect_equal(stanzas, [], "messages delivered")
        expect_equal(answer, b"", "bytes in answer")
    expect(peer.end, "the server left the TCP connection open")
    server.expect_alive()


def judge_server(server, tap, mark):
    """The abort was reported, TCP is closed, and not one byte answered the attempt."""
    server.expect_close("tls-renegotiation", "abort")
    expect(tap.wait_end(TO_CLIENT), "the server left the TCP connection open")
    answer = tap.answer_to(mark)
    expect(answer is not None, "no attempt was made")
    expect_equal(answer, b"", "bytes in answer")
    expect_equal(tap.data(TO_CLIENT, mark), b"", "bytes from the server")
    server.expect_alive()


def start_s_client(lab, port, version, direct):
    """`openssl s_client`, interactive."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost"]
    command += ["-CAfile", lab.pki.ca, "-verify_return_error", "-tls" + version.replace(".", "_")]
    command += ["-alpn", "xmpp-client"] if direct else ["-starttls", "xmpp", "-xmpphost", "localhost"]
    return Process(command)


def type_log_in(peer):
    """Type a whole log in, each step after the answer to the last."""
    # The line feed behind a step may stand before the next header, but not before a declaration.
    header = HEADER_TO_SERVER.format("localhost").removeprefix("<?xml version='1.0'?>")
    for text, answer in (
        (header, "PLAIN"),
        (PLAIN_ALICE, "<success"),
        (header, "xmpp-bind"),
        (BIND, "<jid>"),
    ):
        after = len(peer.output)
        peer.write(text + "\n")
        peer.wait_text(answer, after)


# ---- client


def s_server(lab, key):
    """OpenSSL's own server, whose keyboard plays the XMPP server."""
    listener, port = listen()
    listener.close()
    peer = Process(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_2", "-alpn", "xmpp-client"]
        + ["-cert", lab.pki.chain("ecdsa"), "-key", lab.pki.key("ecdsa"), "-cert_chain", lab.pki.chain("ecdsa")]
    )
    peer.wait_line(lambda line: "ACCEPT" in line)
    tap = Tap(port)
    client = Client(tap.port, lab.pki.ca, "--direct-tls", "--tls", "1.2", "--mechanism", "PLAIN", "--stay", "20")
    peer.wait_text("<stream:stream")
    # Each line ends with a line feed, which may stand before a header but not before a declaration.
    header = HEADER_TO_CLIENT.format("s1").removeprefix("<?xml version='1.0'?>")
    peer.write(header + mechanisms_features(["PLAIN"]) + "\n")
    peer.wait_text("</auth>")
    after = len(peer.output)
    peer.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\n")
    peer.wait_text("<stream:stream", after)
    peer.write(header.replace("s1", "s2") + BIND_FEATURES + "\n")
    peer.wait_text("</iq>", after)
    number = re.findall(r"<iq [^>]*\bid=['\"]([^'\"]+)", peer.output)[-1]
    peer.write(
        f"<iq type='result' id='{number}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        "<jid>alice@localhost/x</jid></bind></iq>\n"
    )
    client.wait_event("bound")
    time.sleep(0.3)
    mark = tap.mark()
    peer.write(key + "\n")
    client.expect_exit(3)
    client.expect_close("tls-renegotiation", "abort")
    sent = [what for way, what in tap.log[mark:] if way == TO_CLIENT and isinstance(what, bytes)]
    expect_equal([kind for kind, _ in records(b"".join(sent))[0]][:1], [22], "records of s_server")
    to_server = [what for way, what in tap.log[mark:] if way != TO_CLIENT and isinstance(what, bytes)]
    expect_equal(to_server, [], "bytes in answer")
    peer.stop()
    tap.close()


def hello_request(lab, phase):
    """A scripted server that sends its HelloRequest at the worst moments."""
    listener, port = listen()
    client = Client(port, lab.pki.ca, "--tls", "1.2", "--stay", "20")
    peer = Peer.answer(listener)
    context = server_context(lab.pki, version="1.2")
    before = ""
    peer.serve_tls(context)
    if phase == "before the stream":
        peer.expect_header()
    elif phase == "SASL":
        peer.welcome(mechanisms_features(["SCRAM-SHA-256"]))
        peer.expect_element(frames.SASL, "auth")
    else:
        peer.serve_scram("SCRAM-SHA-256")
        peer.serve_bind()
        client.wait_event("bound")
        expect(peer.quiet(0.3), "the client wrote something nobody asked for")
    if phase == "behind a message":
        before = MESSAGE.format("alice@localhost", "first")
    if phase == "inside a stanza":
        before = "<message to='alice@localhost' id='half'><body>"
    peer.tls.write(before.encode())
    peer.tls.renegotiate()
    expect_equal([kind for kind, _ in records(peer.tls.out)[0]][-1], 22, "type of the last record sent")
    if phase == "before a message":
        peer.tls.write(MESSAGE.format("alice@localhost", "late").encode())
        expect_equal([kind for kind, _ in records(peer.tls.out)[0]], [22, 23], "types of the records sent")
    peer.send_raw(peer.tls.take())
    expect_equal(peer.read_raw_to_end(), b"", "bytes in answer")
    expect(peer.end, "the client left the TCP connection open")
    client.expect_exit(3)
    client.expect_close("tls-renegotiation", "abort")
    wanted = 1 if phase == "behind a message" else 0
    expect_equal(len(client.events("stanza")), wanted, "messages delivered")


# ---- no alarm


def key_update_server(lab, key):
    """KeyUpdate is no renegotiation (RFC 8446 section 4.6.3)."""
    server = Server(lab.pki, "--tls", "1.3")
    peer = start_s_client(lab, server.port, "1.3", direct=False)
    server.wait_event("tls")
    for _ in range(3):
        peer.write(key + "\n")
        time.sleep(0.1)
    type_log_in(peer)
    peer.write(key + "\n")
    time.sleep(0.1)
    after = len(peer.output)
    peer.write("<iq type='get' id='after-update'><ping xmlns='urn:xmpp:ping'/></iq></stream:stream>\n")
    peer.wait_text("after-update", after)
    expect(any("KEYUPDATE" in line for line in peer.lines + peer.errors), "s_client sent no KeyUpdate")
    server.expect_close("closed", "graceful")


def key_update_client(lab, request):
    """The same in the other role, between pings."""
    listener, port = listen()
    client = Client(port, lab.pki.ca, "--tls", "1.3", "--ping", "3")
    peer = Peer.answer(listener)
    peer.serve_log_in(server_context(lab.pki, version="1.3"))
    for _ in range(3):
        ping = peer.expect_element(frames.CLIENT, "iq")
        peer.tls.update_key(request)
        peer.send(f"<iq type='result' id='{ping.get('id')}' from='localhost'/>")
    peer.expect_footer()
    peer.send("</stream:stream>")
    peer.close_tls()
    peer.read_to_end()
    peer.close()
    client.expect_exit(0)
    client.expect_close("closed", "graceful")


def no_alarm_on_second_connection(lab):
    """Two connections, the second offering the session of the first, over both versions."""
    for version in VERSIONS:
        server = Server(lab.pki, "--tls", version)
        context = client_context(lab.pki.ca, version)
        session = None
        for _ in range(2):
            peer = Peer.dial(server.port)
            peer.log_in(context, session=session)
            peer.ping()
            session = peer.tls.connection.get_session()
            peer.send("</stream:stream>")
            peer.expect_footer()
            peer.close_tls()
            peer.read_to_end()
            peer.close()
        reasons = [event["reason"] for event in server.wait_events("close-tcp", 2)]
        expect_equal(reasons, ["closed", "closed"], f"reasons over TLS {version}")
        handshakes = [event["handshake"] for event in server.events("tls")]
        expect_equal(handshakes, ["full", "resumed"], f"handshakes over TLS {version}")
        server.stop()
