#!/usr/bin/env python3
"""Writes the XML corpora the benchmarks run on: corpora.py DIRECTORY [BYTES].

Four streams as a client receives them, the same bytes on every machine: `chat` (messages, receipts, carbons, archive
results, presence, iq; Latin, Cyrillic, CJK and emoji), `roster` (results of 5000 items), `blob` (20 to 100 KB of base64 in
avatars, vCards and key bundles), `presence`. Each ends with a whole stanza and the closing tag, at about BYTES bytes
(4,000,000 if not given). `hostile` streams are one stanza each, of a shape that is expensive for somebody.
"""

import base64
import hashlib
import random
import sys
from pathlib import Path

STREAM = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    "id='c2s-77ab' from='example.org' to='juliet@example.org' version='1.0' xml:lang='en'>"
)
END = "</stream:stream>"
ME = "juliet@example.org/balcony"

LATIN = (
    "soft what light through yonder window breaks it is the east see you at ten bring the laptop restart failed "
    "https://example.org/log?job=7&amp;line=12 don&apos;t &lt;3 x &gt; y &quot;sun&quot; ok thanks later"
).split()
CYRILLIC = "доброе утро встреча перенесена на завтра сервер снова упал смотри журнал спасибо договорились пока".split()
CJK = "早上好 会议 改到 明天 服务器 又 挂了 谢谢 おはよう 了解しました 確認します 안녕하세요 회의 서버 감사합니다".split()
EMOJI = "😀 👍 🎉 ❤️ 👩‍🚀 🔥 🙏 🤷‍♀️".split()
PEOPLE = "juliet romeo mercutio benvolio nurse tybalt paris laurence rosaline balthasar sampson abram".split()
HOSTS = ["example.org", "chat.example.net", "im.example.com"]
RESOURCES = ["phone", "Conversations.x7Qe", "gajim.9F2KD", "dino.51ac", "Psi+"]


class Maker:
    """Stanzas from one seed."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def token(self, n=16):
        return "".join(self.r.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(n))

    def uuid(self):
        h = f"{self.r.getrandbits(128):032x}"
        return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))

    def base64(self, n):
        return base64.b64encode(self.r.randbytes(n)).decode()

    def bare(self):
        return f"{self.r.choice(PEOPLE)}{self.r.randrange(300)}@{self.r.choice(HOSTS)}"

    def full(self):
        return f"{self.bare()}/{self.r.choice(RESOURCES)}"

    def words(self):
        kind, length, out = self.r.random(), self.r.randrange(80, 200), []
        while sum(len(w.encode()) + 1 for w in out) < length:
            if kind < 0.6:
                pool = LATIN
            elif kind < 0.8:
                pool = CYRILLIC
            elif kind < 0.9:
                pool = CJK
            else:
                pool = self.r.choice([LATIN, CYRILLIC, CJK, EMOJI])
            out.append(self.r.choice(EMOJI if self.r.random() < 0.04 else pool))
        return " ".join(out)

    def message(self, ns=""):
        ident = self.uuid()
        return (
            f"<message{ns} from='{self.full()}' to='{ME}' id='{ident}' type='chat' xml:lang='en'>"
            f"<body>{self.words()}</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
            f"<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='{ident}'/>"
            f"<stanza-id xmlns='urn:xmpp:sid:0' id='{self.token(20)}' by='juliet@example.org'/></message>"
        )

    def short(self):
        return f"<message from='{self.full()}' to='{ME}' id='{self.token()}' type='chat'><body>{self.words()}</body></message>"

    def room(self):
        return (
            f"<message from='room{self.r.randrange(9)}@conference.example.org/{self.r.choice(PEOPLE)}' to='{ME}' "
            f"id='{self.token()}' type='groupchat'><body>{self.words()}</body>"
            f"<stanza-id xmlns='urn:xmpp:sid:0' id='{self.token(20)}' by='room@conference.example.org'/></message>"
        )

    def presence(self):
        kind, sender = self.r.random(), self.full()
        if kind < 0.2:
            return f"<presence from='{sender}' to='{ME}' type='unavailable'/>"
        caps = base64.b64encode(hashlib.sha1(self.token().encode()).digest()).decode()
        status = ""
        if kind < 0.6:
            show = self.r.choice(["away", "dnd", "xa", "chat"])
            status = f"<show>{show}</show><status>{self.words()[:40].split('&')[0]}</status>"
        photo = hashlib.sha1(caps.encode()).hexdigest()
        return (
            f"<presence from='{sender}' to='{ME}'>{status}<priority>{self.r.randrange(128)}</priority>"
            f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://conversations.im' ver='{caps}'/>"
            f"<x xmlns='vcard-temp:x:update'><photo>{photo}</photo></x></presence>"
        )

    def ping(self):
        return f"<iq from='example.org' to='{ME}' id='{self.token()}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"

    def result(self):
        return f"<iq from='{self.full()}' to='{ME}' id='{self.token()}' type='result'/>"

    def receipt(self):
        return (
            f"<message from='{self.full()}' to='{ME}' id='{self.token()}'>"
            f"<received xmlns='urn:xmpp:receipts' id='{self.uuid()}'/></message>"
        )

    def marker(self):
        return (
            f"<message from='{self.full()}' to='{ME}' id='{self.token()}' type='chat'>"
            f"<displayed xmlns='urn:xmpp:chat-markers:0' id='{self.uuid()}'/><store xmlns='urn:xmpp:hints'/></message>"
        )

    def composing(self):
        return (
            f"<message from='{self.full()}' to='{ME}' type='chat'>"
            "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
        )

    def forwarded(self, before=""):
        inner = self.message(" xmlns='jabber:client'")
        return f"<forwarded xmlns='urn:xmpp:forward:0'>{before}{inner}</forwarded>"

    def carbon(self):
        kind = self.r.choice(["sent", "received"])
        return (
            f"<message from='juliet@example.org' to='{ME}' type='chat'><{kind} xmlns='urn:xmpp:carbons:2'>"
            f"{self.forwarded()}</{kind}></message>"
        )

    def archived(self):
        stamp = f"2024-0{self.r.randrange(1, 10)}-{self.r.randrange(10, 28)}T{self.r.randrange(10, 24)}:30:{self.r.randrange(10, 60)}Z"
        delay = f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>"
        return (
            f"<message from='juliet@example.org' to='{ME}'><result xmlns='urn:xmpp:mam:2' queryid='{self.token(8)}' "
            f"id='{self.token(20)}'>{self.forwarded(delay)}</result></message>"
        )

    def acknowledgement(self):
        return self.r.choice(["<r xmlns='urn:xmpp:sm:3'/>", f"<a xmlns='urn:xmpp:sm:3' h='{self.r.randrange(9999)}'/>"])

    def chat(self):
        weights = {
            self.message: 20, self.short: 15, self.room: 15, self.presence: 12, self.ping: 3, self.result: 5,
            self.receipt: 8, self.marker: 5, self.composing: 5, self.carbon: 5, self.archived: 5, self.acknowledgement: 2,
        }  # fmt: skip
        while True:
            yield self.r.choices(list(weights), list(weights.values()))[0]()

    def roster(self):
        names = ["Ромео", "Juliet", "Nurse &amp; Co", "李雷", "O&apos;Neil"]
        groups = ["Friends", "Family", "Работа", "Co-workers"]
        while True:
            items = "".join(
                f"<item jid='{self.token(6)}.{self.bare()}' name='{self.r.choice(names)} {self.r.randrange(999)}' "
                f"subscription='both'><group>{self.r.choice(groups)}</group></item>"
                for _ in range(5000)
            )
            yield (
                f"<iq to='{ME}' id='{self.token()}' type='result'>"
                f"<query xmlns='jabber:iq:roster' ver='ver{self.r.randrange(99)}'>{items}</query></iq>"
            )
            items = "".join(
                f"<item jid='room-{self.token(8)}@conference.example.org' name='Room {self.r.randrange(999)} "
                f"{self.r.choice(LATIN)}' node='n{self.r.randrange(99)}'/>"
                for _ in range(5000)
            )
            yield (
                f"<iq from='conference.example.org' to='{ME}' id='{self.token()}' type='result'>"
                f"<query xmlns='http://jabber.org/protocol/disco#items'>{items}</query></iq>"
            )

    def blob(self):
        while True:
            kind = self.r.randrange(3)
            if kind == 0:
                yield (
                    f"<iq from='{self.bare()}' to='{ME}' id='{self.token()}' type='result'>"
                    "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'>"
                    f"<item id='{self.token(40)}'><data xmlns='urn:xmpp:avatar:data'>"
                    f"{self.base64(self.r.randrange(22000, 75000))}</data></item></items></pubsub></iq>"
                )
            elif kind == 1:
                text = self.base64(self.r.randrange(22000, 60000))
                lines = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
                yield (
                    f"<iq from='{self.bare()}' to='{ME}' id='{self.token()}' type='result'><vCard xmlns='vcard-temp'>"
                    f"<FN>Juliet</FN><PHOTO><TYPE>image/jpeg</TYPE><BINVAL>{lines}</BINVAL></PHOTO></vCard></iq>"
                )
            else:
                ns = "eu.siacs.conversations.axolotl"
                keys = "".join(f"<preKeyPublic preKeyId='{i}'>{self.base64(33)}</preKeyPublic>" for i in range(100))
                yield (
                    f"<message from='{self.bare()}' to='{ME}' id='{self.token()}' type='headline'>"
                    "<event xmlns='http://jabber.org/protocol/pubsub#event'>"
                    f"<items node='{ns}.bundles:{self.r.getrandbits(31)}'><item id='current'><bundle xmlns='{ns}'>"
                    f"<signedPreKeyPublic signedPreKeyId='1'>{self.base64(33)}</signedPreKeyPublic>"
                    f"<signedPreKeySignature>{self.base64(64)}</signedPreKeySignature>"
                    f"<identityKey>{self.base64(33)}</identityKey><prekeys>{keys}</prekeys></bundle></item></items></event></message>"
                )
                yield (
                    f"<message from='{self.full()}' to='{ME}' id='{self.token()}' type='chat'><encrypted xmlns='{ns}'>"
                    f"<header sid='{self.r.getrandbits(31)}'><key rid='{self.r.getrandbits(31)}' prekey='true'>"
                    f"{self.base64(180)}</key><iv>{self.base64(12)}</iv></header>"
                    f"<payload>{self.base64(self.r.randrange(22000, 40000))}</payload></encrypted></message>"
                )

    def flood(self):
        while True:
            yield self.presence()


def hostile(n):
    """One stanza of about `n` bytes each; legal under limits wide enough."""
    most = 65_000  # A little less than the limits can be raised to.
    long = "n" * (n // 60)
    names = min(most, n // 40)
    long_name = "l" * min(most, n // 4)
    pad = lambda unit: unit * max(1, n // len(unit))  # noqa: E731
    return {
        "text": f"<a>{pad('x')}</a>",
        "value": f"<a b='{pad('x')}'/>",
        "brackets": f"<a>{pad(']')}</a>",
        "greater": f"<a>{pad('>')}</a>",
        "references": f"<a>{pad('&lt;')}</a>",
        "long-references": f"<a>{pad('&#' + '0' * 200 + '65;')}</a>",
        "cdata": f"<a><![CDATA[{pad(']>')}]]></a>",
        "cdatas": f"<a>{pad('<![CDATA[]]>')}</a>",
        "lines": f"<a>{pad(chr(13) + chr(10))}</a>",
        "elements": f"<a>{pad('<b/>')}</a>",
        "attributes": "<a>" + pad("<b " + " ".join(f"a{i}=''" for i in range(62)) + "/>") + "</a>",
        "prefixes": "<a "
        + " ".join(f"xmlns:p{i}='u'" for i in range(28))
        + ">"
        + pad("<p0:b p1:c='' p2:d='' p3:e=''/>")
        + "</a>",
        "deep": "<a>" + pad("<b>" * 60 + "</b>" * 60) + "</a>",
        "namespaces": f"<a>{pad(chr(60) + 'b xmlns=' + chr(39) + 'u' + chr(39) + '/>')}</a>",
        "spaces": f"<a{pad(' ')}/>",
        "two-bytes": f"<a>{pad('ж')}</a>",
        "long-namespaces": "<a"
        + "".join(f" xmlns:p{i:02}='{long}{i:02}'" for i in range(28))
        + ">"
        + ("<b" + "".join(f" p{i:02}:c=''" for i in range(28)) + "/>") * (n // 600)
        + "</a>",
        "two-long-namespaces": f"<a xmlns:p='{'n' * (n // 4)}1' xmlns:q='{'n' * (n // 4)}2'>"
        + pad("<b p:c='' q:c=''/>")[: n // 36 * 18]
        + "</a>",
        "many-namespaces": "<a"
        + "".join(f" xmlns:p{i}='{i}'" for i in range(names))
        + "><b"
        + "".join(f" p{i}:c=''" for i in range(names))
        + "/></a>",
        "many-attributes": "<a>"
        + ("<b" + "".join(f" a{i}=''" for i in range(names)) + "/>") * max(1, n // 10 // names)
        + "</a>",
        "many-prefixes": "<a"
        + "".join(f" xmlns:p{i}='{i % 7}'" for i in range(names))
        + ">"
        + "".join(f"<p{i % names}:b/>" for i in range(n // 20))
        + "</a>",
        "shadowed-prefixes": "<a"
        + "".join(f" xmlns:p{i}='u'" for i in range(names))
        + ">"
        + pad("<b xmlns:p0='v'><p0:c/></b>")
        + "</a>",
        "long-names": "<a>" + f"<{long_name} {long_name}1='' {long_name}2=''></{long_name}>" * max(1, n // 4 // len(long_name)) + "</a>",
        "end-spaces": f"<a><{long_name}></{long_name}{pad(' ')}></a>",
        "zeros": "<a>" + f"&#{'0' * min(most, n - 10)}65;" * max(1, n // most) + "</a>",
        "quotes": "<a b='" + pad('"') + "'/>",
    }


def main():
    to, size = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 4_000_000
    to.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("chat", "roster", "blob", "presence")):
        maker, parts, total = Maker(2024 + number), [STREAM], 0
        stanzas = maker.flood() if name == "presence" else getattr(maker, name)()
        while total < size:
            parts.append(next(stanzas))
            total += len(parts[-1].encode())
        data = ("".join(parts) + END).encode()
        (to / f"{name}.xml").write_bytes(data)
        print(f"{name:10} {len(parts) - 1:7} stanzas {len(data):9} bytes sha256 {hashlib.sha256(data).hexdigest()[:16]}")
    for size in (65_536, 1_048_576, 16_777_216):
        for name, stanza in hostile(size).items():
            (to / f"hostile-{name}-{size}.xml").write_text(STREAM + stanza + END, newline="")


if __name__ == "__main__":
    main()
