//! How much is shown.

/// How many bytes of one element are shown at most. The rest is cut.
pub const MAX_TEXT: usize = 65_536;

/// How much of stanzas, and of other elements on an established stream, is shown.
///
/// What has to do with logins is hidden with either; the [module](super) has the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Payload {
    /// The names and namespaces of elements, the names of attributes, and of stanzas `from`, `to`, `id`,
    /// `type` and `xml:lang`. Other values and all text are replaced by their lengths.
    #[default]
    Names,
    /// Everything that is not known to be secret. What users write to each other is then in the trace, and
    /// so are the secrets of protocols that this crate does not know.
    Full,
}
