"""The crate's example programs `client`, `server` and `component`: how to start them and read their JSON lines."""

import json
import pathlib
import signal

from harness import Failure, Process, expect, expect_equal

EXAMPLES = pathlib.Path("target/debug/examples")
PASSWORD = "secret"


class Program(Process):
    """A process that prints one JSON object per line."""

    def __init__(self, name, arguments):
        self.bad_lines = []
        super().__init__([EXAMPLES / name, *arguments])

    def events(self, name=None, conn=None):
        """All events so far, or those of one name or connection."""
        found = [json.loads(line) for line in list(self.lines)]
        return [
            event
            for event in found
            if (name is None or event["event"] == name) and (conn is None or event.get("conn") == conn)
        ]

    def wait_event(self, name, timeout=15, **fields):
        """The first event of that name with those fields."""

        def wanted(line):
            event = json.loads(line)
            return event["event"] == name and all(event.get(key) == value for key, value in fields.items())

        return json.loads(self.lines[self.wait_line(wanted, timeout)])

    def wait_events(self, name, count, timeout=15):
        """The first `count` events of that name."""
        self._wait(lambda: len(self.events(name)) >= count, timeout)
        return self.events(name)

    def expect_close(self, reason, manner=None, conn=None, timeout=15):
        """The last word of a connection: its `close-tcp` event."""
        fields = {} if conn is None else {"conn": conn}
        close = self.wait_event("close-tcp", timeout, **fields)
        last = self.events("close-tcp", conn)[-1]
        expect_equal(last["reason"], reason, "reason of close-tcp")
        if manner:
            expect_equal(last["manner"], manner, "manner of close-tcp")
        return close


class Client(Program):
    """The `client` example."""

    def __init__(self, port, ca, *options, jid="alice@localhost", password=PASSWORD):
        who = ["--jid", jid]
        if password is not None:
            who += ["--password", password]
        super().__init__("client", [*who, "--connect", f"127.0.0.1:{port}", "--ca", ca, *options])

    def expect_exit(self, code, timeout=20):
        """Wait for the end and check the exit code."""
        got = self.finish(timeout)
        expect(got == code, f"client: exit code {got}, wanted {code}; {self.tail()}")


class Component(Program):
    """The `component` example."""

    def __init__(self, port, domain, secret, *options):
        who = ["--domain", domain, "--secret", secret]
        super().__init__("component", [*who, "--connect", f"127.0.0.1:{port}", *options])


class Server(Program):
    """The `server` example; `port` is where it listens."""

    def __init__(self, pki, *options, certificate="ecdsa", domain="localhost", timeout=15):
        super().__init__(
            "server",
            ["--listen", "127.0.0.1:0", "--domain", domain]
            + ["--cert", pki.chain(certificate), "--key", pki.key(certificate)]
            + ["--user", f"alice:{PASSWORD}", "--user", f"bob:{PASSWORD}", *options],
        )
        first = self.wait_line(lambda _: True, timeout)
        listening = json.loads(self.lines[first])
        expect_equal(listening["event"], "listening", "first line of the server")
        self.port = listening["port"]

    def expect_alive(self):
        """The server survived what was done to it."""
        expect(self.child.poll() is None, f"the server ended: {self.tail()}")

    def end(self):
        """SIGTERM ends the server."""
        self.child.send_signal(signal.SIGTERM)
        self.finish(5)


def expect_events(program, names):
    """These events came in this order (others may stand between)."""
    got = [event["event"] for event in program.events()]
    rest = iter(got)
    for name in names:
        if name not in rest:
            raise Failure(f"event {name!r} is missing or out of order in {got}")
