//! Which changes in the cluster lead to a pass.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Secret, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
    runtime::{
        Controller, WatchStreamExt as _,
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
    grants,
    integration::resources::control_name,
    reconcile::{Guarded, Managed, reconcile, retry},
    token_secret::Owner,
};
use crate::api::{
    label,
    v1alpha1::{ZoomConnection, ZoomIntegration},
};
use runtime::shutdown::Shutdown;

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

/// Waits until the resources are defined and may be listed, and says what is missing. The wait also ends
/// with the request to stop.
pub async fn definitions(client: &Client, args: &Args, shutdown: &Shutdown) {
    let namespace = args.namespaces().and_then(|names| names.into_iter().next());
    let namespace = namespace.as_deref();
    loop {
        let problem = match (
            missing::<ZoomIntegration>(client, namespace).await,
            missing::<ZoomConnection>(client, namespace).await,
        ) {
            (None, None) => return,
            (Some(problem), _) | (_, Some(problem)) => problem,
        };
        tracing::warn!(problem, "waiting for the API server");
        tokio::select! {
            () = tokio::time::sleep(UNTIL_DEFINED) => {}
            () = shutdown.requested() => return,
        }
    }
}

/// Why objects of a kind cannot be listed.
async fn missing<K: Managed>(client: &Client, namespace: Option<&str>) -> Option<String> {
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) if status.is_not_found() => Some(format!(
            "{} is not defined: install the CRDs (chart value crds.enabled, or the files in crds/)",
            K::kind(&())
        )),
        Err(error) => Some(error.to_string()),
    }
}

/// Works on all objects until the request to stop.
pub async fn everything(context: Arc<Context>, shutdown: Shutdown) {
    let scopes = context.config.namespaces().map_or_else(
        || vec![None],
        |names| names.into_iter().map(Some).collect::<Vec<_>>(),
    );
    let controllers = scopes.into_iter().map(|namespace| {
        let (context, shutdown) = (context.clone(), shutdown.clone());
        async move {
            let integrations = integrations(&context, namespace.as_deref(), &shutdown);
            let known = integrations.store();
            let connections = connections(&context, namespace.as_deref(), known, &shutdown);
            futures::join!(
                run(integrations, context.clone()),
                run(connections, context.clone()),
                ends::<ZoomIntegration>(&context, namespace.as_deref(), &shutdown),
                ends::<ZoomConnection>(&context, namespace.as_deref(), &shutdown),
            );
        }
    });
    futures::future::join_all(controllers).await;
}

fn integrations(
    context: &Context,
    namespace: Option<&str>,
    shutdown: &Shutdown,
) -> Controller<Guarded<ZoomIntegration>> {
    let ours =
        watcher::Config::default().labels(&format!("{}={}", label::MANAGED_BY, label::MANAGER));
    let controller = controller::<ZoomIntegration>(context, namespace, shutdown)
        .owns(scoped::<Deployment>(context, namespace), ours.clone())
        .owns(scoped::<Service>(context, namespace), ours.clone())
        .owns(scoped::<ServiceAccount>(context, namespace), ours.clone())
        .owns(scoped::<StatefulSet>(context, namespace), ours.clone())
        .owns(
            scoped::<PodDisruptionBudget>(context, namespace),
            ours.clone(),
        )
        .owns(scoped::<NetworkPolicy>(context, namespace), ours.clone())
        // HTTPRoutes may not be defined, and a watch that fails would hold up all others: the passes that
        // ask the receivers for facts look at them too.
        .owns(scoped::<Ingress>(context, namespace), ours)
        .reconcile_on(context.integrations.asked(namespace));
    let known = controller.store();
    context.hosts.know(controller.store());
    let scope = namespace.map(ToOwned::to_owned);
    handed_over(context, controller, move |secret| {
        reference(secret, label::INTEGRATION, scope.as_deref())
    })
    // By metadata: no bytes of any Secret are kept.
    .watches(
        scoped::<PartialObjectMeta<Secret>>(context, namespace),
        every_secret(),
        move |secret: PartialObjectMeta<Secret>| reading(&known, &secret),
    )
}

fn connections(
    context: &Context,
    namespace: Option<&str>,
    integrations: Store<Guarded<ZoomIntegration>>,
    shutdown: &Shutdown,
) -> Controller<Guarded<ZoomConnection>> {
    let controller = controller::<ZoomConnection>(context, namespace, shutdown)
        .reconcile_on(context.touched.asked(namespace));
    let known = controller.store();
    context.connections.know(controller.store());
    let scope = namespace.map(ToOwned::to_owned);
    let generations = Generations::default();
    handed_over(context, controller, move |secret| {
        reference(secret, label::CONNECTION, scope.as_deref())
    })
    .watches(
        scoped::<PartialObjectMeta<Secret>>(context, namespace),
        every_secret(),
        {
            let known = known.clone();
            move |secret: PartialObjectMeta<Secret>| affected(&known, &integrations, &secret)
        },
    )
    // Only what people change: the status of an integration changes with those of its connections.
    .watches(
        scoped::<PartialObjectMeta<ZoomIntegration>>(context, namespace),
        watcher::Config::default(),
        move |integration: PartialObjectMeta<ZoomIntegration>| {
            if generations.is_known(&integration) {
                return Vec::new();
            }
            let (namespace, name) = (integration.namespace(), integration.name_any());
            named(&known, |connection| {
                connection.namespace() == namespace && connection.spec.integration_ref.name == name
            })
        },
    )
}

/// What both kinds have in common.
fn controller<K: Managed>(
    context: &Context,
    namespace: Option<&str>,
    shutdown: &Shutdown,
) -> Controller<Guarded<K>> {
    let controller = Controller::new(
        scoped::<Guarded<K>>(context, namespace),
        watcher::Config::default(),
    );
    context.fleet.exists_in::<K>(controller.store());
    let shutdown = shutdown.clone();
    controller
        .with_config(controller::Config::default().concurrency(context.config.concurrency))
        .trigger_backoff(Pauses)
        .graceful_shutdown_on(async move { shutdown.requested().await })
}

/// Watches for consents in the operator's own namespace, if there are consent pages.
fn handed_over<K: Managed>(
    context: &Context,
    controller: Controller<Guarded<K>>,
    concerned: impl Fn(&PartialObjectMeta<Secret>) -> Option<ObjectRef<Guarded<K>>>
    + Send
    + Sync
    + 'static,
) -> Controller<Guarded<K>> {
    if context.config.connect_url.is_none() {
        return controller;
    }
    controller.watches(
        scoped::<PartialObjectMeta<Secret>>(context, Some(&context.config.lease_namespace)),
        watcher::Config::default().labels(&format!("{}={}", label::USE, label::CONSENT)),
        move |secret: PartialObjectMeta<Secret>| concerned(&secret),
    )
}

async fn run<K: Managed>(controller: Controller<Guarded<K>>, context: Arc<Context>) {
    controller
        .run(reconcile::<K>, retry::<K>, context.clone())
        .for_each(|result| {
            match result {
                // Deleted while it waited in the queue.
                Err(Error::ObjectNotFound(object)) => {
                    let namespace = object.namespace.as_deref().unwrap_or_default();
                    context
                        .failures
                        .forget(&Key::new::<K>(namespace, &object.name));
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

/// Watches for the end of objects, for which a [`Controller`] makes no pass.
async fn ends<K: Managed>(context: &Context, namespace: Option<&str>, shutdown: &Shutdown) {
    let objects = scoped::<PartialObjectMeta<K>>(context, namespace);
    let watch = watcher(objects, watcher::Config::default())
        .backoff(Pauses)
        .for_each(|event| {
            if let Ok(watcher::Event::Delete(object)) = event {
                K::gone(context, &object.metadata);
            }
            std::future::ready(())
        });
    tokio::select! {
        () = watch => {}
        () = shutdown.requested() => {}
    }
}

/// Service account tokens and Helm's releases are most of a cluster's Secrets and never ours.
fn every_secret() -> watcher::Config {
    watcher::Config::default()
        .fields("type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1")
}

/// The object that a label of a handed over consent names.
fn reference<K: Managed>(
    secret: &PartialObjectMeta<Secret>,
    label: &str,
    scope: Option<&str>,
) -> Option<ObjectRef<Guarded<K>>> {
    let labels = secret.labels();
    let namespace = labels.get(label::NAMESPACE)?;
    let name = labels.get(label)?;
    let in_scope = scope.is_none_or(|scope| scope == namespace);
    in_scope.then(|| ObjectRef::new(name).within(namespace))
}

/// The connections for which `wanted` holds.
fn named(
    known: &Store<Guarded<ZoomConnection>>,
    wanted: impl Fn(&ZoomConnection) -> bool,
) -> Vec<ObjectRef<Guarded<ZoomConnection>>> {
    known
        .state()
        .into_iter()
        .filter(|cached| cached.0.as_ref().is_ok_and(&wanted))
        .map(|cached| ObjectRef::from_obj(&*cached))
        .collect()
}

/// The connections that read this Secret or write it.
fn affected(
    known: &Store<Guarded<ZoomConnection>>,
    integrations: &Store<Guarded<ZoomIntegration>>,
    secret: &PartialObjectMeta<Secret>,
) -> Vec<ObjectRef<Guarded<ZoomConnection>>> {
    let (namespace, name) = (secret.namespace(), secret.name_any());
    let credentials: Vec<String> = integrations
        .state()
        .iter()
        .filter_map(|cached| cached.0.as_ref().ok())
        .filter(|integration| {
            integration.namespace() == namespace
                && integration.spec.credentials.secret_ref.name == name
        })
        .map(kube::ResourceExt::name_any)
        .collect();
    named(known, |connection| {
        let imported = connection.spec.import_secret_ref.as_ref();
        connection.namespace() == namespace
            && (credentials.contains(&connection.spec.integration_ref.name)
                || imported.is_some_and(|imported| imported.name == name)
                || grants::secret::name(&connection.name_any()) == name
                || Owner::connection(connection).secret_name == name)
    })
}

/// The generations of the integrations that were seen.
#[derive(Default)]
struct Generations(Mutex<HashMap<ObjectRef<ZoomIntegration>, Generation>>);

/// UID and generation.
type Generation = (Option<String>, Option<i64>);

// === impl Generations ===

impl Generations {
    /// Whether this generation was seen before.
    fn is_known(&self, integration: &PartialObjectMeta<ZoomIntegration>) -> bool {
        let namespace = integration.namespace().unwrap_or_default();
        let key = ObjectRef::new(&integration.name_any()).within(&namespace);
        let now = (integration.uid(), integration.metadata.generation);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(key, now.clone()) == Some(now)
    }
}

/// The integrations that read this Secret or write it.
fn reading(
    integrations: &Store<Guarded<ZoomIntegration>>,
    secret: &PartialObjectMeta<Secret>,
) -> Vec<ObjectRef<Guarded<ZoomIntegration>>> {
    let (namespace, name) = (secret.namespace(), secret.name_any());
    integrations
        .state()
        .into_iter()
        .filter(|cached| {
            cached.0.as_ref().is_ok_and(|integration| {
                integration.namespace() == namespace
                    && (integration.spec.credentials.secret_ref.name == name
                        || Owner::integration(integration).secret_name == name
                        || sink_secret(integration) == Some(&name)
                        || control_name(integration) == name)
            })
        })
        .map(|integration| ObjectRef::from_obj(&*integration))
        .collect()
}

fn sink_secret(integration: &ZoomIntegration) -> Option<&str> {
    integration.spec.webhook.as_ref()?.sink_secret()
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
