//! What a pass works with.

use std::sync::Arc;

use anyhow::Context as _;
use grant::Directory;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    runtime::events::{Recorder, Reporter},
};
use runtime::{
    outgoing::{self, Trust},
    shutdown::Shutdown,
};
use zoom::Endpoints;

use super::{
    budget::Budgets,
    config::Args,
    credentials::Versions,
    grants::{Grants, LeaderTerm},
    index::{Index, Watched},
    integration::{altered::Altered, answers::Answers},
    key::Key,
    leadership::Leadership,
    metrics::Metrics,
    queue::{Limits, Requeue},
    reach::Reachability,
    rollouts::Rollouts,
};

/// What a pass works with.
pub struct Context {
    /// The Kubernetes API.
    pub client: Client,
    /// Zoom.
    pub zoom: Arc<zoom::Client>,
    /// For the ports of tenants' receivers, by the addresses of their Pods.
    pub receiver_http: reqwest::Client,
    /// The operator's configuration.
    pub config: Args,
    /// Whether this replica leads.
    pub leadership: Leadership,
    /// Publishes Kubernetes Events.
    pub recorder: Recorder,
    /// What is counted.
    pub metrics: Metrics,
    /// What the watches know.
    pub index: Arc<Index>,
    /// Asks for passes.
    pub requeue: Requeue,
    /// How often Zoom may be asked.
    pub budgets: Arc<Budgets>,
    /// What Zoom last said to the credentials of General apps.
    pub answers: Answers,
    /// The versions of integrations' credentials.
    pub versions: Versions,
    /// What others made of receivers' objects after they were applied.
    pub altered: Altered,
    /// The pace at which receivers are replaced.
    pub rollouts: Rollouts,
    /// Whether webhook URLs lead to their receivers.
    pub reach: Reachability,
    /// Spends the connections' grants.
    pub grants: Grants,
}

// === impl Context ===

impl Context {
    /// Prepares the work on a cluster.
    ///
    /// # Errors
    /// When TLS cannot be set up, or the journal cannot be opened.
    pub fn new(
        client: Client,
        config: Args,
        leadership: Leadership,
        metrics: Metrics,
        index: Arc<Index>,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let endpoints = Endpoints::new(config.zoom_oauth_url.clone(), config.zoom_api_url.clone());
        let zoom = zoom::Client::through(endpoints, config.egress.client_builder()?)?
            .with_spending_limit(config.spending_limit());
        let zoom = Arc::new(zoom);
        let journal = Directory::open(config.journal.clone())
            .with_context(|| format!("failed to open the journal {}", config.journal.display()))?;
        let requeue = Requeue::new(Limits::new(config.concurrency));
        let budgets = Arc::new(Budgets::default());
        let term = LeaderTerm::new(leadership.clone(), shutdown, config.identity.clone());
        Ok(Self {
            grants: Grants::new(client.clone(), zoom.clone(), budgets.clone(), term, journal),
            rollouts: Rollouts::new(config.policy.receiver_rollouts),
            zoom,
            receiver_http: outgoing::client_builder(Trust::Nobody)
                .pool_max_idle_per_host(0)
                .build()?,
            recorder: Recorder::new(
                client.clone(),
                Reporter {
                    controller: "zoom-operator".into(),
                    instance: Some(config.identity.clone()),
                },
            ),
            leadership,
            client,
            metrics,
            index,
            reach: Reachability::new(config.policy.reachability_check, requeue.clone())?,
            requeue,
            budgets,
            answers: Answers::default(),
            altered: Altered::default(),
            versions: Versions::default(),
            config,
        })
    }

    /// The API for objects in the namespace of `object`.
    pub fn beside<K>(&self, object: &impl Resource<DynamicType = ()>) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Takes in what a pass over `by` wrote, as the API server answered, so that nothing starts from an older
    /// copy. Other objects that it concerns get a pass.
    pub fn wrote<K: Watched>(&self, by: &Key, object: K) {
        for key in self.index.apply(object) {
            if key != *by {
                self.requeue.now(key);
            }
        }
    }
}
