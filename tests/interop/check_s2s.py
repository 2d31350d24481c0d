"""`server` with Prosody and ejabberd over server-to-server streams, and `component` on Prosody."""

from dns import Dns
import frames
from harness import expect, expect_equal, free_port
from peer import Peer
from programs import PASSWORD, Client, Component, Server, expect_events
from s2s_servers import COMPONENT_SECRET, USER, FederatedEjabberd, FederatedProsody
from tls import client_context

OURS = "ours.example"
VERSIONS = ["1.2", "1.3"]


def run(suite, lab):
    """All checks of this module."""
    if not any(suite.wants(f"{what}: ") or suite.only for what in ("server", "component")):
        return
    dns = Dns()
    prosody = suite.setup("start prosody (for servers)", FederatedProsody, lab.directory, lab.pki, dns)
    ejabberd = suite.setup("start ejabberd (for servers)", FederatedEjabberd, lab.directory, lab.pki, dns)
    if None in (prosody, ejabberd):
        return
    for other in (prosody, ejabberd):
        for version in VERSIONS:
            for by in ("external", "dialback"):
                name = f"server-{other.name}: TLS {version}, {by}, a message each way"
                suite.check(name, each_way, lab, dns, other, version, by)
        name = f"server-{other.name}: a certificate of nobody's, and no dialback of ours: refused"
        suite.check(name, unproved, lab, dns, other)
    suite.check("component-prosody: handshake, a message and its echo, close", echo, lab, prosody)
    suite.check("component-prosody: wrong secret", wrong_secret, lab, prosody)
    suite.check("component-prosody: a user with the resource ' desk' ends nothing", odd_user_of_component, lab, prosody)
    suite.check("server-prosody: a user with the resource ' desk' ends nothing", odd_user_between_servers, lab, dns, prosody)


def server(lab, dns, other, *options, certificate="ours"):
    """Our server, known to the name server and knowing the way to the other one."""
    port = free_port()
    dns.ports[OURS] = port
    s2s = ["--s2s-listen", f"127.0.0.1:{port}", "--s2s-ca", lab.pki.ca]
    s2s += ["--s2s-route", f"{other.domain}=127.0.0.1:{other.s2s}"]
    return Server(lab.pki, *s2s, *options, certificate=certificate, domain=OURS)


def each_way(lab, dns, other, version, by):
    """Messages in both directions, over one stream each, proved as they should be."""
    options = ["--tls", version, "--dialback-secret", "a secret of ours"]
    if by == "dialback":
        options.append("--no-external")
    ours = server(lab, dns, other, *options)
    them, us = f"{USER}@{other.domain}", f"alice@{OURS}"
    romeo = Client(
        other.starttls,
        lab.pki.ca,
        *["--stay", "25", "--resource", "there", "--mechanism", "PLAIN"],
        *["--send", "<presence/>"],
        *["--send", f"<message to='{OURS}' id='theirs' type='chat'><body>&lt;ö&gt;</body></message>"],
        *["--send", f"<message to='nobody@{OURS}' id='lost' type='chat'><body>x</body></message>"],
        jid=them,
    )
    romeo.wait_event("bound")
    alice = Client(
        ours.port,
        lab.pki.ca,
        *["--stay", "3", "--resource", "here"],
        *["--send", f"<message to='{them}/there' id='ours' type='chat'><body>&lt;é&gt;</body></message>"],
        jid=us,
    )
    delivered = _wait_stanza(romeo, "id='ours'", 'id="ours"')
    expect("&lt;é&gt;" in delivered and f"{us}/here" in delivered, f"delivered: {delivered}")
    outward = ours.wait_event("pair-verified", **{"from": OURS, "to": other.domain})
    inward = ours.wait_event("pair-verified", **{"from": other.domain, "to": OURS})
    expect_equal((outward["by"], inward["by"]), (by, by), "what proved the domains")
    for pair in (outward, inward):
        session = ours.events("tls", pair["conn"])[0]
        expect_equal(session["version"], version, "TLS version")
        authenticated = ours.events("authenticated", pair["conn"])
        expect_equal(len(authenticated), 1 if by == "external" else 0, "SASL exchanges")
    alice.expect_exit(0)
    arrived = [event["xml"] for event in ours.events("stanza", inward["conn"])]
    expect(any("theirs" in xml and "&lt;ö&gt;" in xml for xml in arrived), f"arrived: {arrived}")
    # What is for the domain comes back over the other stream, and so does an error.
    echo = _wait_stanza(romeo, "id='theirs'", 'id="theirs"')
    expect("&lt;ö&gt;" in echo and OURS in echo, f"echo: {echo}")
    refused = _wait_stanza(romeo, "service-unavailable")
    expect("lost" in refused, f"refused: {refused}")
    ours.expect_alive()
    ours.end()


def _wait_stanza(program, *texts):
    """The first stanza with one of the texts in it."""
    at = program.wait_line(lambda line: '"stanza"' in line and any(text in line.replace('\\"', '"') for text in texts))
    return program.lines[at].replace('\\"', '"')


def unproved(lab, dns, other):
    """We offer no dialback, and believe only certificates of our authority: theirs is, ours is a stranger's."""
    ours = server(lab, dns, other, certificate="impostor-ours")
    alice = Client(
        ours.port,
        lab.pki.strangers,
        *["--stay", "3", "--send", f"<message to='{USER}@{other.domain}' id='m'><body>x</body></message>"],
        jid=f"alice@{OURS}",
    )
    returned = _wait_stanza(alice, "remote-server-timeout")
    expect("type='error'" in returned, f"returned: {returned}")
    expect_equal(ours.events("pair-verified"), [], "verified pairs")
    alice.expect_exit(0)
    ours.end()


def echo(lab, prosody):
    """A message to the component comes back; it leaves in order."""
    component = Component(prosody.component, f"echo.{prosody.domain}", COMPONENT_SECRET, "--stay", "4")
    component.wait_event("bound")
    client = Client(
        prosody.starttls,
        lab.pki.ca,
        *["--stay", "2", "--resource", "here", "--mechanism", "PLAIN"],
        *["--send", f"<message to='x@echo.{prosody.domain}' id='m' type='chat'><body>&amp;é</body></message>"],
        jid=f"{USER}@{prosody.domain}",
        password=PASSWORD,
    )
    back = _wait_stanza(client, "id='m'", 'id="m"')
    expect("&amp;é" in back and f"x@echo.{prosody.domain}" in back, f"echo: {back}")
    client.expect_exit(0)
    expect_equal(component.finish(10), 0, "exit code of the component")
    expect_events(component, ["tcp-connected", "stream-opened", "bound", "stanza", "close-tcp"])
    component.expect_close("closed", "graceful")


def wrong_secret(lab, prosody):
    """not-authorized: exit code 2."""
    component = Component(prosody.component, f"echo.{prosody.domain}", "guess")
    expect_equal(component.finish(10), 2, "exit code of the component")
    close = component.expect_close("stream-error")
    expect("not-authorized" in close["detail"], f"the condition is missing in {close}")
    expect_equal(component.events("bound"), [], "bound events")


def odd_user(lab, prosody):
    """A user whose resource RFC 6122 allows and RFC 7622 forbids, logged in by hand."""
    peer = Peer.dial(prosody.starttls)
    peer.open(prosody.domain)
    peer.client_tls(client_context(lab.pki.ca), prosody.domain)
    answer = peer.auth("PLAIN", f"\0{USER}\0{PASSWORD}".encode())
    expect(frames.is_element(answer, frames.SASL, "success"), "PLAIN failed")
    peer.open(prosody.domain)
    expect_equal(peer.bind(" desk"), f"{USER}@{prosody.domain}/ desk", "the bound address")
    return peer


def odd_user_of_component(lab, prosody):
    """Both of the user's messages come back, and the component leaves in order."""
    component = Component(prosody.component, f"echo.{prosody.domain}", COMPONENT_SECRET, "--stay", "4")
    component.wait_event("bound")
    peer = odd_user(lab, prosody)
    for number in ("1", "2"):
        peer.send(f"<message to='x@echo.{prosody.domain}' id='{number}' type='chat'><body>b</body></message>")
        back = peer.expect_element(frames.CLIENT, "message")
        expect_equal(back.get("id"), number, "the echo")
    expect_equal(component.finish(10), 0, "exit code of the component")
    component.expect_close("closed", "graceful")
    peer.close()


def odd_user_between_servers(lab, dns, prosody):
    """Both messages are delivered over one stream, which stays open."""
    ours = server(lab, dns, prosody, "--dialback-secret", "a secret of ours")
    alice = Client(ours.port, lab.pki.ca, *["--stay", "8", "--resource", "here", "--no-sasl2"], jid=f"alice@{OURS}")
    alice.wait_event("bound")
    peer = odd_user(lab, prosody)
    for number in ("1", "2"):
        peer.send(f"<message to='alice@{OURS}/here' id='odd-{number}' type='chat'><body>b</body></message>")
        delivered = _wait_stanza(alice, f"odd-{number}")
        expect(f"{USER}@{prosody.domain}/ desk" in delivered, f"delivered: {delivered}")
    inward = ours.wait_event("pair-verified", **{"from": prosody.domain, "to": OURS})
    expect_equal(ours.events("close-tcp", inward["conn"]), [], "ends of the stream")
    peer.close()
    alice.expect_exit(0)
    ours.expect_alive()
    ours.end()
