//! Reports the findings: one status write per pass, and Kubernetes Events when something changes.

mod unfinished;

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope,
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta},
};
use kube::{
    Api, Resource,
    api::{PartialObjectMeta, Patch, PatchParams},
    core::{DeserializeGuard, error_boundary::InvalidObject, object::HasStatus},
    runtime::events::{Event, EventType},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use self::unfinished::Stored;
use super::{
    error::Error,
    index::{Guarded, Watched},
    key::Key,
    writer::Writer,
};
use crate::api::{
    FIELD_MANAGER,
    condition::{self, Statement, Status, Type},
    reason::Reason,
    v1alpha1::Phase,
};

/// A resource whose status this controller writes.
pub trait Reported:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasStatus<Status: Serialize + PartialEq + Clone + Send + Sync>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The state in one word.
    fn phase(status: &Self::Status) -> Option<Phase>;
    /// The conditions.
    fn conditions(status: &Self::Status) -> &[Condition];
    /// The release that wrote it.
    fn operator(status: &Self::Status) -> Option<&str>;
    /// Sets it.
    fn set_operator(status: &mut Self::Status, release: Option<String>);
    /// The status of a resource that cannot be read.
    fn unreadable(observed_generation: Option<i64>, conditions: Vec<Condition>) -> Self::Status;
}

/// Writes `status` if it differs from the current one.
///
/// # Errors
/// When the API server refuses, somebody wrote in between, or this replica no longer leads.
pub async fn report<K: Reported>(
    writer: &Writer,
    object: &K,
    status: &K::Status,
) -> Result<(), Error>
where
    Guarded<K>: Watched,
    for<'a> Key: From<&'a K>,
{
    let status = &signed(object, status, &writer.release());
    if object.status() == Some(status) {
        return Ok(());
    }
    let api: Api<K> = writer.beside(object)?;
    let meta = object.meta();
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": ObjectMeta {
            // Only the version that was read may be overwritten.
            resource_version: meta.resource_version.clone(),
            uid: meta.uid.clone(),
            ..ObjectMeta::default()
        },
        "status": full(json!(status)),
    });
    let written = api
        .patch_status(
            meta.name.as_deref().unwrap_or_default(),
            &PatchParams::apply(FIELD_MANAGER).force(),
            &Patch::Apply(&patch),
        )
        .await
        .map_err(Error::from_write)?;
    writer.signed(&Key::from(object), DeserializeGuard(Ok(written)));
    let before = object.status();
    for event in events(
        before.map(K::conditions),
        K::conditions(status),
        K::phase(status),
    ) {
        if event.type_ == EventType::Warning {
            // Logged once, when it starts. The message is left out: it may contain a link that only one
            // person may see.
            tracing::warn!(reason = event.reason, "the resource needs attention");
        }
        writer.publish(object, event).await;
    }
    Ok(())
}

/// The status with the name of this release. Only for a name that was never there nothing is written.
fn signed<K: Reported>(object: &K, status: &K::Status, release: &str) -> K::Status {
    let before = object.status();
    let named = before.and_then(K::operator);
    let mut status = status.clone();
    K::set_operator(&mut status, named.map(ToOwned::to_owned));
    if named.is_some() || before != Some(&status) {
        let release = Some(release).filter(|release| !release.is_empty());
        K::set_operator(&mut status, release.map(ToOwned::to_owned));
    }
    status
}

/// A status without objects that are empty: an API server makes `null` of one whose last field is taken away, and then
/// refuses the whole status.
fn full(status: Value) -> Value {
    let Value::Object(fields) = status else {
        return status;
    };
    let fields = fields.into_iter().map(|(name, value)| (name, full(value)));
    let is_empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    fields.filter(|(_, value)| !is_empty(value)).collect()
}

/// Reports that the operator lacks a permission in the resource's namespace. The rest of its status is as it was
/// known last.
///
/// # Errors
/// As [`report`].
pub async fn forbidden<K: Reported>(
    writer: &Writer,
    object: &K,
    key: &Key,
    message: &str,
) -> Result<(), Error>
where
    Guarded<K>: Watched,
{
    say(writer, object, key, |_, _| {
        unfinished::without_permission(message)
    })
    .await
}

/// Reports that passes over the resource fail with this error again and again. The rest of its status is as it was
/// known last.
///
/// # Errors
/// As [`report`].
pub async fn failing<K: Reported>(
    writer: &Writer,
    object: &K,
    key: &Key,
    error: &Error,
) -> Result<(), Error>
where
    Guarded<K>: Watched,
{
    say(writer, object, key, |stored, now| {
        unfinished::unfinished(error, stored, now)
    })
    .await
}

/// Puts statements into the status, if it does not have them.
async fn say<K: Reported>(
    writer: &Writer,
    object: &K,
    key: &Key,
    statements: impl FnOnce(Stored<'_>, Timestamp) -> Vec<Statement>,
) -> Result<(), Error>
where
    Guarded<K>: Watched,
{
    let now = Timestamp::now();
    let status = json!(object.status());
    let meta = object.meta();
    let stored = Stored {
        status: &status,
        conditions: object.status().map_or(&[][..], K::conditions),
        generation: meta.generation,
    };
    let statements = statements(stored, now);
    if statements.is_empty() {
        return Ok(());
    }
    let Some((status, conditions)) = unfinished::with(statements, stored, now) else {
        return Ok(());
    };
    let api: Api<K> = writer.beside(object)?;
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"resourceVersion": meta.resource_version, "uid": meta.uid},
        "status": full(status),
    });
    let name = meta.name.as_deref().unwrap_or_default();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let written = api
        .patch_status(name, &params, &Patch::Apply(&patch))
        .await
        .map_err(Error::from_write)?;
    writer.wrote(key, DeserializeGuard(Ok(written)));
    for event in events(Some(stored.conditions), &conditions, Some(Phase::Degraded)) {
        writer.publish(object, event).await;
    }
    Ok(())
}

/// Reports that this version cannot read the resource. The rest of its status is kept.
///
/// # Errors
/// As [`report`].
pub async fn unreadable<K: Reported>(
    writer: &Writer,
    invalid: &InvalidObject,
) -> Result<(), Error> {
    let meta = &invalid.metadata;
    tracing::warn!(
        error = invalid.error,
        "this version cannot read the resource"
    );
    let message = format!(
        "This version of the operator cannot read the resource: {}. Correct it, or upgrade the operator.",
        invalid.error
    );
    // Text and times must be the same in every pass, or this write would trigger the next one.
    let since = meta
        .creation_timestamp
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let say = |type_, status: Status| Statement::new(type_, status, Reason::Unreadable, &message);
    let statements = vec![
        say(Type::Ready, Status::False),
        say(Type::Stalled, Status::True),
    ];
    let status = K::unreadable(
        meta.generation,
        condition::merge(&[], statements, meta.generation, since),
    );
    let api: Api<PartialObjectMeta<K>> =
        writer.within(meta.namespace.as_deref().unwrap_or_default())?;
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": meta.resource_version},
        "status": status,
    }));
    api.patch_status(
        meta.name.as_deref().unwrap_or_default(),
        &PatchParams::default(),
        &patch,
    )
    .await
    .map_err(Error::from_write)?;
    Ok(())
}

/// One Event for each change that matters to a person; none for a routine refresh.
fn events(before: Option<&[Condition]>, now: &[Condition], phase: Option<Phase>) -> Vec<Event> {
    let conditions = |conditions: Option<&[Condition]>, type_: Type| {
        conditions
            .and_then(|conditions| type_.find(conditions))
            .map(|condition| {
                (
                    condition.status.clone(),
                    Reason::of(condition).unwrap_or_default(),
                    condition.message.clone(),
                )
            })
    };
    let mut events = Vec::new();
    let mut reported_reasons = Vec::new();
    for type_ in [
        Type::Ready,
        Type::TokenFresh,
        Type::EndpointValidated,
        Type::AppExclusive,
    ] {
        let Some((status, reason, message)) = conditions(Some(now), type_) else {
            continue;
        };
        let old = conditions(before, type_);
        if old
            .is_some_and(|(old_status, old_reason, _)| old_status == status && old_reason == reason)
        {
            continue;
        }
        // If several conditions changed for the same reason, only Ready gets an Event. Unknown gets none.
        let reported = reported_reasons.contains(&reason);
        let news = type_ == Type::Ready
            || status == "False"
            || (type_ == Type::EndpointValidated && status == "True");
        if reported || !news {
            continue;
        }
        reported_reasons.push(reason);
        events.push(Event {
            type_: severity(type_, &status, phase),
            reason: reason.into(),
            note: Some(message.chars().take(1000).collect()),
            action: "Reconcile".into(),
            secondary: None,
        });
    }
    events
}

fn severity(type_: Type, status: &str, phase: Option<Phase>) -> EventType {
    let waiting = matches!(
        phase,
        Some(
            Phase::AwaitingCredentials
                | Phase::ReadyToInstall
                | Phase::Connecting
                | Phase::Suspended
        )
    );
    if status == "True" || (type_ == Type::Ready && waiting) {
        EventType::Normal
    } else {
        EventType::Warning
    }
}

#[cfg(test)]
mod tests;
