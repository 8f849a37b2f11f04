//! The controller: keeps every resource in its declared state.
//!
//! Data flows one way in each pass: observe -> plan -> apply -> settle -> report. The parts that decide are
//! pure (`plan`, `schedule`, `verdict`, `status`, `resources`). The parts that use the cluster or Zoom
//! (`observe`, `facts`, `apply`, `report`) decide nothing. `integration` and `connection` are the passes over
//! the two kinds of resource; the other modules are shared by both.
//!
//! | Question | Where |
//! |---|---|
//! | Which object gets a pass, and when? | `watch.rs`, `index`, `queue`, `poll.rs` |
//! | Which objects does this operator serve? | `scope.rs`, `index/served.rs` |
//! | What does a pass work with? | `context.rs`: `reader.rs`, `writer.rs`, `grants`, `budget` |
//! | When is something tried again? | `schedule.rs`; the failure that is remembered: `failure.rs`; whether our clock is right: `clock.rs` |
//! | How often is Zoom asked? | `budget`; with which authorities: `trust.rs` |
//! | Which namespaces may use an integration? | `tenancy.rs` |
//! | Whose events go where? | `routing`; whether a sink's Service may be used: `sink_service.rs` |
//! | Who leads? | `leadership.rs` |
//! | Where is a token published? | `token_secret.rs`, `published.rs` |
//! | Where do people without a connection get one? | `consents` |
//! | How fast are receivers replaced? | `rollouts.rs` |

mod audit;
mod budget;
mod clock;
mod config;
mod connection;
mod connections;
mod consents;
mod context;
mod cookie_keys;
pub(crate) mod credentials;
mod defined;
mod error;
mod events;
pub(crate) mod failure;
mod finalizer;
pub mod grants;
mod handed_over;
mod index;
mod integration;
mod key;
mod leadership;
mod links;
mod metrics;
mod outage;
mod poll;
mod proof;
mod published;
mod queue;
mod reach;
mod reader;
mod receiver_defaults;
mod reconcile;
mod refusal;
#[cfg(test)]
pub(crate) mod rehearsal;
mod removals;
mod report;
mod restart;
mod rollouts;
mod routing;
mod schedule;
mod scope;
mod sink_service;
mod tenancy;
mod token_secret;
mod trust;
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

pub use self::{
    config::{Args, ReceiverImage, ReceiverPolicy},
    scope::Scope,
};

/// How long running passes may continue after the process is asked to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How long the election waits while replies of an earlier process are stored.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

/// Runs the controller until it is asked to stop or loses its leadership.
///
/// # Errors
/// When a port cannot be bound, the cluster's configuration cannot be found, or leadership was lost. The
/// process then ends, and its successor starts from what is stored.
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
    let release = format!("{}/{}", args.lease_namespace, args.lease_name);
    let index = Arc::new(Index::serving(&args.scope, &release));
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
    defined::wait(&client, args.scope.namespaces().as_deref(), &shutdown).await;
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
    // This happens before the election: the next leader must find the grants that are still alive. Replies
    // that cannot be stored in time are retried in the background: one broken Secret must not stop the
    // operator.
    let draining = tokio::spawn({
        let context = context.clone();
        async move { context.grants.drain().await }
    });
    tokio::select! {
        _ = tokio::time::timeout(LONGEST_DRAIN, draining) => {}
        () = shutdown.requested() => {}
    }
    tokio::spawn({
        let context = context.clone();
        async move { trust::follow(&context.zoom.client, &context.config.egress).await }
    });
    // A separate task: no amount of work may delay a renewal.
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
            () = watch::everything(client.clone(), context.clone(), shutdown.clone()) => {}
            () = cookie_keys::maintain(client, &context) => {}
            () = consents::sweep(&context) => {}
        }
        // No new work starts; received replies are stored.
        context.grants.idle().await;
    };
    let mut election = election;
    let lost = tokio::select! {
        lost = &mut election => {
            // Received replies are stored even if this replica no longer leads.
            let _ = tokio::time::timeout(DRAIN, context.grants.idle()).await;
            lost?
        }
        // A watch that never became ready would block the shutdown forever.
        ended = shutdown.bound(DRAIN, work) => {
            if ended.is_err() {
                tracing::warn!("stopped without waiting for the passes under way");
            }
            // The Lease is released last: no other replica starts while our work is still running.
            drop(done);
            election.await?
        }
    };
    anyhow::ensure!(!lost, "leadership was lost");
    admin.await?;
    Ok(())
}
