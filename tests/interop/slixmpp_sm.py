"""A slixmpp client with stream management that comes back when it is disconnected. PORT CA PASSWORD starttls

Sends the lines of its standard input as messages to the domain, and says what happens to it.
"""

import asyncio
import logging
import sys

import slixmpp


class Managed(slixmpp.ClientXMPP):
    """Ends when a message says `end`, or says what went wrong."""

    def __init__(self, password, port):
        super().__init__("alice@localhost/slix", password)
        self.address_of_server = ("127.0.0.1", int(port))
        self.register_plugin("xep_0198")
        self.outcome = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", lambda _: print("session started", flush=True))
        self.add_event_handler("sm_enabled", lambda _: print("enabled", flush=True))
        self.add_event_handler("session_resumed", lambda _: print("resumed", flush=True))
        self.add_event_handler("sm_failed", lambda _: print("failed", flush=True))
        self.add_event_handler("stanza_acked", lambda stanza: print("acknowledged", stanza["body"], flush=True))
        self.add_event_handler("message", self.message)
        self.add_event_handler("failed_all_auth", lambda _: self.ended(2))
        self.add_event_handler("stream_error", lambda error: print("stream error", error["condition"], flush=True))
        self.add_event_handler("disconnected", self.back)

    def message(self, message):
        """Says what came."""
        print("message", message["body"], flush=True)
        if message["body"] == "end":
            self.ended(0)

    def back(self, _event):
        """Connects again."""
        print("disconnected", flush=True)
        if not self.outcome.done():
            self.begin()

    def begin(self):
        """Connects."""
        self.connect(address=self.address_of_server, force_starttls=True)

    def ended(self, code):
        """Remember the first outcome."""
        if not self.outcome.done():
            self.outcome.set_result(code)


async def main(port, ca, password, _way):
    """Run until there is an outcome."""
    client = Managed(password, port)
    client.ca_certs = ca
    loop = asyncio.get_event_loop()
    loop.add_reader(0, lambda: client.send_message(mto="localhost", mbody=sys.stdin.readline().strip()))
    client.begin()
    code = await asyncio.wait_for(client.outcome, 25)
    await client.disconnect(wait=3)
    return code


logging.basicConfig(level=logging.WARNING)
sys.exit(asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:])))
