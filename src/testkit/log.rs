//! What happened in a simulation, in lines.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::application::At;
use super::link::Entity;
use crate::close::CloseTcp;
use crate::event::EventBuf;

/// Lines about what happened; none unless they are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Option<Vec<String>>);

impl Log {
    pub(super) const fn keeping() -> Self {
        Self(Some(Vec::new()))
    }

    pub(super) fn lines(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }

    pub(super) fn event(&mut self, at: At, who: Entity, event: &EventBuf) {
        match event {
            EventBuf::Stanza(stanza) => self.say(at, who, &stanza.as_stanza().as_str()),
            EventBuf::TlsEstablished(info) => self.say(at, who, &format!("{:?}", info.version())),
            other => self.say(at, who, &format!("{other:?}")),
        }
    }

    pub(super) fn close(&mut self, at: At, who: Entity, close: &CloseTcp) {
        let (code, manner) = (close.reason().code(), close.manner().as_str());
        self.say(
            at,
            who,
            &format!("closed, {code}, {manner}: {}", close.reason()),
        );
    }

    pub(super) fn say(&mut self, at: At, who: Entity, what: &dyn fmt::Display) {
        if let Some(lines) = &mut self.0 {
            let At { connection, now } = at;
            let now = now.as_millis();
            lines.push(format!("{now:>8} ms  #{connection} {who:?}: {what}"));
        }
    }
}
