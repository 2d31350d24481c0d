//! Stream features: `<stream:features/>` read and written (RFC 6120 4.3.2, 5.4.1, 6.4.1, 7.4;
//! XEP-0388; XEP-0440; `<session/>` of RFC 3921).
//!
//! A feature is *known* if this crate negotiates it. Any other feature is voluntary, unless it has
//! a `<required/>` child in the namespace of the feature (RFC 6120 4.3.2). The order of features
//! means nothing (RFC 6120 4.3.2). If a feature comes twice, the first one counts. Children in the
//! stream namespace or a content namespace are ignored, because no feature can be in them.
//!
//! A new feature gets a line in `is_known`, a reading method, and a field of [`FeaturesOut`]; if
//! the state tables need it, also a field of [`FeaturesClass`].

mod authentication;

use alloc::borrow::Cow;
use alloc::string::String;

pub use authentication::{Authentication, AuthenticationOut, InlineBindFeature};

use super::{Kind, ns, put, sasl};
use crate::xml::{Element, StanzaBuf};

/// Says whether a feature is offered, and whether it must be negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FeatureOffer {
    /// The feature is not offered.
    #[default]
    Absent,
    /// The feature is offered and voluntary.
    Offered,
    /// The feature is offered and mandatory to negotiate.
    Required,
}

/// Sums up features for a state table. It is finite and holds no text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one feature is offered; no two of them are one state"
)]
pub struct FeaturesClass {
    /// STARTTLS. It is required if it says so, and also if it is the only feature (RFC 6120 5.3.1).
    pub starttls: FeatureOffer,
    /// Whether there is a list of SASL mechanisms, even an empty one. SASL is always mandatory
    /// (RFC 6120 6.3.1).
    pub sasl: bool,
    /// Whether SASL2 is offered with at least one mechanism (XEP-0388 2.1).
    pub sasl2: bool,
    /// Whether resource binding is offered. It is always mandatory (RFC 6120 7.3.1).
    pub bind: bool,
    /// The session of RFC 3921. It is required unless it is marked `<optional/>`.
    pub session: FeatureOffer,
    /// Whether stream management is offered. It is always voluntary (XEP-0198 2).
    pub management: bool,
    /// Whether a feature that is not known here is mandatory (RFC 6120 4.9.3.23).
    pub unknown_required: bool,
}

impl FeaturesClass {
    /// Returns every value, for exhaustive checks of state tables.
    pub fn all() -> impl Iterator<Item = Self> {
        const OFFERS: [FeatureOffer; 3] = [
            FeatureOffer::Absent,
            FeatureOffer::Offered,
            FeatureOffer::Required,
        ];
        (0..32u8).flat_map(|bits| {
            OFFERS.into_iter().flat_map(move |starttls| {
                OFFERS.into_iter().map(move |session| Self {
                    starttls,
                    sasl: bits & 1 != 0,
                    bind: bits & 2 != 0,
                    session,
                    unknown_required: bits & 4 != 0,
                    management: bits & 8 != 0,
                    sasl2: bits & 16 != 0,
                })
            })
        })
    }
}

/// Reads a received `<stream:features/>`.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a>(Element<'a>);

impl<'a> Features<'a> {
    /// Takes the element. Returns `None` if it is not `features` in the stream namespace.
    #[must_use]
    pub fn read(element: Element<'a>) -> Option<Self> {
        element.is("features", ns::STREAM).then_some(Self(element))
    }

    /// Returns the `<stream:features/>` element itself.
    #[must_use]
    pub const fn element(&self) -> Element<'a> {
        self.0
    }

    /// Returns the summary for a state table.
    #[must_use]
    pub fn class(&self) -> FeaturesClass {
        FeaturesClass {
            starttls: self.starttls(),
            sasl: self.mechanisms_element().is_some(),
            sasl2: self.authentication().is_some(),
            bind: self.bind(),
            session: self.session(),
            management: self.management(),
            unknown_required: self
                .unknown()
                .any(|feature| required_or_offered(&feature) == FeatureOffer::Required),
        }
    }

    /// Returns whether STARTTLS is offered. It is required if it is the only feature (RFC 6120
    /// 5.3.1).
    #[must_use]
    pub fn starttls(&self) -> FeatureOffer {
        match self.0.child("starttls", ns::TLS) {
            None => FeatureOffer::Absent,
            Some(_) if self.features().count() == 1 => FeatureOffer::Required,
            Some(starttls) => required_or_offered(&starttls),
        }
    }

    /// Returns the names of the SASL mechanisms offered, in the order of the peer. Text that is not
    /// a mechanism name is ignored (RFC 6120 6.4.1).
    pub fn mechanisms(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.mechanisms_element()
            .into_iter()
            .flat_map(|list| list.children())
            .filter(|child| child.is("mechanism", ns::SASL))
            .map(|mechanism| mechanism.text())
            .filter(|name| sasl::is_mechanism_name(name))
    }

    /// Returns the offer of SASL2. An `<authentication/>` without the name of a mechanism is none,
    /// whatever it has inline: what is asked for there travels with a login (XEP-0388 2.1).
    #[must_use]
    pub fn authentication(&self) -> Option<Authentication<'a>> {
        self.0
            .child("authentication", ns::SASL2)
            .map(Authentication::new)
            .filter(|offer| offer.mechanisms().next().is_some())
    }

    /// Returns the channel bindings that the peer supports (XEP-0440), or `None` if it does not
    /// announce any list.
    #[must_use]
    pub fn channel_bindings(&self) -> Option<impl Iterator<Item = Cow<'a, str>> + use<'a>> {
        let list = self.0.child("sasl-channel-binding", ns::CHANNEL_BINDING)?;
        Some(
            list.children()
                .filter(|child| child.is("channel-binding", ns::CHANNEL_BINDING))
                .filter_map(|binding| binding.attr("type")),
        )
    }

    /// Returns whether Server Dialback is offered, with dialback errors (XEP-0220 2.3). A server
    /// may support dialback without offering it, and then declares its namespace in the header.
    #[must_use]
    pub fn dialback(&self) -> bool {
        self.0.child("dialback", ns::DIALBACK_FEATURE).is_some()
    }

    /// Returns whether resource binding is offered (RFC 6120 7.4).
    #[must_use]
    pub fn bind(&self) -> bool {
        self.0.child("bind", ns::BIND).is_some()
    }

    /// Returns whether the session of RFC 3921 is offered. Present servers offer it for old
    /// clients, marked `<optional/>`.
    #[must_use]
    pub fn session(&self) -> FeatureOffer {
        match self.0.child("session", ns::SESSION) {
            None => FeatureOffer::Absent,
            Some(session) if session.child("optional", ns::SESSION).is_some() => {
                FeatureOffer::Offered
            }
            Some(_) => FeatureOffer::Required,
        }
    }

    /// Returns whether stream management is offered (XEP-0198 2).
    #[must_use]
    pub fn management(&self) -> bool {
        self.0.child("sm", ns::MANAGEMENT).is_some()
    }

    /// Returns the features that are not known here, as whole elements.
    pub fn unknown(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.features().filter(|feature| !is_known(feature))
    }

    fn mechanisms_element(&self) -> Option<Element<'a>> {
        self.0.child("mechanisms", ns::SASL)
    }

    fn features(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.0
            .children()
            .filter(|child| is_feature_namespace(child.ns()))
    }
}

/// Holds the features that a receiving entity offers. Which of them may be offered together, and
/// when, is decided by the state table.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one feature is offered; no two of them are one state"
)]
pub struct FeaturesOut<'a> {
    /// STARTTLS. While it is required, nothing else should be offered (RFC 6120 5.3.1).
    pub starttls: FeatureOffer,
    /// SASL mechanisms in order of preference. An empty slice leaves the list out.
    pub mechanisms: &'a [&'a str],
    /// The channel bindings supported (XEP-0440). An empty slice leaves the list out.
    pub channel_bindings: &'a [&'a str],
    /// SASL2 (XEP-0388).
    pub authentication: Option<AuthenticationOut<'a>>,
    /// Server Dialback, with dialback errors (XEP-0220 2.3).
    pub dialback: bool,
    /// Resource binding.
    pub bind: bool,
    /// The session of RFC 3921, which is marked optional.
    pub session: bool,
    /// Stream management (XEP-0198 2).
    pub management: bool,
    /// Further features, written last.
    pub extra: &'a [FeatureXml],
}

/// Appends `<stream:features>..</stream:features>`. The prefix `stream` is declared by the header
/// that [`HeaderOut`](super::HeaderOut) writes.
pub fn write_features(out: &mut String, features: &FeaturesOut<'_>) {
    out.push_str("<stream:features>");
    if features.starttls != FeatureOffer::Absent {
        empty_element(
            out,
            "starttls",
            ns::TLS,
            match features.starttls {
                FeatureOffer::Required => "required",
                _ => "",
            },
        );
    }
    if !features.channel_bindings.is_empty() {
        out.push_str("<sasl-channel-binding");
        put::attribute(out, "xmlns", ns::CHANNEL_BINDING);
        out.push('>');
        for binding in features.channel_bindings {
            out.push_str("<channel-binding");
            put::attribute(out, "type", binding);
            out.push_str("/>");
        }
        out.push_str("</sasl-channel-binding>");
    }
    if !features.mechanisms.is_empty() {
        out.push_str("<mechanisms");
        put::attribute(out, "xmlns", ns::SASL);
        out.push('>');
        for mechanism in features.mechanisms {
            out.push_str("<mechanism>");
            put::text(out, mechanism);
            out.push_str("</mechanism>");
        }
        out.push_str("</mechanisms>");
    }
    if let Some(authentication) = features.authentication {
        authentication.write(out);
    }
    if features.dialback {
        empty_element(out, "dialback", ns::DIALBACK_FEATURE, "errors");
    }
    if features.bind {
        empty_element(out, "bind", ns::BIND, "");
    }
    if features.session {
        empty_element(out, "session", ns::SESSION, "optional");
    }
    if features.management {
        empty_element(out, "sm", ns::MANAGEMENT, "");
    }
    for feature in features.extra {
        out.push_str(&feature.0);
    }
    out.push_str("</stream:features>");
}

/// Holds a further feature to offer: one XML element that declares every namespace it uses. Its
/// namespace is neither the stream namespace nor a content namespace (RFC 6120 4.3.2), and it is
/// none of the features known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureXml(String);

impl FeatureXml {
    /// Checks and takes the element.
    ///
    /// # Errors
    /// Returns [`FeatureError`] if it is not one well-formed element of such a namespace.
    pub fn new(xml: &str) -> Result<Self, FeatureError> {
        let parsed = StanzaBuf::parse(xml).map_err(|_| FeatureError::NotOneElement)?;
        let element = parsed.as_stanza();
        if !is_feature_namespace(element.ns()) {
            return Err(FeatureError::Namespace);
        }
        if is_known(&element) {
            return Err(FeatureError::Known);
        }
        Ok(Self(xml.into()))
    }

    /// Returns the element as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Says why an element cannot be offered as a further feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// The text is not exactly one well-formed element.
    #[error("not exactly one well-formed XML element")]
    NotOneElement,
    /// The element has no namespace, or is in the stream namespace or a content namespace.
    #[error("a feature needs a namespace that is not the stream's")]
    Namespace,
    /// The feature is known here, and offered by a setting.
    #[error("this feature is offered by a setting")]
    Known,
}

/// Appends `<name xmlns='namespace'/>`, or the same with one empty child.
fn empty_element(out: &mut String, name: &str, namespace: &str, child: &str) {
    out.push('<');
    out.push_str(name);
    put::attribute(out, "xmlns", namespace);
    if child.is_empty() {
        out.push_str("/>");
        return;
    }
    for piece in ["><", child, "/></", name, ">"] {
        out.push_str(piece);
    }
}

fn required_or_offered(feature: &Element<'_>) -> FeatureOffer {
    match feature.child("required", feature.ns()) {
        Some(_) => FeatureOffer::Required,
        None => FeatureOffer::Offered,
    }
}

fn is_known(feature: &Element<'_>) -> bool {
    matches!(
        (feature.name(), feature.ns()),
        ("starttls", ns::TLS)
            | ("mechanisms", ns::SASL)
            | ("authentication", ns::SASL2)
            | ("sasl-channel-binding", ns::CHANNEL_BINDING)
            | ("dialback", ns::DIALBACK_FEATURE)
            | ("bind", ns::BIND)
            | ("session", ns::SESSION)
            | ("sm", ns::MANAGEMENT)
    )
}

fn is_feature_namespace(namespace: &str) -> bool {
    namespace != ns::STREAM
        && !namespace.is_empty()
        && namespace != Kind::ClientToServer.content_ns()
        && namespace != Kind::ServerToServer.content_ns()
        && namespace != Kind::Component.content_ns()
}

#[cfg(test)]
mod sasl2_tests;
#[cfg(test)]
mod tests;
