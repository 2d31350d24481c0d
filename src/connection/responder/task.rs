//! The tasks of a login by SASL2 on the receiving side (XEP-0388 2.6.3): upgrades of SCRAM (XEP-0480).
//!
//! A client that has asked for it gives the keys of its password for further hashes, before it gets
//! its `<success/>`. Only a login that has proved the password leads to one: a token is not to become
//! a password.

use alloc::vec::Vec;

use crate::config::ScramUpgrades;
use crate::connection::context::Context;
use crate::random::Random;
use crate::sasl::{Hash, KeysError, SaslCondition, ScramKeys, Secret, UpgradeAcceptor};
use crate::stream::sasl2::{
    Authenticate, Sasl2Element, read_hash, upgrade_hash, upgrade_name, write_continue, write_salt,
};
use crate::xml::Element;

/// The upgrades of a login.
#[derive(Debug, Default)]
pub(super) struct Upgrades {
    /// Those that are still to be done.
    left: Vec<Hash>,
    current: Current,
}

#[derive(Debug, Default)]
enum Current {
    #[default]
    None,
    /// `<continue/>` is due, or written.
    Named(Hash),
    /// The salt is due, or written.
    Begun(UpgradeAcceptor),
}

/// What a step of a task comes to.
pub(super) enum TaskStep {
    /// The salt is to be sent.
    Send,
    /// The application is to store these keys.
    Store(ScramKeys),
}

impl Upgrades {
    /// Keeps the upgrades that are asked for and offered.
    pub(super) fn read(authenticate: &Authenticate<'_>, offered: Option<&ScramUpgrades>) -> Self {
        let asked = authenticate.upgrades.iter();
        Self {
            left: asked
                .filter_map(|name| upgrade_hash(name))
                .filter(|hash| offered.is_some_and(|offered| offered.hashes.contains(hash)))
                .collect(),
            current: Current::None,
        }
    }

    /// Turns to the next upgrade. Returns whether there is one.
    pub(super) fn advance(&mut self) -> bool {
        self.current = match self.left.pop() {
            Some(hash) => Current::Named(hash),
            None => Current::None,
        };
        matches!(self.current, Current::Named(_))
    }

    /// Writes `<continue/>`, with the mechanism's last data at the first of them.
    pub(super) fn write_continue(&self, data: Option<&Secret>, cx: &mut Context<'_>) {
        match &self.current {
            Current::Named(hash) => {
                let name = upgrade_name(*hash).unwrap_or_default();
                let data = data.map(Secret::as_bytes);
                cx.out
                    .push_control(|out| write_continue(out, data, &[name], None));
            }
            Current::None | Current::Begun(_) => cx.defect("a task that was not chosen"),
        }
    }

    /// Takes the client's `<next/>` or `<task-data/>`.
    ///
    /// # Errors
    /// The condition to fail with.
    pub(super) fn run(
        &mut self,
        element: &Element<'_>,
        iterations: u32,
        random: &dyn Random,
    ) -> Result<TaskStep, SaslCondition> {
        match (&self.current, Sasl2Element::read(element)?) {
            (Current::Named(hash), Sasl2Element::Next(next))
                if upgrade_name(*hash) == Some(&*next.task) =>
            {
                let begun = UpgradeAcceptor::new(*hash, iterations, random)
                    .map_err(|_: KeysError| SaslCondition::TemporaryAuthFailure)?;
                self.current = Current::Begun(begun);
                Ok(TaskStep::Send)
            }
            (Current::Begun(begun), Sasl2Element::TaskData(data)) => {
                let keys = begun.finish(&read_hash(&data)?)?;
                self.current = Current::None;
                Ok(TaskStep::Store(keys))
            }
            _ => Err(SaslCondition::MalformedRequest),
        }
    }

    /// Writes the salt.
    pub(super) fn write_salt(&self, cx: &mut Context<'_>) {
        match &self.current {
            Current::Begun(begun) => cx
                .out
                .push_control(|out| write_salt(out, begun.salt(), begun.iterations())),
            Current::None | Current::Named(_) => cx.defect("a salt that is not there"),
        }
    }
}
