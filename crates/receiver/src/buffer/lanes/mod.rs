//! From the store to many sinks: each account has a lane of its own, and no lane waits for another.
//!
//! ```text
//! writer -> index: account -> places in the queue
//!             | got events
//!         dispatcher -> one task for each account with events -> permits -> the sink of its place
//! ```
//!
//! A lane is a [`Delivery`]: its events go out one at a time and in order, with its own pauses and probes. It
//! ends when it has nothing left. What lanes share is bounded: [`pools`] the deliveries under way,
//! [`tenant::AT_ONCE`](crate::routing::tenant::AT_ONCE) those to one tenant, [`UNSETTLED`] those that are
//! not committed. Permits are given in order of arrival, so that lanes take turns.
//!
//! Everybody acquires in one order, so that no two wait for each other: the permit of the sink, the permit of the
//! pool, the permit to settle. The first two are released when the sink has answered, the last one when the writer
//! has committed. The writer waits for no permit, and its channel is never full.
//!
//! | question | module |
//! |---|---|
//! | What is pending, and how much does an account hold? | [`index`] |
//! | How is one account served? | [`lane`] |
//! | How many events is there memory for? | [`memory`] |
//! | Who may deliver now? | [`pools`] |
//! | What of events whose account is claimed late? | [`replays`] |

pub mod index;
pub mod lane;
pub mod memory;
pub mod metrics;
pub mod pools;
mod replays;

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use contract::{
    receiver::routes::Connection,
    routing_facts::{ConnectionFacts, RoutingFacts},
};
use jiff::Timestamp;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::JoinSet,
};
use tracing::error;

use self::{
    index::{Account, LaneIndex},
    lane::{Lane, Shared},
    replays::Replays,
};
use super::{
    delivery::{Common, Delivery, Skip},
    letters::Letters,
};
use crate::routing::Routing;

/// Most deliveries that are under way or not committed, and therefore most events that a crash repeats.
pub const UNSETTLED: usize = 128;

/// Delivers what is stored, to whom it belongs.
#[derive(Debug)]
pub struct Dispatcher {
    /// What each lane needs.
    pub common: Common,
    /// Where events go.
    pub routing: Routing,
    /// What is pending.
    pub index: LaneIndex,
    /// What is known of the dead letters.
    pub letters: Letters,
    /// Requests to skip an event that fails.
    pub skips: mpsc::Receiver<Skip>,
    /// The buffer is lost with the Pod.
    pub is_ephemeral: bool,
}

/// A lane at work, as the dispatcher sees it.
#[derive(Debug)]
struct Handle {
    arrived: Arc<Notify>,
    skips: mpsc::Sender<Skip>,
    /// Place of the first event that fails; the maximum if none does.
    failing: Arc<AtomicU64>,
}

/// The lanes at work.
#[derive(Debug)]
struct Lanes {
    handles: HashMap<Account, Handle>,
    /// Each returns its account, and whether nothing was left.
    tasks: JoinSet<(Account, bool)>,
    shared: Shared,
    unsettled: Arc<Semaphore>,
}

/// What the controller learns of the accounts, of connections after this one.
#[must_use]
pub fn facts(routing: &Routing, letters: &Letters, after: Option<Connection>) -> RoutingFacts {
    let mut facts = routing.facts(after);
    for (connection, summary) in letters.connections() {
        let known = facts.connections.get(&connection).cloned();
        let (at, reason) = summary.last.unzip();
        let told = ConnectionFacts {
            dead_letters: summary.count,
            last_reason: reason,
            last_failed_at: at.and_then(|at| Timestamp::from_second(at.as_second()).ok()),
            ..known.unwrap_or_default()
        };
        facts.insert(connection, told);
    }
    facts
}

// === impl Dispatcher ===

impl Dispatcher {
    /// Delivers until shutdown is requested.
    pub async fn run(mut self) {
        let mut routes = self.routing.watch();
        tokio::select! {
            // Without routes nobody knows whose an event is.
            read = routes.wait_for(Option::is_some) => if read.is_err() { return },
            () = self.common.stop.requested() => return,
        }
        let mut lanes = Lanes {
            handles: HashMap::new(),
            tasks: JoinSet::new(),
            shared: Shared {
                common: self.common.clone(),
                routing: self.routing.clone(),
                index: self.index.clone(),
                pools: Arc::default(),
                set_aside: Arc::default(),
                is_ephemeral: self.is_ephemeral,
            },
            unsettled: Arc::new(Semaphore::new(UNSETTLED)),
        };
        // Beside the lanes: none of them waits for it.
        let replays = Replays {
            common: self.common.clone(),
            routing: self.routing.clone(),
            letters: self.letters.clone(),
        };
        let mut replays = pin!(replays.run());
        loop {
            tokio::select! {
                fresh = self.index.fresh() => {
                    for account in fresh {
                        self.serve(&mut lanes, account);
                    }
                }
                Some(ended) = lanes.tasks.join_next() => match ended {
                    // Shutdown was requested, or the store's thread has ended.
                    Ok((_, false)) => break,
                    Ok((account, true)) => {
                        lanes.handles.remove(&account);
                        // It may have got an event after it saw none.
                        self.serve(&mut lanes, account);
                    }
                    Err(error) if error.is_panic() => {
                        error!("a lane ended, restarting the process");
                        std::process::abort();
                    }
                    Err(_) => {}
                },
                Some(skip) = self.skips.recv() => self.skip(&lanes, skip),
                () = &mut replays => break,
                () = self.common.stop.requested() => break,
            }
        }
        // Each finishes its delivery under way.
        while lanes.tasks.join_next().await.is_some() {}
    }

    /// Makes sure that a lane serves this account, if it has events.
    fn serve(&self, lanes: &mut Lanes, account: Account) {
        if let Some(handle) = lanes.handles.get(&account) {
            handle.arrived.notify_one();
            return;
        }
        if !self.index.has_pending(&account) {
            return;
        }
        let (skips, requests) = mpsc::channel(1);
        let handle = Handle {
            arrived: Arc::default(),
            skips,
            failing: Arc::new(AtomicU64::new(u64::MAX)),
        };
        let lane = Lane::new(
            Arc::clone(&account),
            lanes.shared.clone(),
            Arc::clone(&handle.arrived),
            Arc::clone(&handle.failing),
        );
        let unsettled = Arc::clone(&lanes.unsettled);
        let delivery = Delivery::new(self.common.clone(), lane, requests, unsettled);
        lanes.handles.insert(Arc::clone(&account), handle);
        lanes.tasks.spawn(async move {
            let is_done = delivery.run().await;
            (account, is_done)
        });
    }

    /// Leaves the request to the lane whose failing event is the first in the queue.
    fn skip(&self, lanes: &Lanes, skip: Skip) {
        let is_meant = |account: &Account| match &skip.connection {
            None => true,
            Some(connection) => self.routing.connection(account).as_ref() == Some(connection),
        };
        let failing = lanes.handles.iter().filter_map(|(account, handle)| {
            let place = handle.failing.load(Ordering::Relaxed);
            (place != u64::MAX && is_meant(account)).then_some((place, handle))
        });
        match failing.min_by_key(|(place, _)| *place) {
            // It takes the request in its next pause.
            Some((_, handle)) => drop(handle.skips.try_send(skip)),
            None => drop(skip.reply.send(None)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
