//! What several integration tests share.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "test code"
)]

pub mod bench;
pub mod hand;
pub mod honest;
pub mod hostile_tls;
pub mod lead;
pub mod outcome;
pub mod pair;
pub mod pki;
pub mod play;
pub mod rng;
pub mod scenes;
pub mod tls_driver;

/// Says where a check failed, if it does.
pub fn naming<T>(place: &str, check: impl FnOnce() -> T) -> T {
    struct Place<'a>(&'a str);
    impl Drop for Place<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                println!("at: {}", self.0);
            }
        }
    }
    let _place = Place(place);
    check()
}
