//! The namespace names that this layer reads and writes (RFC 6120 14).
//!
//! They are fixed by their documents; a name that is wrong here is wrong on the wire, so each one
//! is tested against a literal.

pub use crate::xml::XML_NS as XML;

/// The stream namespace: header, features, stream errors (RFC 6120 4.8.1).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// The content namespace between a client and its server (RFC 6120 4.8.3).
pub const CLIENT: &str = "jabber:client";
/// The content namespace between servers (RFC 6120 4.8.3).
pub const SERVER: &str = "jabber:server";
/// The content namespace between an external component and its server (XEP-0114).
pub const COMPONENT: &str = "jabber:component:accept";
/// Conditions and text of stream errors (RFC 6120 4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions and text of stanza errors (RFC 6120 8.3).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS (RFC 6120 5.4).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 6.4).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// SASL2 (XEP-0388).
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// Bind 2 (XEP-0386).
pub const BIND2: &str = "urn:xmpp:bind:0";
/// Tokens for authentication, FAST (XEP-0484).
pub const FAST: &str = "urn:xmpp:fast:0";
/// Upgrade tasks (XEP-0480 2).
pub const UPGRADE: &str = "urn:xmpp:sasl:upgrade:0";
/// What the upgrade tasks of SCRAM say (XEP-0480 3).
pub const SCRAM_UPGRADE: &str = "urn:xmpp:scram-upgrade:0";
/// The channel bindings that a server supports (XEP-0440).
pub const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// Resource binding (RFC 6120 7.1).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// The session establishment of RFC 3921 3.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Stream management (XEP-0198).
pub const MANAGEMENT: &str = "urn:xmpp:sm:3";
/// Server Dialback (XEP-0220).
pub const DIALBACK: &str = "jabber:server:dialback";
/// The stream feature of Server Dialback (XEP-0220 2.3).
pub const DIALBACK_FEATURE: &str = "urn:xmpp:features:dialback";

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use crate::dialback::DialbackKey;
    use crate::jid::Jid;
    use crate::sasl;
    use crate::stream::{
        AuthenticationOut, BindCondition, DialbackCondition, DialbackVerdict, FeatureOffer,
        FeaturesOut, HeaderOut, Kind, StartTls, StreamCondition, StreamError, bind, dialback,
        features,
    };

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    fn header(kind: Kind) -> String {
        written(|out| HeaderOut::initial(kind, "h", "en").write(out))
    }

    /// Everything that is written, with its namespaces copied from RFC 6120, RFC 3921, XEP-0114,
    /// XEP-0220, XEP-0388 and XEP-0440. No constant of this module is used.
    #[test]
    fn namespaces_on_the_wire_are_those_of_the_documents() {
        assert_eq!(
            header(Kind::ClientToServer),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' to='h' xml:lang='en' version='1.0'>"
        );
        assert_eq!(
            header(Kind::ServerToServer),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
             xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' \
             to='h' xml:lang='en' version='1.0'>"
        );
        assert_eq!(
            header(Kind::Component),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' to='h' xml:lang='en'>"
        );
        let all = FeaturesOut {
            starttls: FeatureOffer::Required,
            mechanisms: &["PLAIN"],
            channel_bindings: &["tls-exporter"],
            authentication: Some(AuthenticationOut {
                mechanisms: &["PLAIN"],
                management: true,
                bind: Some(&["urn:xmpp:carbons:2"]),
                fast: &["HT-SHA-256-EXPR"],
                upgrades: &["UPGR-SCRAM-SHA-256"],
            }),
            dialback: true,
            bind: true,
            session: true,
            management: true,
            extra: &[],
        };
        assert_eq!(
            written(|out| features::write_features(out, &all)),
            "<stream:features>\
             <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
             <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
             <channel-binding type='tls-exporter'/></sasl-channel-binding>\
             <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>PLAIN</mechanism></mechanisms>\
             <authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism>\
             <inline><sm xmlns='urn:xmpp:sm:3'/>\
             <bind xmlns='urn:xmpp:bind:0'><inline>\
             <feature var='urn:xmpp:carbons:2'/></inline></bind>\
             <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism></fast></inline>\
             <upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>\
             </authentication>\
             <dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
             <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
             <sm xmlns='urn:xmpp:sm:3'/>\
             </stream:features>"
        );
        assert_eq!(
            written(|out| StreamError::new(StreamCondition::InvalidXml)
                .with_text("t")
                .write(out)),
            "<stream:error><invalid-xml xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>t</text>\
             </stream:error>"
        );
        assert_eq!(
            [StartTls::Request, StartTls::Proceed, StartTls::Failure].map(StartTls::as_xml),
            [
                "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            ]
        );
        assert_eq!(
            written(|out| crate::stream::sasl::write_failure(
                out,
                sasl::SaslCondition::Aborted,
                None
            )),
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><aborted/></failure>"
        );
        let jid = Jid::parse("a@h/r").unwrap();
        assert_eq!(
            written(|out| bind::write_result(out, "1", &jid)),
            "<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>a@h/r</jid></bind></iq>"
        );
        assert_eq!(
            written(|out| bind::write_request(out, "1", Some("r"))),
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>r</resource></bind></iq>"
        );
        assert_eq!(
            written(|out| bind::write_session_request(out, "1")),
            "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
        );
        assert_eq!(
            written(|out| bind::write_error(out, "1", BindCondition::Conflict)),
            "<iq type='error' id='1'><error type='modify'>\
             <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
        // The prefix is the one that the header declares.
        let key = DialbackKey::new("k").unwrap();
        assert_eq!(
            written(|out| dialback::write_verify(out, "a", "b", "1", &key)),
            "<db:verify from='a' to='b' id='1'>k</db:verify>"
        );
        let verdict = DialbackVerdict::Error(DialbackCondition::Forbidden);
        assert_eq!(
            written(|out| dialback::write_result(out, "a", "b", verdict)),
            "<db:result from='a' to='b' type='error'><error type='auth'>\
             <forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>"
        );
        assert_eq!(super::XML, "http://www.w3.org/XML/1998/namespace");
    }
}
