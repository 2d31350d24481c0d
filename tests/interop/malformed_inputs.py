"""What `server` must refuse, and how: (phase, what, input, answer).

Phases: `start` (TCP is open), `plain` (features before TLS seen), `secured` (features with mechanisms seen),
`sasl` (a SCRAM challenge was received), `authenticated` (features with bind seen), `bound`.
The answer is the condition of the stream error (RFC 6120 section 4.9.3), or `sasl:` and the condition of a SASL
failure (section 6.5), or `stanza:` and the condition of a stanza error (section 8.3.3) that answers the request with
id `1`; after these two the stream stays open. `a|b`: the RFC leaves the choice between them.
"""

STREAMS = "http://etherx.jabber.org/streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = b"<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
UNKNOWN = b"<hello xmlns='urn:example:x'/>"
MESSAGE = b"<message to='localhost'/>"


def header(before="", root="stream", to="localhost", version=" version='1.0'", content="jabber:client", ns=STREAMS):
    """A stream header with one thing wrong."""
    names = f"xmlns='{content}' xmlns:stream='{ns}'" if ns else f"xmlns='{content}'"
    return f"{before}<stream:{root} to='{to}'{version} {names}>".encode()


def auth(mechanism, text):
    """The start of a SASL exchange."""
    return f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{text}</auth>".encode()


def sasl(name, text=""):
    """Another element of a SASL exchange."""
    return f"<{name} xmlns='{SASL}'>{text}</{name}>".encode()


def body(content):
    """A message with that text."""
    return b"<message><body>" + content + b"</body></message>"


INPUTS = [
    # Before the header. The server sends its own header first (section 4.9.1.2).
    ("start", "an HTTP request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "not-well-formed"),
    ("start", "a TLS ClientHello", b"\x16\x03\x01\0\x05\x01\0\0\x01\0", "not-well-formed"),
    ("start", "a byte order mark (11.6)", b"\xef\xbb\xbf" + header(), "not-well-formed"),
    ("start", "UTF-16", header().decode().encode("utf-16"), "unsupported-encoding|not-well-formed"),
    ("start", "another encoding", header("<?xml version='1.0' encoding='UTF-16'?>"), "unsupported-encoding"),
    ("start", "a document type (11.1)", header("<!DOCTYPE stream [<!ENTITY a 'b'>]>"), "restricted-xml"),
    ("start", "a comment (11.1)", header("<!-- hello -->"), "restricted-xml"),
    ("start", "white space before the declaration", header(" <?xml version='1.0'?>"), "not-well-formed"),
    ("start", "an undeclared prefix", header(ns=None), "not-well-formed|bad-namespace-prefix"),
    ("start", "another stream namespace (4.9.3.10)", header(ns="urn:example:x"), "invalid-namespace"),
    ("start", "another content namespace (4.9.3.10)", header(content="urn:example:x"), "invalid-namespace"),
    ("start", "another root element (4.9.3.1)", header(root="flow"), "bad-format"),
    ("start", "another host (4.9.3.6)", header(to="elsewhere.example"), "host-unknown"),
    ("start", "no version (4.7.5)", header(version=""), "unsupported-version"),
    ("start", "a version that is no number", header(version=" version='one'"), "unsupported-version"),
    ("start", "a header without end (13.12)", b"<stream:stream to='" + b"x" * 20000, "policy-violation"),
    # After the first features, without TLS.
    ("plain", "a message (4.9.3.12)", MESSAGE, "not-authorized"),
    ("plain", "an unknown element (4.9.3.24)", UNKNOWN, "unsupported-stanza-type|not-authorized"),
    ("plain", "text between elements", b"hello", "bad-format|not-well-formed"),
    ("plain", "a closing tag too many", b"</stream:flow>", "not-well-formed"),
    ("plain", "an entity of its own (11.1)", b"<presence>&lol;</presence>", "restricted-xml"),
    ("plain", "11000 bytes before log in (13.12)", b"<x xmlns='urn:x'>" + b"x" * 11000, "policy-violation"),
    ("plain", "SASL before TLS (6.5.3)", auth("PLAIN", "AGFsaWNlAHNlY3JldA=="), "sasl:encryption-required"),
    # Inside TLS.
    ("secured", "two less-than signs", b"<<", "not-well-formed"),
    ("secured", "bind before log in (7.1)", BIND, "stanza:not-authorized"),
    ("secured", "a mechanism it does not know (6.5.7)", auth("UNHEARD-OF", ""), "sasl:invalid-mechanism"),
    ("secured", "base64 with white space (13.9.1)", auth("PLAIN", "AGFs aWNl"), "sasl:incorrect-encoding"),
    ("secured", "base64 without its padding", auth("PLAIN", "AGFsaWNlAHNlY3JldA"), "sasl:incorrect-encoding"),
    ("secured", "PLAIN without its separators (6.5.8)", auth("PLAIN", "YWxpY2U="), "sasl:malformed-request"),
    ("secured", "a wrong password (6.5.10)", auth("PLAIN", "AGFsaWNlAGd1ZXNz"), "sasl:not-authorized"),
    ("secured", "an unknown user (6.5.10)", auth("PLAIN", "AG1hbGxvcnkAc2VjcmV0"), "sasl:not-authorized"),
    # In the middle of a SCRAM exchange.
    ("sasl", "a message (4.9.3.12)", MESSAGE, "not-authorized"),
    ("sasl", "a response that is no SCRAM", sasl("response", "aGVsbG8="), "sasl:malformed-request"),
    ("sasl", "the exchange given up (6.5.1)", sasl("abort"), "sasl:aborted"),
    ("sasl", "mismatched tags", sasl("response").replace(b"</response", b"</respond"), "not-well-formed"),
    # Logged in, not bound.
    ("authenticated", "a message (4.9.3.12)", MESSAGE, "not-authorized"),
    ("authenticated", "a processing instruction (11.1)", b"<iq type='set'><?php echo 1 ?></iq>", "restricted-xml"),
    ("authenticated", "a second log in", auth("PLAIN", "AGFsaWNlAHNlY3JldA=="), "unsupported-stanza-type"),
    # Bound.
    ("bound", "mismatched tags", b"<message><body></message></body>", "not-well-formed"),
    ("bound", "an attribute twice", b"<message to='a' to='b'/>", "not-well-formed"),
    ("bound", "the same by two prefixes", b"<iq xmlns:a='urn:x' xmlns:b='urn:x' a:c='' b:c=''/>", "not-well-formed"),
    ("bound", "an undeclared prefix inside", b"<message><a:b/></message>", "not-well-formed"),
    ("bound", "an undeclared prefix at the first level (4.9.3.2)", b"<a:message/>", "bad-namespace-prefix"),
    ("bound", "a stanza with a prefix (4.8.5)", b"<a:message xmlns:a='jabber:client'/>", "bad-namespace-prefix"),
    ("bound", "a comment (11.1)", b"<message><!-- --></message>", "restricted-xml"),
    ("bound", "CDATA at the first level", b"<![CDATA[x]]>", "bad-format|not-well-formed"),
    ("bound", "an illegal character reference", body(b"&#0;"), "not-well-formed"),
    ("bound", "a bare ampersand", body(b"a & b"), "not-well-formed"),
    ("bound", "an overlong UTF-8 form", body(b"\xc0\xaf"), "not-well-formed|unsupported-encoding"),
    ("bound", "a surrogate in UTF-8", body(b"\xed\xa0\x80"), "not-well-formed|unsupported-encoding"),
    ("bound", "500 elements deep", b"<message>" + b"<a>" * 500, "policy-violation"),
    ("bound", "300000 bytes (13.12)", b"<message><body>" + b"x" * 300000, "policy-violation"),
    ("bound", "500 attributes", b"<iq " + b" ".join(b"a%d=''" % n for n in range(500)) + b"/>", "policy-violation"),
    ("bound", "20000 elements", b"<message>" + b"<a/>" * 20000, "policy-violation"),
    ("bound", "an unknown element (4.9.3.24)", UNKNOWN, "unsupported-stanza-type"),
    ("bound", "a second header without restart", header() + b"</stream:stream>", "bad-format"),
    ("bound", "a declaration in the middle", header("<?xml version='1.0'?>"), "not-well-formed"),
    ("bound", "a stanza of the other namespace", b"<message xmlns='jabber:server'/>", "invalid-namespace"),
    ("bound", "an iq of none of the four types (8.2.3)", b"<iq id='1' type='nonsense'/>", "stanza:bad-request"),
    ("bound", "an iq without a type (8.2.3)", b"<iq id='1'><x xmlns='urn:x'/></iq>", "stanza:bad-request"),
    ("bound", "somebody else's address (4.9.3.9)", b"<message from='bob@localhost/x'/>", "invalid-from"),
]
