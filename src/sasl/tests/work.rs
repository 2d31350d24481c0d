//! Tests of how the work on what a peer sends grows with its length. Work is counted, not timed.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

use super::*;

/// Counts how many items are taken from an iterator.
fn counted<'a, T: 'a>(
    items: impl IntoIterator<Item = T> + 'a,
    taken: &'a Cell<usize>,
) -> impl Iterator<Item = T> + 'a {
    items.into_iter().inspect(|_| taken.set(taken.get() + 1))
}

/// Each name of a list is read once, so twice as many names are twice the work.
#[test]
fn lists_of_mechanisms_and_bindings_are_read_once() {
    for n in [1_000, 2_000, 4_000] {
        let names: Vec<String> = (0..n)
            .map(|i| std::format!("SCRAM-X{i}-PLUS"))
            .chain(["SCRAM-SHA-1-PLUS".into()])
            .collect();
        let bindings: Vec<String> = (0..n)
            .map(|i| std::format!("tls-x{i}"))
            .chain(["tls-exporter".into()])
            .collect();
        let (read, announced) = (Cell::new(0), Cell::new(0));
        let offer = MechanismOffer::new(counted(names.iter().map(String::as_str), &read))
            .announcing(counted(bindings.iter().map(String::as_str), &announced));
        let steps = (read.get(), announced.get());
        std::println!("mechanisms and bindings offered, n = {n}: {steps:?} steps");
        assert_eq!(steps, (n + 1, n + 1));
        let capabilities = Capabilities::new()
            .verified()
            .password()
            .binding(ChannelBindingKind::TlsExporter);
        let choice = select(offer, capabilities, MechanismPolicy::new()).unwrap();
        assert_eq!(choice.mechanism().as_str(), "SCRAM-SHA-1-PLUS");
    }
}

/// The names of an offer are read once each, and what is kept of them is as long as they are. Sorting
/// them is the only step that costs more than their number; the features in which they arrive are
/// bounded.
#[test]
fn the_names_of_an_offer_are_read_once() {
    for n in [1_000, 2_000, 4_000] {
        let names: Vec<String> = (0..n).map(|i| std::format!("X-{:04}", n - i)).collect();
        let read = Cell::new(0);
        let record = OfferRecord::new(counted(names.iter().map(String::as_str), &read));
        let again = OfferRecord::new(names.iter().rev().map(String::as_str));
        let announced = Cell::new(0);
        let bindings = counted(names.iter().map(String::as_str), &announced);
        let record = record.announcing(bindings);
        std::println!(
            "names of an offer, n = {n}: {} and {} steps",
            read.get(),
            announced.get()
        );
        assert_eq!((read.get(), announced.get()), (n, n));
        assert_ne!(record, again);
        let fast = Cell::new(0);
        let offered = FastSet::from_names(counted(names.iter().map(String::as_str), &fast));
        assert_eq!((fast.get(), offered), (n, FastSet::EMPTY));
    }
}

/// A message that is too long is refused before anything in it is read. The client reports its
/// length, although it is not UTF-8 either.
#[test]
fn a_message_that_is_too_long_is_not_read() {
    let long = [&b"n,,n=user,r="[..], &[0xff; MAX_MESSAGE]].concat();
    let mut client = ScramClient::new(
        Hash::Sha1,
        user(),
        ScramCredentials::password(pencil()),
        ClientBinding::Unsupported,
        [1; 18],
    );
    let _ = client.initial().unwrap();
    assert_eq!(client.challenge(&long), Err(SaslError::TooLong));
    let servers: [alloc::boxed::Box<dyn Acceptor>; 5] = [
        alloc::boxed::Box::new(ScramAcceptor::new(
            Hash::Sha1,
            AcceptorBinding::Absent,
            decoy(),
            [1; 18],
        )),
        alloc::boxed::Box::new(PlainAcceptor::new(decoy())),
        alloc::boxed::Box::new(ExternalAcceptor::new()),
        alloc::boxed::Box::new(AnonymousAcceptor::new()),
        alloc::boxed::Box::new(HtAcceptor::new(FastMechanism::HtSha256None, &[]).unwrap()),
    ];
    for mut server in servers {
        let step = server.response(Some(&long));
        assert!(
            matches!(step, AcceptorStep::Failure(SaslCondition::MalformedRequest)),
            "{}: {step:?}",
            server.name()
        );
    }
}
