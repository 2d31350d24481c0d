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

/// Counts the flights of the client: how often it began to send after it had received something, its
/// first bytes included. Bytes of TLS count as those of XML do; TCP's own handshake does not. The side
/// that sends first is the client, so that the server counts the same: what it received.
///
/// A flight costs half a round trip, and the answer to it the other half. When stanzas may flow, as
/// either side sees it, the server has not sent its last answer yet, or the client has read it: both
/// have counted the flight that it answers.
#[derive(Debug, Default)]
pub struct Flights {
    count: u32,
    turn: Option<Side>,
    client: Option<Side>,
}

/// Whose bytes TCP carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Theirs,
    Ours,
}

impl Flights {
    /// This side has sent bytes.
    pub fn sent(&mut self) {
        self.carried(Side::Ours);
    }

    /// This side has received bytes.
    pub fn received(&mut self) {
        self.carried(Side::Theirs);
    }

    /// How many flights of the client began so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    fn carried(&mut self, side: Side) {
        let client = *self.client.get_or_insert(side);
        if side == client && self.turn != Some(side) {
            self.count += 1;
        }
        self.turn = Some(side);
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

    /// The server tells of the login before its last answer is sent, the client after it has come.
    #[test]
    fn both_sides_count_the_flights_of_the_client() {
        for turns in 1..5 {
            let (mut client, mut server) = (Flights::default(), Flights::default());
            for turn in 0..turns {
                client.sent();
                server.received();
                if turn + 1 < turns {
                    server.sent();
                }
                client.received();
            }
            assert_eq!((client.count(), server.count()), (turns, turns));
        }
    }
}
