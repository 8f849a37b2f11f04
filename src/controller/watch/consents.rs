//! Watches for the consents that the pages hand over: each gives its connection or integration a pass.

use std::sync::Arc;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt as _,
    api::PartialObjectMeta,
    runtime::watcher::{self, Event},
};

use super::again::watch;
use crate::{
    api::label,
    controller::{Context, key::Key, outage::Outage},
};

/// Watches for consents in the operator's own namespace. Never returns.
pub async fn consents(client: Client, context: Arc<Context>, paged: watcher::Config) {
    let namespace = &context.config.lease_namespace;
    let secrets: Api<PartialObjectMeta<Secret>> = Api::namespaced(client, namespace);
    let config = paged.labels(&format!("{}={}", label::USE, label::CONSENT));
    let outage = Outage::new(Some(namespace));
    let mut events = std::pin::pin!(watch(secrets, config));
    while let Some(event) = events.next().await {
        let index = context.reader.index();
        match event {
            Ok(Event::Init) => index.list_consents(),
            Ok(Event::InitDone) => {
                index.consents_listed();
                outage.ended("Secret");
            }
            Ok(Event::Apply(secret) | Event::InitApply(secret)) => {
                let (connection, integration) = subjects(&secret);
                let affected =
                    index.consent_written(&secret, connection.as_ref(), integration.as_ref());
                for key in affected {
                    context.requeue.prompt(key);
                }
                outage.ended("Secret");
            }
            Ok(Event::Delete(secret)) => {
                let (connection, integration) = subjects(&secret);
                index.consent_deleted(&secret, connection.as_ref(), integration.as_ref());
            }
            Err(error) => tokio::time::sleep(outage.failed("Secret", &error).pause).await,
        }
    }
}

/// The connection and the integration that a consent refers to.
fn subjects(secret: &PartialObjectMeta<Secret>) -> (Option<Key>, Option<Key>) {
    let labels = secret.labels();
    let Some(namespace) = labels.get(label::NAMESPACE) else {
        return (None, None);
    };
    let home = labels.get(label::INTEGRATION_NAMESPACE);
    let integration = labels.get(label::INTEGRATION);
    let integration = integration.map(|name| Key::integration(home.unwrap_or(namespace), name));
    let connection = labels.get(label::CONNECTION);
    (
        connection.map(|name| Key::connection(namespace, name)),
        integration,
    )
}
