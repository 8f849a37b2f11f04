//! Carries out a plan: the only place that calls Zoom and writes Secrets and receivers.

use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    Context,
    error::Error,
    observe::{Observed, Receiver, namespaced},
    plan::{Plan, ReceiverStep, TokenStep, last_failure},
    resources::{self, Resources},
    schedule::{self, Retry},
    token_secret::{self, TokenSecret},
    verdict::{MISSING_SCOPES, ReceiverFinding, SECRET_NOT_WRITTEN, missing_scopes, retry_of},
};
use crate::{
    api::{
        FIELD_MANAGER,
        v1alpha1::{TokenFailure, ZoomIntegration},
    },
    zoom::{AccessToken, scopes},
};

/// How things stand after the plan was carried out.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The token Secret.
    pub token: TokenSecret,
    /// The attempts to get a token that failed since the last success.
    pub failure: Option<TokenFailure>,
    /// Whether Zoom gave the token for the credentials as they are now.
    pub with_current_credentials: bool,
    /// The receiver.
    pub receiver: ReceiverFinding,
    /// When the plan wants to be made again.
    pub look_again: Option<Timestamp>,
}

/// Carries out `plan`.
///
/// # Errors
/// When the API server cannot be asked, somebody wrote in between, or this replica was deposed. What
/// Zoom or the API server refuse for a reason that the user must know is part of [`Applied`].
pub async fn apply(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
) -> Result<Applied, Error> {
    // The receiver first: it must be up before anybody can press Validate in Zoom's form.
    let receiver = receiver(context, integration, &observed.receiver, plan.receiver).await?;
    let (token, failure, look_again) = match plan.token {
        TokenStep::Keep if integration.spec.suspend => (
            observed.token.clone(),
            last_failure(integration).cloned(),
            None,
        ),
        TokenStep::Keep => (observed.token.clone(), None, None),
        TokenStep::Wait(until) => (
            observed.token.clone(),
            last_failure(integration).cloned(),
            Some(until),
        ),
        TokenStep::Reown => (
            reown(context, integration, &observed.token).await?,
            None,
            None,
        ),
        TokenStep::Request(cause) => {
            tracing::debug!(?cause, "requesting a token");
            let (token, failure) = request(context, integration, observed).await?;
            (token, failure, None)
        }
    };
    if let Some(name) = observed
        .old_token_secret
        .as_ref()
        .filter(|_| plan.remove_old_token_secret)
    {
        let secrets: Api<Secret> = namespaced(context, integration);
        gone(secrets.delete(name, &DeleteParams::default()).await)?;
    }
    let with_current_credentials = matches!(
        &token,
        TokenSecret::Ours(stored) if stored.credentials_version == observed.credentials.version
    );
    Ok(Applied {
        token,
        failure,
        with_current_credentials,
        receiver,
        look_again,
    })
}

// === The token ===

async fn request(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
) -> Result<(TokenSecret, Option<TokenFailure>), Error> {
    let Some(credentials) = &observed.credentials.server_to_server else {
        return Ok((observed.token.clone(), None));
    };
    context.zoom.within_budget(credentials).await;
    // Checked last before the request: a leader that was frozen until now starts nothing.
    context.leadership.check()?;
    let sent = Timestamp::now();
    let answer = context.zoom.account_credentials(credentials, sent).await;
    context
        .metrics
        .token_request(answer.as_ref().err().map(|error| error.fault));
    let token = match answer {
        Ok(token) => token,
        Err(error) => {
            tracing::info!(
                fault = error.fault.as_str(),
                detail = error.detail,
                "zoom gave no token"
            );
            let failure = failure(
                integration,
                observed,
                error.fault.as_str(),
                error.message(),
                error.retry_after,
            );
            return Ok((observed.token.clone(), Some(failure)));
        }
    };
    match publish(context, integration, observed, &token).await {
        Ok(secret) => {
            let declared = &integration.spec.scopes;
            let found = scopes::compare(&token.scope, &declared.required, &[]);
            let failure = (!found.missing.is_empty()).then(|| {
                failure(
                    integration,
                    observed,
                    MISSING_SCOPES,
                    missing_scopes(&found),
                    None,
                )
            });
            tracing::info!(expires_at = %token.expires_at, "published a token");
            Ok((token_secret::read(integration, Some(&secret)), failure))
        }
        Err(Error::Kubernetes(kube::Error::Api(status))) => {
            let message = format!(
                "The Secret {} could not be written: {}",
                token_secret::name(integration),
                status.message
            );
            let failure = failure(integration, observed, SECRET_NOT_WRITTEN, message, None);
            Ok((observed.token.clone(), Some(failure)))
        }
        Err(error) => Err(error),
    }
}

/// Writes the Secret under the version that was observed: whoever wrote in between wins.
async fn publish(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    token: &AccessToken,
) -> Result<Secret, Error> {
    let secrets: Api<Secret> = namespaced(context, integration);
    let uid = integration.uid().unwrap_or_default();
    let refresh_at = schedule::refresh_at(token.issued_at, token.expires_at, &uid);
    let version = &observed.credentials.version;
    let build = |replaces| token_secret::build(integration, token, refresh_at, version, replaces);
    let written = match &observed.token {
        TokenSecret::Ours(stored) => {
            let secret = build(Some(stored.resource_version.as_str()));
            secrets
                .patch(
                    &secret.name_any(),
                    &PatchParams::apply(FIELD_MANAGER).force(),
                    &Patch::Apply(&secret),
                )
                .await
        }
        _ => secrets.create(&post_params(), &build(None)).await,
    };
    written.map_err(Error::from_write)
}

async fn reown(
    context: &Context,
    integration: &ZoomIntegration,
    token: &TokenSecret,
) -> Result<TokenSecret, Error> {
    let TokenSecret::Ours(stored) = token else {
        return Ok(token.clone());
    };
    context.leadership.check()?;
    let secrets: Api<Secret> = namespaced(context, integration);
    let patch = json!({"metadata": {
        "resourceVersion": stored.resource_version,
        "ownerReferences": token_secret::owners(integration),
    }});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let secret = secrets
        .patch(
            &token_secret::name(integration),
            &params,
            &Patch::Merge(patch),
        )
        .await
        .map_err(Error::from_write)?;
    Ok(token_secret::read(integration, Some(&secret)))
}

/// Records a failed attempt, with the time of the next one.
fn failure(
    integration: &ZoomIntegration,
    observed: &Observed,
    reason: &str,
    message: String,
    retry_after: Option<std::time::Duration>,
) -> TokenFailure {
    let version = &observed.credentials.version;
    // Other credentials, or another trouble than missing scopes: the count begins anew.
    let before = last_failure(integration).filter(|before| {
        before.credentials_version == *version
            && (before.reason == MISSING_SCOPES) == (reason == MISSING_SCOPES)
    });
    let attempts = before.map_or(1, |before| before.attempts.saturating_add(1));
    let now = Timestamp::now();
    let uid = integration.uid().unwrap_or_default();
    let cause: Retry = retry_of(reason);
    TokenFailure {
        reason: reason.into(),
        message,
        attempts,
        time: Time(schedule::later(now, std::time::Duration::ZERO)),
        retry_at: Time(schedule::retry_at(cause, attempts, retry_after, now, &uid)),
        credentials_version: version.clone(),
    }
}

// === The receiver ===

async fn receiver(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Receiver,
    step: ReceiverStep,
) -> Result<ReceiverFinding, Error> {
    let wanted = resources::build(integration, &context.config.receiver);
    match (step, wanted) {
        (ReceiverStep::Apply, Some(wanted)) => {
            match apply_receiver(context, integration, observed, wanted).await {
                Err(Error::Kubernetes(kube::Error::Api(status))) => {
                    Ok(ReceiverFinding::NotApplied(format!(
                        "The receiver's objects could not be written: {}",
                        status.message
                    )))
                }
                other => other,
            }
        }
        (ReceiverStep::Remove, _) => {
            remove_receiver(context, integration, observed).await?;
            Ok(ReceiverFinding::Unavailable(
                "The receiver is removed.".into(),
            ))
        }
        _ => Ok(availability(observed.deployment.as_ref())),
    }
}

async fn apply_receiver(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Receiver,
    wanted: Resources,
) -> Result<ReceiverFinding, Error> {
    let Resources {
        service_account,
        service,
        deployment,
    } = wanted;
    let foreign = [
        foreign(integration, observed.service_account.as_ref()),
        foreign(integration, observed.service.as_ref()),
        foreign(integration, observed.deployment.as_ref()),
    ];
    if let Some(object) = foreign.into_iter().flatten().next() {
        return Ok(ReceiverFinding::Conflict(format!(
            "{object} exists and was not made for this integration: delete it, or create the integration under another name."
        )));
    }
    let leaving = [
        leaving(integration, observed.service_account.as_ref()),
        leaving(integration, observed.service.as_ref()),
        leaving(integration, observed.deployment.as_ref()),
    ];
    if leaving.contains(&true) {
        return Ok(ReceiverFinding::Unavailable(
            "The receiver of a deleted integration of this name is being removed.".into(),
        ));
    }
    child(
        context,
        integration,
        observed.service_account.as_ref(),
        service_account,
    )
    .await?;
    child(context, integration, observed.service.as_ref(), service).await?;
    let deployment = child(
        context,
        integration,
        observed.deployment.as_ref(),
        deployment,
    )
    .await?;
    Ok(availability(Some(&deployment)))
}

/// Applies one object, unless it already is as wanted.
async fn child<K>(
    context: &Context,
    integration: &ZoomIntegration,
    live: Option<&K>,
    wanted: K,
) -> Result<K, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    if let Some(live) = live {
        let json = |object: &K| serde_json::to_value(object).unwrap_or_default();
        if resources::covers(&json(live), &json(&wanted)) {
            return Ok(live.clone());
        }
    }
    context.leadership.check()?;
    let api: Api<K> = namespaced(context, integration);
    let name = wanted.name_any();
    tracing::info!(kind = %K::kind(&()), name, "applying");
    api.patch(
        &name,
        &PatchParams::apply(FIELD_MANAGER).force(),
        &Patch::Apply(&wanted),
    )
    .await
    .map_err(Error::from_write)
}

async fn remove_receiver(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Receiver,
) -> Result<(), Error> {
    remove(context, integration, observed.deployment.as_ref()).await?;
    remove(context, integration, observed.service.as_ref()).await?;
    remove(context, integration, observed.service_account.as_ref()).await
}

/// Deletes one object if it is ours.
async fn remove<K>(
    context: &Context,
    integration: &ZoomIntegration,
    live: Option<&K>,
) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let Some(live) = live.filter(|live| owned(integration, *live)) else {
        return Ok(());
    };
    context.leadership.check()?;
    let api: Api<K> = namespaced(context, integration);
    let exactly = Preconditions {
        uid: live.uid(),
        resource_version: None,
    };
    gone(
        api.delete(
            &live.name_any(),
            &DeleteParams::background().preconditions(exactly),
        )
        .await,
    )
}

/// Kind and name of an object that another owner made under our name.
fn foreign<K: Resource<DynamicType = ()>>(
    integration: &ZoomIntegration,
    live: Option<&K>,
) -> Option<String> {
    let live = live?;
    (!owned(integration, live) && !leaving(integration, Some(live)))
        .then(|| format!("{} {}", K::kind(&()), live.name_any()))
}

fn owned<K: Resource>(integration: &ZoomIntegration, live: &K) -> bool {
    live.owner_references()
        .iter()
        .any(|owner| Some(&owner.uid) == integration.metadata.uid.as_ref())
}

/// Whether the object is that of a deleted integration of the same name, which the garbage collector
/// removes.
fn leaving<K: Resource>(integration: &ZoomIntegration, live: Option<&K>) -> bool {
    live.is_some_and(|live| {
        !owned(integration, live)
            && live.owner_references().iter().any(|owner| {
                owner.kind == ZoomIntegration::kind(&())
                    && Some(&owner.name) == integration.metadata.name.as_ref()
            })
    })
}

fn availability(deployment: Option<&k8s_openapi::api::apps::v1::Deployment>) -> ReceiverFinding {
    let Some(deployment) = deployment else {
        return ReceiverFinding::Unavailable("The receiver is not deployed.".into());
    };
    let status = deployment.status.clone().unwrap_or_default();
    if status.available_replicas.unwrap_or_default() > 0 {
        return ReceiverFinding::Available;
    }
    let trouble = status
        .conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")
        .and_then(|condition| condition.message)
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    ReceiverFinding::Unavailable(format!(
        "No Pod of Deployment {} is available yet{trouble}.",
        deployment.name_any()
    ))
}

fn post_params() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PostParams::default()
    }
}

/// What is already gone need not be deleted.
fn gone<T>(result: Result<T, kube::Error>) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(Error::from_write(error)),
    }
}
