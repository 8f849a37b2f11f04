//! Forwards dead letters of accounts that had no connection and have one now.

use std::time::Duration;

use jiff::Timestamp;
use tokio::{sync::oneshot, time};
use tracing::info;

use crate::{
    buffer::{
        command::{Command, Resolution, Resolve, Selection},
        delivery::Common,
        letters::Letters,
    },
    routing::Routing,
};

/// Between two looks at what became a dead letter.
const REPLAY: Duration = Duration::from_secs(5);
/// Most dead letters that one transaction replays.
const BATCH: usize = 256;

/// Replays dead letters of accounts that are claimed now.
#[derive(Debug)]
pub struct Replays {
    /// The way to the store.
    pub common: Common,
    /// Who has claimed what.
    pub routing: Routing,
    /// Where they are.
    pub letters: Letters,
}

// === impl Replays ===

impl Replays {
    /// Replays until the routes end: what a change of the routes leads somewhere, and what became a dead letter
    /// although its account has a route by now.
    pub async fn run(self) {
        let mut routes = self.routing.watch();
        let mut looks = time::interval(REPLAY);
        loop {
            let accounts = tokio::select! {
                changed = routes.changed() => match changed {
                    Ok(()) => self.letters.unclaimed(),
                    Err(_) => return,
                },
                _ = looks.tick() => self.letters.take_fresh(),
            };
            for account in accounts {
                if self.routing.leads_somewhere(&account) {
                    self.replay(&account).await;
                }
            }
        }
    }

    async fn replay(&self, account: &str) {
        let since = Timestamp::now()
            .checked_sub(self.common.max_age)
            .unwrap_or(Timestamp::MIN)
            .as_second();
        let (mut from, mut all) = (0, 0);
        loop {
            let places = self.letters.unclaimed_of(account, since, from, BATCH);
            let Some(last) = places.last().copied() else {
                break;
            };
            let Some(count) = self.replay_these(places).await else {
                // The store is not open.
                self.letters.mark_fresh(account);
                break;
            };
            all += count;
            from = last + 1;
        }
        if all > 0 {
            info!(
                account,
                events = all,
                "dead letters of a claimed account replayed"
            );
        }
    }

    async fn replay_these(&self, places: Vec<u64>) -> Option<u64> {
        let (reply, answer) = oneshot::channel();
        let resolve = Resolve {
            selection: Selection::Places(places),
            resolution: Resolution::Replay,
            reply,
        };
        self.common.commands.send(Command::Resolve(resolve)).ok()?;
        answer.await.ok().flatten()
    }
}
