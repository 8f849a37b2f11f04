//! Gives the grant of a connection that is being deleted to the garbage collector, and tells what became of it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _, api::Patch};
use serde_json::json;

use crate::{
    api::{
        reason::Reason,
        v1alpha1::{ConnectionDeletionPolicy, ZoomConnection},
    },
    controller::{
        error::Error,
        grants::secret::{self, GrantSecret},
        published,
        writer::Writer,
    },
};

/// Makes the connection the owner of its grant, which goes with it from now on, unless the policy says that it stays.
///
/// # Errors
/// When a request to the API server fails.
pub(super) async fn hand_over(writer: &Writer, connection: &ZoomConnection) -> Result<(), Error> {
    if connection.deletion_policy() == ConnectionDeletionPolicy::Retain {
        return Ok(());
    }
    let secrets: Api<Secret> = writer.beside(connection)?;
    let name = secret::name(&connection.name_any());
    let found = secrets.get_opt(&name).await?;
    let is_ours = matches!(
        secret::read(connection, found.as_ref()),
        GrantSecret::Ours(_) | GrantSecret::Broken
    );
    if !is_ours {
        return Ok(());
    }
    let patch = json!({"metadata": {
        "uid": found.and_then(|found| found.metadata.uid),
        "ownerReferences": secret::owner(connection),
    }});
    let params = published::patch_parameters();
    let patched = secrets.patch(&name, &params, &Patch::Merge(patch)).await;
    published::ok_if_gone(patched)
}

/// Why the API server does not let the grant be handed over, if the deletion goes on without that: at once where a
/// permission is missing, and after `until` whatever the refusal is. An admission policy may refuse forever.
///
/// # Errors
/// When the attempt must be repeated.
pub(super) fn refusal(
    attempt: Result<(), Error>,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    match attempt {
        Ok(()) => Ok(None),
        Err(Error::Kubernetes(kube::Error::Api(status)))
            if status.is_forbidden() || now >= until && !is_overload(status.code) =>
        {
            Ok(Some(status.message))
        }
        Err(error) => Err(error),
    }
}

/// Whether the API server itself is busy or unreachable, so that nothing else can be written, either.
fn is_overload(code: u16) -> bool {
    matches!(code, 429 | 503 | 504)
}

/// What people are told at the end: `why` nothing was revoked, and why the API server `keeps` the tokens.
pub(super) fn news(
    connection: &str,
    why: Option<&str>,
    keeps: Option<&str>,
) -> Vec<(Reason, String)> {
    let erased = if keeps.is_none() {
        " The tokens are erased here."
    } else {
        ""
    };
    let revoked = why.map(|why| {
        let note = format!(
            "The grant was not revoked at Zoom: {why} The person can remove the app in the Zoom App Marketplace.{erased}"
        );
        (Reason::NotRevoked, note)
    });
    let kept = keeps.map(|refusal| {
        let name = secret::name(connection);
        let note = format!(
            "The tokens stay in Secret {name} until somebody deletes it: the API server does not allow the operator to have it erased with the connection: {refusal}"
        );
        (Reason::GrantNotErased, note.chars().take(1000).collect())
    });
    revoked.into_iter().chain(kept).collect()
}
