//! Feeds the same bytes in different chunks: they give the same frames, pending start tags and error,
//! as early as possible. Nothing panics, and every element can be taken out of its stream, rewritten
//! and checked.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use xmpp_stream::sasl::MAX_SALT;
use xmpp_stream::stream::Features;
use xmpp_stream::stream::sasl2::{
    self, Authenticate, AuthenticateOut, InlineBindOut, Sasl2Element,
};
use xmpp_stream::xml::{
    Checker, Element, Frame, FrameLimits, Framer, RewriteError, StanzaBuf, XmlError,
};
use xmpp_stream_fuzz::{HEADER, feed, run, tree};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// States that a header stands before the bytes.
    opened: bool,
    /// States that the limits are small.
    tight: bool,
    chunks: Vec<u8>,
    bytes: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let mut stream = Vec::new();
    if input.opened {
        stream.extend_from_slice(HEADER.as_bytes());
    }
    stream.extend_from_slice(input.bytes);
    let mut limits = FrameLimits::default();
    if input.tight {
        limits.frame_bytes = 64;
        limits.header_bytes = 100;
        limits.depth = 3;
        limits.attributes = 3;
        limits.elements = 5;
        limits.name_bytes = 8;
        limits.namespaces = 4;
    }
    let whole = run(&stream, &[], limits);
    let bytewise = run(&stream, &vec![1; stream.len()], limits);
    assert_eq!(whole, bytewise);
    assert_eq!(whole, feed(&stream, &vec![1; stream.len()], limits));
    in_time(&stream, limits);
    let chunks: Vec<usize> = input.chunks.iter().map(|&n| usize::from(n)).collect();
    assert_eq!(whole, run(&stream, &chunks, limits));
    assert_eq!(whole, feed(&stream, &chunks, limits));
    take_out(&stream, limits);
});

/// Checks that byte by byte each frame, each pending start tag and the error show with the byte that
/// causes them.
fn in_time(stream: &[u8], limits: FrameLimits) {
    let (mut bytewise, mut fed) = (Framer::new(limits), Framer::new(limits));
    let (mut before, mut pending_before) = ((0, None), None);
    for (at, byte) in stream.iter().enumerate() {
        let mut seen = before;
        assert_eq!(bytewise.push(&[*byte]), 1);
        drain(&mut bytewise, &mut seen);
        let (mut seen_fed, mut chunk) = (before, &[*byte][..]);
        loop {
            match fed.feed(&mut chunk) {
                Ok(None) => break,
                Ok(Some(_)) => seen_fed.0 += 1,
                Err(fault) => {
                    seen_fed.1 = Some(fault);
                    break;
                }
            }
        }
        assert_eq!(seen, seen_fed);
        assert_eq!(pending(&bytewise), pending(&fed));
        let pending_now = pending(&bytewise);
        if seen == before && pending_now == pending_before && at + 1 < stream.len() {
            continue;
        }
        let (before_it, with_it) = ((before, pending_before), (seen, pending_now.clone()));
        pending_before = pending_now;
        for (end, (expected, expected_pending)) in [(at, before_it), (at + 1, with_it)] {
            let mut at_once = Framer::new(limits);
            assert_eq!(at_once.push(&stream[..end]), end);
            let mut seen = (0, None);
            drain(&mut at_once, &mut seen);
            assert_eq!(seen, expected);
            assert_eq!(pending(&at_once), expected_pending);
        }
        if seen.1.is_some() {
            return;
        }
        before = seen;
    }
}

/// Returns the name and the length of the start tag that is pending.
fn pending(framer: &Framer) -> Option<(String, usize)> {
    let tag = framer.pending_start_tag()?;
    Some((tag.name().into(), tag.as_str().len()))
}

/// Counts frames and records the error.
fn drain(framer: &mut Framer, seen: &mut (usize, Option<XmlError>)) {
    loop {
        match framer.poll() {
            Ok(None) => return,
            Ok(Some(_)) => seen.0 += 1,
            Err(fault) => {
                seen.1 = Some(fault);
                return;
            }
        }
    }
}

/// Does with elements what is done with them once they were framed.
fn take_out(stream: &[u8], limits: FrameLimits) {
    let mut framer = Framer::new(limits);
    let mut checker = Checker::new(FrameLimits::default(), "jabber:server", &[]);
    let mut rest = stream;
    loop {
        let taken = framer.push(rest);
        rest = &rest[taken..];
        while let Ok(Some(_)) = framer.poll() {
            let Some(Frame::Element(stanza)) = framer.frame() else {
                continue;
            };
            let alone = StanzaBuf::parse(&stanza.standalone()).expect("stands alone");
            let (here, there) = (stanza.as_element(), alone.as_stanza().as_element());
            assert_eq!(tree(here), tree(there));
            read_sasl2(here);
            for child in stanza.children() {
                let alone = StanzaBuf::parse(&child.standalone()).expect("stands alone");
                assert_eq!(tree(child), tree(alone.as_stanza().as_element()));
            }
            let mut out = String::new();
            let rewrite = stanza.rewrite().from(Some("a&b")).to(None);
            match rewrite.content_ns("jabber:server").write(&mut out) {
                Ok(()) => {}
                // The result would be many times as long as the stanza.
                Err(RewriteError::TooLong) => continue,
                Err(error) => panic!("{error}"),
            }
            let moved = checker.check(&out).expect("fit for the other stream");
            // An element moves if it has the default namespace of its stream, or is in none (RFC
            // 6120 4.8.2).
            let content = framer.scope().get("").unwrap_or(stanza.ns());
            if stanza.ns() == "jabber:client" && content == "jabber:client" {
                assert_eq!(moved.ns(), "jabber:server");
                assert_eq!(moved.attr("from").as_deref(), Some("a&b"));
            }
            // Nothing but names changes: as much text, as many elements.
            assert_eq!(stanza.text(), moved.text());
            assert_eq!(stanza.children().count(), moved.children().count());
            // Without another namespace the names stay as well.
            let mut out = String::new();
            stanza.rewrite().write(&mut out).expect("writable");
            let same = StanzaBuf::parse_in(&out, framer.scope(), FrameLimits::default());
            assert_eq!(
                tree(here),
                tree(same.expect("fit").as_stanza().as_element())
            );
        }
        if rest.is_empty() || framer.poll().is_err() {
            return;
        }
    }
}

/// Reads an element as what SASL2 has, and holds what is read against its bounds.
fn read_sasl2(element: Element<'_>) {
    if let Some(offer) = Features::read(element).and_then(|features| features.authentication()) {
        let bind = offer.inline_bind();
        bind.into_iter().flat_map(|bind| bind.features()).count();
        offer.fast_mechanisms().into_iter().flatten().count();
        assert!(offer.upgrades().all(|task| sasl2::is_task_name(&task)));
    }
    if let Ok((salt, iterations)) = sasl2::read_salt(&element) {
        assert!((1..=MAX_SALT).contains(&salt.len()) && iterations > 0);
        let mut out = String::new();
        sasl2::write_salt(&mut out, &salt, iterations);
        let again = StanzaBuf::parse(&out).expect("well-formed");
        assert_eq!(
            sasl2::read_salt(&again.as_stanza().as_element()),
            Ok((salt, iterations))
        );
    }
    match Sasl2Element::read(&element) {
        Ok(Sasl2Element::Authenticate(read)) => {
            assert!(read.upgrades.len() <= sasl2::MAX_UPGRADES);
            let bind = read.bind.as_ref();
            let features = bind.map_or(0, |bind| bind.features().count());
            assert!(features <= sasl2::MAX_BIND_FEATURES);
            authenticate_again(&read);
        }
        Ok(Sasl2Element::Success(read)) => {
            let identifier = &read.authorization_identifier;
            assert!(read.bound.is_none() || identifier.is_full());
        }
        Ok(Sasl2Element::Continue(read)) => {
            assert!((1..=sasl2::MAX_TASKS).contains(&read.tasks.len()));
        }
        _ => {}
    }
}

/// What was read of a request and written is read as the same.
fn authenticate_again(read: &Authenticate<'_>) {
    let upgrades: Vec<_> = read.upgrades.iter().map(|task| &**task).collect();
    let request = AuthenticateOut {
        mechanism: &read.mechanism,
        initial_response: read.initial_response.as_ref(),
        user_agent: read.user_agent.as_ref(),
        bind: read.bind.as_ref().map(|bind| InlineBindOut {
            tag: bind.tag.as_deref(),
            enable: bind.enable,
            features: &[],
        }),
        resume: read
            .resume
            .as_ref()
            .map(|resume| (resume.h, &*resume.previd)),
        fast: read.fast,
        request_token: read.request_token.as_deref(),
        upgrades: &upgrades,
    };
    let mut out = String::new();
    sasl2::write_authenticate(&mut out, &request);
    let again = StanzaBuf::parse(&out).expect("well-formed");
    let Ok(Sasl2Element::Authenticate(again)) = Sasl2Element::read(&again.as_stanza().as_element())
    else {
        panic!("{out}");
    };
    assert_eq!(again.mechanism, read.mechanism);
    assert_eq!(again.initial_response, read.initial_response);
    assert_eq!(again.user_agent, read.user_agent);
    let bind = |read: &Authenticate<'_>| {
        let bind = read.bind.as_ref();
        bind.map(|bind| (bind.tag.clone().map(String::from), bind.enable))
    };
    assert_eq!(bind(&again), bind(read));
    assert_eq!(again.resume, read.resume);
    assert_eq!(
        (again.fast, &again.request_token),
        (read.fast, &read.request_token)
    );
    assert_eq!(again.upgrades, read.upgrades);
}
