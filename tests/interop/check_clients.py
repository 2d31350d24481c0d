"""`server` under slixmpp, libstrophe and the command line clients of OpenSSL and GnuTLS."""

import pathlib
import subprocess
import sys

from check_servers import VERSIONS
from harness import Failure, Process, expect, expect_equal
from programs import PASSWORD, Server, expect_events

HERE = pathlib.Path(__file__).parent
# slixmpp 1.8 knows tls-unique alone, takes every -PLUS for that, and uses up its attempts (RFC 6120 section 6.4.5).
WITHOUT_PLUS = "SCRAM-SHA-1,SCRAM-SHA-256,SCRAM-SHA-512,PLAIN"
SERVER_EVENTS = ["listening", "tcp-accepted", "tls", "authenticated", "bound", "stanza", "close-tcp"]


def run(suite, lab):
    """All checks of this module."""
    strophe = lab.directory / "strophe_login"
    built = suite.setup("compile the libstrophe client", compile_strophe, "strophe_login.c", strophe)
    for version in VERSIONS:
        for direct in (False, True):
            way = "direct TLS" if direct else "STARTTLS"
            for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"):
                if direct and mechanism != "SCRAM-SHA-256":
                    continue
                tail = f"TLS {version}, {way}, {mechanism}: log in, ping, message, close"
                suite.check(f"server-slixmpp: {tail}", slixmpp, lab, version, direct, mechanism)
                if built:
                    suite.check(f"server-libstrophe: {tail}", libstrophe, lab, strophe, version, direct, mechanism)
    for certificate in ("rsa", "ecdsa"):
        suite.check(
            f"server-slixmpp: its own choice without -PLUS, {certificate.upper()}", slixmpp, lab, "1.3", False,
            WITHOUT_PLUS, certificate,
        )
        if built:
            suite.check(
                f"server-libstrophe: its own choice among all mechanisms, {certificate.upper()}", libstrophe, lab,
                strophe, "1.3", False, None, certificate,
            )
    suite.check("server-slixmpp: wrong password", wrong_password, lab)


def slixmpp(lab, version, direct, mechanism, certificate="ecdsa"):
    """slixmpp logs in, pings the server, sends itself a message and gets it, disconnects."""
    converse(lab, [sys.executable, "-B", HERE / "slixmpp_login.py"], version, direct, mechanism, certificate)


def libstrophe(lab, program, version, direct, mechanism, certificate="ecdsa"):
    """The same with libstrophe."""
    converse(lab, [program], version, direct, mechanism, certificate)


def converse(lab, command, version, direct, mechanism, certificate):
    """Both helper programs take the same arguments and print `done` when all went well."""
    options = ["--tls", version] + (["--direct-tls"] if direct else [])
    if mechanism:
        options += ["--mechanisms", mechanism]
    server = Server(lab.pki, *options, certificate=certificate)
    arguments = [server.port, lab.pki.ca, PASSWORD, "direct" if direct else "starttls"]
    peer = Process([*command, *arguments])
    code = peer.finish(20)
    expect(code == 0 and "done" in peer.lines, f"{peer.tail()}; server {server.tail()}")
    server.expect_close("closed")
    expect_events(server, SERVER_EVENTS)
    expect_equal(server.events("tls")[0]["version"], version, "TLS version")
    if mechanism and mechanism != WITHOUT_PLUS:
        expect_equal(server.events("authenticated")[0]["mechanism"], mechanism, "mechanism")


def wrong_password(lab):
    """The peer is told, and the server does not mistake it for a log in."""
    server = Server(lab.pki, "--mechanisms", "SCRAM-SHA-256")
    peer = Process(
        [sys.executable, "-B", HERE / "slixmpp_login.py", server.port, lab.pki.ca, "guess", "starttls"]
    )
    code = peer.finish(20)
    expect(code == 2 and "authentication failed" in peer.lines, f"{peer.tail()}; server {server.tail()}")
    server.wait_event("close-tcp")
    expect_equal(server.events("authenticated"), [], "authenticated events")
    server.expect_alive()


def compile_strophe(source, program):
    """Compile a C program beside this file."""
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libstrophe"], capture_output=True, text=True, check=True
    ).stdout.split()
    compiled = subprocess.run(
        ["cc", "-Wall", "-Werror", "-O1", "-o", program, HERE / source, *flags],
        capture_output=True, text=True, timeout=60,
    )
    if compiled.returncode:
        raise Failure(compiled.stderr)
    return True
