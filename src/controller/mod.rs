//! The controller: keeps every resource as it is declared.
//!
//! Data flows one way in each pass: observe -> plan -> apply -> report. What decides is pure
//! (`plan`, `schedule`, `verdict`, `status`, `resources`); what touches the cluster or Zoom
//! (`observe`, `facts`, `apply`, `report`) decides nothing. `integration` and
//! `connection` are the passes over the two kinds of resource; beside them lies what both share.

mod config;
mod connection;
mod consents;
pub(crate) mod credentials;
mod error;
pub(crate) mod failure;
mod finalizer;
mod fleet;
mod grants;
mod integration;
mod keys;
mod known;
mod leadership;
mod links;
mod metrics;
mod published;
mod reach;
mod reconcile;
mod removals;
mod report;
mod rollouts;
mod schedule;
mod token_secret;
mod touch;
mod verdict;
mod watch;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    runtime::events::{Recorder, Reporter},
};
use tokio::{net::TcpListener, sync::oneshot};

use self::{
    fleet::Fleet,
    grants::{Grants, LeaderTerm},
    integration::{altered::Altered, answers::Answers},
    known::{Connections, Hosts},
    leadership::{Candidate, Election, Leadership},
    metrics::Metrics,
    reach::Reachability,
    reconcile::Failures,
    removals::Removals,
    rollouts::Rollouts,
    touch::Touch,
};
use crate::api::v1alpha1::{ZoomConnection, ZoomIntegration};
use grant::Directory;
use runtime::{
    admin, http, metrics as registry,
    outgoing::{self, Trust},
    shutdown::{self, Shutdown},
};
use zoom::Endpoints;

pub use self::config::{Args, ReceiverImage, ReceiverPolicy};

/// How long passes under way may take after the request to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How long the election waits for what an earlier process left.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

/// What every pass needs.
pub struct Context {
    client: Client,
    zoom: Arc<zoom::Client>,
    facts: reqwest::Client,
    config: Args,
    leadership: Leadership,
    recorder: Recorder,
    metrics: Metrics,
    fleet: Fleet,
    failures: Failures,
    /// Asks for passes over integrations.
    integrations: Arc<Touch<ZoomIntegration>>,
    /// Asks for passes over connections.
    touched: Touch<ZoomConnection>,
    /// Who removed an app.
    removals: Removals,
    /// What Zoom last said to the credentials of General apps.
    answers: Answers,
    /// What others made of receivers' objects after they were applied.
    altered: Altered,
    /// The connections that there are.
    connections: Connections,
    /// The hosts that integrations claim.
    hosts: Hosts,
    /// The pace at which receivers are replaced.
    rollouts: Rollouts,
    /// Whether webhook URLs lead to their receivers.
    reach: Reachability,
    /// Spends the connections' grants.
    grants: Grants,
}

/// Runs the controller until it is told to stop or loses its leadership.
///
/// # Errors
/// When a port cannot be bound, the cluster's configuration cannot be found, or leadership was lost:
/// the process then ends, and its successor starts from what is stored.
pub fn main(args: Args) -> anyhow::Result<()> {
    args.log.init()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(args))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let mut registry = registry::registry();
    let metrics = Metrics::register(&mut registry);
    let fleet = Fleet::default();
    registry.register_collector(Box::new(fleet.clone()));
    let readiness = admin::Readiness::default();
    let watching = readiness.gate("api-server");
    let admin = TcpListener::bind(args.admin_listen)
        .await
        .with_context(|| format!("failed to listen on {}", args.admin_listen))?;
    let admin = tokio::spawn(http::serve(
        admin,
        admin::router(readiness, Arc::new(registry)),
        http::Limits::default(),
        shutdown.clone(),
    ));

    let client = Client::try_default()
        .await
        .context("failed to find the cluster: neither a kubeconfig nor a service account")?;
    watch::definitions(&client, &args, &shutdown).await;
    watching.open();

    let candidate = Candidate {
        namespace: args.lease_namespace.clone(),
        lease: args.lease_name.clone(),
        identity: args.identity.clone(),
        duration: args.lease_duration,
    };
    let (mut election, mut leadership) = Election::new(client.clone(), candidate);
    let context = Context::new(
        client,
        args,
        leadership.clone(),
        metrics.clone(),
        fleet,
        shutdown.clone(),
    )?;
    let context = Arc::new(context);
    let (done, stop) = oneshot::channel::<()>();
    // Before this process stands for election: whoever leads next must find what is alive. What cannot be
    // stored by then goes on beside it: one broken Secret must not keep the operator from working.
    let draining = tokio::spawn({
        let context = context.clone();
        async move { context.grants.drain().await }
    });
    tokio::select! {
        _ = tokio::time::timeout(LONGEST_DRAIN, draining) => {}
        () = shutdown.requested() => {}
    }
    // A task of its own: no amount of work may delay a renewal.
    let election = tokio::spawn(async move {
        let lost = tokio::select! {
            () = election.run() => true,
            _ = stop => false,
        };
        election.release().await;
        lost
    });
    let work = async {
        tokio::select! {
            () = leadership.acquired() => {}
            () = shutdown.requested() => return,
        }
        metrics.leader(true);
        tokio::select! {
            () = watch::everything(context.clone(), shutdown.clone()) => {}
            () = keys::keep(&context) => {}
            () = consents::sweep(&context) => {}
        }
        // Nothing new is begun; what was received is stored.
        context.grants.idle().await;
    };
    let mut election = election;
    let lost = tokio::select! {
        lost = &mut election => {
            // Whoever received a reply stores it, leader or not.
            let _ = tokio::time::timeout(DRAIN, context.grants.idle()).await;
            lost?
        }
        // A watch that never became ready would hold the shutdown up for ever.
        ended = shutdown.bound(DRAIN, work) => {
            if ended.is_err() {
                tracing::warn!("stopped without waiting for the passes under way");
            }
            // The Lease goes last: nobody else starts while anything of ours is under way.
            drop(done);
            election.await?
        }
    };
    anyhow::ensure!(!lost, "leadership was lost");
    admin.await?;
    Ok(())
}

// === impl Context ===

impl Context {
    fn new(
        client: Client,
        config: Args,
        leadership: Leadership,
        metrics: Metrics,
        fleet: Fleet,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let endpoints = Endpoints::new(config.zoom_oauth_url.clone(), config.zoom_api_url.clone());
        let zoom = zoom::Client::new(endpoints)?.with_spending_limit(config.spending_limit());
        let zoom = Arc::new(zoom);
        let journal = Directory::open(config.journal.clone())
            .with_context(|| format!("failed to open the journal {}", config.journal.display()))?;
        let integrations = Arc::new(Touch::default());
        let term = LeaderTerm::new(leadership.clone(), shutdown, config.identity.clone());
        Ok(Self {
            grants: Grants::new(client.clone(), zoom.clone(), term, journal),
            connections: Connections::default(),
            hosts: Hosts::default(),
            rollouts: Rollouts::new(config.policy.receiver_rollouts),
            zoom,
            facts: outgoing::client_builder(Trust::Nobody)
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
            fleet,
            failures: Failures::default(),
            reach: Reachability::new(config.policy.reachability_check, integrations.clone())?,
            integrations,
            touched: Touch::default(),
            removals: Removals::default(),
            answers: Answers::default(),
            altered: Altered::default(),
            config,
        })
    }

    /// The API for objects in the namespace of `object`.
    fn beside<K>(&self, object: &impl Resource<DynamicType = ()>) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        Api::namespaced(self.client.clone(), namespace)
    }
}
