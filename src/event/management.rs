//! What the application learns of stream management (XEP-0198).

use crate::sm::SmState;

/// Stream management is on.
#[derive(Clone, Copy, Debug)]
pub struct ManagementEnabled<'a> {
    pub(crate) session: &'a SmState,
}

impl<'a> ManagementEnabled<'a> {
    /// Returns whether the session can be resumed. A server may enable stream management without the
    /// resumption that was asked for (XEP-0198 5).
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.session.id().is_some()
    }

    /// Returns the name of the session, by which a server finds its stream if a client resumes the
    /// session while that is still open. It is as private as [`SmState::id`].
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.session.id()
    }

    /// Returns for how many seconds after the end of its stream, if the server said so.
    #[must_use]
    pub fn max(&self) -> Option<u32> {
        self.session.max()
    }

    /// Returns where the server would like the session to be resumed.
    #[must_use]
    pub fn location(&self) -> Option<&'a str> {
        self.session.location()
    }
}

/// The peer refused to enable stream management, or to resume a session.
#[derive(Clone, Copy, Debug)]
pub struct ManagementRefused<'a> {
    pub(crate) session: Option<&'a SmState>,
}

impl<'a> ManagementRefused<'a> {
    /// Returns the session that was not resumed, with what the peer has not acknowledged of it. A
    /// resource is bound now; [`take_sm_state`](crate::Connection::take_sm_state) hands the session
    /// over. `None` if stream management was not enabled.
    #[must_use]
    pub fn session(&self) -> Option<&'a SmState> {
        self.session
    }
}

/// How a session was resumed. What the peer had handled by then is in
/// [`Session::acknowledged`](crate::Session::acknowledged); no event tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Resumed {
    /// How many stanzas the peer had handled, modulo 2^32.
    pub h: u32,
    /// How many were sent again.
    pub retransmitted: u32,
}

#[cfg(test)]
mod tests {
    use super::ManagementEnabled;
    use crate::sasl::Secret;
    use crate::sm::SmState;

    #[test]
    fn a_server_learns_the_name_of_a_session_that_can_be_resumed() {
        let mut session = SmState::new(0);
        assert_eq!(ManagementEnabled { session: &session }.id(), None);
        session.id = Some(Secret::new(b"name".to_vec()));
        let enabled = ManagementEnabled { session: &session };
        assert!(enabled.is_resumable());
        assert_eq!(enabled.id(), Some("name"));
    }
}
