"""Malformed input in every phase, over real sockets: see malformed_inputs.py for the table."""

import time

import frames
from frames import Header, error_condition, failure_condition, refusal_condition, show
from harness import expect, expect_equal
from malformed_inputs import INPUTS
from peer import FIN, Peer
from programs import Server
from scram import ClientScram
from tls import client_context


def run(suite, lab):
    """All checks of this module, on one server that has to survive them all."""
    if not any(suite.wants(title(row)) for row in INPUTS):
        return
    server = suite.setup("start server", Server, lab.pki)
    if not server:
        return
    for row in INPUTS:
        suite.check(title(row), one, lab, server, *row)
    suite.check("malformed: a peer that never answers the closing tag", no_answer, lab, server)
    suite.check("malformed: too many log in attempts (6.4.5)", too_many_attempts, lab, server)
    suite.check("malformed: after all of this the server still serves", still_serves, lab, server)
    server.stop()


def title(row):
    """The name of the check for a row of the table."""
    phase, what, _data, answer = row
    return f"malformed: {phase}: {what}: {answer}"


def one(lab, server, phase, _what, data, answers):
    """The named answer, and after a stream error the end, in order."""
    peer = Peer.dial(server.port)
    reach(lab, peer, phase)
    peer.send(data)
    frame = peer.read()
    if phase == "start":
        expect(isinstance(frame, Header), f"the server's own header is missing: {show(frame)}")
        frame = peer.read()
        if error_condition(frame) is None and frames.is_element(frame, frames.STREAM, "features"):
            frame = peer.read()
    if answers.startswith(("sasl:", "stanza:")):
        answer = f"sasl:{failure_condition(frame)}"
        if answers.startswith("stanza:"):
            answer = f"stanza:{refusal_condition(frame, '1')}"
        expect(answer in answers.split("|"), f"answer {show(frame)}")
        # The stream is not affected: what comes next succeeds.
        if phase == "bound":
            expect_equal(peer.ping().get("type"), "result", "type of the pong")
        else:
            if phase == "plain":
                peer.client_tls(client_context(lab.pki.ca))
            peer.plain()
            peer.bind()
        peer.close()
    else:
        expect(error_condition(frame) in answers.split("|"), f"answer {show(frame)}")
        ends(peer)
    server.expect_alive()


def ends(peer, answer=True):
    """After a stream error: the closing tag, close_notify inside TLS, FIN."""
    peer.expect_footer()
    if answer:
        peer.send("</stream:stream>")
        if peer.tls:
            peer.close_tls()
    expect_equal(peer.read_to_end(), [], "behind the closing tag")
    if peer.tls:
        expect(peer.tls.close_notify, "no close_notify")
    expect_equal(peer.end, FIN, "end of the connection")
    peer.close()


def reach(lab, peer, phase):
    """Drive a fresh connection to a phase."""
    if phase == "start":
        return
    peer.open()
    if phase == "plain":
        return
    peer.client_tls(client_context(lab.pki.ca))
    if phase == "sasl":
        answer = peer.auth("SCRAM-SHA-256", ClientScram("SCRAM-SHA-256", "alice", "secret").first())
        expect(frames.is_element(answer, frames.SASL, "challenge"), f"no challenge: {show(answer)}")
    elif phase in ("authenticated", "bound"):
        peer.plain()
        if phase == "bound":
            peer.bind()


def no_answer(lab, server):
    """It is not waited for longer than for the tag and for the close_notify (5 s each)."""
    peer = Peer.dial(server.port, timeout=14)
    reach(lab, peer, "bound")
    begin = time.monotonic()
    peer.send(b"<message from='bob@localhost/x'/>")
    expect_equal(error_condition(peer.read()), "invalid-from", "stream error")
    ends(peer, answer=False)
    expect(time.monotonic() - begin < 12, f"closed after {time.monotonic() - begin:.1f} s")


def too_many_attempts(lab, server):
    """Between 2 and 5 failures are allowed; then the stream is closed with an error."""
    peer = Peer.dial(server.port)
    reach(lab, peer, "secured")
    failures = 0
    frame = peer.auth("PLAIN", b"\0alice\0guess")
    while failure_condition(frame):
        failures += 1
        expect(failures <= 6, "attempts are not limited")
        following = peer.frames.next()
        frame = following if following is not None else peer.auth("PLAIN", b"\0alice\0guess")
    expect(2 <= failures <= 6, f"{failures} failures")
    expect(error_condition(frame) in ("policy-violation", "not-authorized"), f"answer {show(frame)}")
    ends(peer)


def still_serves(lab, server):
    """A whole log in and a ping."""
    peer = Peer.dial(server.port)
    peer.log_in(client_context(lab.pki.ca))
    expect_equal(peer.ping().get("type"), "result", "type of the pong")
    peer.send("</stream:stream>")
    peer.expect_footer()
    peer.close()
