//! What a pass works with. The passes hand each stage the part that it needs: reads, writes, Zoom, receivers.

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
    integration::{altered::Altered, answers::Answers},
    leadership::Leadership,
    metrics::Metrics,
    queue::{Limits, Requeue},
    reach::Reachability,
    reader::Reader,
    restart::Restarts,
    rollouts::Rollouts,
    writer::Writer,
};

/// What a pass works with.
pub struct Context {
    /// Reads of the cluster.
    pub reader: Reader,
    /// Writes to it.
    pub writer: Writer,
    /// Zoom, and how often it may be asked.
    pub zoom: Zoom,
    /// Spends the connections' grants.
    pub grants: Grants,
    /// Tenants' receivers.
    pub receivers: Receivers,
    /// What passes remember of an integration beside its status.
    pub memory: Memory,
    /// Asks for passes.
    pub requeue: Requeue,
    /// What is counted.
    pub metrics: Metrics,
    /// The operator's configuration.
    pub config: Args,
}

/// Zoom, and how often it may be asked.
pub struct Zoom {
    /// The requests.
    pub client: Arc<zoom::Client>,
    /// The budgets of accounts and apps.
    pub budgets: Arc<Budgets>,
    /// What is counted.
    pub metrics: Metrics,
}

/// Tenants' receivers, beside their objects.
pub struct Receivers {
    /// For their ports, by the addresses of their Pods.
    pub http: reqwest::Client,
    /// Whether webhook URLs lead to them.
    pub reach: Reachability,
    /// The pace at which they are replaced.
    pub rollouts: Rollouts,
}

/// What passes remember of an integration beside its status.
#[derive(Default)]
pub struct Memory {
    /// What Zoom last said to the credentials of General apps.
    pub answers: Answers,
    /// The versions of integrations' credentials.
    pub versions: Versions,
    /// What others made of receivers' objects after they were applied.
    pub altered: Altered,
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
        let zoom = Zoom {
            client: Arc::new(zoom),
            budgets: Arc::default(),
            metrics: metrics.clone(),
        };
        let journal = Directory::open(config.journal.clone())
            .with_context(|| format!("failed to open the journal {}", config.journal.display()))?;
        let requeue = Requeue::new(Limits::new(config.concurrency));
        let term = LeaderTerm::new(leadership.clone(), shutdown, config.identity.clone());
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

    /// What restarts the consumers of tokens.
    #[must_use]
    pub fn restarts(&self) -> Restarts<'_> {
        Restarts {
            writer: &self.writer,
            allowed: self.config.restart_workloads,
        }
    }
}
