//! Checks that the resources are defined before anything else starts.

use std::time::Duration;

use kube::{Api, Client, api::ListParams};
use runtime::shutdown::Shutdown;

use super::{error::chain, report::Reported};
use crate::api::v1alpha1::{ZoomConnection, ZoomIntegration};

/// How long to wait before looking for the definition again.
const PAUSE: Duration = Duration::from_secs(2);

/// What listing the objects of a kind in one namespace says about its definition.
enum Answer {
    Defined,
    Missing(String),
    /// The namespace does not exist, or access is forbidden. This says nothing about the definition, and must
    /// not keep all other namespaces waiting.
    Refused(String),
}

/// Waits until the resources are defined, and logs what is missing. The wait also ends when the process is
/// asked to stop. `None` means that all namespaces are served.
pub async fn wait(client: &Client, namespaces: Option<&[String]>, shutdown: &Shutdown) {
    let mut logged = None;
    loop {
        let problem = match problem::<ZoomIntegration>(client, namespaces).await {
            None => problem::<ZoomConnection>(client, namespaces).await,
            problem => problem,
        };
        let Some(problem) = problem else {
            return;
        };
        if logged.as_ref() != Some(&problem) {
            tracing::warn!(problem, "waiting for the API server");
            logged = Some(problem);
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = shutdown.requested() => return,
        }
    }
}

/// Why objects of a kind cannot be served.
async fn problem<K: Reported>(client: &Client, namespaces: Option<&[String]>) -> Option<String> {
    let Some(namespaces) = namespaces else {
        return match ask::<K>(Api::all(client.clone())).await {
            Answer::Defined => None,
            Answer::Missing(problem) | Answer::Refused(problem) => Some(problem),
        };
    };
    for namespace in namespaces {
        match ask::<K>(Api::namespaced(client.clone(), namespace)).await {
            Answer::Defined => return None,
            Answer::Missing(problem) => return Some(problem),
            Answer::Refused(_) => {}
        }
    }
    // None of these namespaces can be served now; each one is served once it can be watched.
    None
}

async fn ask<K: Reported>(api: Api<K>) -> Answer {
    match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(_) => Answer::Defined,
        Err(kube::Error::Api(status)) if status.is_not_found() => Answer::Missing(format!(
            "{} is not defined: install the CRDs (chart value crds.enabled, or the files in crds/)",
            K::kind(&())
        )),
        Err(error @ kube::Error::Api(_)) if is_refusal(&error) => Answer::Refused(chain(&error)),
        Err(error) => Answer::Missing(chain(&error)),
    }
}

fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_forbidden())
}
