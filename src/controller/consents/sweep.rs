//! Removes abandoned consents.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
};

use crate::{
    api::{label, v1alpha1::ZoomConnection},
    controller::{
        Context, clock,
        error::Error,
        grants::handoff,
        index::{Consent, Guarded},
        published::{self, Exactly},
        reader::Reads,
        schedule,
    },
};
use contract::consent::Handoff;

/// A code that was not redeemed is useless after this time: it expires after five minutes.
const UNREDEEMED: Duration = Duration::from_mins(30);

/// A grant that was not adopted is kept for longer: Zoom may ask to wait until the next day before it says
/// who it belongs to, and the API server may refuse a Secret until somebody raises a quota.
const REDEEMED: Duration = Duration::from_hours(48);

const BETWEEN_SWEEPS: Duration = Duration::from_mins(1);

/// Name prefix of the Secrets that hand over codes.
const PREFIX: &str = "zoom-consent-";

/// Removes old consents while this replica leads. Never returns.
pub async fn sweep(context: &Context) {
    if context.config.connect_url.is_none() {
        return std::future::pending().await;
    }
    let mut ticks = tokio::time::interval(BETWEEN_SWEEPS);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut has_strays = true;
    loop {
        ticks.tick().await;
        match sweep_once(context, has_strays).await {
            Ok(found) => has_strays = found,
            Err(error) => tracing::warn!(%error, "failed to remove old consents"),
        }
    }
}

/// Nothing is asked while the watch knows of no consent that may have to go. No version makes strays any more, so they
/// are looked for until none is left. Returns whether there are any.
async fn sweep_once(context: &Context, has_strays: bool) -> Result<bool, Error> {
    let namespace = &context.config.lease_namespace;
    let secrets: Reads<Secret> = context.reader.within(namespace);
    let now = Timestamp::now();
    let index = context.reader.index();
    let has_due = index.may_have_consent(|consent, is_there| is_due(consent, is_there, now));
    let mut found_strays = false;
    for use_ in [
        has_due.then_some(label::CONSENT),
        has_strays.then_some(label::GRANT),
    ]
    .into_iter()
    .flatten()
    {
        let selector = format!("{}={use_}", label::USE);
        let found = secrets
            .list_metadata(&ListParams::default().labels(&selector))
            .await?;
        found_strays |= use_ == label::GRANT && found.iter().any(is_stray);
        // What has a grant is lost with it; a code that was not redeemed is worth nothing for long.
        let has_grant = |secret: &PartialObjectMeta<Secret>| {
            use_ == label::GRANT || secret.labels().contains_key(label::REDEEMED)
        };
        let loses_grant = found
            .iter()
            .any(|secret| has_grant(secret) && is_old(secret, now));
        let may_lose =
            loses_grant && clock::is_confirmed(&context.reader, "remove old consents").await;
        for secret in &found {
            let is_old = is_old(secret, now) && (may_lose || !has_grant(secret));
            if !is_old && !is_left_behind(context, secret).await {
                continue;
            }
            remove(context, secret).await?;
        }
    }
    Ok(found_strays)
}

/// Removes a consent if its connection was deleted. Returns whether it was.
///
/// # Errors
/// When a request to the API server fails.
pub async fn remove_if_left_behind(context: &Context, secret: &Secret) -> Result<bool, Error> {
    let handoff = handoff::read(secret);
    let Some((namespace, name)) = handoff.as_ref().and_then(connection_of) else {
        return Ok(false);
    };
    if is_there(context, namespace, name).await? {
        return Ok(false);
    }
    remove(context, secret).await?;
    Ok(true)
}

async fn remove(context: &Context, secret: &impl Resource<DynamicType = ()>) -> Result<(), Error> {
    let namespace = &context.config.lease_namespace;
    let secrets: Api<Secret> = context.writer.within(namespace)?;
    published::remove(&secrets, &Exactly::of(secret.meta())).await?;
    tracing::warn!(
        transaction = secret.name_any().trim_start_matches(PREFIX),
        namespace = secret.labels().get(label::NAMESPACE),
        connection = secret.labels().get(label::CONNECTION),
        redeemed = secret.labels().contains_key(label::REDEEMED),
        "removed a consent that came to no end"
    );
    Ok(())
}

/// The connection that existed when the consent began, by namespace and name.
fn connection_of(handoff: &Handoff) -> Option<(&str, &str)> {
    handoff.connection_uid.as_ref()?;
    Some((&handoff.namespace, &handoff.connection))
}

async fn is_there(context: &Context, namespace: &str, name: &str) -> Result<bool, Error> {
    let connections: Reads<ZoomConnection> = context.reader.within(namespace);
    Ok(connections.get_metadata_opt(name).await?.is_some())
}

/// Whether a consent holds the grant of a connection that was deleted. With self-service, its connection may be about
/// to be created.
async fn is_left_behind(context: &Context, secret: &PartialObjectMeta<Secret>) -> bool {
    let Some((namespace, name)) = redeemed_for(secret) else {
        return false;
    };
    let index = context.reader.index();
    let is_known = index
        .get::<Guarded<ZoomConnection>>(namespace, name)
        .is_some();
    if is_known {
        return false;
    }
    match read_left_behind(context, secret, namespace, name).await {
        Ok(is_left) => is_left,
        Err(error) => {
            tracing::debug!(%error, "nobody knows whether the connection of a consent exists");
            false
        }
    }
}

async fn read_left_behind(
    context: &Context,
    secret: &PartialObjectMeta<Secret>,
    namespace: &str,
    name: &str,
) -> Result<bool, Error> {
    if is_there(context, namespace, name).await? {
        // Its own pass ends what was meant for another one.
        return Ok(false);
    }
    let secrets: Reads<Secret> = context.reader.within(&context.config.lease_namespace);
    let found = secrets.get_opt(&secret.name_any()).await?;
    let handoff = found.as_ref().and_then(handoff::read);
    Ok(handoff.as_ref().and_then(connection_of).is_some())
}

/// The connection that a redeemed consent is for.
fn redeemed_for(secret: &PartialObjectMeta<Secret>) -> Option<(&str, &str)> {
    let labels = secret.labels();
    let label = |key: &str| labels.get(key).map(String::as_str);
    let is_redeemed = label(label::USE) == Some(label::CONSENT) && label(label::REDEEMED).is_some();
    let connection = label(label::NAMESPACE).zip(label(label::CONNECTION));
    connection.filter(|_| is_redeemed)
}

/// Whether to remove a consent. An earlier version could leave one under the label of a grant, where no other
/// search finds it.
fn is_old(secret: &PartialObjectMeta<Secret>, now: Timestamp) -> bool {
    let labels = secret.labels();
    let is_consent = labels.get(label::USE).map(String::as_str) == Some(label::CONSENT);
    let created = secret.creation_timestamp().map(|time| time.0);
    (is_consent || is_stray(secret)) && is_over(created, labels.contains_key(label::REDEEMED), now)
}

fn is_over(created: Option<Timestamp>, is_redeemed: bool, now: Timestamp) -> bool {
    let life = if is_redeemed { REDEEMED } else { UNREDEEMED };
    created.is_some_and(|created| now > schedule::later(created, life))
}

/// Whether a consent may have to go, as far as the watches know: it is old, or [`is_left_behind`].
fn is_due(consent: &Consent, is_there: bool, now: Timestamp) -> bool {
    let is_redeemed = consent.is_redeemed;
    is_over(consent.created, is_redeemed, now)
        || is_redeemed && consent.connection.is_some() && !is_there
}

fn is_stray(secret: &PartialObjectMeta<Secret>) -> bool {
    let name = secret.name_any();
    name.starts_with(PREFIX) && !name.ends_with("-zoom-grant")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controller::{key::Key, rehearsal::Rehearsal};

    fn old(name: &str, labels: &serde_json::Value, age_minutes: i64) -> bool {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let created = Timestamp::from_second(1_000_000 - 60 * age_minutes).unwrap();
        let secret: PartialObjectMeta<Secret> = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "labels": labels, "creationTimestamp": created.to_string()},
        }))
        .unwrap();
        is_old(&secret, now)
    }

    #[test]
    fn a_redeemed_consent_is_kept_for_two_days() {
        let waiting = json!({(label::USE): label::CONSENT});
        assert!(!old("zoom-consent-a", &waiting, 29));
        assert!(old("zoom-consent-a", &waiting, 31));
        let redeemed = json!({(label::USE): label::CONSENT, (label::REDEEMED): "true"});
        assert!(!old("zoom-consent-a", &redeemed, 47 * 60));
        assert!(old("zoom-consent-a", &redeemed, 49 * 60));
    }

    #[tokio::test]
    async fn a_redeemed_consent_goes_only_if_the_api_server_has_the_same_time() {
        let created = Timestamp::now() - jiff::SignedDuration::from_hours(49);
        let consent = |name: &str, labels: serde_json::Value| {
            json!({"metadata": {
                "name": name, "namespace": "operator", "uid": name, "resourceVersion": "1",
                "labels": labels, "creationTimestamp": created.to_string(),
            }})
        };
        let list = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {},
            "items": [
                consent("zoom-consent-a", json!({(label::USE): label::CONSENT})),
                consent("zoom-consent-b", json!({(label::USE): label::CONSENT, (label::REDEEMED): "true"})),
            ],
        });
        let secrets = "/api/v1/namespaces/operator/secrets";
        let rehearsal = Rehearsal::new(|_, _, _| None, [(secrets, list)]).await;
        rehearsal.time(Some(created));
        sweep_once(&rehearsal.context, false).await.unwrap();
        let deleted = |name: &str| rehearsal.writes(&format!("DELETE {secrets}/{name}")).len();
        assert_eq!(
            (deleted("zoom-consent-a"), deleted("zoom-consent-b")),
            (1, 0)
        );
        rehearsal.time(None);
        sweep_once(&rehearsal.context, false).await.unwrap();
        assert_eq!(deleted("zoom-consent-b"), 1);
    }

    #[test]
    fn consents_are_listed_only_if_one_may_have_to_go() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let due = |age_minutes: i64, is_redeemed, connection: Option<Key>, is_there| {
            let created = Timestamp::from_second(1_000_000 - 60 * age_minutes).ok();
            let consent = Consent {
                created,
                is_redeemed,
                connection,
                ..Consent::default()
            };
            is_due(&consent, is_there, now)
        };
        let ada = || Some(Key::connection("n", "ada"));
        assert!(!due(29, false, ada(), true) && !due(29, false, ada(), false));
        assert!(due(31, false, ada(), true) && due(31, false, None, false));
        assert!(!due(31, true, ada(), true) && !due(31, true, None, false));
        assert!(due(1, true, ada(), false), "its connection was deleted");
        assert!(due(49 * 60, true, ada(), true));
    }

    #[test]
    fn only_a_redeemed_consent_is_looked_at_for_its_connection() {
        let labelled = |labels: &serde_json::Value| -> PartialObjectMeta<Secret> {
            serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "labels": labels},
            }))
            .unwrap()
        };
        let mut labels = json!({
            (label::USE): label::CONSENT, (label::NAMESPACE): "n", (label::CONNECTION): "ada",
        });
        assert_eq!(redeemed_for(&labelled(&labels)), None);
        labels[label::REDEEMED] = json!("true");
        assert_eq!(redeemed_for(&labelled(&labels)), Some(("n", "ada")));
        labels[label::USE] = json!(label::GRANT);
        assert_eq!(redeemed_for(&labelled(&labels)), None);
    }

    /// Only what began with a connection ends with it: with self-service, the connection is yet to be made.
    #[test]
    fn a_consent_of_self_service_waits_for_its_connection() {
        let handoff = |uid: Option<&str>| -> Handoff {
            serde_json::from_value(json!({
                "namespace": "clinics", "integration": "app", "integrationUid": "i",
                "connection": "ada", "connectionUid": uid, "clientId": "id",
                "redirectUrl": "https://connect.example.com/cb", "code": "", "codeVerifier": "",
                "begun": "2026-01-01T00:00:00Z", "authorized": "2026-01-01T00:00:00Z",
            }))
            .unwrap()
        };
        assert_eq!(connection_of(&handoff(None)), None);
        let of = handoff(Some("c"));
        assert_eq!(connection_of(&of), Some(("clinics", "ada")));
    }

    #[test]
    fn a_grant_that_an_earlier_version_left_is_removed_and_a_connections_own_is_not() {
        let grant = json!({(label::USE): label::GRANT});
        assert!(old("zoom-consent-a", &grant, 31));
        assert!(!old("zoom-consent-a-zoom-grant", &grant, 99_999));
        assert!(!old("ada-zoom-grant", &grant, 99_999));
    }
}
