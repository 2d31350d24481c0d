//! A value of every kind: reasons, events, questions, actions.
//!
//! [`Samples`] is implemented for the types that a machine reports, and for everything inside them.
//! `T::samples()` has at least one value of each variant of `T`, so a table of an application can be
//! tested against all there are; a variant that is added to this crate is a compile error here before
//! it can be missing there.

mod events;
mod identity;
mod questions;
mod reasons;

use alloc::vec::Vec;

pub use events::{for_each_action, for_each_event};

/// A type of whose every variant the kit has a value.
pub trait Samples: Sized {
    /// The names of the variants, in the order of their declaration.
    const VARIANTS: &'static [&'static str];

    /// Returns at least one value of each variant. The values and their order are the same in every
    /// run.
    fn samples() -> Vec<Self>;

    /// Returns the name of this value's variant.
    fn variant(&self) -> &'static str;
}

/// Returns every value of a payload, in this variant.
fn each<T: Samples, U>(wrap: impl FnMut(T) -> U) -> Vec<U> {
    T::samples().into_iter().map(wrap).collect()
}

/// Implements [`Samples`] for an enum: for each variant, an expression of its values. The match of
/// `variant` has no wildcard.
macro_rules! samples {
    ($type:ty { $($variant:ident => $values:expr),+ $(,)? }) => {
        impl $crate::testkit::samples::Samples for $type {
            const VARIANTS: &'static [&'static str] = &[$(stringify!($variant)),+];

            fn samples() -> alloc::vec::Vec<Self> {
                let mut all = alloc::vec::Vec::new();
                $(all.extend($values);)+
                all
            }

            fn variant(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => stringify!($variant)),+
                }
            }
        }
    };
}

/// Implements [`Samples`] for an enum whose variants have no payload.
macro_rules! unit_samples {
    ($type:ty { $($variant:ident),+ $(,)? }) => {
        $crate::testkit::samples::samples!($type { $($variant => [Self::$variant]),+ });
    };
}

use samples;
use unit_samples;

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use core::fmt::Debug;

    use super::*;
    use crate::close::{
        AuthenticationReason, CloseReason, CloseTcp, InternalReason, Manner, Phase,
    };
    use crate::event::{DialbackAnswer, DialbackQuestion, EventBuf, Proven, Question};
    use crate::reset::{Disconnect, ResetCause, Side};
    use crate::sasl::{
        CredentialQuery, Downgrade, FastMechanism, Hash, PinBreach, SaslCondition, SaslError,
        SaslProfile, ScramError, SelectError, TokenSlot, TokenUnusable,
    };
    use crate::stream::{
        DialbackCondition, DialbackVerdict, NegotiationReason, StreamCondition, StreamError,
    };
    use crate::tls::identity::IdentityError;
    use crate::tls::{
        CertificateReason, HandshakeKind, RenegotiationAttempt, RenegotiationEvidence, SetupError,
        TlsReason, TlsReasonKind, TlsVersion,
    };
    use crate::xml::{LimitKind, XmlError, XmlErrorKind};

    /// What the match without a wildcard knows is what there are values of.
    fn is_complete<T: Samples>() -> usize {
        let samples = T::samples();
        let met: BTreeSet<_> = samples.iter().map(Samples::variant).collect();
        let declared: BTreeSet<_> = T::VARIANTS.iter().copied().collect();
        assert_eq!(met, declared, "{}", core::any::type_name::<T>());
        assert_eq!(declared.len(), T::VARIANTS.len());
        samples.len()
    }

    #[test]
    fn there_is_a_value_of_every_variant() {
        let counts = [
            is_complete::<CloseReason>(),
            is_complete::<CloseTcp>(),
            is_complete::<Manner>(),
            is_complete::<Phase>(),
            is_complete::<AuthenticationReason>(),
            is_complete::<InternalReason>(),
            is_complete::<Side>(),
            is_complete::<ResetCause>(),
            is_complete::<StreamCondition>(),
            is_complete::<StreamError>(),
            is_complete::<NegotiationReason>(),
            is_complete::<DialbackCondition>(),
            is_complete::<DialbackVerdict>(),
            is_complete::<SaslCondition>(),
            is_complete::<SaslError>(),
            is_complete::<ScramError>(),
            is_complete::<SelectError>(),
            is_complete::<Downgrade>(),
            is_complete::<TokenUnusable>(),
            is_complete::<PinBreach>(),
            is_complete::<TlsVersion>(),
            is_complete::<HandshakeKind>(),
            is_complete::<RenegotiationEvidence>(),
            is_complete::<RenegotiationAttempt>(),
            is_complete::<TlsReason>(),
            is_complete::<TlsReasonKind>(),
            is_complete::<CertificateReason>(),
            is_complete::<SetupError>(),
            is_complete::<IdentityError>(),
            is_complete::<XmlErrorKind>(),
            is_complete::<LimitKind>(),
            is_complete::<XmlError>(),
            is_complete::<EventBuf>(),
            is_complete::<Question>(),
            is_complete::<CredentialQuery>(),
            is_complete::<DialbackQuestion>(),
            is_complete::<DialbackAnswer>(),
            is_complete::<Proven>(),
            is_complete::<SaslProfile>(),
            is_complete::<Hash>(),
            is_complete::<FastMechanism>(),
            is_complete::<TokenSlot>(),
        ];
        assert!(counts.iter().all(|count| *count > 1), "{counts:?}");
    }

    #[test]
    fn no_value_of_a_reason_is_there_twice() {
        fn are_different<T: Samples + PartialEq + Debug>() {
            let samples = T::samples();
            for (at, sample) in samples.iter().enumerate() {
                assert!(!samples[..at].contains(sample), "{sample:?}");
            }
        }
        are_different::<CloseReason>();
        are_different::<CloseTcp>();
        are_different::<EventBuf>();
        are_different::<StreamError>();
        are_different::<TlsReason>();
    }

    /// The whole table of reasons leads somewhere in the planner, too.
    #[test]
    fn every_reason_has_a_code_a_text_and_a_plan() {
        let mut plans = Vec::new();
        for reason in CloseReason::samples() {
            assert!(!reason.code().is_empty());
            assert!(!alloc::format!("{reason}").is_empty());
            let plan = Disconnect::from(&reason);
            if !plans.contains(&plan) {
                plans.push(plan);
            }
        }
        // Of the plans without a payload: `Lost`, `TlsFailed` and so on.
        assert!(plans.contains(&Disconnect::TlsRenegotiation));
        assert!(plans.contains(&Disconnect::AuthenticationUnavailable));
        assert!(plans.len() > 20, "{plans:?}");
    }
}
