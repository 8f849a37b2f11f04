//! Watches the cluster: changes go into the index, and the objects that they affect go into the queue.
//!
//! Each kind in each namespace has its own watch. A namespace that does not exist or is forbidden stops no
//! other, is logged in one warning, and is served again once it is back.

mod again;
mod consents;
mod follow;
mod secrets;

use std::{collections::HashSet, sync::Arc};

use futures::{Stream, StreamExt as _};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Namespace, Pod, Service, ServiceAccount},
        networking::v1::{Ingress, NetworkPolicy},
        policy::v1::PodDisruptionBudget,
    },
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::PartialObjectMeta,
    runtime::watcher::{self, Event},
};
use tokio::task::JoinSet;

use self::{again::watch, consents::consents, follow::Follower};
use super::{
    Context,
    index::{Guarded, NAMESPACES, Watch, Watched},
    integration::resources::HTTPRoute,
    key::Key,
    outage::Outage,
    poll, queue,
    reconcile::{Managed, reconcile},
};
use crate::api::{
    label,
    v1alpha1::{ZoomConnection, ZoomIntegration},
};
use runtime::shutdown::Shutdown;

/// Objects per page of a list: each may have a megabyte, most of which is not kept.
const PAGE: u32 = 50;

/// One namespace that is watched, or all of them.
#[derive(Clone)]
struct Scope {
    namespace: Option<Arc<str>>,
    client: Client,
    context: Arc<Context>,
    outage: Arc<Outage>,
}

/// Works on all objects until the process is asked to stop.
pub async fn everything(client: Client, context: Arc<Context>, shutdown: Shutdown) {
    let scopes = context.config.scope.namespaces().map_or_else(
        || vec![None],
        |names| names.into_iter().map(Some).collect::<Vec<_>>(),
    );
    let scopes: Vec<Scope> = scopes
        .into_iter()
        .map(|namespace| Scope::new(namespace.as_deref(), &client, &context))
        .collect();
    // Dropped, together with every watch, once the last pass has ended.
    let mut watches = JoinSet::new();
    for scope in &scopes {
        scope.spawn(&mut watches);
    }
    if context.config.connect_url.is_some() {
        watches.spawn(consents(client, context.clone(), paged()));
    } else {
        context.reader.index().expect_no_consents();
    }
    watches.spawn(poll::receivers(context.clone()));
    let pass = |key, why| reconcile(context.clone(), key, why);
    queue::run(&context.requeue, pass, &shutdown).await;
}

/// A watch that lists in pages.
fn paged() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

// === impl Scope ===

impl Scope {
    fn new(namespace: Option<&str>, client: &Client, context: &Arc<Context>) -> Self {
        // No decision depends on what other namespaces hold while one of them has not been listed.
        for kind in [ZoomIntegration::kind(&()), ZoomConnection::kind(&())] {
            context
                .reader
                .index()
                .set_watch(namespace, &kind, Watch::Pending);
        }
        if namespace.is_none() {
            let index = context.reader.index();
            index.set_watch(None, NAMESPACES, Watch::Pending);
        }
        Self {
            namespace: namespace.map(Into::into),
            client: client.clone(),
            context: context.clone(),
            outage: Arc::new(Outage::new(namespace)),
        }
    }

    fn spawn(&self, watches: &mut JoinSet<()>) {
        let ours = paged().labels(&format!("{}={}", label::MANAGED_BY, label::MANAGER));
        watches.spawn(self.clone().resources::<ZoomIntegration>());
        watches.spawn(self.clone().resources::<ZoomConnection>());
        watches.spawn(self.clone().secrets());
        if self.namespace.is_none() {
            watches.spawn(self.clone().namespaces());
        }
        watches.spawn(self.clone().children::<Deployment>(ours.clone()));
        watches.spawn(self.clone().children::<StatefulSet>(ours.clone()));
        watches.spawn(self.clone().children::<Service>(ours.clone()));
        watches.spawn(self.clone().children::<ServiceAccount>(ours.clone()));
        watches.spawn(self.clone().children::<PodDisruptionBudget>(ours.clone()));
        watches.spawn(self.clone().children::<NetworkPolicy>(ours.clone()));
        watches.spawn(self.clone().children::<Ingress>(ours.clone()));
        let receivers = paged().labels(&format!("{}={}", label::NAME, label::RECEIVER_NAME));
        watches.spawn(self.clone().children::<Pod>(receivers));
        let optional = Self {
            outage: Arc::new(Outage::optional()),
            ..self.clone()
        };
        watches.spawn(optional.children::<HTTPRoute>(ours));
    }

    /// Watches the declared resources. Never returns.
    async fn resources<K: Managed>(self)
    where
        Guarded<K>: Watched,
    {
        let gone = |object: &Guarded<K>| {
            let meta = object.meta();
            if let Some(key) = <Guarded<K> as Watched>::key(object) {
                self.context.requeue.forget(&key);
            }
            K::forget(&self.context, meta);
        };
        let events = watch(self.api::<Guarded<K>>(), paged());
        self.follow(events, gone).await;
    }

    /// Watches the objects made for integrations. Never returns.
    async fn children<K: Watched>(self, config: watcher::Config) {
        let events = watch(self.api::<K>(), config);
        self.follow(events, |_| {}).await;
    }

    /// Puts a watch's events into the index.
    async fn follow<K: Watched>(
        &self,
        events: impl Stream<Item = watcher::Result<Event<K>>>,
        gone: impl Fn(&K),
    ) {
        self.follower().follow(events, gone).await;
    }

    fn follower(&self) -> Follower<'_> {
        Follower {
            index: self.context.reader.index(),
            requeue: &self.context.requeue,
            outage: &self.outage,
            namespace: self.namespace.as_deref(),
        }
    }

    /// Watches the labels of all namespaces: integrations allow some of them. Never returns.
    async fn namespaces(self) {
        let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
        let index = self.context.reader.index();
        let mut events = std::pin::pin!(watch(namespaces, paged()));
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => {
                    listed.clear();
                    continue;
                }
                Ok(Event::InitApply(namespace)) => {
                    listed.insert(namespace.name_any());
                    self.requeue(index.namespace_written(&namespace));
                }
                Ok(Event::InitDone) => {
                    for gone in index.labelled_but(&std::mem::take(&mut listed)) {
                        self.requeue(index.namespace_gone(&gone));
                    }
                    if index.set_watch(None, NAMESPACES, Watch::Complete) != Some(Watch::Complete) {
                        self.requeue_all();
                    }
                }
                Ok(Event::Apply(namespace)) => {
                    self.requeue(index.namespace_written(&namespace));
                }
                Ok(Event::Delete(namespace)) => {
                    self.requeue(index.namespace_gone(&namespace.name_any()));
                }
                Err(error) => {
                    let next = self.outage.failed(NAMESPACES, &error);
                    if next.unavailable
                        && index.set_watch(None, NAMESPACES, Watch::Unavailable)
                            == Some(Watch::Pending)
                    {
                        self.requeue_all();
                    }
                    tokio::time::sleep(next.pause).await;
                    continue;
                }
            }
            self.outage.ended(NAMESPACES);
        }
    }

    fn requeue_all(&self) {
        self.follower().requeue_all();
    }

    fn requeue(&self, keys: Vec<Key>) {
        self.follower().requeue(keys);
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        let client = self.client.clone();
        match &self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        }
    }
}
