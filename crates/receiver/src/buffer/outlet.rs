//! Where stored events go, and the task that brings them there.

use prometheus_client::registry::Registry;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    delivery::{Common, Skip},
    forwarder::Forwarder,
    lanes::{self, Dispatcher, index::LaneIndex},
    letters::Letters,
};
use crate::{routing::Routing, sink::Sink};

/// Where stored events go.
#[derive(Debug)]
pub enum Outlet {
    /// Nowhere: they are only stored.
    None,
    /// All to one sink.
    Sink(Sink),
    /// Each to the sink of its account.
    Routes(Routing),
    /// Nowhere, but what an account holds is bounded.
    Held(Routing),
}

// === impl Outlet ===

impl Outlet {
    /// Whether events go on from the store.
    pub(super) fn forwards(&self) -> bool {
        matches!(self, Self::Sink(_) | Self::Routes(_))
    }

    /// What is pending by account in a buffer of this size, if accounts are told apart.
    pub(super) fn lanes(&self, size: u64, registry: &mut Registry) -> Option<(LaneIndex, Routing)> {
        let (Self::Routes(routing) | Self::Held(routing)) = self else {
            return None;
        };
        let share = u64::from(routing.settings().share);
        let most = lanes::memory::most_events(lanes::memory::limit());
        let index = LaneIndex::new((size / 100).saturating_mul(share), most);
        lanes::metrics::register(registry, &index, routing);
        Some((index, routing.clone()))
    }

    /// Starts the task, if events are forwarded.
    pub(super) fn start(
        self,
        common: Common,
        skips: mpsc::Receiver<Skip>,
        lanes: Option<&(LaneIndex, Routing)>,
        letters: &Letters,
        is_ephemeral: bool,
    ) -> Option<JoinHandle<()>> {
        match (self, lanes) {
            (Self::Sink(sink), _) => {
                let forwarder = Forwarder {
                    sink,
                    common,
                    skips,
                };
                Some(tokio::spawn(or_abort(forwarder.run())))
            }
            (Self::Routes(routing), Some((index, _))) => {
                let dispatcher = Dispatcher {
                    common,
                    routing,
                    index: index.clone(),
                    letters: letters.clone(),
                    skips,
                    is_ephemeral,
                };
                Some(tokio::spawn(or_abort(dispatcher.run())))
            }
            _ => None,
        }
    }
}

/// Without the forwarder, events would be accepted and never delivered, and nothing would show it: restarting
/// the process is better.
async fn or_abort(work: impl Future<Output = ()> + Send + 'static) {
    if let Err(error) = tokio::spawn(work).await
        && error.is_panic()
    {
        tracing::error!("the forwarder ended, restarting the process");
        std::process::abort();
    }
}
