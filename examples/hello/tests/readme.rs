//! The README shows the client, as it is, and says how long both are.
#![allow(clippy::std_instead_of_core, reason = "a test")]

const README: &str = include_str!("../../../README.md");
const CLIENT: &str = include_str!("../../hello_client.rs");
const SERVER: &str = include_str!("../../hello_server.rs");

#[test]
fn the_readme_shows_the_client_and_both_are_short() {
    assert!(README.contains(&format!("```rust,no_run\n{CLIENT}```\n")));
    assert!(CLIENT.lines().count() <= 25);
    assert!(SERVER.lines().count() <= 40);
}
