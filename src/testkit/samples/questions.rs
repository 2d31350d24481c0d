//! What a machine asks of its application.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{each, samples, unit_samples};
use crate::dialback::DialbackKey;
use crate::event::{DialbackAnswer, DialbackQuestion, InlineBindRequest, Question, TokenRequest};
use crate::jid::Jid;
use crate::sasl::{
    CredentialQuery, FastMechanism, Hash, Identity, SaslProfile, ScramKeys, Secret, TokenSlot,
};
use crate::stream::{InlineXml, UserAgent};

samples!(Question {
    Host => {
        let somebody = || Jid::parse("juliet@im.example.com").ok();
        let domain = || Jid::parse("im.example.com").ok();
        [
            Self::Host { to: None, from: None, sni: None },
            Self::Host { to: domain(), from: somebody(), sni: None },
            Self::Host { to: domain(), from: None, sni: Some("im.example.com".to_owned()) },
        ]
    },
    Sasl => each(Self::Sasl),
    Bind => {
        let bind = |resource: Option<&str>, inline: Option<InlineBindRequest>| Self::Bind {
            identity: identity(),
            resource: resource.map(ToOwned::to_owned),
            generated: String::from("7f3a9c0e5b1d"),
            inline: inline.map(Box::new),
        };
        let inline = InlineBindRequest {
            tag: Some("AwesomeXMPP".to_owned()),
            user_agent: UserAgent::new(Some(CLIENT), Some("AwesomeXMPP"), Some("Phone")).ok(),
            features: InlineXml::new("<enable xmlns='urn:xmpp:carbons:2'/>").into_iter().collect(),
        };
        [
            bind(None, None),
            bind(Some("balcony"), None),
            bind(None, Some(InlineBindRequest::default())),
            bind(None, Some(inline)),
        ]
    },
    Resume => [0, u32::MAX].map(|h| Self::Resume {
        identity: identity(),
        previd: secret("some-long-sm-id"),
        h,
    }),
    IssueToken => {
        let request = |used, requested, invalidate| TokenRequest {
            identity: identity(),
            client: CLIENT.to_owned(),
            used,
            count: used.map(|_| 7),
            invalidate,
            requested,
            mechanism: FastMechanism::HtSha256Expr,
            secret: secret("secret-token:fast-Oeie4nmlUoLHXca_YgkErZmWDEo"),
        };
        [
            request(None, true, false),
            request(Some(TokenSlot::New), false, false),
            request(Some(TokenSlot::Current), true, false),
            request(Some(TokenSlot::Current), false, true),
        ]
        .map(|request| Self::IssueToken(Box::new(request)))
    },
    StoreKeys => keys().into_iter().map(|keys| Self::StoreKeys {
        identity: identity(),
        keys: Box::new(keys),
    }),
});

/// The id of a client's `<user-agent/>`.
const CLIENT: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";

fn identity() -> Identity {
    Identity {
        authcid: "juliet".to_owned(),
        authzid: None,
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// Keys that nobody derived from a password.
fn keys() -> Option<ScramKeys> {
    ScramKeys::from_parts(Hash::Sha512, &[1; 16], 10_000, &[2; 64], &[3; 64]).ok()
}

samples!(CredentialQuery {
    Password => [None, Some("romeo@im.example.com")].map(|authzid| Self::Password {
        authcid: "juliet".to_owned(),
        password: secret("r0m30myr0m30"),
        authzid: authzid.map(ToOwned::to_owned),
    }),
    ScramKeys => each(|hash| Self::ScramKeys {
        username: "juliet".to_owned(),
        authzid: None,
        hash,
    }),
    External => [None, Some("im.example.net")].map(|authzid| Self::External {
        authzid: authzid.map(ToOwned::to_owned),
    }),
    Anonymous => [None, Some("sirhc")].map(|trace| Self::Anonymous {
        trace: trace.map(ToOwned::to_owned),
    }),
    Token => {
        let by_mechanism: Vec<_> = each(|mechanism| Self::Token {
            username: "juliet".to_owned(),
            mechanism,
            client: Some(CLIENT.to_owned()),
        });
        by_mechanism
    },
});

samples!(DialbackQuestion {
    Authorize => key().map(Self::Authorize),
    Verify => key().map(Self::Verify),
    MakeKey => [Self::MakeKey],
});

samples!(DialbackAnswer {
    Valid => [Self::Valid],
    Invalid => [Self::Invalid],
    Error => each(Self::Error),
    Key => key().map(Self::Key),
});

fn key() -> Option<DialbackKey> {
    DialbackKey::new("37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643")
}

unit_samples!(SaslProfile { Sasl, Sasl2 });

unit_samples!(Hash {
    Sha1,
    Sha256,
    Sha512
});

unit_samples!(FastMechanism {
    HtSha512Expr,
    HtSha256Expr,
    HtSha512Endp,
    HtSha256Endp,
    HtSha512None,
    HtSha256None,
});

unit_samples!(TokenSlot { New, Current });
