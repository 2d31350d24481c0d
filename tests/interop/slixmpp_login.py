"""A slixmpp client: log in, ping, send itself a message, disconnect. PORT CA PASSWORD starttls|direct"""

import asyncio
import logging
import sys

import slixmpp


class Login(slixmpp.ClientXMPP):
    """Ends with `done` on standard output and exit code 0, or says what is missing."""

    def __init__(self, password):
        super().__init__("alice@localhost/slix", password)
        self.register_plugin("xep_0199")
        self.register_plugin("xep_0030")
        self.outcome = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.session)
        self.add_event_handler("message", self.message)
        self.add_event_handler("failed_all_auth", lambda _: self.ended(2, "authentication failed"))
        self.add_event_handler("failed_auth", lambda _: print("one mechanism failed", flush=True))
        self.add_event_handler("connection_failed", lambda error: self.ended(3, f"no connection: {error}"))
        self.add_event_handler("stream_error", lambda error: self.ended(4, f"stream error: {error}"))

    async def session(self, _event):
        """RFC 6121: roster, presence; then ping."""
        await self.get_roster()
        self.send_presence()
        await self["xep_0199"].ping("localhost", timeout=5)
        print("pong", flush=True)
        self.send_message(mto=self.boundjid.full, mbody="to myself <&>")
        self.send_message(mto="localhost", mbody="to the domain")

    def message(self, message):
        """Both the delivered and the echoed message must come."""
        print("message", message["body"], flush=True)
        if message["body"] == "to the domain":
            self.ended(0, "done")

    def ended(self, code, text):
        """Remember the first outcome."""
        print(text, flush=True)
        if not self.outcome.done():
            self.outcome.set_result(code)


async def main(port, ca, password, way):
    """Run until there is an outcome."""
    client = Login(password)
    client.ca_certs = ca
    client.connect(address=("127.0.0.1", int(port)), use_ssl=way == "direct", force_starttls=way != "direct")
    code = await asyncio.wait_for(client.outcome, 15)
    client.abort() if code else await client.disconnect(wait=3)
    return code


logging.basicConfig(level=logging.WARNING)
sys.exit(asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:])))
