//! When to check an integration again: the times in its status, and the news of its receivers.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::proofs;
use crate::{
    api::{
        condition::Type,
        v1alpha1::{ConsentMode, Phase, TokenStatus, WebhookStatus, ZoomIntegrationSpec},
    },
    controller::{integration::model::Applied, schedule},
    setup::judge::PROOF_LASTS,
};
use contract::facts::{BufferFacts, Facts};

/// When to check again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// How long to wait until the next pass.
    pub pass: Duration,
    /// How often to ask the receivers, independently of the passes, whether their facts changed.
    pub poll: Option<Duration>,
}

/// What says which news and which times are to be expected.
pub struct Expected<'a> {
    pub spec: &'a ZoomIntegrationSpec,
    /// How many connections there are.
    pub connections: i32,
    pub phase: Phase,
    pub buffer: Option<&'a BufferFacts>,
    pub facts: Option<&'a Facts>,
    pub token: Option<&'a TokenStatus>,
    pub webhook: Option<&'a WebhookStatus>,
    /// The conditions to publish.
    pub conditions: &'a [Condition],
    pub applied: &'a Applied,
}

/// When to check again.
pub fn next(expected: &Expected<'_>, now: Timestamp) -> Next {
    let Expected { spec, facts, .. } = *expected;
    let filling = |buffered: &BufferFacts| buffered.pending > 0 || buffered.full || buffered.failed;
    // Somebody waits for the receiver's next news: a removal, a sink that accepts events again, or the first
    // event of an app whose installation only an event can prove.
    let awaits_change = expected.connections > 0
        || expected.buffer.is_some_and(filling)
        || facts.is_some_and(is_in_trouble)
        || expected.phase != Phase::Connected && an_event_installs(spec);
    let poll = expected
        .webhook
        .filter(|_| !spec.suspend)
        .map(|webhook| poll(awaits_change, webhook, expected.conditions, now));
    let pass = wait(
        spec.suspend,
        expected.token,
        expected.webhook,
        expected.applied,
        now,
    );
    Next {
        // The message says for how long it has failed, so it must be updated as well.
        pass: poll
            .filter(|_| facts.is_some_and(is_in_trouble))
            .map_or(pass, |poll| poll.min(pass)),
        poll,
    }
}

/// Whether only an event can show that somebody has installed the app.
fn an_event_installs(spec: &ZoomIntegrationSpec) -> bool {
    spec.consent_mode() == Some(ConsentMode::External) || spec.has_bot()
}

/// Whether the receiver has a problem that a person may be correcting.
fn is_in_trouble(facts: &Facts) -> bool {
    facts.health.as_ref().is_some_and(|health| {
        health.wrong_signatures.is_some()
            || health.missing_headers.is_some()
            || health.wrong_authentication.is_some()
            || health.outside_window.is_some()
            || health.not_taken.is_some()
            || health.sink_cause.is_some()
            || health.set_aside > 0
    })
}

/// How often to ask the receivers whether their facts changed.
fn poll(
    awaits_change: bool,
    webhook: &WebhookStatus,
    conditions: &[Condition],
    now: Timestamp,
) -> Duration {
    let up_since = Type::ReceiverAvailable
        .find(conditions)
        .map(|condition| condition.last_transition_time.0);
    let next = schedule::next_facts(
        webhook.last_validated.is_some(),
        awaits_change,
        up_since,
        now,
    );
    Duration::try_from(next.duration_since(now)).unwrap_or_default()
}

fn wait(
    suspended: bool,
    token: Option<&TokenStatus>,
    webhook: Option<&WebhookStatus>,
    applied: &Applied,
    now: Timestamp,
) -> Duration {
    let mut times = Vec::new();
    if !suspended {
        if let Some(token) = token {
            let failure = token.failure.as_ref();
            // While attempts fail, the refresh time is in the past and the time of the next attempt counts.
            times.extend(token.refresh_at.iter().map(|time| time.0));
            times.extend(token.expires_at.iter().map(|time| time.0));
            times.extend(failure.map(|failure| failure.retry_at.0));
        }
        let checked = applied.checked.failure.as_ref();
        times.extend(checked.map(|failure| failure.retry_at.0));
        times.extend(applied.look_again);
        let validated = webhook.and_then(|webhook| webhook.last_validated.as_ref());
        times.extend(validated.map(|at| schedule::later(at.0, zoom::URL_VALIDATION_PERIOD)));
        let proved = webhook.and_then(proofs::latest);
        times.extend(proved.map(|at| schedule::later(at, PROOF_LASTS)));
    }
    schedule::wait(times, now)
}
