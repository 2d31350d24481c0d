//! Writes the seeds of `machines` into a directory: what two machines say to each other, and what they hardly would.

use std::fs;
use std::path::PathBuf;

use xmpp_stream_fuzz::machines::{ESTABLISHED, PREFIX, Subject, exchange};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='localhost' to='localhost' version='1.0'>";
const S2S: &str = "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0' ";
const FROM_CAPULET: &str = "from='capulet.example' to='montague.example'";
const FROM_MONTAGUE: &str = "from='montague.example' to='capulet.example'";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const BIND: &str = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>";

fn main() {
    let directory = std::env::args()
        .nth(1)
        .map(PathBuf::from)
        .expect("where to");
    fs::create_dir_all(&directory).expect("a directory");
    for (number, seed) in seeds().into_iter().enumerate() {
        fs::write(directory.join(format!("{number:03}")), seed).expect("written");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    use Subject as S;
    let mut seeds = Vec::new();
    for (initiating, receiving) in [
        (S::Client, S::Server),
        (S::Client, S::HostingServer),
        (S::AnonymousClient, S::Server),
        (S::SendingServer, S::ReceivingServer),
        (S::SendingServer, S::KeylessReceivingServer),
        (S::KeylessServer, S::ReceivingServer),
        (S::AskingServer, S::ReceivingServer),
        (S::Component, S::ComponentServer),
        (S::StartTlsClient, S::StartTlsServer),
        (S::TlsClient, S::TlsServer),
    ] {
        let [there, back] = exchange(initiating, receiving, true);
        seeds.push(seed(receiving, 0, &[0], &there));
        seeds.push(seed(initiating, 0, &[0], &back));
    }
    seeds.extend(of_clients());
    seeds.extend(of_servers());
    seeds.extend(established());
    seeds
}

/// What is said on established streams.
fn established() -> Vec<Vec<u8>> {
    let to_montague = format!(
        "<message {FROM_CAPULET}><body xml:lang='en'>1 &lt; 2</body></message> <iq {FROM_CAPULET} type='get' id='1'/>\
         <db:result from='rooms.capulet.example' to='montague.example'>key</db:result>\
         <db:verify {FROM_CAPULET} id='2'>key</db:verify><r xmlns='urn:xmpp:sm:3'/></stream:stream>"
    );
    let to_capulet = format!(
        "<db:verify {FROM_MONTAGUE} id='1' type='invalid'/><a xmlns='urn:xmpp:sm:3' h='1'/> </stream:stream>"
    );
    let of_play = "<message from='play.localhost' to='alice@localhost'/><iq type='get' id='1' from='a@play.localhost' to='b'/>\
        </stream:stream>";
    let to_all = "<message from='b@localhost/r'><body>1<![CDATA[2]]></body><x xmlns='u'><y/></x></message> <presence/>\
        <stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xml:lang='en' \
        xmlns='urn:ietf:params:xml:ns:xmpp-streams'>bye</text></stream:error></stream:stream>";
    let again = format!(
        "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>{BIND}\
         <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    );
    let sends: [&[u8]; 3] = [
        &[0],
        &[0xa0, 0xb0, 0xc0],
        &[0, 0, 0, 0, 0, 0xd0, 0xe0, 0xf0],
    ];
    let mut seeds = Vec::new();
    for (subject, says) in [
        (Subject::AnonymousClient, to_all),
        (Subject::Server, to_all),
        (Subject::Server, again.as_str()),
        (Subject::HostingServer, to_all),
        (Subject::SendingServer, to_capulet.as_str()),
        (Subject::KeylessServer, to_capulet.as_str()),
        (Subject::ReceivingServer, to_montague.as_str()),
        (Subject::KeylessReceivingServer, to_montague.as_str()),
        (Subject::Component, to_all),
        (Subject::ComponentServer, of_play),
    ] {
        for (ending, script) in (0..3).zip(sends) {
            seeds.push(seed(subject, ESTABLISHED | ending, script, says));
        }
    }
    seeds
}

fn of_clients() -> Vec<Vec<u8>> {
    let auth = |mechanism: &str, data: &str| {
        format!("<auth xmlns='{SASL}' mechanism='{mechanism}'>{data}</auth>")
    };
    let come_in = [HEADER, &auth("ANONYMOUS", ""), HEADER, BIND].concat();
    let reset = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
    let stanzas = "<message><body>1 &lt; 2<![CDATA[<]]></body></message> <presence/><iq type='get' id='1'><q xmlns='u'/></iq>";
    let session =
        "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    let tries = [
        HEADER,
        &auth("SCRAM-SHA-256", "biwsbj1hbGljZSxyPWZ5a28="),
        &format!("<abort xmlns='{SASL}'/>"),
        &auth("PLAIN", "AGFsaWNlAHNlY3JldA=="),
        &auth("SCRAM-SHA-1", "="),
        &format!("<response xmlns='{SASL}'>YQ==</response>"),
    ]
    .concat();
    let offers = [
        HEADER,
        &format!(
            "<stream:features><mechanisms xmlns='{SASL}'><mechanism>SCRAM-SHA-256</mechanism>\
             <mechanism>ANONYMOUS</mechanism></mechanisms><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
             <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></stream:features>"
        ),
        &format!("<failure xmlns='{SASL}'><not-authorized/></failure>"),
    ]
    .concat();
    let conflict = [
        HEADER,
        &format!(
            "<stream:features><mechanisms xmlns='{SASL}'><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>"
        ),
        &format!("<success xmlns='{SASL}'/>"),
        HEADER,
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
        "<iq type='error' id='bind'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        "<iq type='result' id='bind-again'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@localhost/r</jid></bind></iq>",
        stanzas,
    ]
    .concat();
    let starttls = [
        HEADER,
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ]
    .concat();
    let proceed = [
        HEADER,
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ]
    .concat();
    let with = |text: &str, bytes: &[u8]| [text.as_bytes(), bytes].concat();
    // An alert, a HelloRequest, a record too long.
    let records: [&[u8]; 3] = [
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",
        b"\x17\x03\x03\xff\xff",
    ];
    let mut seeds = vec![
        seed(Subject::Server, 2, &[0], with(&come_in, stanzas.as_bytes())),
        seed(
            Subject::Server,
            1,
            &[0, 0xa0, 0xb0],
            with(&come_in, session.as_bytes()),
        ),
        seed(
            Subject::Server,
            0,
            &[0, 0, 0, 0, 0xd0],
            with(&come_in, stanzas.as_bytes()),
        ),
        seed(
            Subject::Server,
            0,
            &[0, 0, 0, 0, 0xe0],
            with(&come_in, reset.as_bytes()),
        ),
        seed(Subject::HostingServer, 0, &[0, 2, 1], come_in.as_bytes()),
        seed(Subject::HostingServer, 2, &[3], come_in.as_bytes()),
        seed(Subject::Server, 0, &[0, 1, 2], tries.as_bytes()),
        seed(Subject::Client, 0, &[0], offers.as_bytes()),
        seed(Subject::AnonymousClient, 2, &[0xa0], conflict.as_bytes()),
        seed(
            Subject::AnonymousClient,
            0,
            &[0, 0, 0xf0],
            conflict.as_bytes(),
        ),
        seed(Subject::AnonymousClient, 0, &[0xf4], conflict.as_bytes()),
    ];
    for record in records {
        seeds.push(seed(
            Subject::StartTlsServer,
            0,
            &[0],
            with(&starttls, record),
        ));
        seeds.push(seed(
            Subject::StartTlsClient,
            0,
            &[0],
            with(&proceed, record),
        ));
        seeds.push(seed(Subject::TlsServer, 1, &[0], record));
        seeds.push(seed(Subject::TlsClient, 2, &[0], record));
    }
    seeds
}

fn of_servers() -> Vec<Vec<u8>> {
    let result = |rest: &str| format!("<db:result {rest}</db:result>");
    let asks = [
        &format!("{S2S}{FROM_CAPULET}>"),
        &result(&format!("{FROM_CAPULET}>key")),
        &result("from='rooms.capulet.example' to='montague.example'>key"),
        &format!("<db:verify {FROM_CAPULET} id='1'>key</db:verify>"),
        &format!("<message {FROM_CAPULET}/> "),
        "<message from='evil.example' to='montague.example'/>",
    ]
    .concat();
    let answers = [
        &format!("{S2S}{FROM_MONTAGUE}>"),
        "<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback></stream:features>",
        &format!("<db:result {FROM_MONTAGUE} type='valid'/>"),
        &format!("<db:verify {FROM_MONTAGUE} id='1' type='valid'/>"),
        &format!("<db:verify {FROM_MONTAGUE} id='1' type='error'><error type='wait'/></db:verify>"),
    ]
    .concat();
    let play = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' \
        id='1' from='play.localhost' to='play.localhost'>";
    let component = [
        play,
        "<handshake/><message from='a@localhost' to='play.localhost'/>",
    ]
    .concat();
    vec![
        seed(Subject::ReceivingServer, 0, &[0], asks.as_bytes()),
        seed(
            Subject::KeylessReceivingServer,
            2,
            &[0, 3, 0, 1],
            asks.as_bytes(),
        ),
        seed(Subject::KeylessReceivingServer, 2, &[3, 0], asks.as_bytes()),
        seed(Subject::SendingServer, 0, &[0xc0, 0xa0], answers.as_bytes()),
        seed(Subject::KeylessServer, 2, &[0xc0, 3], answers.as_bytes()),
        seed(Subject::AskingServer, 2, &[0xc0], answers.as_bytes()),
        seed(Subject::Component, 0, &[0xa0], component.as_bytes()),
        seed(Subject::ComponentServer, 0, &[0xa0], component.as_bytes()),
    ]
}

fn seed(subject: Subject, ending: u8, script: &[u8], says: impl AsRef<[u8]>) -> Vec<u8> {
    let number = Subject::ALL.iter().position(|&other| other == subject);
    let mut seed = vec![
        u8::try_from(number.expect("one of all")).expect("few"),
        ending,
    ];
    seed.extend(script.iter().chain([&0; 8]).take(8));
    seed.extend([0, 6, 40, 1, 200, 16, 90, 3]);
    assert_eq!(seed.len(), PREFIX);
    seed.extend(says.as_ref());
    seed
}
