//! Restarts consumers that cannot read a token again, if both the resource (`token.restart`) and the
//! operator's configuration ask for it.

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    core::v1::Secret,
};
use kube::{
    Api,
    api::Patch,
    runtime::events::{Event, EventType},
};
use serde_json::{Value, json};

use super::{
    error::Error,
    published::patch_parameters,
    report::Reported,
    token_secret::{Stored, TokenSecret},
    writer::Writer,
};
use crate::api::{
    annotation,
    reason::Reason,
    v1alpha1::{Restart, RestartWhen, Workload, WorkloadKind},
};

/// What is needed to restart consumers.
#[derive(Clone, Copy)]
pub struct Restarts<'a> {
    /// Writes to the cluster.
    pub writer: &'a Writer,
    /// Whether the operator's configuration allows restarts.
    pub allowed: bool,
}

/// The marker for the consumers' Pods after the token has moved to this Secret.
#[must_use]
pub fn moved(secret: &str) -> String {
    secret.to_owned()
}

/// The marker for the consumers' Pods after a new token; `None` if they already have it, or need none.
#[must_use]
pub fn due(restart: Option<&Restart>, secret: &str, token: &TokenSecret) -> Option<String> {
    let restart = restart?;
    let TokenSecret::Ours(stored) = token else {
        return None;
    };
    if restart.when.unwrap_or_default() != RestartWhen::EveryToken {
        return None;
    }
    let Stored {
        issued_at,
        restarted_for,
        ..
    } = stored;
    let marker = format!("{secret}/{}", (*issued_at)?);
    (restarted_for.as_ref() != Some(&marker)).then_some(marker)
}

/// Restarts the consumers of `object` that do not have `marker` yet. A refusal by the API server becomes an
/// Event: it must not keep the token from the other consumers.
///
/// # Errors
/// When this replica no longer leads.
pub async fn restart<K: Reported>(
    by: &Restarts<'_>,
    object: &K,
    restart: &Restart,
    marker: &str,
) -> Result<(), Error> {
    for workload in &restart.workloads {
        let refused = if by.allowed {
            roll(by.writer, object, workload, marker).await?
        } else {
            Err(
                "the operator's configuration does not allow it (chart value restartWorkloads)"
                    .to_owned(),
            )
        };
        match refused {
            Ok(()) => tracing::info!(
                kind = workload.kind.as_str(),
                name = workload.name,
                "restarted a consumer of the token"
            ),
            Err(sentence) => {
                let note = format!(
                    "{} {} was not restarted for its new token: {sentence}.",
                    workload.kind.as_str(),
                    workload.name
                );
                let event = Event {
                    type_: EventType::Warning,
                    reason: Reason::ConsumerNotRestarted.into(),
                    note: Some(note),
                    action: "Restart".into(),
                    secondary: None,
                };
                by.writer.publish(object, event).await;
            }
        }
    }
    Ok(())
}

/// Restarts the consumers after a new token, and records that on the token's Secret.
///
/// # Errors
/// As [`restart`].
pub async fn with_token<K: Reported>(
    by: &Restarts<'_>,
    object: &K,
    wanted: Option<&Restart>,
    secret: &str,
    token: &TokenSecret,
) -> Result<(), Error> {
    let (Some(wanted), Some(marker)) = (wanted, due(wanted, secret, token)) else {
        return Ok(());
    };
    restart(by, object, wanted, &marker).await?;
    let secrets: Api<Secret> = by.writer.beside(object)?;
    let patch = json!({"metadata": {"annotations": {(annotation::RESTARTED_FOR): marker}}});
    let written = secrets
        .patch(secret, &patch_parameters(), &Patch::Merge(patch))
        .await;
    if let Err(error) = written {
        // The next pass applies the same patch again, which restarts nothing.
        tracing::debug!(%error, "failed to note that consumers were restarted");
    }
    Ok(())
}

async fn roll<K: Reported>(
    writer: &Writer,
    object: &K,
    workload: &Workload,
    marker: &str,
) -> Result<Result<(), String>, Error> {
    let patch = Patch::Merge(patch(marker));
    let (name, params) = (workload.name.as_str(), patch_parameters());
    let done = match workload.kind {
        WorkloadKind::Deployment => {
            let api: Api<Deployment> = writer.beside(object)?;
            api.patch_metadata(name, &params, &patch).await.map(drop)
        }
        WorkloadKind::StatefulSet => {
            let api: Api<StatefulSet> = writer.beside(object)?;
            api.patch_metadata(name, &params, &patch).await.map(drop)
        }
        WorkloadKind::DaemonSet => {
            let api: Api<DaemonSet> = writer.beside(object)?;
            api.patch_metadata(name, &params, &patch).await.map(drop)
        }
    };
    Ok(done.map_err(|error| match error {
        kube::Error::Api(status) => status.message.trim_end_matches('.').to_owned(),
        error => error.to_string(),
    }))
}

/// Sets our own annotation on the Pods, in the same way as `kubectl rollout restart` sets its own.
fn patch(marker: &str) -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {
        (annotation::RESTARTED_FOR): marker,
    }}}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(when: Option<RestartWhen>) -> Restart {
        Restart {
            workloads: vec![],
            when,
        }
    }

    fn token(restarted_for: Option<&str>) -> TokenSecret {
        TokenSecret::Ours(Stored {
            issued_at: Some("2026-03-01T10:00:00Z".parse().unwrap()),
            restarted_for: restarted_for.map(Into::into),
            ..Stored::default()
        })
    }

    #[test]
    fn only_who_says_so_is_restarted_with_every_token() {
        let fresh = token(None);
        assert_eq!(due(None, "s", &fresh), None);
        assert_eq!(due(Some(&wanted(None)), "s", &fresh), None);
        let renamed = wanted(Some(RestartWhen::Renamed));
        assert_eq!(due(Some(&renamed), "s", &fresh), None);
        let every = wanted(Some(RestartWhen::EveryToken));
        assert_eq!(
            due(Some(&every), "s", &fresh).as_deref(),
            Some("s/2026-03-01T10:00:00Z")
        );
        assert_eq!(due(Some(&every), "s", &TokenSecret::Absent), None);
    }

    #[test]
    fn once_for_each_token() {
        let every = wanted(Some(RestartWhen::EveryToken));
        let known = token(Some("s/2026-03-01T10:00:00Z"));
        assert_eq!(due(Some(&every), "s", &known), None);
        let older = token(Some("s/2026-03-01T09:00:00Z"));
        assert!(due(Some(&every), "s", &older).is_some());
    }
}
