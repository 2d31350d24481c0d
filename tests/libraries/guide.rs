//! The pages of the guide whose examples need other libraries are compiled and run here.

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/elements.md")]
struct Elements;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/tracing.md")]
struct Tracing;
