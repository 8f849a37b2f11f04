//! What the API server refuses beside tokens and receivers, which have conditions: people are told by an Event.

use std::time::Duration;

use kube::{
    Resource,
    runtime::events::{Event, EventType},
};

use crate::{
    api::reason::Reason,
    controller::{error::Error, schedule, writer::Writer},
};

/// When the API server was overloaded, or a webhook was down: somebody may be waiting in front of a page.
pub const ONCE_OVERLOADED: Duration = Duration::from_secs(5);

/// The longest note: a policy may quote a whole object.
const LONGEST: usize = 1000;

/// Tells of it, and returns how long to wait until the next attempt.
///
/// # Errors
/// When this is no answer of the API server to one request.
pub async fn tell<K: Resource<DynamicType = ()>>(
    writer: &Writer,
    object: &K,
    what: &str,
    error: Error,
) -> Result<Duration, Error> {
    let is_final = error.is_final();
    let sentence = error.into_refusal()?;
    tracing::warn!(what, sentence, "the API server refused a request");
    if !is_final {
        return Ok(ONCE_OVERLOADED);
    }
    let note = format!("{what}: {sentence}");
    let event = Event {
        type_: EventType::Warning,
        reason: Reason::RequestRefused.into(),
        note: Some(note.chars().take(LONGEST).collect()),
        action: "Reconcile".into(),
        secondary: None,
    };
    writer.publish(object, event).await;
    Ok(schedule::UNTIL_ALLOWED)
}
