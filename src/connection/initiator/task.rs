//! The tasks of a client's login by SASL2 (XEP-0388 2.6.3): upgrades of SCRAM (XEP-0480).
//!
//! One upgrade is asked for at most, and done once. Any other task that the server names ends the
//! login.

use crate::connection::context::Context;
use crate::sasl::{
    Hash, IterationBounds, MechanismStep, Password, SaslError, Secret, UpgradeClient,
};
use crate::stream::FirstLevelElement;
use crate::stream::sasl2::{Sasl2Element, read_salt, upgrade_name, write_hash, write_next};

/// The upgrade of a login.
#[derive(Debug, Default)]
pub(super) enum Upgrade {
    /// None was asked for, or it is done.
    #[default]
    None,
    /// It was asked for with `<authenticate/>`.
    Asked(Hash),
    /// `<next/>` is due, or its answer outstanding.
    Begun(Hash),
    /// The password is being salted.
    Working(UpgradeClient),
    /// It is salted.
    Salted(Secret),
}

impl Upgrade {
    /// The name of the task that was asked for.
    pub(super) const fn asked(&self) -> Option<&'static str> {
        match self {
            Self::Asked(hash) => upgrade_name(*hash),
            _ => None,
        }
    }

    /// Takes the tasks that `<continue/>` names. Returns whether the one asked for is among them, and
    /// nothing else is needed.
    pub(super) fn begin<'a>(&mut self, mut tasks: impl Iterator<Item = &'a str>) -> bool {
        match *self {
            Self::Asked(hash) if tasks.any(|task| upgrade_name(hash) == Some(task)) => {
                *self = Self::Begun(hash);
                true
            }
            _ => false,
        }
    }

    /// Writes `<next/>`.
    pub(super) fn write_next(&self, cx: &mut Context<'_>) {
        match self {
            Self::Begun(hash) => {
                let name = upgrade_name(*hash).unwrap_or_default();
                cx.out.push_control(|out| write_next(out, name, None));
            }
            _ => cx.defect("a task that was not chosen"),
        }
    }

    /// Begins to salt the password with what the server says.
    ///
    /// # Errors
    /// The server's salt or count cannot be used.
    pub(super) fn salt(
        &mut self,
        element: &FirstLevelElement<'_>,
        password: &Password,
        bounds: IterationBounds,
    ) -> Result<(), SaslError> {
        let Self::Begun(hash) = *self else {
            return Err(SaslError::OutOfSequence);
        };
        let data = match Sasl2Element::read(&element.element()) {
            Ok(Sasl2Element::TaskData(data)) => data,
            _ => return Err(SaslError::Malformed),
        };
        let (salt, iterations) = read_salt(&data).map_err(|_| SaslError::Malformed)?;
        let work = UpgradeClient::new(hash, password, &salt, iterations, bounds)?;
        *self = Self::Working(work);
        Ok(())
    }

    /// Whether a slice of work is left.
    pub(super) const fn is_working(&self) -> bool {
        matches!(self, Self::Working(_))
    }

    /// Does a slice of the work. Returns whether it is done.
    ///
    /// # Errors
    /// There is no work.
    pub(super) fn work(&mut self) -> Result<bool, SaslError> {
        let Self::Working(upgrade) = self else {
            return Err(SaslError::OutOfSequence);
        };
        match upgrade.work()? {
            MechanismStep::Working => Ok(false),
            MechanismStep::Respond(salted) => {
                *self = Self::Salted(salted);
                Ok(true)
            }
        }
    }

    /// Writes the salted password.
    pub(super) fn write_data(&mut self, cx: &mut Context<'_>) {
        match core::mem::take(self) {
            Self::Salted(salted) => {
                let octets = salted.as_bytes();
                cx.out
                    .push_secret(octets.len(), |out| write_hash(out, octets));
            }
            _ => cx.defect("task data that is not there"),
        }
    }
}
