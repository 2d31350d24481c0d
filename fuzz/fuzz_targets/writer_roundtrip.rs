//! What is written escaped is read back as it was, and what cannot be written is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmpp_stream::xml::StanzaBuf;
use xmpp_stream::xml::write::{escape_attr, escape_text};

fuzz_target!(|input: (&str, &str)| {
    let (value, text) = input;
    let (Ok(escaped_value), Ok(escaped_text)) = (escape_attr(value), escape_text(text)) else {
        let illegal = |c| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
        assert!(value.contains(illegal) || text.contains(illegal));
        return;
    };
    let whole = format!(
        "<a b='{escaped_value}' c=\"{escaped_value}\">{escaped_text}<d/>{escaped_text}</a>"
    );
    if whole.len() > 200_000 {
        return;
    }
    let stanza = StanzaBuf::parse(&whole).expect("well-formed");
    let stanza = stanza.as_stanza();
    assert_eq!(stanza.attr("b").as_deref(), Some(value));
    assert_eq!(stanza.attr("c").as_deref(), Some(value));
    assert_eq!(stanza.text(), format!("{text}{text}"));
});
