"""SASL2 (XEP-0388) with Bind 2 (XEP-0386): `client` against Prosody with Debian's prosody-modules, `server` under xmpp.js."""

import hashlib
import os
import pathlib
import shutil

from check_servers import VERSIONS
from check_sm import pings_through_a_cut, tell
from debian_servers import SASL2_MODULES, Prosody
from harness import Process, expect, expect_equal
from peer import Peer
from programs import PASSWORD, Client, Server, expect_events
from tap import TO_CLIENT, TO_SERVER, Tap
from tls import client_context

HERE = pathlib.Path(__file__).parent
RESULTS = {"bound", "enabled", "resumed", "failed"}
SASL2_EVENTS = ["stream-opened", "features", "authenticated", "bound", "login", "pong", "close-tcp"]
SASL_EVENTS = ["authenticated", "stream-opened", "features", "bound", "login", "pong", "close-tcp"]


def run(suite, lab):
    """All checks of this module."""
    prosody = suite.setup("start prosody (SASL2)", Prosody, lab.directory / "sasl2", lab.pki, "rsa", SASL2_MODULES)
    if prosody:
        with_prosody(suite, lab, prosody)
    command = suite.setup("install xmpp.js", xmppjs, lab)
    if command:
        under_xmppjs(suite, lab, command)


# ---- our client, and Prosody


def with_prosody(suite, lab, prosody):
    """The checks of the client."""
    who = "sasl2-client-prosody"
    for version in VERSIONS:
        for direct in (False, True):
            way = "direct TLS" if direct else "STARTTLS"
            for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"):
                name = f"{who}: TLS {version}, {way}, {mechanism}: SASL2 with Bind 2"
                suite.check(name, log_in, lab, prosody, version, direct, mechanism)
            suite.check(f"{who}: TLS {version}, {way}: --no-sasl2", log_in_without, lab, prosody, version, direct)
    suite.check(f"{who}: without a resource of its own choice", unnamed, lab, prosody)
    suite.check(f"{who}: SASL2 takes fewer flights", fewer_flights, lab, prosody)
    suite.check(f"{who}: wrong password", wrong_password, lab, prosody)
    suite.check(f"{who}: stream management after Bind 2", managed, lab, prosody)
    for way in (TO_SERVER, TO_CLIENT):
        name = f"{who}: resumed behind SASL2 after a cut after which what went {way} is lost"
        suite.check(name, resumed, lab, prosody, way)


def converse(lab, server, direct, *options, jid="alice@localhost"):
    """A ping, and the end; the `login` line."""
    options = [*options, "--ping", "1"] + (["--direct-tls"] if direct else [])
    client = Client(server.direct if direct else server.starttls, lab.pki.ca, *options, jid=jid)
    client.expect_exit(0)
    client.expect_close("closed")
    logins = client.events("login")
    expect_equal(len(logins), 1, "login events")
    return client, logins[0]


def expect_login(login, way, bind, token="none"):
    """By which way it went."""
    expect_equal((login["way"], login["bind"], login["token"]), (way, bind, token), "login event")


def log_in(lab, server, version, direct, mechanism):
    """The resource comes with the login: what the client named is its beginning."""
    options = ["--tls", version, "--mechanism", mechanism, "--resource", "here"]
    client, login = converse(lab, server, direct, *options)
    expect_login(login, "sasl2", "bind2")
    expect_events(client, SASL2_EVENTS)
    expect_equal(client.events("authenticated")[0]["mechanism"], mechanism, "mechanism")
    # Nothing is opened again: once before TLS where it is negotiated, and once.
    expect_equal(len(client.events("stream-opened")), 1 if direct else 2, "streams")
    jid = client.events("bound")[0]["jid"]
    expect(jid.startswith("alice@localhost/here~"), f"the resource does not begin with the tag: {jid}")


def log_in_without(lab, server, version, direct):
    """The profile of RFC 6120, although SASL2 is offered."""
    client, login = converse(lab, server, direct, "--tls", version, "--no-sasl2", "--resource", "here")
    expect_login(login, "sasl", "bind")
    expect_events(client, SASL_EVENTS)
    expect_equal(client.events("bound")[0]["jid"], "alice@localhost/here", "bound JID")
    expect(client.events("features")[-2]["sasl2"], "the server did not offer SASL2")


def unnamed(lab, server):
    """Without a tag the server makes a resource too."""
    client, login = converse(lab, server, False)
    expect_login(login, "sasl2", "bind2")
    jid = client.events("bound")[0]["jid"]
    expect(jid.startswith("alice@localhost/") and len(jid) > len("alice@localhost/"), f"bound JID: {jid}")


def fewer_flights(lab, server):
    """Without a second stream header, and without a request for a resource: two fewer."""
    for direct in (False, True):
        taken = [
            converse(lab, server, direct, "--tls", "1.3", "--mechanism", "PLAIN", *options)[1]["flights"]
            for options in ([], ["--no-sasl2"])
        ]
        expect_equal(taken, [3, 5] if direct else [5, 7], "flights with SASL2 and without")


def wrong_password(lab, server):
    """The server says no: exit code 2."""
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        client = Client(server.starttls, lab.pki.ca, "--mechanism", mechanism, password="guess")
        client.expect_exit(2)
        client.expect_close("authentication-failed")
        expect_equal(client.events("authenticated") + client.events("login"), [], "events after the refusal")


def managed(lab, server):
    """It is not offered inline here: it is enabled once the resource is bound."""
    client, login = converse(lab, server, False, "--sm")
    expect_login(login, "sasl2", "bind2")
    expect_equal(client.events("sm-enabled"), [{"event": "sm-enabled", "resumable": True}], "enabled")


def resumed(lab, server, way):
    """The login that resumes asks for no resource, because resumption is not offered inline here."""
    client = pings_through_a_cut(lab, server.starttls, way)
    logins = [(login["way"], login["bind"]) for login in client.events("login")]
    expect_equal(logins, [("sasl2", "bind2"), ("sasl2", "resumed")], "ways to log in")


# ---- our server, and xmpp.js


def xmppjs(lab):
    """Install what `xmppjs/package-lock.json` names, once for each version of it; the command of the client.

    Modules are looked up beside the program, so it is copied there.
    """
    source = HERE / "xmppjs"
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")).resolve()
    lock = (source / "package-lock.json").read_bytes()
    home = target / f"interop-xmppjs-{hashlib.sha256(lock).hexdigest()[:16]}"
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copyfile(source / name, home / name)
    complete = home / "complete"
    if not complete.exists():
        npm = Process(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory=home)
        code = npm.finish(300)
        expect(code == 0, f"npm ci: {npm.tail()}")
        complete.touch()
    return ["env", f"NODE_EXTRA_CA_CERTS={lab.pki.ca}", "node", home / "client.mjs"]


def under_xmppjs(suite, lab, command):
    """The checks of the server."""
    who = "sasl2-server-xmppjs"
    for version in VERSIONS:
        for direct in (False, True):
            way = "direct TLS" if direct else "STARTTLS"
            for mechanism in ("SCRAM-SHA-1", "PLAIN"):
                name = f"{who}: TLS {version}, {way}, {mechanism}: SASL2 with Bind 2, a message each way, close"
                suite.check(name, theirs, lab, command, version, direct, mechanism)
    suite.check(f"{who}: wrong password", theirs_wrong_password, lab, command)
    for token in (False, True):
        how = "by a token" if token else "by the password"
        name = f"{who}: stream management inline, resumed inline {how} after a cut"
        suite.check(name, theirs_managed, lab, command, True, token)
        name = f"{who}: the server has not noticed the cut when the client resumes inline {how}"
        suite.check(name, theirs_managed, lab, command, False, token)


def theirs(lab, command, version, direct, mechanism):
    """It logs in, writes to the domain, gets the echo, leaves."""
    options = ["--tls", version, "--mechanisms", mechanism] + (["--direct-tls"] if direct else [])
    server = Server(lab.pki, *options)
    client = Process([*command, server.port, lab.pki.ca, PASSWORD, "direct" if direct else "starttls"])
    # xmpp.js asks for a token (XEP-0484) wherever one is offered.
    expect_login(server.wait_event("login"), "sasl2", "bind2", "requested")
    client.wait_line(lambda line: line.startswith("online "))
    client.write("end\n")
    expect_equal(client.finish(10), 0, f"exit code; {client.tail()}")
    expect("message end" in client.lines, f"the echo is missing in {client.lines}")
    asked = [line.split() for line in client.lines if line.startswith("authenticate ")]
    expect_equal(len(asked), 1, "logins")
    expect_equal(asked[0][1], mechanism, "mechanism")
    expect({"bind", "tag", "user-agent"} <= set(asked[0]), f"what the client asked for: {asked}")
    expect("enable" not in asked[0], "stream management was offered")
    expect(any(line.startswith("success ") and "bound" in line.split() for line in client.lines), client.tail())
    server.expect_close("closed")
    expect_events(server, ["tls", "authenticated", "bound", "login", "stanza", "close-tcp"])
    jid = server.events("bound")[0]["jid"]
    expect(jid.startswith("alice@localhost/xmppjs/"), f"the resource does not begin with the tag: {jid}")
    expect(f"online {jid}" in client.lines, f"the client knows another address: {client.lines}")


def theirs_wrong_password(lab, command):
    """The client is told, and the server does not mistake it for a login."""
    server = Server(lab.pki, "--mechanisms", "PLAIN")
    client = Process([*command, server.port, lab.pki.ca, "guess", "starttls"])
    expect_equal(client.finish(10), 2, f"exit code; {client.tail()}")
    expect("authentication failed not-authorized" in client.lines, client.tail())
    server.wait_event("close-tcp")
    expect_equal(server.events("authenticated") + server.events("login"), [], "events after the refusal")
    server.expect_alive()


def theirs_managed(lab, command, server_too, token):
    """A cut on which a message to the server is lost: the session is resumed with the login, the message sent again.

    xmpp.js keeps the token of its first login in memory, unless it is told not to.

    Nothing waits for the client meanwhile: see README.md.
    """
    server = Server(lab.pki, "--sm", "--mechanisms", "SCRAM-SHA-256,PLAIN")
    tap = Tap(server.port)
    client = Process([*command, tap.port, lab.pki.ca, PASSWORD, "starttls", *([] if token else ["-"])])
    jid = server.wait_event("bound")["jid"]
    server.wait_event("sm-enabled", resumable=True)
    say(client, "one")
    tap.discard(TO_SERVER)
    client.write("lost\n")
    client.wait_line(lambda line: line == "send lost")
    tap.cut(server_too)
    resumed = server.wait_event("sm-resumed")
    expect_equal(resumed["retransmitted"], 0, "stanzas that the server sent again")
    client.wait_line(lambda line: line == "message lost")
    bob = Peer.dial(server.port)
    bob.log_in(client_context(lab.pki.ca), user="bob")
    tell(bob, jid, "two")
    client.wait_line(lambda line: line == "message two")
    client.write("end\n")
    expect_equal(client.finish(10), 0, f"exit code; {client.tail()}")
    bob.close()
    tap.close()
    messages = [line.split(" ", 1)[1] for line in client.lines if line.startswith("message ")]
    expect_equal(messages, ["one", "lost", "two", "end"], "messages")
    asked = [line.split() for line in client.lines if line.startswith("authenticate ")]
    granted = [line.split() for line in client.lines if line.startswith("success ")]
    second = "HT-SHA-256-NONE" if token else "PLAIN"
    expect_equal([words[1] for words in asked], ["PLAIN", second], "mechanisms")
    expect_equal(["fast" in words for words in asked], [False, token], "use of a token")
    expect_equal(["enable" in words for words in asked], [True, True], "asked to enable")
    expect_equal(["resume" in words for words in asked], [False, True], "asked to resume")
    expect_equal([[word for word in words if word in RESULTS] for words in granted], [["bound", "enabled"], ["resumed"]], "granted")
    expect("resumed" in client.lines, f"the client resumed nothing: {client.lines}")
    # XEP-0388 section 2.6.1: the full address, also of a session that is resumed.
    addresses = [words[1] for words in granted]
    expect_equal(addresses, [jid, jid], "addresses in the successes")
    # bob logs in behind it, in the old profile.
    logins = [(login["way"], login["bind"], login["token"]) for login in server.events("login")]
    again = ("sasl2", "resumed", "used" if token else "requested")
    expect_equal(logins, [("sasl2", "bind2", "requested"), again, ("sasl", "bind", "none")], "ways to log in")


def say(client, body):
    """Have it write to the domain, and wait for the echo."""
    client.write(f"{body}\n")
    client.wait_line(lambda line: line == f"message {body}")
