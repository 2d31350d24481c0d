"""A slixmpp client of a server that sends everything back: log in, send messages, get them, disconnect. PORT CA PASSWORD COUNT"""

import asyncio
import logging
import sys

import slixmpp


class Echo(slixmpp.ClientXMPP):
    """Ends with `done` on standard output and exit code 0, or says what is missing."""

    def __init__(self, password, count):
        # Of -PLUS, slixmpp 1.8 knows tls-unique alone.
        mechanism = {"feature_mechanisms": {"use_mech": "SCRAM-SHA-256"}}
        super().__init__("alice@localhost/slix", password, plugin_config=mechanism)
        self.wanted = [f"<&> {n} " + "x" * n for n in range(count)]
        self.outcome = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.session)
        self.add_event_handler("message", self.message)
        self.add_event_handler("failed_all_auth", lambda _: self.ended(2, "authentication failed"))
        self.add_event_handler("connection_failed", lambda error: self.ended(3, f"no connection: {error}"))
        self.add_event_handler("stream_error", lambda error: self.ended(4, f"stream error: {error}"))

    def session(self, _event):
        """No roster and no presence: the server knows neither."""
        for body in self.wanted:
            self.send_message(mto=self.boundjid.full, mbody=body)

    def message(self, message):
        """They come back in their order."""
        if message["body"] != self.wanted.pop(0):
            self.ended(5, f"not what was sent: {message['body'][:40]}")
        if not self.wanted:
            self.ended(0, "done")

    def ended(self, code, text):
        """Remember the first outcome."""
        print(text, flush=True)
        if not self.outcome.done():
            self.outcome.set_result(code)


async def main(port, ca, password, count):
    """Run until there is an outcome."""
    client = Echo(password, int(count))
    client.ca_certs = ca
    client.connect(address=("127.0.0.1", int(port)), force_starttls=True)
    code = await asyncio.wait_for(client.outcome, 15)
    client.abort() if code else await client.disconnect(wait=3)
    return code


logging.basicConfig(level=logging.WARNING)
sys.exit(asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:])))
