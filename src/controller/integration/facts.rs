//! Asks a tenant's receivers for their facts, and orders them to drain.
//!
//! Only Pods of the integration's own workloads are asked. A Pod that merely carries the labels could claim
//! anything, and would receive the token of the control port. A receiver can lie only about its own tenant.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use k8s_openapi::{
    api::{apps::v1::ReplicaSet, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{ResourceExt as _, api::ListParams};

use super::{
    model::{Order, Receiver, ReceiverPod},
    ownership::owned,
    resources::{self, Kind},
    trouble,
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        key::Key,
        reader::{Reader, Reads},
    },
};
use contract::{
    facts::{Facts, MAX_BYTES, PATH, VERIFIED_BEFORE},
    receiver::{
        control::{DRAIN, Drain},
        ports,
        routes::Connection,
    },
    routing_facts::MAX_PAGES,
};

/// A receiver answers from memory, so this is enough.
const TIMEOUT: Duration = Duration::from_secs(2);
/// For all answers of one receiver: one that is slow on purpose takes no more of the controller's time.
const TIMEOUT_OF_ALL: Duration = Duration::from_secs(10);

/// Asks the Pods of the integration's workloads for their facts. Empty if the Pods cannot be listed.
pub async fn gather(
    reader: &Reader,
    http: &reqwest::Client,
    integration: &ZoomIntegration,
    receiver: &Receiver,
) -> Vec<ReceiverPod> {
    let pods = match find(reader, integration, receiver).await {
        Ok(pods) => pods,
        Err(error) => {
            tracing::debug!(%error, "failed to find the receiver's Pods");
            return Vec::new();
        }
    };
    let home = Key::from(integration);
    let was_verified = was_verified(integration);
    // What is told of others nobody reads, and there is no limit to it.
    let exists = |connection: &Connection| reader.index().has_connection(&home, connection);
    let asked = pods.into_iter().map(|pod| async {
        let Some(address) = &pod.address else {
            return pod;
        };
        match ask(http, address, was_verified, exists).await {
            Ok(facts) => ReceiverPod {
                facts: Some(facts),
                ..pod
            },
            Err(error) => {
                tracing::debug!(%error, pod = pod.name, "a receiver gives no facts");
                pod
            }
        }
    });
    futures::future::join_all(asked).await
}

/// Whether a signature was right before, by the status.
#[must_use]
pub fn was_verified(integration: &ZoomIntegration) -> bool {
    let known = integration.status.as_ref();
    let known = known.and_then(|status| status.webhook.as_ref());
    known.is_some_and(|webhook| webhook.last_verified.is_some())
}

async fn find(
    reader: &Reader,
    integration: &ZoomIntegration,
    receiver: &Receiver,
) -> Result<Vec<ReceiverPod>, kube::Error> {
    let deployment = uid(integration, receiver.deployment.as_ref());
    let stateful_set = uid(integration, receiver.stateful_set.as_ref());
    let mut found = Vec::new();
    for pod in list(reader, integration).await? {
        let kind = if let Some(owner) = owner(&*pod, "StatefulSet") {
            (Some(&owner.uid) == stateful_set.as_ref()).then_some(Kind::StatefulSet)
        } else if let Some(set) = owner(&*pod, "ReplicaSet") {
            let owner = deployment_of(reader, integration, set).await?;
            let is_ours = owner.is_some() && owner == deployment;
            is_ours.then_some(Kind::Deployment)
        } else {
            None
        };
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        // A Pod that has ended cannot deliver anything any more.
        let Some(kind) = kind.filter(|_| !matches!(phase, Some("Succeeded" | "Failed"))) else {
            continue;
        };
        found.push(ReceiverPod {
            kind,
            name: pod.name_any(),
            address: status.and_then(|status| status.pod_ip.clone()),
            leaving: pod.metadata.deletion_timestamp.is_some(),
            trouble: trouble::of_pod(&pod),
            facts: None,
        });
    }
    Ok(found)
}

/// The Pods that carry the receiver's labels.
async fn list(
    reader: &Reader,
    integration: &ZoomIntegration,
) -> Result<Vec<Arc<Pod>>, kube::Error> {
    let key = Key::from(integration);
    if let Some(pods) = reader.index().pods_of(&key.namespace, &key.name) {
        return Ok(pods);
    }
    let pods: Reads<Pod> = reader.beside(integration);
    let params = ListParams::default().labels(&resources::selector(integration));
    let pods = pods.list(&params).await?;
    Ok(pods.into_iter().map(Arc::new).collect())
}

/// The UID of the Deployment that a `ReplicaSet` belongs to.
async fn deployment_of(
    reader: &Reader,
    integration: &ZoomIntegration,
    set: &OwnerReference,
) -> Result<Option<String>, kube::Error> {
    if let Some(known) = reader.index().owner_of_replica_set(&set.uid) {
        return Ok(Some(known));
    }
    let sets: Reads<ReplicaSet> = reader.beside(integration);
    let live = sets.get_metadata_opt(&set.name).await?;
    let Some(live) = live.filter(|live| live.uid().as_deref() == Some(&set.uid)) else {
        return Ok(None);
    };
    let owner = owner_uid(&live, "Deployment").cloned();
    if let Some(owner) = owner.clone() {
        reader.index().learn_replica_set(set.uid.clone(), owner);
    }
    Ok(owner)
}

fn uid<K: kube::Resource>(integration: &ZoomIntegration, live: Option<&K>) -> Option<String> {
    live.filter(|live| owned(integration, *live))?
        .meta()
        .uid
        .clone()
}

fn owner<'a, K: kube::Resource>(object: &'a K, kind: &str) -> Option<&'a OwnerReference> {
    object
        .meta()
        .owner_references
        .as_ref()?
        .iter()
        .find(|owner| owner.controller == Some(true) && owner.kind == kind)
}

fn owner_uid<'a, K: kube::Resource>(object: &'a K, kind: &str) -> Option<&'a String> {
    owner(object, kind).map(|owner| &owner.uid)
}

/// Asks a receiver for its facts, and as long as there is more to tell of connections, for that. Fails if one answer
/// is missing: half of the facts would look like all. A new Pod learns that Zoom's signature was right before.
async fn ask(
    http: &reqwest::Client,
    address: &str,
    was_verified: bool,
    exists: impl Fn(&Connection) -> bool,
) -> anyhow::Result<Facts> {
    let at = |query: &str| url(address, ports::FACTS, &format!("{PATH}?{query}"));
    tokio::time::timeout(TIMEOUT_OF_ALL, ask_all(http, at, was_verified, exists)).await?
}

async fn ask_all(
    http: &reqwest::Client,
    at: impl Fn(&str) -> String,
    was_verified: bool,
    exists: impl Fn(&Connection) -> bool,
) -> anyhow::Result<Facts> {
    let mut facts = ask_once(http, at(contract::health::QUERY), was_verified).await?;
    let Some(routing) = &mut facts.routing else {
        return Ok(facts);
    };
    routing
        .connections
        .retain(|connection, _| exists(connection));
    for _ in 1..MAX_PAGES {
        let Some(query) = routing.next_query() else {
            break;
        };
        let page = ask_once(http, at(&query), was_verified).await?.routing;
        let mut page = page.context("the rest of the facts is missing")?;
        page.connections.retain(|connection, _| exists(connection));
        anyhow::ensure!(routing.append(page), "the rest of the facts is no rest");
    }
    Ok(facts)
}

async fn ask_once(
    http: &reqwest::Client,
    url: String,
    was_verified: bool,
) -> anyhow::Result<Facts> {
    let mut question = http.get(url).timeout(TIMEOUT);
    if was_verified {
        question = question.header(VERIFIED_BEFORE, "true");
    }
    let answer = question.send().await?;
    let mut response = answer.error_for_status()?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        anyhow::ensure!(body.len() <= MAX_BYTES, "too many facts");
    }
    Ok(Facts::from_json(&body)?)
}

/// Sends orders to Pods. The next pass repeats an order that did not arrive.
pub async fn send_orders(http: &reqwest::Client, token: &str, orders: &[Order]) {
    let requests = orders.iter().map(|order| async {
        let sent = http
            .put(url(&order.address, ports::CONTROL, DRAIN))
            .bearer_auth(token)
            .json(&Drain { drain: order.drain })
            .timeout(TIMEOUT)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        match sent {
            Ok(_) => tracing::info!(pod = order.address, drain = order.drain, "told a receiver"),
            Err(error) => {
                tracing::warn!(error = %error.without_url(), pod = order.address, "failed to tell a receiver");
            }
        }
    });
    futures::future::join_all(requests).await;
}

fn url(address: &str, port: u16, path: &str) -> String {
    if address.contains(':') {
        format!("http://[{address}]:{port}{path}")
    } else {
        format!("http://{address}:{port}{path}")
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        http::{HeaderMap, Uri},
        routing::get,
    };
    use contract::routing_facts::{ConnectionFacts, MAX_CONNECTIONS, RoutingFacts, asked_after};
    use runtime::outgoing::{self, Trust};

    use super::*;

    fn connection(n: usize) -> Connection {
        Connection::new("tenants", &format!("c{n:0>5}")).unwrap()
    }

    /// A receiver with something to tell of so many connections, which answers questions for the rest or not.
    async fn receiver(count: usize, has_rest: bool) -> String {
        let answer = move |uri: Uri| async move {
            let after = asked_after(uri.query());
            if after.is_some() && !has_rest {
                return Facts::default().to_json();
            }
            let mut routing = RoutingFacts::after(after);
            for n in 0..count {
                let told = ConnectionFacts {
                    dead_letters: 1,
                    ..ConnectionFacts::default()
                };
                routing.insert(connection(n), told);
            }
            let mut facts = Facts::default();
            facts.routing = Some(routing);
            facts.to_json()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route(PATH, get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}{PATH}?")
    }

    async fn asked(count: usize, has_rest: bool) -> anyhow::Result<RoutingFacts> {
        let base = receiver(count, has_rest).await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = outgoing::client_builder(Trust::Nobody).build().unwrap();
        let exists = |of: &Connection| *of != connection(0);
        let facts = ask_all(&http, |query| format!("{base}{query}"), false, exists).await?;
        Ok(facts.routing.unwrap())
    }

    #[tokio::test]
    async fn every_connection_is_asked_for_and_what_does_not_exist_is_not_kept() {
        let count = 2 * MAX_CONNECTIONS + 7;
        let routing = asked(count, true).await.unwrap();
        assert_eq!(routing.connections.len(), count - 1);
        assert!(routing.connections.contains_key(&connection(count - 1)));
        assert_eq!(routing.more_connections, 0);
    }

    #[tokio::test]
    async fn half_of_the_facts_are_none() {
        assert!(asked(MAX_CONNECTIONS + 1, false).await.is_err());
        assert!(asked(MAX_CONNECTIONS, false).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_told_without_end_is_not_read_to_its_end() {
        let routing = asked(MAX_PAGES * MAX_CONNECTIONS + 1, true).await.unwrap();
        assert!(routing.knows(&connection(MAX_PAGES * MAX_CONNECTIONS - 1)));
        assert!(!routing.knows(&connection(MAX_PAGES * MAX_CONNECTIONS)));
    }

    /// Of a Pod that replaced another one.
    #[tokio::test]
    async fn a_receiver_learns_that_signatures_were_right_before() {
        let answer = |headers: HeaderMap| async move {
            let mut facts = Facts::default();
            facts.health = headers.contains_key(VERIFIED_BEFORE).then(Default::default);
            facts.to_json()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
        let router = Router::new().route(PATH, get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = outgoing::client_builder(Trust::Nobody).build().unwrap();
        for was_verified in [true, false] {
            let facts = ask_once(&http, url.clone(), was_verified).await.unwrap();
            assert_eq!(facts.health.is_some(), was_verified);
        }
    }
}
