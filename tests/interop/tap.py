"""A relay between two peers: keeps every byte, its direction and the order, and breaks connections."""

import socket
import threading
import time

from harness import listen
from tls import HANDSHAKE, records

TO_SERVER, TO_CLIENT = "to-server", "to-client"


class Link:
    """One relayed connection."""

    def __init__(self, client, server):
        self.client = client
        self.server = server
        self.discarded = set()
        self.is_cut = False


class Tap:
    """Relays one connection at a time from `port` to the target; `log` has (direction, bytes or end)."""

    def __init__(self, target):
        self.listener, self.port = listen()
        self.target = target
        self.log = []
        self._lock = threading.Lock()
        self._links = []
        self._broken = []  # kept: a socket that nobody holds is closed, and the server would notice
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        """No more connections."""
        self.listener.close()

    def discard(self, *directions):
        """What goes these ways on the present connections no longer arrives; its sender does not see that."""
        for link in self._links:
            link.discarded.update(directions)

    def cut(self, server_too=True):
        """Break the present connections; if not `server_too`, the server does not see it."""
        # First, because a client may be back at once: that connection is another.
        links, self._links = self._links, []
        self._broken += links
        for link in links:
            link.is_cut = True
            for end in [link.client, link.server] if server_too else [link.client]:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def data(self, direction, start=0):
        """The bytes that went that way, from log entry `start` on."""
        return b"".join(what for way, what in self.log[start:] if way == direction and isinstance(what, bytes))

    def ends(self, direction):
        """How that direction ended: FIN, RST or None."""
        return next((what for way, what in self.log if way == direction and isinstance(what, str)), None)

    def wait_end(self, direction, timeout=10):
        """Wait until that direction has ended; FIN, RST, or None if it did not."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.ends(direction) is None:
            time.sleep(0.02)
        return self.ends(direction)

    def mark(self):
        """The present length of the log."""
        return len(self.log)

    def answer_to(self, start):
        """What the server wrote after the first handshake record the client sent since log entry `start`.

        None if the client sent no such record: there was no attempt then.
        """
        sent = b""
        for index in range(start, len(self.log)):
            way, what = self.log[index]
            if way == TO_SERVER and isinstance(what, bytes):
                sent += what
                if any(kind == HANDSHAKE for kind, _body in records(sent)[0]):
                    return self.data(TO_CLIENT, index)
        return None

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            link = Link(client, server)
            self._links.append(link)
            pumps = [
                threading.Thread(target=self._pump, args=(link, link.client, link.server, TO_SERVER), daemon=True),
                threading.Thread(target=self._pump, args=(link, link.server, link.client, TO_CLIENT), daemon=True),
            ]
            for pump in pumps:
                pump.start()

    def _pump(self, link, source, sink, direction):
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = None
            if link.is_cut:
                return
            if data is None:
                return self._end(direction, "RST", sink, socket.SHUT_RDWR)
            if not data:
                return self._end(direction, "FIN", sink, socket.SHUT_WR)
            self._note(direction, data)
            if direction in link.discarded:
                continue
            try:
                sink.sendall(data)
            except OSError:
                return

    def _end(self, direction, how, sink, what):
        self._note(direction, how)
        try:
            sink.shutdown(what)
        except OSError:
            pass

    def _note(self, direction, what):
        with self._lock:
            self.log.append((direction, what))
