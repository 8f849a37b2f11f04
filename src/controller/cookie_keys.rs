//! The keys that encrypt the cookies of the consent pages. The pages mount them and cannot read any Secret,
//! so the controller creates and replaces them.

use std::{pin::Pin, time::Duration};

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::{
    ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::PartialObjectMeta,
    runtime::watcher::{self, Event, watcher},
};

use super::{Context, error::chain, published::parameters, reader::Reads, schedule};
use crate::api::label;

/// Key for new cookies.
const CURRENT: &str = "current";
/// Previous key, for cookies that are still valid.
const PREVIOUS: &str = "previous";
/// The same time as [`CREATED`], for the pages, which see no annotation.
const MADE: &str = "created";
/// When the current key was created (RFC 3339).
const CREATED: &str = "zoom-operator.io/created";

/// Secret type, so that nobody uses these keys for anything else.
const TYPE: &str = "zoom-operator.io/connect-keys";

/// Bytes of a key.
const LENGTH: usize = 64;

/// A cookie lives for ten minutes, so two generations cover every change of keys.
const LIFE: Duration = Duration::from_hours(24);
const AFTER_FAILURE: Duration = Duration::from_mins(1);

type Keys = PartialObjectMeta<Secret>;

/// Maintains the keys while this replica leads: when a new one is due, and when somebody changes or removes them. Never
/// returns.
pub async fn maintain(client: Client, context: &Context) {
    let Some(name) = &context.config.connect_keys_secret else {
        return std::future::pending().await;
    };
    let namespace = &context.config.lease_namespace;
    let secrets: Api<Keys> = Api::namespaced(client, namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = std::pin::pin!(watcher(secrets, config));
    loop {
        let wait = ensure(context, name).await.unwrap_or_else(|error| {
            tracing::warn!(
                error = format!("{error:#}"),
                "failed to keep the consent pages' keys"
            );
            AFTER_FAILURE
        });
        let _ = tokio::time::timeout(wait, changed(events.as_mut())).await;
    }
}

/// Waits until the watch reports something. While it fails, its place is taken by a look from time to time.
async fn changed(mut events: Pin<&mut impl Stream<Item = watcher::Result<Event<Keys>>>>) {
    loop {
        match events.next().await {
            Some(Ok(Event::Init | Event::InitApply(_))) => {}
            Some(Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_))) => return,
            Some(Err(error)) => {
                tracing::debug!(error = chain(&error), "the watch of the keys failed");
                return tokio::time::sleep(AFTER_FAILURE).await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Returns when the next key is due.
async fn ensure(context: &Context, name: &str) -> anyhow::Result<Duration> {
    let namespace = &context.config.lease_namespace;
    let params = parameters();
    let secrets: Reads<Secret> = context.reader.within(namespace);
    let found = secrets.get_opt(name).await?;
    if let Some(found) = &found {
        anyhow::ensure!(
            found.type_.as_deref() == Some(TYPE),
            "Secret {name} was not made by the operator: delete it"
        );
    }
    let now = Timestamp::now();
    let Some(mut wanted) = next(name, found.as_ref(), random(), now) else {
        let created = found.as_ref().and_then(created).unwrap_or(now);
        return Ok(schedule::wait([schedule::later(created, LIFE)], now));
    };
    let secrets: Api<Secret> = context.writer.within(namespace)?;
    match found {
        None => {
            secrets.create(&params, &wanted).await?;
        }
        Some(found) => {
            wanted.metadata.resource_version = found.resource_version();
            secrets.replace(name, &params, &wanted).await?;
        }
    }
    tracing::info!("made a new key for the consent pages");
    Ok(LIFE)
}

/// The Secret with a new key, if a new key is due.
fn next(name: &str, found: Option<&Secret>, new: Vec<u8>, now: Timestamp) -> Option<Secret> {
    let current = found
        .and_then(|found| found.data.as_ref()?.get(CURRENT))
        .filter(|key| key.0.len() == LENGTH);
    let young = found.and_then(created).is_some_and(|created| {
        created.checked_add(LIFE).is_ok_and(|end| now < end) && created <= now
    });
    if current.is_some() && young {
        return None;
    }
    let mut data = vec![
        (CURRENT.to_owned(), ByteString(new)),
        (MADE.to_owned(), ByteString(now.to_string().into_bytes())),
    ];
    data.extend(current.map(|key| (PREVIOUS.to_owned(), key.clone())));
    Some(Secret {
        metadata: ObjectMeta {
            name: Some(name.into()),
            labels: Some([(label::MANAGED_BY.into(), label::MANAGER.into())].into()),
            annotations: Some([(CREATED.into(), now.to_string())].into()),
            ..ObjectMeta::default()
        },
        type_: Some(TYPE.into()),
        data: Some(data.into_iter().collect()),
        ..Secret::default()
    })
}

fn created(secret: &Secret) -> Option<Timestamp> {
    secret.annotations().get(CREATED)?.parse().ok()
}

fn random() -> Vec<u8> {
    rand::random::<[u8; LENGTH]>().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn key(secret: &Secret, name: &str) -> Option<u8> {
        secret.data.as_ref()?.get(name).map(|key| key.0[0])
    }

    #[test]
    fn a_key_is_replaced_after_a_day_and_stays_for_another() {
        let first = next("keys", None, vec![1; LENGTH], at(0)).unwrap();
        assert_eq!(
            (key(&first, CURRENT), key(&first, PREVIOUS)),
            (Some(1), None)
        );
        let made = &first.data.as_ref().unwrap()[MADE];
        assert_eq!(made.0, at(0).to_string().as_bytes());
        assert!(next("keys", Some(&first), vec![2; LENGTH], at(23)).is_none());
        let second = next("keys", Some(&first), vec![2; LENGTH], at(24)).unwrap();
        assert_eq!(
            (key(&second, CURRENT), key(&second, PREVIOUS)),
            (Some(2), Some(1))
        );
        let third = next("keys", Some(&second), vec![3; LENGTH], at(48)).unwrap();
        assert_eq!(
            (key(&third, CURRENT), key(&third, PREVIOUS)),
            (Some(3), Some(2))
        );
    }

    #[test]
    fn a_key_that_somebody_spoilt_is_replaced() {
        let mut spoilt = next("keys", None, vec![1; LENGTH], at(0)).unwrap();
        let data = spoilt.data.as_mut().unwrap();
        data.insert(CURRENT.into(), ByteString(vec![1; 3]));
        let next_pair = next("keys", Some(&spoilt), vec![2; LENGTH], at(1)).unwrap();
        assert_eq!(
            (key(&next_pair, CURRENT), key(&next_pair, PREVIOUS)),
            (Some(2), None)
        );
    }
}
