"""A scripted XMPP peer over a real socket: plain or TLS, either role, with a tape of the raw bytes."""

import base64
import select
import socket
import struct
import time

import frames
import tls
from frames import Footer, Frames, Header, error_condition, failure_condition, is_element, show
from harness import Failure, expect, expect_equal
from scram import ClientScram, ServerScram

HEADER_TO_SERVER = (
    "<?xml version='1.0'?><stream:stream to='{}' version='1.0' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
HEADER_TO_CLIENT = (
    "<?xml version='1.0'?><stream:stream from='localhost' id='{}' version='1.0' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
STARTTLS_FEATURES = (
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
)
BIND_FEATURES = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>"
RESET = (
    "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
)
FIN, RST = "FIN", "RST"


class Peer:
    """One end of one connection. `end` is FIN or RST once the other side has ended it."""

    def __init__(self, sock, timeout=10):
        self.socket = sock
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.tls = None
        self.frames = Frames()
        self.received = b""  # raw bytes, as they came
        self.end = None

    @classmethod
    def dial(cls, port, **keywords):
        """Connect to 127.0.0.1."""
        return cls(socket.create_connection(("127.0.0.1", port), 5), **keywords)

    @classmethod
    def answer(cls, listener, **keywords):
        """Accept one connection."""
        try:
            return cls(listener.accept()[0], **keywords)
        except TimeoutError:
            raise Failure("nobody connected") from None

    # ---- bytes

    def send(self, text):
        """Send stream text, sealed if there is TLS."""
        data = text.encode() if isinstance(text, str) else text
        if self.tls:
            self.tls.write(data)
            data = self.tls.take()
        self.send_raw(data)

    def send_raw(self, data):
        """Send bytes as they are."""
        self.socket.settimeout(self.timeout)
        self.socket.sendall(data)

    def read(self, timeout=None):
        """The next frame; None at the end of the connection."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            frame = self.frames.next()
            if frame is not None:
                return frame
            if self.end:
                return None
            self._fill(deadline)

    def read_to_end(self, timeout=None):
        """All frames until the other side ends the connection."""
        found = []
        while (frame := self.read(timeout)) is not None:
            found.append(frame)
        return found

    def read_raw_to_end(self, timeout=None):
        """The raw bytes until the other side ends the connection: nothing is answered, not even by TLS."""
        deadline = time.monotonic() + (timeout or self.timeout)
        begin = len(self.received)
        while not self.end:
            self._receive(deadline)
        return self.received[begin:]

    def quiet(self, seconds):
        """True if nothing comes for that long."""
        return not select.select([self.socket], [], [], seconds)[0]

    def close(self):
        """Close the socket."""
        self.socket.close()

    def kill(self):
        """Close the socket with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _fill(self, deadline):
        data = self._receive(deadline)
        if self.tls:
            self.tls.feed(data)
            data = self.tls.read()
            if out := self.tls.take():
                self.send_raw(out)
        self.frames.feed(data)

    def _receive(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Failure(f"the other side neither wrote nor closed; buffered {self.frames.rest!r}")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return b""
        except ConnectionError:
            self.end = RST
            return b""
        if not data:
            self.end = FIN
        self.received += data
        return data

    # ---- TLS

    def start_tls(self, context, server, **keywords):
        """A whole handshake; the next frame is a new header."""
        expect(self.frames.rest == b"", f"plaintext before TLS: {self.frames.rest!r}")
        self.frames.restart()
        tape = len(self.received)
        session = tls.Tls(context, server, **keywords)
        deadline = time.monotonic() + self.timeout
        while not session.handshake():
            self._flush(session)
            data = self._receive(deadline)
            expect(not self.end, f"{self.end} in the TLS handshake")
            session.feed(data)
        self._flush(session)
        self.handshake_tape = self.received[tape:]
        self.tls = session
        self.frames.feed(session.read())  # what came right behind the peer's Finished
        self._flush(session)

    def close_tls(self):
        """Send a close_notify."""
        self.tls.shutdown()
        self.send_raw(self.tls.take())

    def _flush(self, session):
        if out := session.take():
            self.send_raw(out)

    # ---- reading what must come

    def expect_header(self):
        """The next frame is a stream header."""
        frame = self.read()
        expect(isinstance(frame, Header), f"wanted a stream header, got {show(frame)}")
        return frame

    def expect_element(self, namespace, name):
        """The next frame is that element."""
        frame = self.read()
        expect(is_element(frame, namespace, name), f"wanted <{name} xmlns='{namespace}'>, got {show(frame)}")
        return frame

    def expect_footer(self):
        """The next frame is the closing tag."""
        frame = self.read()
        expect(isinstance(frame, Footer), f"wanted </stream:stream>, got {show(frame)}")

    def expect_stream_error(self, condition):
        """A stream error with that condition, the closing tag, and nothing else."""
        frame = self.read()
        expect_equal(error_condition(frame), condition, f"stream error in {show(frame)}")
        self.expect_footer()

    # ---- the initiating role

    def open(self, domain="localhost"):
        """Send a header; returns the features."""
        self.frames.restart()
        self.send(HEADER_TO_SERVER.format(domain))
        self.header = self.expect_header()
        return self.expect_element(frames.STREAM, "features")

    def client_tls(self, context, domain="localhost", **keywords):
        """STARTTLS as client; returns the features of the stream inside."""
        self.send(STARTTLS)
        self.expect_element(frames.TLS, "proceed")
        self.start_tls(context, server=False, server_name=domain, **keywords)
        return self.open(domain)

    def auth(self, mechanism, data):
        """Send `<auth>` with an initial response; returns the answer."""
        encoded = base64.b64encode(data).decode() if data else "="
        self.send(f"<auth xmlns='{frames.SASL}' mechanism='{mechanism}'>{encoded}</auth>")
        return self.read()

    def respond(self, data):
        """Send `<response>`; returns the answer."""
        self.send(f"<response xmlns='{frames.SASL}'>{base64.b64encode(data).decode()}</response>")
        return self.read()

    def plain(self, user="alice", password="secret"):
        """SASL PLAIN; returns the features after it."""
        answer = self.auth("PLAIN", f"\0{user}\0{password}".encode())
        expect(is_element(answer, frames.SASL, "success"), f"PLAIN failed: {show(answer)}")
        return self.open()

    def scram(self, mechanism, user="alice", password="secret", binding=None, flag=b"n"):
        """A whole SCRAM exchange; None if it succeeded, else the failure's condition."""
        exchange = ClientScram(mechanism, user, password, binding, flag)
        answer = self.auth(mechanism, exchange.first())
        if condition := failure_condition(answer):
            return condition
        answer = self.respond(exchange.final(_data(answer, "challenge")))
        if condition := failure_condition(answer):
            return condition
        exchange.verify(_data(answer, "success"))
        return None

    def bind(self, resource=None):
        """Bind a resource, this one or one of the server's choice; returns the full JID."""
        wanted = "" if resource is None else f"<resource>{resource}</resource>"
        self.send(f"<iq type='set' id='b1'><bind xmlns='{frames.BIND}'>{wanted}</bind></iq>")
        result = self.expect_element(frames.CLIENT, "iq")
        jid = result.find(f"{{{frames.BIND}}}bind/{{{frames.BIND}}}jid")
        expect(result.get("type") == "result" and jid is not None, f"bind: {show(result)}")
        return jid.text

    def log_in(self, context, user="alice", password="secret", **keywords):
        """Everything up to a bound resource (STARTTLS, PLAIN); returns the full JID."""
        self.open()
        self.client_tls(context, **keywords)
        self.plain(user, password)
        return self.bind()

    def ping(self, number=1):
        """XEP-0199; the answer must be the result."""
        self.send(f"<iq type='get' id='p{number}'><ping xmlns='urn:xmpp:ping'/></iq>")
        return self.read()

    # ---- the receiving role

    def welcome(self, features, identity="s1"):
        """Read a header, send ours and these features."""
        self.frames.restart()
        header = self.expect_header()
        self.send(HEADER_TO_CLIENT.format(identity) + features)
        return header

    def serve_tls(self, context):
        """STARTTLS as server."""
        self.welcome(STARTTLS_FEATURES)
        self.expect_element(frames.TLS, "starttls")
        self.send(PROCEED)
        self.start_tls(context, server=True)

    def serve_scram(self, mechanism, password="secret", binding=None, bindings=(), check=True, offer=None):
        """Offer `offer` (that mechanism alone by default), run it; the exchange, after `<success/>`."""
        self.welcome(mechanisms_features(offer or [mechanism], bindings))
        auth = self.expect_element(frames.SASL, "auth")
        expect_equal(auth.get("mechanism"), mechanism, "the mechanism the client chose")
        exchange = ServerScram(mechanism, password, binding)
        challenge = exchange.challenge(_decode(auth.text))
        self.send(f"<challenge xmlns='{frames.SASL}'>{base64.b64encode(challenge).decode()}</challenge>")
        response = self.expect_element(frames.SASL, "response")
        success = exchange.success(_decode(response.text), check)
        self.send(f"<success xmlns='{frames.SASL}'>{base64.b64encode(success).decode()}</success>")
        return exchange

    def serve_bind(self):
        """The stream after SASL: features, bind."""
        self.welcome(BIND_FEATURES, "s3")
        request = self.expect_element(frames.CLIENT, "iq")
        self.send(
            f"<iq type='result' id='{request.get('id')}'><bind xmlns='{frames.BIND}'>"
            "<jid>alice@localhost/scripted</jid></bind></iq>"
        )

    def serve_log_in(self, context, direct=False):
        """Everything up to a bound resource, as server."""
        if direct:
            self.start_tls(context, server=True)
        else:
            self.serve_tls(context)
        self.serve_scram("SCRAM-SHA-256")
        self.serve_bind()


def mechanisms_features(mechanisms, bindings=()):
    """Features with SASL mechanisms and, XEP-0440, channel bindings."""
    offered = "".join(f"<mechanism>{name}</mechanism>" for name in mechanisms)
    listed = "".join(f"<channel-binding type='{name}'/>" for name in bindings)
    if listed:
        listed = f"<sasl-channel-binding xmlns='{frames.BINDINGS}'>{listed}</sasl-channel-binding>"
    return f"<stream:features><mechanisms xmlns='{frames.SASL}'>{offered}</mechanisms>{listed}</stream:features>"


def offered_mechanisms(features):
    """The SASL mechanisms in `<stream:features/>`."""
    return [e.text for e in features.iter(f"{{{frames.SASL}}}mechanism")]


def offered_bindings(features):
    """The channel bindings in `<stream:features/>` (XEP-0440)."""
    return [e.get("type") for e in features.iter(f"{{{frames.BINDINGS}}}channel-binding")]


def _data(frame, name):
    expect(is_element(frame, frames.SASL, name), f"wanted <{name}>, got {show(frame)}")
    return _decode(frame.text)


def _decode(text):
    return b"" if text in (None, "=") else base64.b64decode(text, validate=True)
