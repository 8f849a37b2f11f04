//! Consents that were handed over and belong to no connection yet, or no longer.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::ListParams,
    runtime::events::{Event, EventType},
};

use super::{
    Context,
    error::Error,
    grants::store,
    published::{self, secrets},
    report, schedule,
};
use crate::api::{
    label,
    reason::Reason,
    v1alpha1::{LocalRef, SelfService, ZoomConnection, ZoomConnectionSpec, ZoomIntegration},
};
use contract::consent::{self, Handoff};

/// A handed over consent is of no use to anybody after this: its code lives for five minutes.
const LIFE: Duration = Duration::from_mins(30);
const BETWEEN_SWEEPS: Duration = Duration::from_mins(1);

/// Removes what nobody redeemed, for as long as this replica leads. Does not end.
pub async fn sweep(context: &Context) {
    if context.config.connect_url.is_none() {
        return std::future::pending().await;
    }
    let mut ticks = tokio::time::interval(BETWEEN_SWEEPS);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = sweep_once(context).await {
            tracing::warn!(%error, "failed to remove old consents");
        }
    }
}

async fn sweep_once(context: &Context) -> Result<(), Error> {
    let secrets = secrets(&context.client, &context.config.lease_namespace);
    let now = Timestamp::now();
    for secret in secrets.list_metadata(&all()).await? {
        let created = secret.creation_timestamp().map(|time| time.0);
        if created.is_some_and(|created| now > schedule::later(created, LIFE)) {
            context.leadership.check()?;
            published::remove(&secrets, &secret.name_any()).await?;
            tracing::info!("removed a consent that nobody redeemed");
        }
    }
    Ok(())
}

/// Makes the connections of people who connected themselves, as far as the policy allows. The limit
/// counts what self service made.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn self_service(context: &Context, integration: &ZoomIntegration) -> Result<(), Error> {
    let Some(policy) = integration.spec.self_service() else {
        return Ok(());
    };
    if context.config.connect_url.is_none() || integration.spec.suspend {
        return Ok(());
    }
    let namespace = integration.namespace().unwrap_or_default();
    let handed_over: Api<Secret> = secrets(&context.client, &context.config.lease_namespace);
    let selector = format!(
        "{}={},{}={namespace},{}={}",
        label::USE,
        label::CONSENT,
        label::NAMESPACE,
        label::INTEGRATION,
        integration.name_any(),
    );
    let params = ListParams::default().labels(&selector);
    for secret in handed_over.list(&params).await? {
        let Some(handoff) = begun_without_connection(&secret, integration) else {
            continue;
        };
        if !admit(context, integration, &handoff, policy).await? {
            context.leadership.check()?;
            published::remove(&handed_over, &secret.name_any()).await?;
        }
    }
    Ok(())
}

fn begun_without_connection(secret: &Secret, integration: &ZoomIntegration) -> Option<Handoff> {
    if secret.type_.as_deref() != Some(consent::SECRET_TYPE) {
        return None;
    }
    let handoff = store::handoff(secret)?;
    let ours = Some(&handoff.integration_uid) == integration.metadata.uid.as_ref();
    (ours && handoff.connection_uid.is_none()).then_some(handoff)
}

/// Makes the connection; false when there are too many.
async fn admit(
    context: &Context,
    integration: &ZoomIntegration,
    handoff: &Handoff,
    policy: &SelfService,
) -> Result<bool, Error> {
    let connections: Api<ZoomConnection> = context.beside(integration);
    // As it is now: the limit must hold however fast people are.
    let made = ListParams::default().labels(&format!(
        "{}=true,{}={}",
        label::SELF_SERVICE,
        label::INTEGRATION,
        integration.name_any()
    ));
    let made = connections.list_metadata(&made).await?;
    if made
        .iter()
        .any(|found| found.name_any() == handoff.connection)
    {
        return Ok(true);
    }
    let limit = policy.limit();
    if i32::try_from(made.items.len()).unwrap_or(i32::MAX) >= limit {
        let event = Event {
            type_: EventType::Warning,
            reason: Reason::SelfServiceLimit.into(),
            note: Some(format!(
                "Somebody wanted to connect and was refused: there are {limit} connections by self service. Delete some, or raise oauth.consent.selfService.maxConnections."
            )),
            action: "Connect".into(),
            secondary: None,
        };
        report::publish(context, integration, event).await;
        return Ok(false);
    }
    let mut connection = ZoomConnection::new(
        &handoff.connection,
        ZoomConnectionSpec {
            integration_ref: LocalRef {
                name: integration.name_any(),
            },
            subject: None,
            import_secret_ref: None,
            token: None,
            external_refs: None,
        },
    );
    connection.metadata.labels = Some(
        [
            (label::MANAGED_BY, label::MANAGER.to_owned()),
            (label::INTEGRATION, integration.name_any()),
            (label::SELF_SERVICE, "true".into()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into(),
    );
    context.leadership.check()?;
    let params = published::parameters();
    match connections.create(&params, &connection).await {
        Ok(_) => {
            tracing::info!(
                connection = handoff.connection,
                "somebody connected himself"
            );
            Ok(true)
        }
        // Somebody else's, or ours a moment ago: the consent is for whoever has the name.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(true),
        Err(error) => Err(Error::from_write(error)),
    }
}

/// Every Secret that hands over a consent.
#[must_use]
pub fn all() -> ListParams {
    ListParams::default().labels(&format!("{}={}", label::USE, label::CONSENT))
}
