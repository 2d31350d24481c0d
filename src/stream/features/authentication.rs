//! `<authentication/>`: SASL2 offered, with what can be asked for inside it (XEP-0388 2.1, XEP-0386
//! 3.1, XEP-0198 9, XEP-0484 3.1, XEP-0480 2.1).

use alloc::borrow::Cow;
use alloc::string::String;

use crate::stream::sasl2::is_task_name;
use crate::stream::{ns, put, sasl};
use crate::xml::Element;

/// Reads an offer of SASL2.
#[derive(Clone, Copy, Debug)]
pub struct Authentication<'a>(Element<'a>);

impl<'a> Authentication<'a> {
    pub(super) const fn new(element: Element<'a>) -> Self {
        Self(element)
    }

    /// Returns the names of the mechanisms offered, in the order of the peer. Text that is not a
    /// mechanism name is ignored.
    pub fn mechanisms(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        mechanisms(self.0, ns::SASL2)
    }

    /// Returns whether a session can be resumed inline (XEP-0198 9.2).
    #[must_use]
    pub fn inline_management(&self) -> bool {
        self.inline("sm", ns::MANAGEMENT).is_some()
    }

    /// Returns the offer to bind a resource inline (XEP-0386 3.1).
    #[must_use]
    pub fn inline_bind(&self) -> Option<InlineBindFeature<'a>> {
        self.inline("bind", ns::BIND2).map(InlineBindFeature)
    }

    /// Returns the mechanisms that authenticate with a token, in the order of the peer, or `None` if
    /// tokens are not offered (XEP-0484 3.1).
    #[must_use]
    pub fn fast_mechanisms(&self) -> Option<impl Iterator<Item = Cow<'a, str>> + use<'a>> {
        let fast = self.inline("fast", ns::FAST)?;
        Some(mechanisms(fast, ns::FAST))
    }

    /// Returns the names of the upgrade tasks that the server has (XEP-0480 2.1). Text that is not
    /// the name of a task is ignored.
    pub fn upgrades(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.0
            .children()
            .filter(|child| child.is("upgrade", ns::UPGRADE))
            .map(|upgrade| upgrade.text())
            .filter(|name| is_task_name(name))
    }

    fn inline(&self, name: &str, namespace: &str) -> Option<Element<'a>> {
        self.0.child("inline", ns::SASL2)?.child(name, namespace)
    }
}

fn mechanisms<'a>(
    list: Element<'a>,
    namespace: &'static str,
) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
    list.children()
        .filter(move |child| child.is("mechanism", namespace))
        .map(|mechanism| mechanism.text())
        .filter(|name| sasl::is_mechanism_name(name))
}

/// Reads an offer to bind a resource inline.
#[derive(Clone, Copy, Debug)]
pub struct InlineBindFeature<'a>(Element<'a>);

impl<'a> InlineBindFeature<'a> {
    /// Returns the names of the features that can be requested with the resource. They are in
    /// `<inline/>` (XEP-0386 3.1); examples of XEP-0198 9.3 have them directly in `<bind/>`, and both
    /// are read.
    pub fn features(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let inside = self
            .0
            .children()
            .filter(|child| child.is("inline", ns::BIND2))
            .flat_map(|inline| inline.children());
        inside
            .chain(self.0.children())
            .filter(|child| child.is("feature", ns::BIND2))
            .filter_map(|feature| feature.attr("var"))
    }

    /// Returns whether stream management can be requested with the resource (XEP-0198 9.1).
    #[must_use]
    pub fn management(&self) -> bool {
        self.features().any(|var| var == ns::MANAGEMENT)
    }
}

/// Says what a receiving entity offers of SASL2. Without a mechanism nothing is written, whatever else
/// is set, because such an offer is none (XEP-0388 2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationOut<'a> {
    /// The mechanisms in order of preference. An empty slice leaves the offer out.
    pub mechanisms: &'a [&'a str],
    /// Whether a session can be resumed inline.
    pub management: bool,
    /// The names of the features that can be requested with a resource. `None` does not offer to
    /// bind one inline.
    pub bind: Option<&'a [&'a str]>,
    /// The mechanisms that authenticate with a token. An empty slice does not offer tokens.
    pub fast: &'a [&'a str],
    /// The upgrade tasks.
    pub upgrades: &'a [&'a str],
}

impl AuthenticationOut<'_> {
    pub(super) fn write(&self, out: &mut String) {
        if self.mechanisms.is_empty() {
            return;
        }
        out.push_str("<authentication");
        put::attribute(out, "xmlns", ns::SASL2);
        out.push('>');
        write_mechanisms(out, self.mechanisms);
        if self.management || self.bind.is_some() || !self.fast.is_empty() {
            out.push_str("<inline>");
            self.write_inline(out);
            out.push_str("</inline>");
        }
        for task in self.upgrades {
            out.push_str("<upgrade");
            put::attribute(out, "xmlns", ns::UPGRADE);
            out.push('>');
            put::text(out, task);
            out.push_str("</upgrade>");
        }
        out.push_str("</authentication>");
    }

    fn write_inline(&self, out: &mut String) {
        if self.management {
            out.push_str("<sm");
            put::attribute(out, "xmlns", ns::MANAGEMENT);
            out.push_str("/>");
        }
        if let Some(features) = self.bind {
            out.push_str("<bind");
            put::attribute(out, "xmlns", ns::BIND2);
            out.push('>');
            if !features.is_empty() {
                out.push_str("<inline>");
                for var in features {
                    out.push_str("<feature");
                    put::attribute(out, "var", var);
                    out.push_str("/>");
                }
                out.push_str("</inline>");
            }
            out.push_str("</bind>");
        }
        if !self.fast.is_empty() {
            out.push_str("<fast");
            put::attribute(out, "xmlns", ns::FAST);
            out.push('>');
            write_mechanisms(out, self.fast);
            out.push_str("</fast>");
        }
    }
}

fn write_mechanisms(out: &mut String, mechanisms: &[&str]) {
    for mechanism in mechanisms {
        out.push_str("<mechanism>");
        put::text(out, mechanism);
        out.push_str("</mechanism>");
    }
}
