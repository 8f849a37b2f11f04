//! The controller: keeps every resource as it is declared.
//!
//! Data flows one way in each pass: observe -> plan -> apply -> settle -> report. What decides is pure
//! (`plan`, `schedule`, `verdict`, `status`, `resources`); what touches the cluster or Zoom
//! (`observe`, `facts`, `apply`, `report`) decides nothing. `integration` and
//! `connection` are the passes over the two kinds of resource; beside them lies what both share.

mod audit;
mod budget;
mod config;
mod connection;
mod connections;
mod consents;
mod context;
pub(crate) mod credentials;
mod defined;
mod error;
pub(crate) mod failure;
mod finalizer;
mod grants;
mod index;
mod integration;
mod key;
mod keys;
mod leadership;
mod links;
mod metrics;
mod outage;
mod poll;
mod published;
mod queue;
mod reach;
mod reader;
mod receiver_defaults;
mod reconcile;
mod removals;
mod report;
mod restart;
mod rollouts;
mod schedule;
mod token_secret;
mod verdict;
mod watch;
mod writer;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use kube::Client;
use runtime::{admin, http, listen, metrics as registry, shutdown};
use tokio::sync::oneshot;

use self::{
    context::Context,
    index::Index,
    leadership::{Candidate, Election},
    metrics::{Gauges, Metrics},
};

pub use self::config::{Args, ReceiverImage, ReceiverPolicy};

/// How long passes under way may take after the request to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How long the election waits for what an earlier process left.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

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
    let index = Arc::new(Index::default());
    registry.register_collector(Box::new(Gauges(index.clone())));
    let readiness = admin::Readiness::default();
    let watching = readiness.gate("api-server");
    let admin = listen::listen(args.admin_listen)
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
    defined::wait(&client, args.namespaces().as_deref(), &shutdown).await;
    watching.open();

    let candidate = Candidate {
        namespace: args.lease_namespace.clone(),
        lease: args.lease_name.clone(),
        identity: args.identity.clone(),
        duration: args.lease_duration,
    };
    let (mut election, mut leadership) = Election::new(client.clone(), candidate);
    let context = Context::new(
        client.clone(),
        args,
        leadership.clone(),
        metrics.clone(),
        index,
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
            () = watch::everything(client, context.clone(), shutdown.clone()) => {}
            () = keys::maintain(&context) => {}
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
