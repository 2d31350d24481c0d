//! The driver in every situation, drivers that are wrong, and the notices for every reason.
#![allow(clippy::unwrap_used, reason = "test code")]

mod wrong;

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use proptest::prelude::*;
use xmpp_stream::testkit::driver::{DriverCheck, Exchange, MockClock, MockSocket, Situation, Task};
use xmpp_stream::testkit::samples::Samples;
use xmpp_stream::testkit::strategies;

use super::*;

impl Socket for MockSocket {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        MockSocket::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        MockSocket::set_write_timeout(self, timeout)
    }

    fn shut_down(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn sleep(&self, duration: Duration) {
        MockSocket::sleep(self, duration);
    }
}

impl Clock for MockClock {
    fn now(&self) -> Instant {
        MockClock::now(self)
    }
}

impl<N: Negotiation> Application<N> for Exchange<N> {
    fn event(&mut self, event: &Event<'_>) {
        Exchange::event(self, event);
    }

    fn act(&mut self, machine: &mut Connection<N>) {
        Exchange::act(self, machine);
    }

    fn closed(&mut self, close: &CloseTcp) {
        Exchange::closed(self, close);
    }
}

/// The driver with what the kit has in the place of a network.
fn own<N: Negotiation>(task: Task<N>) {
    let Task {
        machine,
        socket,
        mut application,
        ..
    } = task;
    let clock = socket.clock();
    let _close = drive(machine, socket, &clock, &mut application).unwrap();
}

#[test]
fn the_driver_is_right_in_every_situation_and_in_both_roles() {
    let check = DriverCheck::plaintext().unwrap();
    check.initiator(own).unwrap();
    check.responder(own).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same with any seed, and with any configs.
    #[test]
    fn the_driver_is_right_whatever_the_network_and_the_configs_are(
        situation in strategies::situations(),
        options in strategies::pairs(),
    ) {
        let (initiating, receiving) = options.plaintext().unwrap();
        let check = DriverCheck::new(initiating, receiving).only([situation]);
        prop_assert_eq!(check.initiator(own), Ok(()));
        prop_assert_eq!(check.responder(own), Ok(()));
    }

    /// Whatever is in a reason, the window shows something, and nothing that hides an attack.
    #[test]
    fn no_attack_is_shown_as_a_loss_of_the_connection(reason in strategies::close_reasons()) {
        if reason.code().starts_with("tls") {
            prop_assert_eq!(notice(&reason), Notice::Warning);
        }
    }
}

#[test]
fn every_notice_is_shown_for_some_reason_and_every_reason_has_one() {
    let shown: HashSet<Notice> = CloseReason::samples().iter().map(notice).collect();
    assert_eq!(shown.len(), 5);
    for reason in CloseReason::samples() {
        let expected = match reason.variant() {
            "Closed" | "LocalAbort" => Notice::None,
            "Reset" | "Timeout" | "Transport" => Notice::Reconnecting,
            "AuthenticationFailed" => Notice::AskForPassword,
            "StreamError" | "NegotiationFailed" | "NotWellFormed" | "Limit" | "StarttlsRefused"
            | "Internal" => Notice::Failure,
            _ => Notice::Warning,
        };
        assert_eq!(notice(&reason), expected, "{reason:?}");
    }
}

#[test]
fn each_wrong_driver_is_found_by_what_it_does_wrong() {
    let check = DriverCheck::plaintext().unwrap();
    let fault = check.initiator(wrong::loses_bytes).unwrap_err();
    assert!(fault.what().contains("ended with"), "{fault}");
    let fault = check.initiator(wrong::writes_after_an_abort).unwrap_err();
    assert_eq!(fault.situation(), Situation::LocalAbort);
    assert!(fault.what().contains("after CloseTcp (abort)"), "{fault}");
    let fault = check.initiator(wrong::ignores_deadlines).unwrap_err();
    assert_eq!(fault.situation(), Situation::Silent);
    assert!(fault.what().contains("hangs"), "{fault}");
}
