//! The data that a pass over a connection hands from step to step.

mod consent;
mod observed;
mod situation;
mod step;

pub use self::{
    consent::{Asked, CONSENT_PREFIX, Consent, End, Wait, code_expires},
    observed::{AppAccess, ForeignAttempt, Import, Integration, Observed, Read, Unseen, pinned},
    situation::{Attempted, Routed, Situation},
    step::{Outcome, Purpose, Refused, Step},
};
