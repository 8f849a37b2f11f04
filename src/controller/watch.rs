//! Which changes in the cluster lead to a pass.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Secret, Service, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
    runtime::{
        Controller,
        controller::{self, Error},
        reflector::{ObjectRef, Store},
        utils::Backoff,
        watcher,
    },
};

use super::{
    Context,
    config::Args,
    fleet::Key,
    reconcile::{Guarded, reconcile, retry},
    token_secret::Owner,
};
use crate::{
    api::{label, v1alpha1::ZoomIntegration},
    ops::shutdown::Shutdown,
};

type Cached = Guarded<ZoomIntegration>;

/// How long to wait before the definition is looked for again.
const UNTIL_DEFINED: Duration = Duration::from_secs(2);

/// How long all watches of a [`Controller`] pause after one of them failed. kube-runtime's own pauses double up to half a
/// minute, once for each watch that must begin anew: changes would go unseen for minutes after the API server came back.
const PAUSE: Duration = Duration::from_secs(1);

/// The same pause after every failure.
struct Pauses;

// === impl Pauses ===

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(PAUSE)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {}
}

/// Waits until the resource is defined and may be listed, and says what is missing. The wait also ends
/// with the request to stop.
pub async fn definitions(client: &Client, args: &Args, shutdown: &Shutdown) {
    let api: Api<ZoomIntegration> =
        match args.namespaces().and_then(|names| names.into_iter().next()) {
            Some(namespace) => Api::namespaced(client.clone(), &namespace),
            None => Api::all(client.clone()),
        };
    loop {
        let problem = match api.list_metadata(&ListParams::default().limit(1)).await {
            Ok(_) => return,
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                "ZoomIntegration is not defined: install the CRDs (chart value crds.enabled, or the files in crds/)".to_owned()
            }
            Err(error) => error.to_string(),
        };
        tracing::warn!(problem, "waiting for the API server");
        tokio::select! {
            () = tokio::time::sleep(UNTIL_DEFINED) => {}
            () = shutdown.requested() => return,
        }
    }
}

/// Works on all integrations until the request to stop.
pub async fn integrations(context: Arc<Context>, shutdown: Shutdown) {
    let scopes = context.config.namespaces().map_or_else(
        || vec![None],
        |names| names.into_iter().map(Some).collect::<Vec<_>>(),
    );
    let controllers = scopes
        .into_iter()
        .map(|namespace| controller(context.clone(), namespace, shutdown.clone()));
    futures::future::join_all(controllers).await;
}

async fn controller(context: Arc<Context>, namespace: Option<String>, shutdown: Shutdown) {
    let namespace = namespace.as_deref();
    let ours =
        watcher::Config::default().labels(&format!("{}={}", label::MANAGED_BY, label::MANAGER));
    // Service account tokens and Helm's releases are most of a cluster's Secrets and never ours.
    let secrets = watcher::Config::default()
        .fields("type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1");
    let controller = Controller::new(
        scoped::<Cached>(&context, namespace),
        watcher::Config::default(),
    );
    let integrations = controller.store();
    context.fleet.exists_in(controller.store());
    controller
        .with_config(controller::Config::default().concurrency(context.config.concurrency))
        .trigger_backoff(Pauses)
        .owns(scoped::<Deployment>(&context, namespace), ours.clone())
        .owns(scoped::<Service>(&context, namespace), ours.clone())
        .owns(scoped::<ServiceAccount>(&context, namespace), ours)
        // By metadata: no bytes of any Secret are kept.
        .watches(
            scoped::<PartialObjectMeta<Secret>>(&context, namespace),
            secrets,
            move |secret: PartialObjectMeta<Secret>| concerned(&integrations, &secret),
        )
        .reconcile_on(context.integrations.asked(namespace))
        .graceful_shutdown_on({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        })
        .run(
            reconcile::<ZoomIntegration>,
            retry::<ZoomIntegration>,
            context.clone(),
        )
        .for_each(|result| {
            match result {
                // Deleted while it waited in the queue.
                Err(Error::ObjectNotFound(object)) => {
                    let namespace = object.namespace.as_deref().unwrap_or_default();
                    context
                        .failures
                        .forget(&Key::new::<ZoomIntegration>(namespace, &object.name));
                    context.zoom.forget_idle_accounts();
                }
                Err(Error::QueueError(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "watch failed");
                }
                // Logged where it happened.
                Err(_) | Ok(_) => {}
            }
            std::future::ready(())
        })
        .await;
}

/// The integrations that read this Secret or write it.
fn concerned(
    integrations: &Store<Cached>,
    secret: &PartialObjectMeta<Secret>,
) -> Vec<ObjectRef<Cached>> {
    let (namespace, name) = (secret.namespace(), secret.name_any());
    integrations
        .state()
        .into_iter()
        .filter(|cached| {
            cached.0.as_ref().is_ok_and(|integration| {
                integration.namespace() == namespace
                    && (integration.spec.credentials.secret_ref.name == name
                        || Owner::integration(integration).secret_name == name)
            })
        })
        .map(|integration| ObjectRef::from_obj(&*integration))
        .collect()
}

fn scoped<K>(context: &Context, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(context.client.clone(), namespace),
        None => Api::all(context.client.clone()),
    }
}
