//! The line `login`: by which way a client logged in, and how many flights that took.

use serde_json::json;
use xmpp_stream::event::Established;
use xmpp_stream::sasl::SaslProfile;
use xmpp_stream::{Event, Question};

use super::lines::Lines;

/// What `login` says, collected from the start of a connection.
#[derive(Debug, Default)]
pub struct Login {
    pub flights: Flights,
    way: Way,
    token: Token,
}

/// What became of tokens (XEP-0484).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Token {
    #[default]
    None,
    Requested,
    Used,
}

/// The profile of SASL, and where the resource was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    /// RFC 6120 6 and 7.
    #[default]
    Sasl,
    /// XEP-0388, with the resource bound after it (RFC 6120 7).
    Sasl2,
    /// XEP-0388, with the resource in the same exchange (XEP-0386).
    Sasl2Bind2,
}

impl Login {
    /// Looks at what has happened, and writes the line when stanzas may flow. Streams of servers and
    /// components have none: there is no address to bind.
    pub fn event(&mut self, event: &Event<'_>, lines: Lines) {
        match event {
            Event::Authenticated(done) if done.profile() == SaslProfile::Sasl2 => {
                let bound = |success: xmpp_stream::xml::Stanza<'_>| {
                    success.child("bound", "urn:xmpp:bind:0").is_some()
                };
                if self.way == Way::Sasl {
                    self.way = Way::Sasl2;
                }
                let brings = |success: xmpp_stream::xml::Stanza<'_>| {
                    success.child("token", "urn:xmpp:fast:0").is_some()
                };
                if done.token().is_some() {
                    self.token = Token::Used;
                } else if done.success().is_some_and(brings) {
                    self.token = Token::Requested;
                }
                if done.success().is_some_and(bound) {
                    self.way = Way::Sasl2Bind2;
                }
            }
            Event::Established(established) => self.say(established, lines),
            _ => {}
        }
    }

    /// Looks at a question that the application is about to answer. As an event it comes only to an
    /// application that has not answered it yet.
    pub fn asked(&mut self, question: &Question) {
        if let Question::Bind {
            inline: Some(_), ..
        } = question
        {
            self.way = Way::Sasl2Bind2;
        }
        if let Question::IssueToken(request) = question {
            self.token = match request.used {
                Some(_) => Token::Used,
                None => Token::Requested,
            };
        }
    }

    fn say(&self, established: &Established<'_>, lines: Lines) {
        let (way, bind) = match self.way {
            Way::Sasl => ("sasl", "bind"),
            Way::Sasl2 => ("sasl2", "bind"),
            Way::Sasl2Bind2 => ("sasl2", "bind2"),
        };
        let bind = match (established.resumed(), established.jid()) {
            (Some(_), _) => "resumed",
            (None, Some(_)) => bind,
            (None, None) => return,
        };
        let token = match self.token {
            Token::None => "none",
            Token::Requested => "requested",
            Token::Used => "used",
        };
        let fields = json!({
            "way": way, "bind": bind, "token": token, "flights": self.flights.count(),
        });
        lines.say("login", &fields);
    }
}

/// Counts the flights of one side: how often it began to send after it had received something, its
/// first bytes included. Bytes of TLS count as those of XML do; TCP's own handshake does not.
///
/// A flight costs a client half a round trip, and the answer to it the other half.
#[derive(Debug, Default)]
pub struct Flights {
    count: u32,
    turn: Turn,
}

/// What TCP carried last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    /// Bytes of the other side, or none yet.
    #[default]
    Theirs,
    /// Bytes of this side.
    Ours,
}

impl Flights {
    /// This side has sent bytes.
    pub fn sent(&mut self) {
        if self.turn == Turn::Theirs {
            self.count += 1;
        }
        self.turn = Turn::Ours;
    }

    /// This side has received bytes.
    pub fn received(&mut self) {
        self.turn = Turn::Theirs;
    }

    /// How many flights began so far.
    pub fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_begins_with_the_first_bytes_after_what_was_received() {
        let mut flights = Flights::default();
        assert_eq!(flights.count(), 0);
        flights.sent();
        flights.sent();
        assert_eq!(flights.count(), 1);
        flights.received();
        flights.received();
        assert_eq!(flights.count(), 1);
        flights.sent();
        assert_eq!(flights.count(), 2);
    }

    #[test]
    fn who_is_spoken_to_first_has_sent_no_flight() {
        let mut flights = Flights::default();
        flights.received();
        assert_eq!(flights.count(), 0);
        flights.sent();
        assert_eq!(flights.count(), 1);
    }
}
