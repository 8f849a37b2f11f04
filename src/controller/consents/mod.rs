//! Consents from the pages that belong to no connection yet, or no longer.
//!
//! With self-service, a connection is created only after Zoom accepted the code and issued a grant.
//! Otherwise, anybody with the link could use up the limit with worthless codes. [`admission`] names the next
//! step for each consent, [`self_service`] carries it out.

mod admission;
mod sweep;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, PostParams},
    runtime::events::{Event, EventType},
};
use runtime::audit::{Action, Outcome};

use self::admission::{Limit, Objection, Pending, Place, Refusal, Step, Target};
pub use self::sweep::sweep;
use super::{
    Context, audit,
    connection::{apply, model::Consent},
    credentials::Credentials,
    error::Error,
    grants::TooEarly,
    handed_over::{Wanted, handed_over, remember},
    key::Key,
    published::{self, Exactly},
    reader::{Reader, Reads},
    tenancy,
    writer::Writer,
};
use crate::api::{
    label,
    v1alpha1::{IntegrationRef, SelfService, ZoomConnection, ZoomConnectionSpec, ZoomIntegration},
};

/// Redeems the codes of people who connect by self-service, and creates their connections within the policy's
/// limits. Returns when to check again.
///
/// # Errors
/// When a request to the API server fails.
pub async fn self_service(
    context: &Context,
    integration: &ZoomIntegration,
) -> Result<Option<Timestamp>, Error> {
    let Some(policy) = integration.spec.self_service() else {
        return Ok(None);
    };
    if context.config.connect_url.is_none() || integration.spec.suspend {
        return Ok(None);
    }
    let namespace = &context.config.lease_namespace;
    let (mut pending, later) = pending(context, integration).await?;
    if pending.is_empty() {
        return Ok(later);
    }
    let target = target(context, integration, policy).await?;
    for consent in &mut pending {
        consent.refusal = admission::misplaced(consent, &target);
    }
    let credentials = credentials(&context.reader, integration).await?;
    let mut limit = Limit {
        made: made(&context.reader, integration, &target.namespace).await?,
        most: policy.limit(),
    };
    let (due, mut again) = admission::due(pending, &limit, &credentials, Timestamp::now());
    again.extend(later);
    for mut consent in due {
        loop {
            match admission::next(&consent, &limit, &credentials, Timestamp::now()) {
                Step::Leave => break,
                Step::Wait(until) => {
                    again.push(until);
                    break;
                }
                // A code is not spent for a connection that nobody may create.
                Step::Redeem(app, name) => {
                    let tried = try_to_create(context, integration, &target, &name, true).await?;
                    if let Err(objection) = tried {
                        consent = admission::objected(consent, &objection, Timestamp::now());
                        keep(context, integration, &consent).await?;
                        continue;
                    }
                    let by = Key::from(integration);
                    let redeemed =
                        apply::redeem(context, by, &consent.consent, &app, &target.uid).await?;
                    let now = Timestamp::now();
                    let outcome = match redeemed {
                        Ok(outcome) => outcome,
                        Err(TooEarly(wait)) => {
                            again.push(now.checked_add(wait).unwrap_or(Timestamp::MAX));
                            break;
                        }
                    };
                    consent = admission::settle(consent, outcome, now);
                    keep(context, integration, &consent).await?;
                }
                Step::Create(name) => {
                    match try_to_create(context, integration, &target, &name, false).await? {
                        Ok(()) => limit.made.push(name),
                        Err(objection) => {
                            if objection.is_final && admission::is_told(&consent) {
                                let refusal = admission::refusal(&consent, &objection);
                                publish(&context.writer, integration, refusal).await;
                            }
                            consent = admission::objected(consent, &objection, Timestamp::now());
                            keep(context, integration, &consent).await?;
                        }
                    }
                }
                Step::Refuse(_) | Step::Hold(_)
                    if !is_current(&context.reader, integration).await? =>
                {
                    // The watch of consents was faster than that of integrations: the next pass judges.
                    again.push(admission::soon(Timestamp::now()));
                    break;
                }
                Step::Hold(refusal) => {
                    if admission::is_told(&consent) {
                        publish(&context.writer, integration, refusal).await;
                    }
                    consent = admission::held(consent, Timestamp::now());
                    keep(context, integration, &consent).await?;
                }
                Step::Refuse(refusal) => {
                    let writer = &context.writer;
                    refuse(writer, namespace, integration, &consent.consent, refusal).await?;
                    break;
                }
            }
        }
    }
    Ok(again.into_iter().min())
}

/// Whether the integration is still the one by which the pass judges.
async fn is_current(reader: &Reader, integration: &ZoomIntegration) -> Result<bool, Error> {
    let integrations: Reads<ZoomIntegration> = reader.beside(integration);
    let name = integration.name_any();
    let live = integrations.get_metadata_opt(&name).await?;
    let live = live.as_ref().map(|live| &live.metadata);
    Ok(admission::is_current(&integration.metadata, live))
}

/// The consents of people without a connection, the oldest first, and when there are others to read. Grants that wait for
/// somebody, up to two days, are not read before: they would take the places of people in front of a page. Removes
/// those of connections that are gone: nothing comes of them, and there may be many.
async fn pending(
    context: &Context,
    integration: &ZoomIntegration,
) -> Result<(Vec<Pending>, Option<Timestamp>), Error> {
    let key = Key::from(integration);
    let resting = context.reader.index().resting(&key, Timestamp::now());
    let rested = resting.values().min().copied();
    let wanted = Wanted {
        namespace: &context.config.lease_namespace,
        key: &key,
        selectors: &selectors(&key),
        told: None,
        done: &resting.into_keys().collect(),
    };
    let is_pending = |secret: &Secret| Pending::of(secret, integration).is_some();
    let found = handed_over(&context.reader, wanted, is_pending).await?;
    let mut is_more = false;
    for secret in &found.others {
        match sweep::remove_if_left_behind(context, secret).await {
            Ok(is_removed) => is_more |= is_removed && found.is_more,
            Err(error) => tracing::debug!(%error, "a consent of a connection that is gone stays"),
        }
    }
    let mut pending: Vec<Pending> = found
        .own
        .iter()
        .filter_map(|secret| Pending::of(secret, integration))
        .collect();
    pending.sort_by_key(|pending| pending.consent.since());
    let more = is_more.then(|| admission::soon(Timestamp::now()));
    Ok((pending, more.into_iter().chain(rested).min()))
}

/// The labels of an integration's consents, in whichever namespace the connection is to be: a template may have changed
/// since.
fn selectors(integration: &Key) -> [String; 2] {
    let (home, name) = (&integration.namespace, &integration.name);
    let (kind, consent, of) = (label::USE, label::CONSENT, label::INTEGRATION);
    let (elsewhere, namespace) = (label::INTEGRATION_NAMESPACE, label::NAMESPACE);
    [
        format!("{of}={name},{elsewhere}={home},{kind}={consent}"),
        format!("{of}={name},!{elsewhere},{namespace}={home},{kind}={consent}"),
    ]
}

/// The namespace in which connections are created, and whether it may and wants to have them.
async fn target(
    context: &Context,
    integration: &ZoomIntegration,
    policy: &SelfService,
) -> Result<Target, Error> {
    let home = integration.namespace().unwrap_or_default();
    let name = policy.namespace().unwrap_or(&home);
    let namespaces: Reads<Namespace> = context.reader.of_cluster();
    let watched = context.config.scope.namespaces();
    let is_watched = watched
        .as_ref()
        .is_none_or(|all| all.iter().any(|watched| watched == name));
    let found = if is_watched {
        namespaces.get_metadata_opt(name).await?
    } else {
        None
    };
    let labels = found
        .as_ref()
        .map(|found| found.metadata.labels.clone().unwrap_or_default());
    let seen = labels.as_ref().filter(|_| watched.is_none());
    let place = Place {
        namespace: name,
        home: &home,
        is_allowed: tenancy::admits(integration, name, seen),
        labels: labels.as_ref(),
    };
    let objection = admission::objection(&place, &context.config.accept_connections);
    Ok(Target {
        namespace: name.to_owned(),
        uid: found.and_then(|found| found.uid()).unwrap_or_default(),
        objection,
    })
}

async fn credentials(reader: &Reader, integration: &ZoomIntegration) -> Result<Credentials, Error> {
    let secrets: Reads<Secret> = reader.beside(integration);
    let name = &integration.spec.credentials.secret_ref.name;
    let secret = secrets.get_opt(name).await?;
    Ok(Credentials::read(&integration.spec, secret.as_ref()))
}

/// The names of the connections that self-service created. Read from the API server: the limit must hold
/// however fast people are.
async fn made(
    reader: &Reader,
    integration: &ZoomIntegration,
    target: &str,
) -> Result<Vec<String>, Error> {
    let connections: Reads<ZoomConnection> = reader.within(target);
    let home = integration.namespace().unwrap_or_default();
    let from = if home == target {
        format!("!{}", label::INTEGRATION_NAMESPACE)
    } else {
        format!("{}={home}", label::INTEGRATION_NAMESPACE)
    };
    let selector = format!(
        "{}=true,{}={},{from}",
        label::SELF_SERVICE,
        label::INTEGRATION,
        integration.name_any()
    );
    let made = connections
        .list_metadata(&ListParams::default().labels(&selector))
        .await?;
    Ok(made.iter().map(kube::ResourceExt::name_any).collect())
}

/// Records in the consent's Secret how long it waits, if it does.
async fn keep(
    context: &Context,
    integration: &ZoomIntegration,
    pending: &Pending,
) -> Result<(), Error> {
    let Some(wait) = pending.wait else {
        return Ok(());
    };
    let (writer, namespace) = (&context.writer, &context.config.lease_namespace);
    let secret = &pending.consent.secret_name;
    remember(writer, namespace, Key::from(integration), secret, wait).await
}

/// Creates the connection with this name, or only asks the API server whether it would take it. Returns what it has
/// against it.
async fn try_to_create(
    context: &Context,
    integration: &ZoomIntegration,
    target: &Target,
    name: &str,
    dry_run: bool,
) -> Result<Result<(), Objection>, Error> {
    let connection = connection(integration, &target.namespace, name);
    let params = PostParams {
        dry_run,
        ..published::parameters()
    };
    let connections: Api<ZoomConnection> = context.writer.within(&target.namespace)?;
    match connections.create(&params, &connection).await {
        Ok(_) => {
            if !dry_run {
                tracing::info!(connection = name, "self-service made a connection");
            }
            Ok(Ok(()))
        }
        // Created by somebody else, or by us a moment ago: the consent belongs to the connection with this
        // name.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(Ok(())),
        Err(error) => {
            let error = Error::from_write(error);
            let is_final = error.is_final();
            let sentence = error.into_refusal()?;
            tracing::warn!(
                connection = name,
                sentence,
                "self-service may not make a connection"
            );
            Ok(Err(Objection { sentence, is_final }))
        }
    }
}

fn connection(integration: &ZoomIntegration, target: &str, name: &str) -> ZoomConnection {
    let policy = integration.spec.self_service();
    let template = policy.and_then(|policy| policy.template.as_ref());
    let home = integration.namespace().unwrap_or_default();
    let elsewhere = (home != target).then_some(home);
    let mut connection = ZoomConnection::new(
        name,
        ZoomConnectionSpec {
            integration_ref: IntegrationRef {
                name: integration.name_any(),
                namespace: elsewhere.clone(),
            },
            subject: None,
            import_secret_ref: None,
            token: None,
            sink: template.and_then(|template| template.sink.clone()),
            external_refs: None,
        },
    );
    connection.metadata.labels = Some(
        [
            (label::MANAGED_BY, label::MANAGER.to_owned()),
            (label::INTEGRATION, integration.name_any()),
            (label::SELF_SERVICE, "true".into()),
        ]
        .into_iter()
        .chain(elsewhere.map(|namespace| (label::INTEGRATION_NAMESPACE, namespace)))
        .map(|(key, value)| (key.to_owned(), value))
        .collect(),
    );
    connection
}

/// Removes a consent that leads to no connection, and records why.
async fn refuse(
    writer: &Writer,
    namespace: &str,
    integration: &ZoomIntegration,
    consent: &Consent,
    refusal: Refusal,
) -> Result<(), Error> {
    let secret = Exactly {
        name: consent.secret_name.clone(),
        uid: consent.uid.clone(),
        // A pass that redeems it writes it.
        resource_version: None,
    };
    published::remove(&writer.within(namespace)?, &secret).await?;
    audit::of_integration(integration, Action::ConsentEnd)
        .but(Outcome::Refused, refusal.reason.as_str())
        .item(consent.transaction())
        .write();
    publish(writer, integration, refusal).await;
    Ok(())
}

/// Tells the owner of the integration why a person is not connected.
async fn publish(writer: &Writer, integration: &ZoomIntegration, refusal: Refusal) {
    let event = Event {
        type_: EventType::Warning,
        reason: refusal.reason.into(),
        note: Some(refusal.message.chars().take(1000).collect()),
        action: "Connect".into(),
        secondary: None,
    };
    writer.publish(integration, event).await;
}

#[cfg(test)]
mod tests;
