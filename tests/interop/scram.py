"""SCRAM (RFC 5802, RFC 7677) with channel binding, written on hashlib alone: both roles."""

import base64
import hashlib
import hmac
import os

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


class ScramError(Exception):
    """The other side's message or proof is wrong."""


def hash_of(mechanism):
    """The hashlib name of a mechanism's hash, -PLUS or not."""
    return HASHES[mechanism.removesuffix("-PLUS")]


def gs2_header(binding_name, flag=b"n"):
    """`p=NAME,,` with a binding, else the given flag."""
    return (b"p=" + binding_name.encode() if binding_name else flag) + b",,"


class ClientScram:
    """The initiating side: first(), final(challenge), verify(success)."""

    def __init__(self, mechanism, user, password, binding=None, flag=b"n"):
        self.hash = hash_of(mechanism)
        self.password = password.encode()
        self.gs2 = gs2_header(binding[0] if binding else None, flag)
        self.binding = binding[1] if binding else b""
        self.bare = f"n={user},r=".encode() + base64.b64encode(os.urandom(18))

    def first(self):
        """client-first-message"""
        return self.gs2 + self.bare

    def final(self, challenge):
        """client-final-message for this server-first-message"""
        fields = attributes(challenge)
        nonce, own = fields["r"], attributes(self.bare)["r"]
        if not nonce.startswith(own) or nonce == own:
            raise ScramError("the server did not extend the nonce")
        without_proof = b"c=" + base64.b64encode(self.gs2 + self.binding) + b",r=" + nonce
        message = self.bare + b"," + challenge + b"," + without_proof
        salted = hashlib.pbkdf2_hmac(self.hash, self.password, base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = _mac(self.hash, salted, b"Client Key")
        stored = hashlib.new(self.hash, client_key).digest()
        proof = _xor(client_key, _mac(self.hash, stored, message))
        self._signature = _mac(self.hash, _mac(self.hash, salted, b"Server Key"), message)
        return without_proof + b",p=" + base64.b64encode(proof)

    def verify(self, success):
        """Check the server's signature in server-final-message."""
        if base64.b64decode(attributes(success)["v"]) != self._signature:
            raise ScramError("the server's signature is wrong")


class ServerScram:
    """The receiving side: challenge(first), success(final). `binding` is what this side believes."""

    def __init__(self, mechanism, password, binding=None, iterations=4096):
        self.hash = hash_of(mechanism)
        self.password = password.encode()
        self.binding = binding
        self.iterations = iterations
        self.salt = os.urandom(16)
        self.user = None

    def challenge(self, first):
        """server-first-message"""
        flag, _authzid, self._bare = first.split(b",", 2)
        self.gs2 = first[: len(first) - len(self._bare)]
        wanted = b"p=" + self.binding[0].encode() if self.binding else None
        if (wanted and flag != wanted) or (not wanted and flag.startswith(b"p=")):
            raise ScramError(f"gs2 flag {flag!r}, wanted {wanted!r}")
        fields = attributes(self._bare)
        self.user = fields["n"].decode()
        self._nonce = fields["r"] + base64.b64encode(os.urandom(9))
        self._first = (
            b"r=" + self._nonce + b",s=" + base64.b64encode(self.salt) + b",i=" + str(self.iterations).encode()
        )
        return self._first

    def success(self, final, check=True):
        """server-final-message; with `check=False` the client's proof and binding are not looked at."""
        fields = attributes(final)
        bound = self.gs2 + (self.binding[1] if self.binding else b"")
        without_proof = b"c=" + base64.b64encode(bound) + b",r=" + self._nonce
        message = self._bare + b"," + self._first + b"," + without_proof
        salted = hashlib.pbkdf2_hmac(self.hash, self.password, self.salt, self.iterations)
        if check:
            if base64.b64decode(fields["c"]) != bound:
                raise ScramError("the channel binding of the client is not ours")
            client_key = _mac(self.hash, salted, b"Client Key")
            stored = hashlib.new(self.hash, client_key).digest()
            if _xor(client_key, _mac(self.hash, stored, message)) != base64.b64decode(fields["p"]):
                raise ScramError("the client's proof is wrong")
        return b"v=" + base64.b64encode(_mac(self.hash, _mac(self.hash, salted, b"Server Key"), message))


def attributes(message):
    """The attributes of a SCRAM message by name."""
    return {part[:1].decode(): part[2:] for part in message.split(b",")}


def _mac(name, key, message):
    return hmac.new(key, message, name).digest()


def _xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
