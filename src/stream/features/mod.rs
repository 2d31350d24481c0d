//! Stream features: `<stream:features/>` read and written (RFC 6120 sections
//! 4.3.2, 5.4.1, 6.4.1, 7.4; XEP-0440; `<session/>` of RFC 3921).
//!
//! What is known here is what this crate negotiates. Any other feature is
//! *unknown*: voluntary, unless it has a `<required/>` child in its own
//! namespace (4.3.2). The order of features means nothing (4.3.2), of
//! features that come twice the first one counts, and children in the stream
//! or a content namespace, which no feature can be in, are passed over.

use alloc::borrow::Cow;
use alloc::string::String;

use super::{Kind, ns, put, sasl};
use crate::xml::{Element, StanzaBuf};

/// Whether something is offered, and whether it must be taken up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FeatureOffer {
    /// Not there.
    #[default]
    Absent,
    /// There, voluntary.
    Offered,
    /// There, mandatory to negotiate.
    Required,
}

/// Features as a state table sees them: finite, and without texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FeaturesClass {
    /// STARTTLS. Required if it says so, and also if it is the only feature
    /// (RFC 6120 section 5.3.1).
    pub starttls: FeatureOffer,
    /// A list of SASL mechanisms is there, be it empty; always mandatory
    /// (6.3.1).
    pub sasl: bool,
    /// Resource binding is there; always mandatory (7.3.1).
    pub bind: bool,
    /// The session of RFC 3921: required unless marked `<optional/>`.
    pub session: FeatureOffer,
    /// Some feature not known here is mandatory (4.9.3.23).
    pub unknown_required: bool,
}

impl FeaturesClass {
    /// Every value there is, for exhaustive checks of state tables.
    pub fn all() -> impl Iterator<Item = Self> {
        const OFFERS: [FeatureOffer; 3] = [
            FeatureOffer::Absent,
            FeatureOffer::Offered,
            FeatureOffer::Required,
        ];
        (0..8u8).flat_map(|bits| {
            OFFERS.into_iter().flat_map(move |starttls| {
                OFFERS.into_iter().map(move |session| Self {
                    starttls,
                    sasl: bits & 1 != 0,
                    bind: bits & 2 != 0,
                    session,
                    unknown_required: bits & 4 != 0,
                })
            })
        })
    }
}

/// A received `<stream:features/>`.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a>(Element<'a>);

impl<'a> Features<'a> {
    /// Takes the element if it is one: `features` in the stream namespace.
    #[must_use]
    pub fn read(element: Element<'a>) -> Option<Self> {
        element.is("features", ns::STREAM).then_some(Self(element))
    }

    /// The `<stream:features/>` element itself.
    #[must_use]
    pub const fn element(&self) -> Element<'a> {
        self.0
    }

    /// The summary for a state table.
    #[must_use]
    pub fn class(&self) -> FeaturesClass {
        FeaturesClass {
            starttls: self.starttls(),
            sasl: self.mechanisms_element().is_some(),
            bind: self.bind(),
            session: self.session(),
            unknown_required: self
                .unknown()
                .any(|feature| is_required(&feature) == FeatureOffer::Required),
        }
    }

    /// STARTTLS (RFC 6120 section 5.3.1).
    #[must_use]
    pub fn starttls(&self) -> FeatureOffer {
        match self.0.child("starttls", ns::TLS) {
            None => FeatureOffer::Absent,
            Some(_) if self.features().count() == 1 => FeatureOffer::Required,
            Some(starttls) => is_required(&starttls),
        }
    }

    /// The names of the SASL mechanisms offered, in the peer's order; what is
    /// no mechanism name is passed over (RFC 6120 section 6.4.1).
    pub fn mechanisms(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.mechanisms_element()
            .into_iter()
            .flat_map(|list| list.children())
            .filter(|child| child.is("mechanism", ns::SASL))
            .map(|mechanism| mechanism.text())
            .filter(|name| sasl::is_mechanism_name(name))
    }

    /// The channel bindings the peer supports (XEP-0440); `None` if it does
    /// not say.
    #[must_use]
    pub fn channel_bindings(&self) -> Option<impl Iterator<Item = Cow<'a, str>> + use<'a>> {
        let list = self.0.child("sasl-channel-binding", ns::CHANNEL_BINDING)?;
        Some(
            list.children()
                .filter(|child| child.is("channel-binding", ns::CHANNEL_BINDING))
                .filter_map(|binding| binding.attr("type")),
        )
    }

    /// Whether Server Dialback is offered, with dialback errors (XEP-0220 2.3).
    /// A server may support it without: see the namespaces its header declares.
    #[must_use]
    pub fn dialback(&self) -> bool {
        self.0.child("dialback", ns::DIALBACK_FEATURE).is_some()
    }

    /// Whether resource binding is offered (RFC 6120 section 7.4).
    #[must_use]
    pub fn bind(&self) -> bool {
        self.0.child("bind", ns::BIND).is_some()
    }

    /// The session of RFC 3921. Servers of today offer it for old clients'
    /// sake, marked `<optional/>`.
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

    /// The features that are not known here, whole.
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

/// The features a receiving entity offers. What may stand together at which
/// time is the state table's business.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeaturesOut<'a> {
    /// STARTTLS. While it is required nothing else should be offered (RFC
    /// 6120 section 5.3.1).
    pub starttls: FeatureOffer,
    /// SASL mechanisms in order of preference; none leaves the list out.
    pub mechanisms: &'a [&'a str],
    /// The channel bindings supported (XEP-0440); none leaves the list out.
    pub channel_bindings: &'a [&'a str],
    /// Server Dialback, with dialback errors (XEP-0220 2.3).
    pub dialback: bool,
    /// Resource binding.
    pub bind: bool,
    /// The session of RFC 3921, marked optional.
    pub session: bool,
    /// Further features.
    pub extra: &'a [FeatureXml],
}

/// Appends `<stream:features>..</stream:features>`.
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
    if features.dialback {
        empty_element(out, "dialback", ns::DIALBACK_FEATURE, "errors");
    }
    if features.bind {
        empty_element(out, "bind", ns::BIND, "");
    }
    if features.session {
        empty_element(out, "session", ns::SESSION, "optional");
    }
    for feature in features.extra {
        out.push_str(&feature.0);
    }
    out.push_str("</stream:features>");
}

/// A further feature to offer: one XML element that stands alone, in a
/// namespace that is neither the stream's nor a content namespace (RFC 6120
/// section 4.3.2), and none of those written here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureXml(String);

impl FeatureXml {
    /// Checks and takes the element.
    ///
    /// # Errors
    /// [`FeatureError`], if it is not one well-formed element of such a
    /// namespace.
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

    /// The element as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why an element cannot be offered as a further feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// Not exactly one well-formed element.
    #[error("not exactly one well-formed XML element")]
    NotOneElement,
    /// No namespace, the stream namespace or a content namespace.
    #[error("a feature needs a namespace of its own")]
    Namespace,
    /// The feature is offered by other means.
    #[error("this feature is not a further one")]
    Known,
}

/// `<name xmlns='namespace'/>`, or with one empty child.
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

fn is_required(feature: &Element<'_>) -> FeatureOffer {
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
            | ("sasl-channel-binding", ns::CHANNEL_BINDING)
            | ("dialback", ns::DIALBACK_FEATURE)
            | ("bind", ns::BIND)
            | ("session", ns::SESSION)
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
mod tests;
