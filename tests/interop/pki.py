"""A throw-away certificate authority, made with the openssl command."""

import pathlib
import subprocess

HOSTS = ["localhost", "hashed.localhost", "anon.localhost"]


class Pki:
    """Certificates under one directory: NAME.pem (chain), NAME.key, NAME.all (both)."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._authority("ca")
        self._authority("strangers")
        names = ",".join(f"DNS:{host}" for host in HOSTS)
        self._leaf("rsa", ["rsa:2048"], names)
        self._leaf("ecdsa", EC, names)
        # RFC 5929 section 4.1: the hash of the binding is the one of the signature.
        self._leaf("ecdsa384", EC, names, digest="sha384")
        # ejabberd chooses by host name.
        self._leaf("ejabberd-rsa", ["rsa:2048"], "DNS:localhost,DNS:anon.localhost")
        self._leaf("ejabberd-ecdsa", EC, "DNS:ecdsa.localhost")
        # Between servers; a stranger's certificate for our own domain.
        for name in ("ours", "prosody", "ejabberd"):
            self._leaf(name, EC, f"DNS:{name}.example")
        self._leaf("impostor-ours", EC, "DNS:ours.example", issuer="strangers")
        self._leaf("wronghost", EC, "DNS:elsewhere.example")
        # id-on-xmppAddr: RFC 6120 section 13.7.1.4.
        self._leaf("alice", EC, "otherName:1.3.6.1.5.5.7.8.5;UTF8:alice@localhost")
        self._leaf("impostor", EC, "otherName:1.3.6.1.5.5.7.8.5;UTF8:alice@localhost", issuer="strangers")

    def chain(self, name):
        """The certificate chain, PEM."""
        return self.directory / f"{name}.pem"

    def key(self, name):
        """The private key, PEM."""
        return self.directory / f"{name}.key"

    def all(self, name):
        """Chain and key in one file, PEM."""
        return self.directory / f"{name}.all"

    @property
    def ca(self):
        """The certificate everybody trusts."""
        return self.chain("ca")

    @property
    def strangers(self):
        """A certificate authority that signed nothing here."""
        return self.chain("strangers")

    def _authority(self, name):
        self._openssl(
            ["req", "-x509", "-newkey", *EC, "-nodes", "-days", "30", "-subj", f"/CN=Interop {name}"]
            + ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
            + ["-keyout", self.key(name), "-out", self.chain(name)]
        )

    def _leaf(self, name, key_options, alternative_names, digest="sha256", issuer="ca"):
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        self._openssl(
            ["req", "-new", "-newkey", *key_options, "-nodes", "-subj", f"/CN={name}"]
            + ["-keyout", self.key(name), "-out", request]
        )
        extensions.write_text(
            "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\n"
            f"extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName={alternative_names}\n"
        )
        self._openssl(
            ["x509", "-req", "-in", request, "-CA", self.chain(issuer), "-CAkey", self.key(issuer), "-days", "30"]
            + [f"-{digest}", "-extfile", extensions, "-out", self.chain(name)]
        )
        self.all(name).write_text(self.chain(name).read_text() + self.key(name).read_text())

    def _openssl(self, arguments):
        subprocess.run(
            ["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self.directory, timeout=60
        )


EC = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
