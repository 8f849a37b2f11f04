//! The state that a step changes, and how a failure is recorded in it. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::{reason::Reason, v1alpha1::ZoomConnection},
    controller::{
        connection::model::Situation,
        failure::{self, Attempt},
        schedule,
    },
};

/// The state that a step changes.
pub struct After<'a> {
    /// The connection.
    pub connection: &'a ZoomConnection,
    /// Name of the Secret of the consent that the step concerns.
    pub consent: Option<String>,
    /// The state.
    pub situation: Situation,
    /// The time.
    pub now: Timestamp,
}

// === impl After ===

impl After<'_> {
    /// Records what Zoom said.
    pub fn failed(&mut self, error: &zoom::Error) {
        self.record(error.fault.into(), error.message(), error.retry_after);
    }

    /// Records a failed attempt.
    pub fn record(&mut self, reason: Reason, message: String, retry_after: Option<Duration>) {
        let observed = &self.situation.observed;
        let attempt = Attempt {
            reason,
            message,
            retry_after,
            credentials_version: observed.credentials_version(),
            expires_at: observed.expires_at(),
        };
        let uid = self.connection.uid().unwrap_or_default();
        let before = self.situation.failure.take();
        self.situation.failure = Some(failure::record(attempt, before.as_ref(), &uid, self.now));
    }

    /// Requests another check after this time.
    pub fn look_in(&mut self, wait: Duration) {
        let time = schedule::later(self.now, wait);
        self.situation.look_at(time);
    }
}
