"""Cuts the text of an XML stream into its header, first-level elements and footer."""

import re
import xml.etree.ElementTree as ET

STREAM = "http://etherx.jabber.org/streams"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
BINDINGS = "urn:xmpp:sasl-cb:0"
CLIENT = "jabber:client"


class Header:
    """A stream header with its attributes."""

    def __init__(self, tag, attributes):
        self.tag = tag
        self.attributes = attributes

    def __repr__(self):
        return f"Header({self.attributes})"


class Footer:
    """The closing tag of the stream."""

    def __repr__(self):
        return "Footer()"


class Frames:
    """Bytes in, frames out. `restart` begins a new stream (RFC 6120 section 4.3.3)."""

    def __init__(self):
        self.rest = b""
        self.restart()

    def restart(self):
        """Expect a new header."""
        self._header = None
        self._root = None

    def feed(self, data):
        """Store more bytes."""
        self.rest += data

    def next(self):
        """The next whole frame, or None."""
        depth = 0
        for tag in _TAG.finditer(self.rest):
            text = tag.group()
            if text.startswith((b"<?", b"<!")):
                continue
            if self._header is None:
                return self._open(text, tag.end())
            if text.startswith(b"</"):
                if depth == 0:
                    self.rest = self.rest[tag.end() :]
                    return Footer()
                depth -= 1
            elif not text.endswith(b"/>"):
                depth += 1
            if depth == 0:
                return self._element(tag.end())
        return None

    def _open(self, text, end):
        root = ET.fromstring(text.removesuffix(b">") + b"/>")
        self._header, self._root = text, re.match(rb"<([^\s>]+)", text).group(1)
        self.rest = self.rest[end:]
        return Header(root.tag, dict(root.attrib))

    def _element(self, end):
        # Parsed inside the header, whose namespace declarations it may use.
        text, self.rest = self.rest[:end], self.rest[end:]
        return ET.fromstring(self._header + text + b"</" + self._root + b">")[0]


_TAG = re.compile(rb"""<(?:\?.*?\?>|!\[CDATA\[.*?\]\]>|(?:[^<>"'!?]|"[^"]*"|'[^']*')+>)""", re.DOTALL)


def is_element(frame, namespace, name):
    """True if `frame` is that element."""
    return isinstance(frame, ET.Element) and frame.tag == f"{{{namespace}}}{name}"


def error_condition(frame):
    """The condition of a `<stream:error>`, else None."""
    if not is_element(frame, STREAM, "error"):
        return None
    for child in frame:
        if child.tag.startswith(f"{{{ERRORS}}}") and not child.tag.endswith("}text"):
            return child.tag.split("}")[1]
    return "(no condition)"


def failure_condition(frame):
    """The condition of a SASL `<failure>`, else None."""
    if not is_element(frame, SASL, "failure"):
        return None
    for child in frame:
        if child.tag.startswith(f"{{{SASL}}}") and not child.tag.endswith("}text"):
            return child.tag.split("}")[1]
    return "(no condition)"


def refusal_condition(frame, identifier):
    """The condition of the stanza error that answers the request with this `id`, else None."""
    if not is_element(frame, CLIENT, "iq") or frame.get("type") != "error" or frame.get("id") != identifier:
        return None
    for child in frame.iterfind(f"{{{CLIENT}}}error/*"):
        if child.tag.startswith(f"{{{STANZA_ERRORS}}}") and not child.tag.endswith("}text"):
            return child.tag.split("}")[1]
    return "(no condition)"


def show(frame):
    """A frame as short text for messages."""
    return ET.tostring(frame, encoding="unicode")[:300] if isinstance(frame, ET.Element) else repr(frame)
