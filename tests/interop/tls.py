"""OpenSSL over memory buffers (pyOpenSSL), and just enough of the record layer to look at the wire."""

import ctypes
import hashlib

from OpenSSL import SSL, crypto

VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
HANDSHAKE, ALERT, APPLICATION_DATA = 22, 21, 23


def client_context(ca, version=None, pki=None, certificate=None):
    """A context that trusts `ca`; `version` pins TLS 1.2 or 1.3; `certificate` of `pki` is shown if asked for."""
    context = _context(version)
    if certificate:
        _use(context, pki, certificate)
    context.load_verify_locations(str(ca))
    context.set_verify(SSL.VERIFY_PEER, lambda _c, _x, _e, _d, good: bool(good))
    return context


def server_context(pki, certificate="ecdsa", version=None, tickets=True, ask=False):
    """A context with that certificate; without `tickets` no session can be resumed by them or by id.

    With `ask` the client must show a certificate.
    """
    context = _context(version)
    _use(context, pki, certificate)
    if ask:
        context.load_verify_locations(str(pki.ca))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda _c, _x, _e, _d, good: bool(good))
    context.set_session_id(b"interop")
    context.set_alpn_select_callback(_select_alpn)
    if not tickets:
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        _libssl.SSL_CTX_set_num_tickets(_pointer(context._context), 0)
    return context


class Tls:
    """One end of a TLS connection; bytes for the wire are collected in `out`."""

    def __init__(self, context, server, server_name=None, session=None, alpn=None):
        self.connection = SSL.Connection(context, None)
        self.out = b""
        self.close_notify = False
        if server:
            self.connection.set_accept_state()
        else:
            self.connection.set_connect_state()
            if server_name:
                self.connection.set_tlsext_host_name(server_name.encode())
            if alpn:
                self.connection.set_alpn_protos([alpn.encode()])
            if session:
                self.connection.set_session(session)

    def feed(self, data):
        """Bytes from the wire."""
        while data:
            data = data[self.connection.bio_write(data) :]

    def handshake(self):
        """True once the handshake is complete."""
        try:
            self.connection.do_handshake()
            return True
        except SSL.WantReadError:
            return False
        finally:
            self._collect()

    def read(self):
        """The plaintext that is there; notes a close_notify in `close_notify`."""
        plaintext = b""
        try:
            while True:
                plaintext += self.connection.recv(65536)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.close_notify = True
        finally:
            self._collect()
        return plaintext

    def write(self, plaintext):
        """Seal application data."""
        while plaintext:
            plaintext = plaintext[self.connection.send(plaintext[:16384]) :]
        self._collect()

    def shutdown(self):
        """Queue a close_notify."""
        try:
            self.connection.shutdown()
        except SSL.Error:
            pass
        self._collect()

    def renegotiate(self):
        """Queue a HelloRequest (server) or a ClientHello (client): TLS 1.2 only."""
        self.connection.renegotiate()
        try:
            self.connection.do_handshake()
        except SSL.WantReadError:
            pass
        self._collect()

    def update_key(self, request):
        """Queue a KeyUpdate (TLS 1.3 only), asking the peer for one of its own or not."""
        if _libssl.SSL_key_update(_pointer(self.connection._ssl), 1 if request else 0) != 1:
            raise SSL.Error("SSL_key_update")
        self.handshake()

    def version(self):
        """`1.2` or `1.3`"""
        return self.connection.get_protocol_version_name().removeprefix("TLSv")

    def reused(self):
        """True if the session was resumed."""
        return SSL._lib.SSL_session_reused(self.connection._ssl) == 1

    def exporter(self):
        """The tls-exporter channel binding (RFC 9266)."""
        return self.connection.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")

    def end_point(self, server_certificate=None):
        """The tls-server-end-point channel binding (RFC 5929 section 4)."""
        certificate = server_certificate or self.connection.get_peer_certificate()
        return end_point(certificate)

    def _collect(self):
        while True:
            try:
                self.out += self.connection.bio_read(65536)
            except SSL.WantReadError:
                return

    def take(self):
        """The bytes for the wire."""
        out, self.out = self.out, b""
        return out


def end_point(certificate):
    """RFC 5929 section 4.1: the hash is the one of the certificate's signature, SHA-256 for MD5 and SHA-1."""
    name = certificate.to_cryptography().signature_hash_algorithm.name
    name = "sha256" if name in ("md5", "sha1") else name
    return hashlib.new(name, crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)).digest()


def load_certificate(path):
    """The first certificate of a PEM file."""
    return crypto.load_certificate(crypto.FILETYPE_PEM, path.read_bytes())


def records(data):
    """The whole TLS records in `data`, as (type, body), and what is left."""
    found, rest = [], bytes(data)
    while len(rest) >= 5:
        length = int.from_bytes(rest[3:5], "big")
        if len(rest) < 5 + length:
            break
        found.append((rest[0], rest[5 : 5 + length]))
        rest = rest[5 + length :]
    return found, rest


class ClientHello:
    """The fields of a ClientHello that have to do with resumption."""

    def __init__(self, data):
        body = b"".join(body for kind, body in records(data)[0] if kind == HANDSHAKE)
        if not body or body[0] != 1:
            raise ValueError("no ClientHello")
        hello = body[4 : 4 + int.from_bytes(body[1:4], "big")]
        at = 34
        self.session_id, at = _vector(hello, at, 1)
        _suites, at = _vector(hello, at, 2)
        _compression, at = _vector(hello, at, 1)
        extensions, at = _vector(hello, at, 2)
        self.extensions = {}
        at = 0
        while at < len(extensions):
            kind = int.from_bytes(extensions[at : at + 2], "big")
            self.extensions[kind], at = _vector(extensions, at + 2, 2)

    @property
    def ticket(self):
        """The TLS 1.2 session ticket (RFC 5077), empty when none is offered."""
        return self.extensions.get(35, b"")

    @property
    def offers_psk(self):
        """True with a pre_shared_key extension (RFC 8446 section 4.2.11)."""
        return 41 in self.extensions

    @property
    def early_data(self):
        """True with an early_data extension."""
        return 42 in self.extensions


# Functions of OpenSSL that pyOpenSSL does not hand through.
_libssl = ctypes.CDLL("libssl.so.3")


def _pointer(object_of_cffi):
    return ctypes.c_void_p(int(SSL._ffi.cast("uintptr_t", object_of_cffi)))


def _vector(data, at, size):
    length = int.from_bytes(data[at : at + size], "big")
    return data[at + size : at + size + length], at + size + length


def _use(context, pki, certificate):
    context.use_certificate_chain_file(str(pki.chain(certificate)))
    context.use_privatekey_file(str(pki.key(certificate)))


def _context(version):
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(VERSIONS[version or "1.2"])
    context.set_max_proto_version(VERSIONS[version or "1.3"])
    return context


def _select_alpn(_connection, offered):
    for name in (b"xmpp-client",):
        if name in offered:
            return name
    return SSL.NO_OVERLAPPING_PROTOCOLS
