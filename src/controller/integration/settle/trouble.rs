//! Why Pods of a receiver are missing.

use crate::controller::integration::model::{Observed, Receiver};

/// Why a Pod is not available: none can be created, or what the Pods report.
pub(super) fn trouble(observed: &Observed, live: &Receiver) -> Option<String> {
    let conditions = live.deployment.as_ref();
    let conditions = conditions.and_then(|live| live.status.as_ref()?.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let failure = conditions
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")
        .and_then(|condition| condition.message.clone());
    let of_pod = || observed.pods.iter().find_map(|pod| pod.trouble.clone());
    failure.or_else(|| observed.warning.clone()).or_else(of_pod)
}
