//! A hand-out for the customer's administrator: the steps in Zoom's portal, with the exact texts, as
//! Markdown or as one HTML file that loads nothing. Pure, and without a secret: steps hold none. The
//! command that writes it is [`command`]; it wants to read `ZoomIntegration`s and `ZoomConnection`s, and
//! nothing else.

pub mod command;
mod html;
mod markdown;
pub mod texts;

use jiff::Timestamp;
use kube::ResourceExt as _;

pub use self::{html::html, markdown::markdown};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration, ZoomIntegrationSpec},
    setup::{self, Facts, State, Step, Warning, known},
};

/// What a hand-out says.
#[derive(Clone, Debug)]
pub struct Handout {
    /// The app's name.
    pub app: String,
    /// Namespace and name of the integration.
    pub integration: String,
    /// The steps, in the order of Zoom's portal.
    pub steps: Vec<Step>,
    /// What is unwise.
    pub warnings: Vec<Warning>,
    /// When it was written.
    pub written: Timestamp,
}

// === impl Handout ===

impl Handout {
    /// The hand-out for an integration, as things stand at `now`.
    #[must_use]
    pub fn new(
        namespace: &str,
        name: &str,
        spec: &ZoomIntegrationSpec,
        facts: &Facts,
        now: Timestamp,
    ) -> Self {
        let steps = setup::steps(spec, facts, now);
        Self {
            app: spec.app.display_name.clone().unwrap_or_else(|| name.into()),
            integration: format!("{namespace}/{name}"),
            warnings: setup::warnings(spec, facts, &steps),
            steps,
            written: now,
        }
    }

    /// What the controller's own report says of an integration's setup, with those on its connections.
    /// `None` when there is no report yet: what is open would be guessed.
    #[must_use]
    pub fn of(
        integration: &ZoomIntegration,
        connections: &[ZoomConnection],
        now: Timestamp,
    ) -> Option<Self> {
        let status = integration.status.as_ref()?;
        if status.setup.is_empty() {
            return None;
        }
        let facts = known::facts(&integration.spec, status, connections);
        let namespace = integration.namespace().unwrap_or_default();
        let name = integration.name_any();
        Some(Self::new(&namespace, &name, &integration.spec, &facts, now))
    }

    /// How many steps are done.
    #[must_use]
    pub fn done(&self) -> usize {
        let done = |step: &&Step| step.state == State::Done;
        self.steps.iter().filter(done).count()
    }
}

/// A time, to the minute, in UTC.
fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
