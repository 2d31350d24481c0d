//! What every parser must have shown.

use std::fmt;

/// Sums over all elements.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Visited {
    pub elements: usize,
    pub names: usize,
    pub namespaces: usize,
    pub attributes: usize,
    pub attribute_names: usize,
    pub values: usize,
    pub text: usize,
}

impl Visited {
    #[inline]
    pub fn element(&mut self, name: usize, namespace: usize) {
        self.elements += 1;
        self.names += name;
        self.namespaces += namespace;
    }

    #[inline]
    pub fn attribute(&mut self, name: usize, namespace: usize, value: usize) {
        self.attributes += 1;
        self.attribute_names += name;
        self.namespaces += namespace;
        self.values += value;
    }
}

impl fmt::Display for Visited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} {}",
            self.elements,
            self.names,
            self.namespaces,
            self.attributes,
            self.attribute_names,
            self.values,
            self.text
        )
    }
}
