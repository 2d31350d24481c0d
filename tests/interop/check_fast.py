"""FAST (XEP-0484) and pins: `client` against Prosody with Debian's prosody-modules, `server` under xmpp.js."""

import json
import re

from check_sasl2 import expect_login, xmppjs
from check_servers import VERSIONS
from check_sm import pings_through_a_cut
from debian_servers import FAST_MODULES, SASL2_MODULES, Prosody
from harness import Process, expect, expect_equal
from programs import PASSWORD, Client, Server
from tap import TO_SERVER

# Debian's Prosody has no channel binding that is of use here; the only one that xmpp.js knows.
HT = "HT-SHA-256-NONE"
SCRAM = "SCRAM-SHA-256"
DAY = 86400
# As it is, it takes no second attempt on a stream.
RETRYING = [*FAST_MODULES, "interop_retry"]


def run(suite, lab):
    """All checks of this module."""
    (lab.directory / "fast").mkdir()
    prosody = suite.setup("start prosody (FAST)", Prosody, lab.directory / "fast", lab.pki, "rsa", RETRYING)
    if prosody:
        with_prosody(suite, lab, prosody)
        against_pins(suite, lab, prosody)
    command = suite.setup("install xmpp.js", xmppjs, lab)
    if command:
        under_xmppjs(suite, lab, command)
    suite.check("fast-both: tokens are bound to the channel", both, lab)
    suite.check("fast-both: a session resumed inline by a token", both_resume, lab, seconds=60)


# ---- our client, and Prosody


def with_prosody(suite, lab, prosody):
    """The checks of the client's tokens."""
    who = "fast-client-prosody"
    for version in VERSIONS:
        for direct in (False, True):
            way = "direct TLS" if direct else "STARTTLS"
            name = f"{who}: TLS {version}, {way}: a token in place of the password, again and again"
            suite.check(name, used, lab, prosody, version, direct)
    suite.check(f"{who}: a token of some age is replaced, and good until its successor is used", replaced, lab, prosody)
    for name, spoil, condition in REFUSED:
        suite.check(f"{who}: {name}: the password follows, and a new token", followed, lab, prosody, spoil)
        suite.check(f"{who}: {name}: the login ends, as policy says", ended, lab, prosody, spoil, condition)
        suite.check(f"{who}: {name}, and a wrong password", followed_in_vain, lab, prosody, spoil)
    suite.check(f"{who}: by the token alone, without a token", without, Files(lab), prosody)


class Files:
    """Where a client keeps its token, and its pin."""

    def __init__(self, lab):
        self.lab = lab
        lab.clients = getattr(lab, "clients", 0) + 1
        self.token = lab.directory / "fast" / f"token-{lab.clients}"
        self.pin = lab.directory / "fast" / f"pin-{lab.clients}"

    def secret(self):
        """The token as it is stored."""
        _id, token = self.token.read_text().splitlines()
        return bytes.fromhex(token)

    def forge(self):
        """Another token of the same mechanism, whose secret differs in its last letter."""
        identity, token = self.token.read_text().splitlines()
        token = bytes.fromhex(token)
        last = b"x" if token[-1:] != b"x" else b"y"
        self.token.write_text(f"{identity}\n{(token[:-1] + last).hex()}\n")

    def client(self, server, *options, direct=False, password=PASSWORD):
        """A client that keeps both, and sends a ping."""
        options = [*options, "--ping", "1"] + (["--direct-tls"] if direct else [])
        port = server.direct if direct else server.starttls
        return Client(port, self.lab.pki.ca, "--fast", self.token, "--pin", self.pin, *options, password=password)

    def log_in(self, server, *options, **keywords):
        """A whole connection: by which mechanism, and its `login` line."""
        client = self.client(server, *options, **keywords)
        client.expect_exit(0)
        client.expect_close("closed")
        return client.events("authenticated")[0]["mechanism"], client.events("login")[0]

    def by_password(self, server, *options, mechanism=SCRAM, **keywords):
        """The password is used, and a token comes."""
        used, login = self.log_in(server, *options, **keywords)
        expect_equal(used, mechanism, "mechanism")
        expect_login(login, "sasl2", "bind2", "requested")
        return login

    def by_token(self, server, *options, mechanism=HT, **keywords):
        """The token is used."""
        used, login = self.log_in(server, *options, **keywords)
        expect_equal(used, mechanism, "mechanism")
        expect_login(login, "sasl2", "bind2", "used")
        return login

    def refused(self, server, detail, *options, **keywords):
        """There is no login, for this reason."""
        client = self.client(server, *options, **keywords)
        client.expect_exit(2)
        close = client.expect_close("authentication-failed")
        expect_equal(close["detail"].removesuffix(" (without close_notify)"), detail, "detail")
        expect_equal(client.events("authenticated") + client.events("login"), [], "events after the refusal")


def used(lab, server, version, direct):
    """The first login is by password and brings the token for the others, which take as few flights as PLAIN."""
    files = Files(lab)
    options = ["--tls", version]
    # Over TLS 1.2 this Prosody takes no SCRAM from a client that knows -PLUS: see README.md.
    login = files.by_password(server, "--mechanism", SCRAM, *options, direct=direct)
    expect_equal(files.token.stat().st_mode & 0o777, 0o600, "mode of the file")
    token = files.secret()
    for more in ([], ["--fast-only"]):
        # Nobody looks at the password.
        by_token = files.by_token(server, *options, *more, direct=direct, password="guess")
        expect_equal(login["flights"] - by_token["flights"], 1, "flights that SCRAM takes more")
        expect(files.secret() == token, "another token was stored")
    plain = Files(lab).log_in(server, *options, "--mechanism", "PLAIN", direct=direct)[1]
    expect_equal(by_token["flights"], plain["flights"], "flights, beside those of PLAIN")


def stored(server, key, change):
    """Change a number in all tokens that Prosody has stored for alice."""
    store = server.home / "localhost" / "fast_tokens" / "alice.dat"
    text, count = re.subn(
        rf'(\["{key}"\] = )([0-9.e+]+)', lambda found: f"{found[1]}{change(float(found[2])):.1f}", store.read_text()
    )
    expect(count > 0, f"no {key} in {store}")
    store.write_text(text)


def replaced(lab, server):
    """Prosody gives a new one for each that is older than a day, and forgets the old one when the new one is used."""
    files = Files(lab)
    files.by_password(server)
    files.by_token(server)
    old, file = files.secret(), files.token.read_text()
    stored(server, "issued_at", lambda issued: issued - 2 * DAY)
    files.by_token(server, "--fast-only")
    second = files.secret()
    expect(second != old, "the token was not replaced")
    # The new one might have been lost on its way.
    files.token.write_text(file)
    files.by_token(server, "--fast-only")
    third = files.secret()
    expect(third not in (old, second), "the token was not replaced again")
    files.by_token(server, "--fast-only")
    expect(files.secret() == third, "a new token was replaced")
    files.token.write_text(file)
    files.refused(server, "not-authorized", "--fast-only")


def expire(_files, server):
    """Prosody stores when it expires."""
    stored(server, "expires_at", lambda expires: expires - 30 * DAY)


def forge(files, _server):
    """Prosody does not have it."""
    files.forge()


REFUSED = [("an expired token", expire, "credentials-expired"), ("a forged token", forge, "not-authorized")]


def followed(lab, server, spoil):
    """XEP-0484 section 4.1, on the same stream."""
    files = Files(lab)
    files.by_password(server)
    spoil(files, server)
    before = files.secret()
    files.by_password(server)
    expect(files.secret() != before, "no new token was stored")
    files.by_token(server, "--fast-only")


def ended(lab, server, spoil, condition):
    """The password is right, and not used."""
    files = Files(lab)
    files.by_password(server)
    spoil(files, server)
    files.refused(server, condition, "--fast-only")
    # It is not tried again.
    without(files, server)
    files.by_password(server)


def followed_in_vain(lab, server, spoil):
    """What follows is the password: it is looked at."""
    files = Files(lab)
    files.by_password(server)
    spoil(files, server)
    files.refused(server, "not-authorized", password="guess")


def without(files, server):
    """A wrong command line: exit code 64."""
    client = files.client(server, "--fast-only")
    client.expect_exit(64)
    expect_equal(client.lines, [], "lines")


def one_attempt(lab, server, spoil):
    """The password is not even looked at: the next login is by the password, because the token was discarded."""
    files = Files(lab)
    files.by_password(server)
    spoil(files, server)
    files.refused(server, "invalid-mechanism")
    files.by_password(server)
    files.by_token(server)


# ---- pins, and the same Prosody with less to offer


def against_pins(suite, lab, prosody):
    """What is seen at a login is stored, and a weaker offer ends the next one; without the pin it is a login."""
    who = "pin-client-prosody"
    files, path = Files(lab), f"XMPP-PIN1 {SCRAM} unbound sasl2 unproved\n"
    suite.check(f"{who}: what is stored", pinned, files, prosody, path)
    # What Prosody is left with, how the client is led on, and what it finds.
    weaker = [
        ("SASL2 is gone", [], [], [], (SCRAM, "sasl", "bind")),
        (f"SCRAM-SHA-1 in place of {SCRAM}", SASL2_MODULES, [SCRAM], [], ("SCRAM-SHA-1", "sasl2", "bind2")),
        (
            f"PLAIN in place of {SCRAM}", SASL2_MODULES, [SCRAM, "SCRAM-SHA-1"], ["--mechanism", "PLAIN"],
            ("PLAIN", "sasl2", "bind2"),
        ),
    ]  # fmt: skip
    for breach, modules, disabled, options, found in weaker:
        settings = f"disable_sasl_mechanisms = {{ {', '.join(map(repr, disabled))} }}"
        if not suite.setup(f"start prosody ({breach})", prosody.restart, modules, settings):
            return
        suite.check(f"{who}: {breach}", less, lab, files, prosody, path, breach, options, found)
    if suite.setup("start prosody (as before)", prosody.restart, FAST_MODULES):
        suite.check(f"{who}: the server is as it was", pinned_again, files, prosody, path)
        for name, spoil, _condition in REFUSED:
            name = f"fast-client-prosody: {name}, and a server that takes one attempt on a stream"
            suite.check(name, one_attempt, lab, prosody, spoil)


def pinned(files, server, path):
    """By the password, and by a token, which has a pin of its own: its mechanism."""
    files.by_password(server)
    expect_equal(files.pin.read_text(), path, "pin")
    files.by_token(server)
    expect_equal(files.pin.read_text(), path, "pin after a login by the token")


def less(lab, files, server, path, breach, options, found):
    """The token cannot be used here, whatever the pin says."""
    expect_equal(files.pin.read_text(), path, "the pin of the login before")
    files.refused(server, f"weaker than before: {breach}", *options)
    expect_equal(files.pin.read_text(), path, "pin after the refusal")
    # The same client without the pin.
    trusting = Files(lab)
    trusting.token.write_text(files.token.read_text())
    gone = "the token cannot be used: the server does not offer the token's mechanism"
    trusting.refused(server, gone, "--fast-only", *options)
    mechanism, login = trusting.log_in(server, *options)
    expect_equal((mechanism, login["way"], login["bind"], login["token"]), (*found, "none"), "login without the pin")
    expect_equal(trusting.token.read_text(), files.token.read_text(), "token, which is kept for a better day")


def pinned_again(files, server, path):
    """The token was not lost, and neither was the pin."""
    files.by_token(server)
    files.token.unlink()
    files.by_password(server)
    expect_equal(files.pin.read_text(), path, "pin")


# ---- our server, and xmpp.js


def under_xmppjs(suite, lab, command):
    """The checks of the server's tokens. How it resumes a session by a token is checked with SASL2."""
    who = "fast-server-xmppjs"
    for version, direct in (("1.2", False), ("1.3", True)):
        way = "direct TLS" if direct else "STARTTLS"
        name = f"{who}: TLS {version}, {way}: a token in place of the password, again and again"
        suite.check(name, theirs_used, lab, command, version, direct, seconds=60)
    suite.check(f"{who}: an expired token: the password follows, and a new token", theirs_expired, lab, command, seconds=60)
    suite.check(f"{who}: a forged token: the password follows, and a new token", theirs_forged, lab, command, seconds=60)
    suite.check(f"{who}: a forged token, and a wrong password", theirs_forged_in_vain, lab, command, seconds=60)


class TheirFile:
    """Where xmpp.js keeps its token."""

    def __init__(self, lab, command):
        self.lab, self.command = lab, command
        self.path = Files(lab).token

    def change(self, **parts):
        """Alter the token."""
        kept = json.loads(self.path.read_text())
        kept["token"].update(parts)
        self.path.write_text(json.dumps(kept))

    def token(self):
        """The token as it is stored."""
        return json.loads(self.path.read_text())["token"]

    def start(self, server, direct=False, password=PASSWORD):
        """One process, which logs in."""
        way = "direct" if direct else "starttls"
        return Process([*self.command, server.port, self.lab.pki.ca, password, way, self.path])

    def log_in(self, server, **keywords):
        """A message there and back. What was asked with each attempt, the failures, what was granted."""
        client = self.start(server, **keywords)
        client.wait_line(lambda line: line.startswith("online "))
        client.write("end\n")
        expect_equal(client.finish(15), 0, f"exit code; {client.tail()}")
        expect("message end" in client.lines, f"the echo is missing in {client.lines}")
        return said(client)


def said(client):
    """The words that it said about SASL2, by the first of them."""
    lines = [line.split() for line in client.lines]
    return tuple([words[1:] for words in lines if words[0] == name] for name in ("authenticate", "failure", "success"))


def theirs_used(lab, command, version, direct):
    """Three processes of one client."""
    server = Server(lab.pki, "--tls", version, *(["--direct-tls"] if direct else []))
    file = TheirFile(lab, command)
    first = file.log_in(server, direct=direct)
    token = file.token()
    expect_equal(token["mechanism"], HT, "mechanism of the token")
    # Nobody looks at the password.
    others = [file.log_in(server, direct=direct, password="guess") for _ in range(2)]
    for (asked, failures, granted), mechanism in zip([first, *others], ["SCRAM-SHA-1", HT, HT]):
        expect_equal([words[0] for words in asked], [mechanism], "mechanisms")
        expect_equal(failures, [], "failures")
        expect("bound" in granted[0], f"no resource was bound: {granted}")
        expect_equal("request-token" in asked[0], mechanism != HT, "asked for a token")
        expect_equal("fast" in asked[0], mechanism == HT, "used a token")
        expect_equal("token" in granted[0], mechanism != HT, "got a token")
    expect_equal(file.token(), token, "token at last")
    logins = [(login["way"], login["bind"], login["token"]) for login in server.wait_events("login", 3)]
    expect_equal(logins, [("sasl2", "bind2", "requested")] + 2 * [("sasl2", "bind2", "used")], "logins")
    expect_equal([event["mechanism"] for event in server.events("authenticated")], ["SCRAM-SHA-1", HT, HT], "mechanisms")


def theirs_followed(file, server, condition):
    """Two attempts on one stream."""
    before = file.token()
    asked, failures, granted = file.log_in(server)
    expect_equal([words[0] for words in asked], [HT, "SCRAM-SHA-1"], "mechanisms")
    expect_equal(["fast" in words for words in asked], [True, False], "use of a token")
    expect_equal(failures, [[condition]], "failures")
    expect_equal(len(granted), 1, "successes")
    expect({"bound", "token"} <= set(granted[0]), f"what was granted: {granted}")
    expect(file.token()["token"] != before["token"], "no new token was stored")
    expect_equal([login["token"] for login in server.wait_events("login", 2)], ["requested", "requested"], "tokens")
    expect_equal([event["mechanism"] for event in server.events("authenticated")], ["SCRAM-SHA-1"] * 2, "mechanisms")


def theirs_expired(lab, command):
    """At once; the client is made to believe that it has not."""
    server = Server(lab.pki, "--token-lifetime", "0")
    file = TheirFile(lab, command)
    file.log_in(server)
    file.change(expiry="2999-01-01T00:00:00Z")
    theirs_followed(file, server, "credentials-expired")


def theirs_forged(lab, command):
    """The server does not have it."""
    server = Server(lab.pki)
    file = TheirFile(lab, command)
    file.log_in(server)
    file.change(token="forged")
    theirs_followed(file, server, "not-authorized")
    asked, failures, _granted = file.log_in(server)
    expect_equal(([words[0] for words in asked], failures), ([HT], []), "login by the new token")


def theirs_forged_in_vain(lab, command):
    """What follows is the password: it is looked at."""
    server = Server(lab.pki)
    file = TheirFile(lab, command)
    file.log_in(server)
    file.change(token="forged")
    client = file.start(server, password="guess")
    expect_equal(client.finish(15), 2, f"exit code; {client.tail()}")
    expect_equal(said(client)[1:], ([["not-authorized"], ["not-authorized"]], []), "failures, and what was granted")
    server.wait_events("close-tcp", 2)
    expect_equal(len(server.events("authenticated")), 1, "logins")
    server.expect_alive()


# ---- both


def both(lab):
    """The client takes the strongest binding that the connection has, and the token is good for no other."""
    for version, mechanism in (("1.3", "HT-SHA-512-EXPR"), ("1.2", "HT-SHA-512-ENDP")):
        server = Server(lab.pki, "--tls", version)
        server.starttls = server.port
        files = Files(lab)
        files.by_password(server, mechanism="SCRAM-SHA-512-PLUS")
        files.by_token(server, "--fast-only", mechanism=mechanism, password="guess")
        expect_equal([login["token"] for login in server.wait_events("login", 2)], ["requested", "used"], "tokens")


def both_resume(lab):
    """The token of an earlier process, at the login and after a cut."""
    server = Server(lab.pki, "--sm")
    server.starttls = server.port
    files = Files(lab)
    files.by_password(server, mechanism="SCRAM-SHA-512-PLUS")
    client = pings_through_a_cut(lab, server.port, TO_SERVER, "--fast", files.token, "--fast-only")
    logins = [(login["way"], login["bind"], login["token"]) for login in client.events("login")]
    expect_equal(logins, [("sasl2", "bind2", "used"), ("sasl2", "resumed", "used")], "ways to log in")
