//! What a pass works with. A pass hands each stage only the part it needs: reads, writes, Zoom, receivers.

use std::sync::Arc;

use anyhow::Context as _;
use grant::Directory;
use kube::Client;
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
    index::Index,
    integration::{altered::Altered, answers::Answers, rewrites::Rewrites, untold::Untold},
    leadership::Leadership,
    metrics::Metrics,
    queue::{Limits, Requeue},
    reach::Reachability,
    reader::Reader,
    restart::Restarts,
    rollouts::Rollouts,
    routing::Routes,
    writer::Writer,
};

/// What a pass works with.
pub struct Context {
    /// Reads of the cluster.
    pub reader: Reader,
    /// Writes to the cluster.
    pub writer: Writer,
    /// Requests to Zoom and their budgets.
    pub zoom: Zoom,
    /// Spends the connections' grants.
    pub grants: Grants,
    /// Tenants' receivers.
    pub receivers: Receivers,
    /// What passes remember about an integration in addition to its status.
    pub memory: Memory,
    /// Requests passes.
    pub requeue: Requeue,
    /// Metrics.
    pub metrics: Metrics,
    /// The operator's configuration.
    pub config: Args,
}

/// Requests to Zoom and their budgets.
pub struct Zoom {
    /// Sends the requests.
    pub client: Arc<zoom::Client>,
    /// The budgets of accounts and apps.
    pub budgets: Arc<Budgets>,
    /// Metrics.
    pub metrics: Metrics,
}

/// Tenants' receivers, apart from their Kubernetes objects.
pub struct Receivers {
    /// Calls the receivers' ports at the addresses of their Pods.
    pub http: reqwest::Client,
    /// Checks whether webhook URLs lead to the receivers.
    pub reach: Reachability,
    /// The pace at which receivers are replaced.
    pub rollouts: Rollouts,
}

/// What passes remember about an integration in addition to its status.
#[derive(Default)]
pub struct Memory {
    /// Zoom's last answers to the credentials of General apps.
    pub answers: Answers,
    /// The versions of integrations' credentials.
    pub versions: Versions,
    /// Changes that others made to receivers' objects after they were applied.
    pub altered: Altered,
    /// Token Secrets that others change.
    pub rewrites: Rewrites,
    /// Lifecycle states that could not be written.
    pub untold: Untold,
    /// The routes that are written.
    pub routes: Routes,
}

// === impl Context ===

impl Context {
    /// Prepares the context for a cluster.
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
        let zoom = Zoom {
            client: Arc::new(zoom),
            budgets: Arc::default(),
            metrics: metrics.clone(),
        };
        let journal = Directory::open(config.journal.clone())
            .with_context(|| format!("failed to open the journal {}", config.journal.display()))?;
        let requeue = Requeue::new(Limits::new(config.concurrency));
        let term = LeaderTerm::new(
            leadership.clone(),
            shutdown,
            config.identity.clone(),
            config.lease_namespace.clone(),
        );
        let (requests, budgets) = (zoom.client.clone(), zoom.budgets.clone());
        Ok(Self {
            grants: Grants::new(client.clone(), requests, budgets, term, journal),
            zoom,
            receivers: Receivers {
                http: outgoing::client_builder(Trust::Nobody)
                    .pool_max_idle_per_host(0)
                    .build()?,
                reach: Reachability::new(config.policy.reachability_check, requeue.clone())?,
                rollouts: Rollouts::new(config.policy.receiver_rollouts),
            },
            memory: Memory::default(),
            writer: Writer::new(
                client.clone(),
                leadership,
                config.identity.clone(),
                index.clone(),
                requeue.clone(),
            ),
            reader: Reader::new(client, index),
            requeue,
            metrics,
            config,
        })
    }

    /// What is needed to restart the consumers of tokens.
    #[must_use]
    pub fn restarts(&self) -> Restarts<'_> {
        Restarts {
            writer: &self.writer,
            allowed: self.config.restart_workloads,
        }
    }
}
