//! Tests of the elements of SASL2, and the functions that they share.

mod inline;
mod malformed;
mod written;

use alloc::string::String;
use alloc::vec::Vec;

use super::Sasl2Element;
use crate::sasl::{SaslCondition, Secret};
use crate::stream::testing::element;

/// What `of` makes of the element that `xml` is read as.
fn read<T>(xml: &str, of: impl FnOnce(Sasl2Element<'_>) -> T) -> Result<T, SaslCondition> {
    element(xml, |element| Sasl2Element::read(&element).map(of))
}

/// The condition with which `xml` is refused.
fn refusal(xml: &str) -> Option<SaslCondition> {
    read(xml, |_| ()).err()
}

fn written(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

fn octets(secret: Option<&Secret>) -> Option<Vec<u8>> {
    secret.map(|secret| secret.as_bytes().to_vec())
}
