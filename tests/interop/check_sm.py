"""XEP-0198 in both roles: acknowledgements, and sessions that are resumed after a cut or a reset, with nothing lost or doubled."""

import pathlib
import re
import sys
import time
import xml.etree.ElementTree as ET

import OpenSSL

from check_clients import compile_strophe
from debian_servers import Ejabberd, Prosody
from frames import CLIENT, Footer, is_element, show
from harness import Failure, Process, expect, expect_equal, listen
from peer import Peer
from programs import PASSWORD, Client, Server
from tap import TO_CLIENT, TO_SERVER, Tap
from tls import client_context, server_context

HERE = pathlib.Path(__file__).parent
SM = "urn:xmpp:sm:3"
SM_FEATURES = (
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>"
)
SLIXMPP = [sys.executable, "-B", HERE / "slixmpp_sm.py"]
PINGS = 500
MESSAGES = ["first", "lost", "kept", "kept-too"]


def run(suite, lab):
    """All checks of this module."""
    prosody = suite.setup("start prosody (stream management)", Prosody, lab.directory / "sm", lab.pki, "rsa")
    ejabberd = suite.setup("start ejabberd (stream management)", Ejabberd, lab.directory / "sm", lab.pki)
    for server in filter(None, (prosody, ejabberd)):
        who = f"sm-client-{server.name}"
        for way in (TO_SERVER, TO_CLIENT):
            suite.check(f"{who}: a cut after which what went {way} is lost", pings_through_a_cut, lab, server.starttls, way)
        suite.check(f"{who}: the server has not noticed the cut when the client resumes", unnoticed, lab, server.starttls)
        suite.check(f"{who}: messages that come while the client is away", away, lab, server.starttls)
        suite.check(f"{who}: our reset ends the session, and nothing is sent twice", own_reset, lab, server)
    suite.check("sm-client: what the server says it has not handled is sent again, and nothing else", refused, lab, 1)
    suite.check("sm-client: what the server may have is reported, and not sent again", refused, lab, None)
    suite.check("sm-client: the session is resumed at the location that the server names", location, lab, "ecdsa")
    suite.check("sm-client: a location that proves another identity gets nothing", location, lab, "wronghost")
    strophe = lab.directory / "strophe_sm"
    suite.setup("compile the libstrophe client", compile_strophe, "strophe_sm.c", strophe)
    for peer, command in (("slixmpp", SLIXMPP), ("libstrophe", [strophe])):
        suite.check(f"sm-server-{peer}: resumed after a cut", theirs_cut, lab, command)
        suite.check(f"sm-server-{peer}: the server has not noticed the cut when the client resumes", theirs_unnoticed, lab, command)
    suite.check("sm-server-slixmpp: acknowledgements both ways, resumed after a reset by the server", slixmpp_reset, lab)
    suite.check("sm-server-libstrophe: acknowledgements both ways, after a reset by the server it begins a new session", libstrophe_reset, lab, strophe)
    for way in (TO_SERVER, TO_CLIENT):
        suite.check(f"sm-both: a cut after which what went {way} is lost", ours_cut, lab, way)
    suite.check("sm-both: the server has not noticed the cut when the client resumes", ours_unnoticed, lab)
    suite.check("sm-both: many resets by the server, no stanza lost or doubled", ours_resets, lab, "--reset-after-records", "40")
    suite.check("sm-both: messages that come while the client is away", ours_away, lab)
    suite.check("sm-both: a session that nobody resumes: its messages are returned", abandoned, lab)
    suite.check("sm-both: a session that nobody resumes: what was not sent goes to another stream", elsewhere, lab)
    suite.check("sm-both: a session of another account is not resumed, and not harmed", foreign, lab)
    suite.check("sm-both: after the closing tag there is nothing to resume", closed, lab)


# ---- the client, and any server


def client(lab, port, *options, jid="alice@localhost"):
    """Our client with stream management that comes back after a loss."""
    always = ["--sm", "--reconnect", "20", "--max-delay", "100", "--mechanism", "SCRAM-SHA-256", "--trace"]
    return Client(port, lab.pki.ca, *always, *options, jid=jid)


def stalled(program, event, seconds=0.5):
    """Wait until no such event has come for a while; how many there are."""
    count, since = len(program.events(event)), time.monotonic()
    while time.monotonic() < since + seconds:
        time.sleep(0.05)
        if (now := len(program.events(event))) != count:
            count, since = now, time.monotonic()
    return count


def pings_through_a_cut(lab, port, way, *options):
    """Pings, of which one or its answer is lost: it, and only it, is sent again by who has to."""
    tap = Tap(port)
    pinging = client(lab, tap.port, "--resource", "here", "--ping", PINGS, *options)
    pinging.wait_event("sm-enabled", resumable=True)
    pinging.wait_events("pong", 20)
    tap.discard(way)
    expect(stalled(pinging, "pong") < PINGS, "the pings were over before the cut")
    tap.cut()
    resumed = pinging.wait_event("sm-resumed")
    # The ping was lost, or the server has handled it and sends its answer again.
    expect_equal(resumed["retransmitted"], 1 if way == TO_SERVER else 0, "stanzas that the client sent again")
    pinging.expect_exit(0, 30)
    expect_equal([event["n"] for event in pinging.events("pong")], list(range(1, PINGS + 1)), "numbers of the pongs")
    expect_equal(len(pinging.events("bound")), 1, "resource bindings")
    expect(any("acknowledged up to" in line for line in pinging.errors), "nothing was acknowledged")
    tap.close()
    return pinging


def unnoticed(lab, port):
    """The old stream is still open at the server: it is ended, and its session goes on."""
    tap = Tap(port)
    pinging = client(lab, tap.port, "--resource", "here", "--ping", PINGS)
    pinging.wait_events("pong", 20)
    tap.discard(TO_SERVER, TO_CLIENT)
    expect(stalled(pinging, "pong") < PINGS, "the pings were over before the cut")
    tap.cut(server_too=False)
    pinging.wait_event("sm-resumed")
    pinging.expect_exit(0, 30)
    expect_equal([event["n"] for event in pinging.events("pong")], list(range(1, PINGS + 1)), "numbers of the pongs")
    tap.close()


def away(lab, port):
    """One message is lost on its way and sent again, two are kept; all arrive, once, in their order."""
    tap = Tap(port)
    alice = client(lab, tap.port, "--resource", "here", "--send", "<presence/>", "--stay", "4", "--max-delay", "2000")
    alice.wait_event("sm-enabled")
    jid = alice.wait_event("bound")["jid"]
    bob = Peer.dial(port)
    bob.log_in(client_context(lab.pki.ca), user="bob")
    tell(bob, jid, "first")
    alice.wait_line(lambda line: "first" in line)
    tap.discard(TO_CLIENT)
    tell(bob, jid, "lost")
    bob.ping()
    tap.cut()
    tell(bob, jid, "kept")
    tell(bob, jid, "kept-too")
    bob.ping()
    alice.wait_event("sm-resumed")
    alice.expect_exit(0)
    expect_equal([i for i in ids(alice) if i in MESSAGES], MESSAGES, "messages")
    expect(bob.quiet(0.2), "bob was told something")
    bob.close()
    tap.close()


def own_reset(lab, server):
    """Prosody and ejabberd end a session whose stream the client resets: the client is told, and begins another."""
    to_myself = "<message to='alice@localhost/here' id='once' type='chat'><body>b</body></message>"
    options = ["--resource", "here", "--send", "<presence/>", "--send", to_myself, "--ping", "3", "--stay", "3"]
    alice = client(lab, server.starttls, *options, "--reset-after", "1")
    alice.expect_exit(0)
    streams = alice.events("close-tcp")
    expect_equal([event["reason"] for event in streams], ["reset"] * (len(streams) - 1) + ["closed"], "reasons")
    failed = alice.events("sm-failed")
    expect(len(streams) >= 2, "there was no reset")
    expect_equal((len(failed), alice.events("sm-resumed")), (len(streams) - 1, []), "failed resumptions, and others")
    # Prosody acknowledges all before its closing tag; ejabberd does not, and the answers to the pings say it.
    expect_equal(failed[0]["unknown"], 0 if server.name == "prosody" else 5, "stanzas with an unknown fate")
    expect_equal([event["handshake"] for event in alice.events("tls")], ["full"] * len(streams), "handshakes")
    expect_equal([i for i in ids(alice) if i == "once"], ["once"], "the message")
    expect_equal([event["n"] for event in alice.events("pong")], [1, 2, 3], "numbers of the pongs")


def ids(program):
    """The ids of the stanzas that arrived there."""
    found = [event["xml"] for event in program.events("stanza")]
    return [match.group(2) for xml in found if (match := re.search(r" id=(['\"])(.*?)\1", xml))]


def refused(lab, count):
    """The server has got three messages, and says, or does not say, how many it has handled when it refuses to resume."""
    listener, port = listen()
    messages = [f"<message to='localhost' id='m{n}'><body>b</body></message>" for n in (1, 2, 3)]
    options = [word for message in messages for word in ("--send", message)]
    alice = client(lab, port, *options, "--stay", "1")
    context = server_context(lab.pki)
    peer = serve_to_features(listener, context)
    serve_management(peer)
    for n in (1, 2, 3):
        expect_equal(next_stanza(peer).get("id"), f"m{n}", "message")
    peer.kill()
    again = serve_to_features(listener, context)
    asked = again.expect_element(SM, "resume")
    expect_equal((asked.get("previd"), asked.get("h")), ("scripted", "0"), "name and count")
    said = "" if count is None else f" h='{count}'"
    again.send(f"<failed xmlns='{SM}'{said}><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
    serve_management(again)
    failed = alice.wait_event("sm-failed")
    made = (failed["handled"], failed["unknown"])
    expect_equal(made, (0, 3) if count is None else (count, 0), "what the client made of it")
    for n in (2, 3) if count else ():
        expect_equal(next_stanza(again).get("id"), f"m{n}", "message")
    finish(again)
    alice.expect_exit(0)
    reported = [line for line in alice.errors if line.startswith("not sent again, because the server may have it")]
    expect_equal(len(reported), 0 if count else 3, "messages that were reported")


def serve_to_features(listener, context):
    """Everything up to the features behind SASL, as server."""
    peer = Peer.answer(listener)
    peer.serve_tls(context)
    peer.serve_scram("SCRAM-SHA-256")
    peer.welcome(SM_FEATURES, "s3")
    return peer


def location(lab, certificate):
    """The next connection goes there; if the certificate is another host's, the one after it to the first server."""
    (listener, port), (elsewhere, other_port) = listen(), listen()
    alice = client(lab, port, "--send", "<message to='localhost' id='m1'><body>b</body></message>", "--stay", "1")
    peer = serve_to_features(listener, server_context(lab.pki))
    serve_management(peer, f"location='127.0.0.1:{other_port}'")
    expect_equal(next_stanza(peer).get("id"), "m1", "message")
    alice.wait_event("sm-enabled")
    peer.kill()
    if certificate == "wronghost":
        stranger = Peer.answer(elsewhere)
        try:
            stranger.serve_tls(server_context(lab.pki, certificate))
            stranger.expect_header()  # over TLS 1.3 the handshake is complete here before the client has judged it
        except (Failure, OpenSSL.SSL.Error):
            pass
        else:
            raise Failure("the client began a stream with another host")
        close = alice.wait_event("close-tcp", reason="tls")
        expect("name-mismatch" in close["detail"], f"the reason is in {close}")
        elsewhere = listener
    again = serve_to_features(elsewhere, server_context(lab.pki))
    asked = again.expect_element(SM, "resume")
    again.send(f"<resumed xmlns='{SM}' h='1' previd='{asked.get('previd')}'/>")
    expect_equal(alice.wait_event("sm-resumed")["retransmitted"], 0, "stanzas that the client sent again")
    finish(again)
    alice.expect_exit(0)


def finish(peer):
    """The client sends no further message, and closes its stream."""
    while not isinstance(frame := peer.read(), Footer):
        expect(frame is not None and not is_element(frame, CLIENT, "message"), f"after the rest: {show(frame)}")
    peer.send("</stream:stream>")
    peer.close_tls()
    peer.read_to_end()
    peer.close()


def serve_management(peer, more=""):
    """Bind a resource, enable stream management."""
    request = peer.expect_element(CLIENT, "iq")
    peer.send(
        f"<iq type='result' id='{request.get('id')}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        "<jid>alice@localhost/scripted</jid></bind></iq>"
    )
    peer.expect_element(SM, "enable")
    peer.send(f"<enabled xmlns='{SM}' id='scripted' resume='true' max='60' {more}/>")


# ---- our server, and other clients


class Theirs(Process):
    """A client of another author; what it is told to say goes to the domain, which sends it back."""

    def __init__(self, lab, command, port):
        super().__init__([*command, port, lab.pki.ca, PASSWORD, "starttls"])

    def say(self, body):
        """Send a message, and wait for its echo."""
        self.write(f"{body}\n")
        self.wait_line(lambda line: line == f"message {body}")

    def end(self):
        """It leaves in order; all the messages it got."""
        self.write("end\n")
        expect_equal(self.finish(10), 0, f"exit code; {self.tail()}")
        return [line.split(" ", 1)[1] for line in self.lines if line.startswith("message ")]


def theirs_cut(lab, command, server_too=True):
    """What was lost on its way to the client comes after the resumption, once."""
    server = Server(lab.pki, "--sm", "--mechanisms", "SCRAM-SHA-256,PLAIN")
    tap = Tap(server.port)
    theirs = Theirs(lab, command, tap.port)
    jid = server.wait_event("bound")["jid"]
    server.wait_event("sm-enabled", resumable=True)
    theirs.say("one")
    bob = Peer.dial(server.port)
    bob.log_in(client_context(lab.pki.ca), user="bob")
    tap.discard(TO_CLIENT, TO_SERVER)
    tell(bob, jid, "lost")
    bob.ping()
    tap.cut(server_too)
    if server_too:
        server.wait_event("close-tcp", conn=1)
    tell(bob, jid, "kept")
    resumed = server.wait_event("sm-resumed")
    expect(resumed["retransmitted"] in ([1] if server_too else [1, 2]), f"sent again: {resumed}")
    theirs.wait_line(lambda line: line == "message kept")
    theirs.say("two")
    expect_equal(theirs.end(), ["one", "lost", "kept", "two", "end"], "messages")
    expect_equal(len(server.events("bound")), 2, "resource bindings, with bob's")
    bob.close()
    tap.close()


def theirs_unnoticed(lab, command):
    """The same while the old stream is still open at the server."""
    theirs_cut(lab, command, server_too=False)


def slixmpp_reset(lab):
    """The session outlives the stream that the server resets for fresh keys."""
    server = Server(lab.pki, "--sm", "--mechanisms", "SCRAM-SHA-256,PLAIN", "--reset-after", "5", "--trace")
    theirs = Theirs(lab, SLIXMPP, server.port)
    server.wait_event("sm-enabled", conn=1)
    for n in range(5):  # then it asks for an acknowledgement
        theirs.say(str(n))
    theirs.wait_line(lambda line: line == "acknowledged 4")
    server.wait_event("close-tcp", conn=1, reason="reset")
    told = [line for line in server.errors if line.startswith("[1]") and "** acknowledged" in line]
    expect(told, "the server was acknowledged nothing")
    server.wait_event("sm-resumed")
    theirs.say("five")
    expect_equal(theirs.end(), ["0", "1", "2", "3", "4", "five", "end"], "messages")
    expect_equal(len(server.events("bound")), 1, "resource bindings")


def libstrophe_reset(lab, program):
    """It takes the closing tag for the end of the session, and the server gives the address to its new one."""
    server = Server(lab.pki, "--sm", "--mechanisms", "SCRAM-SHA-256,PLAIN", "--reset-after", "5", "--trace")
    theirs = Theirs(lab, [program], server.port)
    server.wait_event("sm-enabled", conn=1)
    theirs.say("one")
    server.wait_event("close-tcp", conn=1, reason="reset")
    told = [line for line in server.errors if line.startswith("[1]") and "** acknowledged" in line]
    expect(told, "the server was acknowledged nothing")
    expect('RECV: <a h="1"' in "\n".join(theirs.errors), "the client was acknowledged nothing")
    server.wait_event("sm-enabled", conn=2)
    theirs.say("two")
    expect_equal(theirs.end(), ["one", "two", "end"], "messages")
    expect_equal(server.events("sm-resumed"), [], "resumptions")
    expect_equal([event["jid"] for event in server.events("bound")], ["alice@localhost/strophe"] * 2, "addresses")


# ---- both are ours


def ours_cut(lab, way):
    """Each ping reaches the server once."""
    server = Server(lab.pki, "--sm")
    pings_through_a_cut(lab, server.port, way)
    expect_equal(ids(server), [f"ping-{n}" for n in range(1, PINGS + 1)], "pings that arrived")
    server.expect_alive()
    server.end()


def ours_unnoticed(lab):
    """The same, and each ping reaches the server once."""
    server = Server(lab.pki, "--sm")
    unnoticed(lab, server.port)
    server.wait_event("close-tcp", conn=1, reason="local-abort")
    expect_equal(ids(server), [f"ping-{n}" for n in range(1, PINGS + 1)], "pings that arrived")


def ours_resets(lab, *when):
    """Every stanza arrives once and in order, over many streams of one session."""
    server = Server(lab.pki, "--sm", *when)
    sends = [word for n in range(100) for word in ("--send", f"<message to='localhost' id='m{n}'><body>{n}</body></message>")]
    talking = client(lab, server.port, "--resource", "here", *sends, "--ping", "120", "--stay", "1")
    talking.expect_exit(0, 40)
    streams = talking.events("close-tcp")
    expect_equal({event["reason"] for event in streams}, {"reset", "closed"}, "reasons")
    expect(len(streams) >= 4, f"only {len(streams)} streams")
    expect_equal(len(talking.events("sm-resumed")), len(streams) - 1, "resumptions")
    expect_equal(len(talking.events("bound")), 1, "resource bindings")
    messages, pings = [f"m{n}" for n in range(100)], [f"ping-{n}" for n in range(1, 121)]
    expect_equal(ids(server), messages + pings, "stanzas that arrived at the server")
    expect_equal(ids(talking), messages, "echoes")
    expect_equal([event["n"] for event in talking.events("pong")], list(range(1, 121)), "numbers of the pongs")
    expect_equal([event["handshake"] for event in talking.events("tls")], ["full"] * len(streams), "handshakes")


def ours_away(lab):
    """The same."""
    away(lab, Server(lab.pki, "--sm").port)


def enabled(lab, server, user="alice", longest=1):
    """A scripted client with a session that the server keeps for so long; and the session's name."""
    peer = Peer.dial(server.port)
    jid = peer.log_in(client_context(lab.pki.ca), user=user)
    peer.send(f"<enable xmlns='{SM}' resume='true' max='{longest}'/>")
    answer = peer.expect_element(SM, "enabled")
    expect_equal((answer.get("resume"), answer.get("max")), ("true", str(longest)), "what was enabled")
    return peer, jid, answer.get("id")


def tell(peer, to, identifier):
    """Send a message."""
    peer.send(f"<message to='{to}' id='{identifier}' type='chat'><body>{identifier}</body></message>")


def next_stanza(peer):
    """The next element that is no request for acknowledgement."""
    while is_element(frame := peer.read(), SM, "r"):
        pass
    return frame


def whole(stanza):
    """All of its text."""
    return ET.tostring(stanza, encoding="unicode")


def abandoned(lab):
    """What may have arrived and what was kept goes back to the sender, each once."""
    server = Server(lab.pki, "--sm")
    alice, jid, _ = enabled(lab, server)
    bob = Peer.dial(server.port)
    bob.log_in(client_context(lab.pki.ca), user="bob")
    tell(bob, jid, "seen")
    expect_equal(next_stanza(alice).get("id"), "seen", "the message")
    alice.kill()
    server.wait_event("close-tcp", conn=1)
    tell(bob, jid, "kept")
    returned = [bob.read(5), bob.read(5)]
    found = {stanza.get("id"): stanza for stanza in returned}
    expect_equal(set(found), {"seen", "kept"}, "what came back")
    for stanza in returned:
        expect_equal((stanza.get("type"), stanza.get("from")), ("error", jid), f"type and sender of {show(stanza)}")
        expect("service-unavailable" in whole(stanza), f"the condition is missing in {show(stanza)}")
    expect("it may have arrived" in whole(found["seen"]), f"no doubt in {show(found['seen'])}")
    expect("it may have arrived" not in whole(found["kept"]), f"doubt in {show(found['kept'])}")
    expect(bob.quiet(0.3), "something came twice")
    bob.close()


def elsewhere(lab):
    """What was kept for a session that is over goes to another stream of the same user."""
    server = Server(lab.pki, "--sm")
    alice, jid, _ = enabled(lab, server)
    alice.kill()
    server.wait_event("close-tcp", conn=1)
    other = Peer.dial(server.port)
    other.log_in(client_context(lab.pki.ca))
    bob = Peer.dial(server.port)
    bob.log_in(client_context(lab.pki.ca), user="bob")
    tell(bob, jid, "kept")
    expect_equal(next_stanza(other).get("id"), "kept", "the message")
    expect(bob.quiet(0.3), "it came back, too")
    other.close()
    bob.close()


def resume(lab, server, name, h, user):
    """Ask for a session, on a new connection; the answer."""
    peer = Peer.dial(server.port)
    peer.open()
    peer.client_tls(client_context(lab.pki.ca))
    peer.plain(user)
    peer.send(f"<resume xmlns='{SM}' h='{h}' previd='{name}'/>")
    return peer, peer.read()


def foreign(lab):
    """The name alone is not enough; its owner can still resume."""
    server = Server(lab.pki, "--sm")
    alice, _, name = enabled(lab, server, longest=60)
    for _ in ("while its stream is open", "while it waits"):
        bob, answer = resume(lab, server, name, 0, "bob")
        expect(is_element(answer, SM, "failed"), f"answer {show(answer)}")
        expect(answer.get("h") is None, f"bob learns a count in {show(answer)}")
        bob.close()
        if not alice.end:
            alice.ping()
            alice.kill()
            alice.end = "killed"
            server.wait_event("close-tcp", conn=1)
    again, answer = resume(lab, server, name, 1, "alice")
    expect(is_element(answer, SM, "resumed"), f"answer {show(answer)}")
    expect_equal((answer.get("previd"), answer.get("h")), (name, "1"), "name and count")
    again.close()


def closed(lab):
    """A session ends with its stream (XEP-0198 section 6), and its count is remembered."""
    server = Server(lab.pki, "--sm")
    alice, _, name = enabled(lab, server, longest=60)
    alice.ping()
    alice.send("</stream:stream>")
    alice.close_tls()
    alice.read_to_end()
    alice.close()
    again, answer = resume(lab, server, name, 1, "alice")
    expect(is_element(answer, SM, "failed"), f"answer {show(answer)}")
    expect_equal(answer.get("h"), "1", "what it had handled")
    expect("item-not-found" in whole(answer), f"the condition is missing in {show(answer)}")
    again.close()
