//! Drives a `tls::TlsSession` in a test.

use xmpp_stream::tls::{SealError, TlsSession, TlsStep};

use super::hostile_tls::HostileTls;

/// How a test cuts what it feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    Whole,
    Bytewise,
}

impl Feed {
    pub const ALL: [Self; 2] = [Self::Whole, Self::Bytewise];
}

/// A session with everything that came out of it.
pub struct Driver {
    pub session: TlsSession,
    pub cut: Feed,
    /// Bytes for the other side, not taken yet.
    pub out: Vec<u8>,
    /// Text received.
    pub text: Vec<u8>,
    /// Steps that told something.
    pub steps: Vec<TlsStep>,
}

impl Driver {
    pub fn new(session: TlsSession, cut: Feed) -> Self {
        let (out, text, steps) = (Vec::new(), Vec::new(), Vec::new());
        let mut driver = Self {
            session,
            cut,
            out,
            text,
            steps,
        };
        let _idle = driver.settle();
        driver
    }

    /// Feeds ciphertext and polls until nothing more can be done. Returns the
    /// last step.
    pub fn receive(&mut self, bytes: &[u8]) -> TlsStep {
        let chunk = match self.cut {
            Feed::Whole => usize::MAX,
            Feed::Bytewise => 1,
        };
        let mut last = self.settle();
        for mut rest in bytes.chunks(chunk) {
            while !rest.is_empty() {
                let taken = self.session.push(rest);
                assert!(taken > 0, "settled, and still no room");
                rest = &rest[taken..];
                last = self.settle();
            }
        }
        last
    }

    /// The same, with nothing asked.
    pub fn feed(&mut self, bytes: &[u8]) {
        let _last = self.receive(bytes);
    }

    /// Polls until nothing more can be done.
    pub fn settle(&mut self) -> TlsStep {
        loop {
            let written = self.out.len();
            let read = self.text.len();
            let text = &mut self.text;
            let step = self
                .session
                .poll(&mut self.out, &mut |t| text.extend_from_slice(t));
            assert_eq!(self.text.len() > read, step == TlsStep::Plaintext);
            match &step {
                TlsStep::NeedMore => return step,
                TlsStep::Continue => {}
                TlsStep::Established | TlsStep::Plaintext => self.steps.push(step),
                TlsStep::Renegotiation(_) => {
                    assert_eq!(self.out.len(), written, "bytes after detection");
                    return self.ended(step);
                }
                TlsStep::PeerClosed | TlsStep::Failed(_) => return self.ended(step),
            }
        }
    }

    pub fn seal(&mut self, text: &[u8]) -> Result<(), SealError> {
        self.session.seal(text, &mut self.out)
    }

    pub fn take_out(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.out)
    }

    /// Completes an honest handshake with `peer`.
    pub fn handshake(&mut self, peer: &mut HostileTls) {
        peer.handshake(&mut |bytes| {
            self.feed(bytes);
            self.take_out()
        });
        assert!(self.session.established().is_some(), "{:?}", self.steps);
    }

    fn ended(&mut self, step: TlsStep) -> TlsStep {
        if self.steps.last() != Some(&step) {
            self.steps.push(step.clone());
        }
        step
    }
}
