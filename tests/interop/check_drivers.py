"""The crate's drivers: the README's client on Prosody, the server of `examples/hello` under libstrophe; each driver, and each loop
of `examples`, on Prosody."""

import json
import os
import signal
import time

import programs
from check_clients import compile_strophe
from debian_servers import Prosody
from harness import Process, expect, expect_equal, free_port, wait_for_port

DRIVERS = ["blocking", "futures", "tokio"]
# The clients of `examples` that are driven by hand.
LOOPS = ["blocking", "mio", "smol", "tokio"]


def run(suite, lab):
    """All checks of this module."""
    prosody = suite.setup("start prosody for the drivers", Prosody, lab.directory / "drivers", lab.pki, "ecdsa")
    strophe = lab.directory / "strophe_echo"
    if suite.setup("compile the libstrophe client", compile_strophe, "strophe_login.c", strophe):
        suite.check("hello_server-libstrophe: log in, messages and back, close", hello_server, lab, strophe)
    if prosody is None:
        return
    suite.check("hello_client-prosody: log in, ping, close", hello_client, lab, prosody)
    for loop in LOOPS:
        suite.check(f"loop {loop}-prosody: log in, ping, close", by_hand, lab, prosody, loop, programs.PASSWORD)
        suite.check(f"loop {loop}-prosody: a wrong password", by_hand, lab, prosody, loop, "wrong")
    for driver in DRIVERS:
        suite.check(f"driver {driver}-prosody: 4 MB to itself, no byte lost", soak, lab, prosody, driver)
    for driver in DRIVERS:
        suite.check(f"driver {driver}-prosody stopped: a blocked write and a close end in time", stopped, lab, driver)


def program(name, **environment):
    """A binary of `examples/hello`."""
    return Process([programs.EXAMPLES.parent / name], environment={**os.environ, **environment})


def driver_peer(driver, port, lab, way):
    """The client of `tests/libraries` on one driver."""
    return Process([programs.EXAMPLES / "driver_peer", driver, f"127.0.0.1:{port}", lab.pki.ca, way])


def hello_client(lab, prosody):
    """The README's client."""
    client = program("hello_client", CA=str(lab.pki.ca), SERVER=f"127.0.0.1:{prosody.starttls}")
    expect_equal(client.finish(15), 0, f"exit code; {client.tail()}")
    answer, end = client.lines
    expect("type='result'" in answer and "id='1'" in answer, f"not the answer: {answer}")
    expect_equal(end, "we closed the stream", "the end")


def by_hand(lab, prosody, loop, password):
    """One of the loops: the answer and the end, or nothing but the end."""
    options = ["--jid", "alice@localhost", "--password", password]
    options += ["--connect", f"127.0.0.1:{prosody.starttls}", "--ca", lab.pki.ca]
    client = Process([programs.EXAMPLES / loop, *options])
    right = password == programs.PASSWORD
    expect_equal(client.finish(15), 0 if right else 1, f"exit code; {client.tail()}")
    lines = [json.loads(line) for line in client.lines]
    names = [line["event"] for line in lines]
    if right:
        expect_equal(names, ["bound", "pong", "close-tcp"], "the lines")
        expect(lines[0]["jid"].startswith("alice@localhost/"), f"not the address: {lines[0]}")
        expect_equal(lines[2]["reason"], "closed", "the end")
    else:
        expect_equal(names, ["close-tcp"], "the lines")
        expect("not-authorized" in lines[0]["detail"], f"not the end: {client.tail()}")


def hello_server(lab, strophe):
    """Its server."""
    port = free_port()
    files = {"CERT": str(lab.pki.chain("ecdsa")), "KEY": str(lab.pki.key("ecdsa"))}
    server = program("hello_server", LISTEN=f"127.0.0.1:{port}", **files)
    wait_for_port(port, server)
    peer = Process([strophe, port, lab.pki.ca, programs.PASSWORD, "echo"])
    code = peer.finish(20)
    expect(code == 0 and "done" in peer.lines, f"{peer.tail()}; server {server.tail()}")
    expect(server.child.poll() is None, "the server ended")
    server.stop()


def soak(lab, prosody, driver):
    """It says itself what it has lost."""
    client = driver_peer(driver, prosody.starttls, lab, "soak")
    expect_equal(client.finish(60), 0, f"exit code; {client.tail()}")
    expect("closed" in client.lines, client.tail())


def stopped(lab, driver):
    """Prosody is stopped in the middle, and the client prints how late it was."""
    for way in ("write", "close"):
        home = lab.directory / f"stopped-{driver}-{way}"
        prosody = Prosody(home, lab.pki, "ecdsa")
        client = driver_peer(driver, prosody.starttls, lab, way)
        client.wait_line(lambda line: line == "established")
        os.killpg(prosody.process.child.pid, signal.SIGSTOP)
        time.sleep(0.1)
        client.write("\n")
        try:
            expect_equal(client.finish(30), 0, f"exit code; {client.tail()}")
        finally:
            os.killpg(prosody.process.child.pid, signal.SIGCONT)
            prosody.process.stop()
