"""A name server for one run: SRV records for servers under test, and one address for everything.

Nothing of the machine is changed: the servers are told to ask here.
"""

import socket
import struct
import threading

A, SRV = 1, 33
TARGET = "localhost"  # what the resolver of the machine knows, too: ejabberd asks that one for addresses


class Dns:
    """Answers on a UDP port of 127.0.0.1; `ports` maps a domain to the port of its server for other servers."""

    def __init__(self):
        self.ports = {}
        self.asked = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, sender = self._socket.recvfrom(4096)
            try:
                self._socket.sendto(self._answer(query), sender)
            except (IndexError, struct.error, UnicodeDecodeError):
                pass  # no query

    def _answer(self, query):
        name, end = _read_name(query, 12)
        kind = struct.unpack_from("!H", query, end)[0]
        self.asked.append((name, kind))
        question = query[12 : end + 4]
        data = self._data(name.lower(), kind)
        # Authoritative; no such name is not distinguished from no such record.
        header = query[:2] + struct.pack("!HHHHH", 0x8580, 1, 1 if data else 0, 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(data)) + data if data else b""
        return header + question + record

    def _data(self, name, kind):
        if kind == A and name == TARGET:
            return bytes([127, 0, 0, 1])
        service, _, domain = name.partition("._tcp.")
        if kind == SRV and service == "_xmpp-server" and domain in self.ports:
            return struct.pack("!HHH", 0, 0, self.ports[domain]) + _write_name(TARGET)
        return b""


def _read_name(message, at):
    labels = []
    while message[at]:
        length = message[at]
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 1


def _write_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
