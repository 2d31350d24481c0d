//! Stream management (XEP-0198): what is counted, kept, acknowledged and resumed.
//!
//! A stream that is cut, or reset for fresh keys (RFC 6120 5.3.5), loses what is in flight. With
//! stream management both sides count stanzas and keep what the other side has not acknowledged; a
//! later stream resumes the session and sends exactly the rest. [`SmPolicy`] turns it on for clients'
//! streams, in either role.
//!
//! # Counting
//!
//! A stanza of the peer is counted when the application is handed it as an
//! [`Event::Stanza`](crate::Event::Stanza), or, with [`AckMode::Handled`], when the application says
//! so ([`Session::handled`](crate::Session::handled)). What this crate answers by itself is counted
//! as well. A stanza that was sent stays in a bounded queue until the peer has acknowledged it:
//! [`Event::Acknowledged`](crate::Event::Acknowledged),
//! [`Session::acknowledged`](crate::Session::acknowledged). While the queue is full, sending is
//! refused ([`SendError::Full`](crate::SendError::Full)).
//!
//! # After the end of a connection
//!
//! [`Connection::take_sm_state`](crate::Connection::take_sm_state) returns an [`SmState`]: a plain
//! value that can be stored as bytes and handed to another process or node.
//!
//! * An initiating entity passes it to [`Connection::resume`](crate::Connection::resume).
//! * A receiving entity stores it under [`SmState::id`]. When a client asks for that name
//!   ([`Question::Resume`](crate::event::Question::Resume)), it takes it out of the store and answers
//!   with it. **The store must compare and delete in one step** (`DELETE .. RETURNING` in SQL,
//!   `GETDEL` in Redis): a session that two nodes resume at once is delivered twice.
//! * If the session is over, [`SmState::unacknowledged`] lists what the peer did not acknowledge, and
//!   says of each stanza whether the peer may have it ([`Fate`]). Nothing is ever sent again without
//!   the application, except on a resumed session, where the peer's count says what is missing.
//!
//! A stream that ends with closing tags ends the session too (XEP-0198 7). A reset does not, nor does
//! a lost connection: [`SmState::is_resumable`].
//!
//! # Sessions that outlive a process
//!
//! A process that is killed hands nothing over. A node whose sessions are to survive that stores
//! [`Connection::sm_snapshot`](crate::Connection::sm_snapshot) while the stream lives, under two rules:
//!
//! * **Before TCP takes bytes** ([`transmit`](crate::Connection::transmit)) the snapshot of after the
//!   poll that made them is stored. Every count that the peer can know of is then in the store: an
//!   older snapshot would have been sent fewer stanzas than the peer acknowledges.
//! * **The stanzas that it counts as handled are stored in the same transaction**, and those that are
//!   to be sent leave the application's own queue in it. Otherwise a crash in between loses or doubles
//!   them.
//!
//! A snapshot may be older than what the peer has acknowledged. The node that resumes it must **replace the
//! owner in the step in which it reads the session**, and each write of a snapshot must fail if the
//! owner is another one by then: the node aborts its connection, and none of its bytes leave.
//! A session that was deleted when it was taken out would be lost with the node that took it.
//! `examples/cluster` in this crate's repository does all of it, over SQLite and over Redis.
//!
//! Streams between servers and of components have no stream management here.

mod policy;
mod queue;
mod state;

pub use policy::{AckMode, SmPolicy};
pub(crate) use queue::TooHigh;
pub(crate) use state::Ending;
pub use state::{Fate, Received, SmState, SmStateError, Unacknowledged};
