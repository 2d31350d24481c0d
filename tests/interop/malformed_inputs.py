"""What `server` must refuse, and how: (phase, what, input, answer).

Phases: `start` (TCP is open), `plain` (features before TLS seen), `secured` (features with mechanisms seen),
`sasl` (a SCRAM challenge was received), `authenticated` (features with bind seen), `bound`.
The answer is the condition of the stream error (RFC 6120 section 4.9.3), or `sasl:` and the condition of a SASL
failure (section 6.5), after which the stream stays open. `a|b`: the RFC leaves the choice between them.
"""

SASL = b"urn:ietf:params:xml:ns:xmpp-sasl"
STREAMS = b"xmlns:stream='http://etherx.jabber.org/streams'"


def header(attributes=b"to='localhost' version='1.0' xmlns='jabber:client' " + STREAMS, declaration=b""):
    """A stream header."""
    return declaration + b"<stream:stream " + attributes + b">"


def nested(depth):
    """That many elements inside each other."""
    return b"<message>" + b"<a>" * depth + b"</a>" * depth + b"</message>"


INPUTS = [
    # Before the header. The server sends its own header first (section 4.9.1.2).
    ("start", "an HTTP request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "not-well-formed"),
    ("start", "a TLS ClientHello", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "not-well-formed|unsupported-encoding"),
    ("start", "a byte order mark (11.6)", b"\xef\xbb\xbf" + header(), "not-well-formed"),
    ("start", "UTF-16", header().decode().encode("utf-16"), "unsupported-encoding|not-well-formed"),
    (
        "start", "another encoding declared (4.9.3.22)",
        header(declaration=b"<?xml version='1.0' encoding='ISO-8859-1'?>"), "unsupported-encoding",
    ),
    ("start", "a document type (11.1)", b"<!DOCTYPE stream [<!ENTITY a 'b'>]>" + header(), "restricted-xml"),
    ("start", "a comment (11.1)", b"<!-- hello -->" + header(), "restricted-xml"),
    ("start", "white space before the declaration", header(declaration=b" <?xml version='1.0'?>"), "not-well-formed"),
    ("start", "an undeclared prefix", b"<stream:stream to='localhost' version='1.0' xmlns='jabber:client'>", "not-well-formed|bad-namespace-prefix"),
    (
        "start", "another stream namespace (4.9.3.10)",
        header(b"to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='urn:example:streams'"),
        "invalid-namespace",
    ),
    (
        "start", "another content namespace (4.9.3.10)",
        header(b"to='localhost' version='1.0' xmlns='urn:example:content' " + STREAMS), "invalid-namespace",
    ),
    ("start", "another root element", b"<stream:flow to='localhost' version='1.0' xmlns='jabber:client' " + STREAMS + b">", "bad-format|invalid-xml"),
    ("start", "another host (4.9.3.6)", header(b"to='elsewhere.example' version='1.0' xmlns='jabber:client' " + STREAMS), "host-unknown"),
    ("start", "no version (4.7.5)", header(b"to='localhost' xmlns='jabber:client' " + STREAMS), "unsupported-version"),
    ("start", "a header without end", b"<stream:stream to='" + b"x" * 20000, "policy-violation"),
    # After the first features, without TLS.
    ("plain", "a message (4.9.3.12)", b"<message to='localhost'/>", "not-authorized"),
    ("plain", "an unknown element (4.9.3.24)", b"<hello xmlns='urn:example:x'/>", "unsupported-stanza-type|not-authorized"),
    ("plain", "text between elements", b"hello", "bad-format|not-well-formed"),
    ("plain", "a closing tag too many", b"</stream:flow>", "not-well-formed"),
    ("plain", "an entity of its own (11.1)", b"<presence>&lol;</presence>", "restricted-xml"),
    ("plain", "more than 10000 bytes before log in (13.12)", b"<hello xmlns='urn:example:x'>" + b"x" * 11000, "policy-violation"),
    # Inside TLS.
    ("secured", "two less-than signs", b"<<", "not-well-formed"),
    ("secured", "bind before log in (4.9.3.12)", b"<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "not-authorized"),
    ("secured", "an unknown mechanism", b"<auth xmlns='" + SASL + b"' mechanism='UNHEARD-OF'/>", "sasl:invalid-mechanism"),
    ("secured", "base64 with white space (13.9.1)", b"<auth xmlns='" + SASL + b"' mechanism='PLAIN'>AGFs aWNl</auth>", "sasl:incorrect-encoding"),
    ("secured", "base64 without its padding", b"<auth xmlns='" + SASL + b"' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA</auth>", "sasl:incorrect-encoding"),
    ("secured", "PLAIN without its separators", b"<auth xmlns='" + SASL + b"' mechanism='PLAIN'>YWxpY2U=</auth>", "sasl:malformed-request"),
    ("secured", "a wrong password", b"<auth xmlns='" + SASL + b"' mechanism='PLAIN'>AGFsaWNlAGd1ZXNz</auth>", "sasl:not-authorized"),
    ("secured", "an unknown user", b"<auth xmlns='" + SASL + b"' mechanism='PLAIN'>AG1hbGxvcnkAc2VjcmV0</auth>", "sasl:not-authorized"),
    # In the middle of a SCRAM exchange.
    ("sasl", "a message (4.9.3.12)", b"<message to='localhost'/>", "not-authorized"),
    ("sasl", "a response that is no SCRAM", b"<response xmlns='" + SASL + b"'>aGVsbG8=</response>", "sasl:malformed-request|sasl:not-authorized"),
    ("sasl", "the exchange given up", b"<abort xmlns='" + SASL + b"'/>", "sasl:aborted"),
    ("sasl", "an unclosed tag", b"<response xmlns='" + SASL + b"'></respond>", "not-well-formed"),
    # Logged in, not bound.
    ("authenticated", "a message (4.9.3.12)", b"<message to='localhost'/>", "not-authorized"),
    ("authenticated", "a processing instruction (11.1)", b"<iq type='set'><?php echo 1 ?></iq>", "restricted-xml"),
    ("authenticated", "a second log in", b"<auth xmlns='" + SASL + b"' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>", "policy-violation|unsupported-stanza-type|not-authorized|bad-format"),
    # Bound.
    ("bound", "mismatched tags", b"<message><body></message></body>", "not-well-formed"),
    ("bound", "an attribute twice", b"<message to='a' to='b'/>", "not-well-formed"),
    ("bound", "an attribute twice through two prefixes", b"<message xmlns:a='urn:x' xmlns:b='urn:x' a:c='1' b:c='2'/>", "not-well-formed"),
    ("bound", "an undeclared prefix inside", b"<message><a:b/></message>", "not-well-formed"),
    ("bound", "an undeclared prefix at the first level (4.9.3.2)", b"<a:message/>", "bad-namespace-prefix|not-well-formed"),
    ("bound", "a comment (11.1)", b"<message><!-- --></message>", "restricted-xml"),
    ("bound", "a CDATA section at the first level", b"<![CDATA[x]]>", "bad-format|not-well-formed"),
    ("bound", "an illegal character reference", b"<message><body>&#0;</body></message>", "not-well-formed"),
    ("bound", "a bare ampersand", b"<message><body>a & b</body></message>", "not-well-formed"),
    ("bound", "an overlong UTF-8 form", b"<message><body>\xc0\xaf</body></message>", "not-well-formed|unsupported-encoding"),
    ("bound", "a surrogate in UTF-8", b"<message><body>\xed\xa0\x80</body></message>", "not-well-formed|unsupported-encoding"),
    ("bound", "nesting without end", nested(500), "policy-violation"),
    ("bound", "a stanza over the limit (13.12)", b"<message><body>" + b"x" * 300000, "policy-violation"),
    ("bound", "attributes without end", b"<message " + b" ".join(b"a%d='1'" % n for n in range(500)) + b"/>", "policy-violation"),
    ("bound", "elements without end", b"<message>" + b"<a/>" * 20000 + b"</message>", "policy-violation"),
    ("bound", "an unknown first-level element (4.9.3.24)", b"<hello xmlns='urn:example:x'/>", "unsupported-stanza-type"),
    ("bound", "a second header without restart", header(), "bad-format|invalid-xml|policy-violation|unsupported-stanza-type|conflict"),
    ("bound", "an XML declaration in the middle", b"<?xml version='1.0'?>" + header(), "not-well-formed|restricted-xml"),
    ("bound", "a stanza of the other namespace", b"<message xmlns='jabber:server'/>", "unsupported-stanza-type|invalid-namespace|bad-format"),
    ("bound", "somebody else's address (4.9.3.9)", b"<message from='bob@localhost/x' to='localhost'/>", "invalid-from"),
]
