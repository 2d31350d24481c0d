//! What the test kit's peer does to machines under TLS, and drivers under TLS.

mod drivers;
mod peer;
