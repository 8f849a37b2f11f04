//! What is wrong with the receiver itself. Pure.

use jiff::Timestamp;
use kube::ResourceExt as _;

use contract::{
    facts::BufferFacts,
    health::{Health, OwnTrouble, Run},
    receiver::files::BUFFER_DIR,
};

use crate::{
    api::v1alpha1::{Webhook, ZoomIntegration},
    controller::integration::{
        count::Count,
        resources::{Kind, claim_name, workload_name},
    },
};

/// The store cannot be used.
pub(super) fn failed(integration: &ZoomIntegration, webhook: &Webhook) -> String {
    format!(
        "A receiver cannot use the store of its buffer. Its events are answered 503, and Zoom repeats them for 85 minutes. Check {}: it may be read-only, failing or full; the receiver's log says what fails. The receiver tries again every second.",
        volume(integration, webhook)
    )
}

/// Events are not taken for as long as Zoom repeats them. A shorter time says nothing: a restart takes as long. Nor does
/// a trouble after which Zoom repeats nothing any more.
pub(super) fn not_taken(health: Option<&Health>, now: Option<Timestamp>) -> Option<String> {
    let health = health?;
    let is_over = |run: &Run| now.is_some_and(|now| run.is_over(now));
    let run = health.not_taken.filter(|run| run.is_steady())?;
    let run = Some(run).filter(|run| !is_over(run))?;
    let why = match health.not_taken_for {
        Some(OwnTrouble::BufferFailed) => {
            "The buffer cannot store them: check its volume; the receiver's log says what fails."
        }
        Some(OwnTrouble::Deadline) => {
            "They are not done in time: the disk of the buffer may hang, or the receiver has too little CPU (webhook.receiver.resources)."
        }
        Some(OwnTrouble::Busy) => {
            "Bodies of requests take all the memory for them: more replicas help (webhook.receiver.replicas), or somebody floods the endpoint."
        }
        Some(OwnTrouble::Other) | None => "The receiver's log says why.",
    };
    Some(format!(
        "{} requests with a right signature have been answered 503 since {}, and no event was taken since. {why} Zoom repeats an event for 85 minutes, then it is lost.",
        Count::of(run.count),
        run.since,
    ))
}

/// A damaged store was moved aside: what it holds is not delivered.
pub(super) fn damaged(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    stored: &BufferFacts,
) -> String {
    format!(
        "The store of the buffer was damaged, and the receiver continues with a new one. The events in the old one are not delivered: {} files {BUFFER_DIR}/events.redb.damaged-* on {}. Copy them if you want to look at them, remove them, and delete the Pod.",
        Count::of(stored.damaged_stores),
        volume(integration, webhook)
    )
}

/// Where the store is.
fn volume(integration: &ZoomIntegration, webhook: &Webhook) -> String {
    let kind = Kind::of(webhook.buffer.as_ref());
    let workload = workload_name(&integration.name_any(), kind);
    if kind == Kind::StatefulSet {
        let claim = claim_name(&format!("{workload}-N"));
        format!("the volume of its claim ({claim}, with the Pod's number)")
    } else {
        format!("the disk of the node (Pods of Deployment {workload})")
    }
}
