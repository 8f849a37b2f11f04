//! What a Pod has: a journal that survives its processes, and its term as the leader.

use std::{io, sync::atomic::Ordering::Relaxed, time::Duration};

use grant::{Entry, Holder, Intent, Journal, Term};
use jiff::Timestamp;

use crate::process::{Call, Point, Process};

impl Journal for Process {
    fn put(&self, entry: &Entry) -> io::Result<()> {
        if !self.reach(Point::Before(Call::Put)) {
            return Err(io::Error::other("dead"));
        }
        if self.world.state().journal_full {
            return Err(io::Error::other("full"));
        }
        self.world
            .state()
            .journals
            .entry(self.holder.pod.clone())
            .or_default()
            .push(entry.clone());
        self.reach(Point::After(Call::Put));
        Ok(())
    }

    fn remove(&self, entry: &Entry) {
        if !self.reach(Point::Before(Call::Remove)) {
            return;
        }
        if let Some(entries) = self.world.state().journals.get_mut(&self.holder.pod) {
            entries.retain(|other| other.spent != entry.spent);
        }
        self.reach(Point::After(Call::Remove));
    }

    fn entries(&self) -> Vec<Entry> {
        let state = self.world.state();
        state
            .journals
            .get(&self.holder.pod)
            .cloned()
            .unwrap_or_default()
    }
}

impl Term for Process {
    fn holder(&self) -> Holder {
        self.holder.clone()
    }

    fn outlasts(&self, _: Duration) -> bool {
        self.leads.load(Relaxed)
    }

    fn settled(&self, intent: &Intent) -> bool {
        // A Pod has one process at a time.
        intent.holder.pod == self.holder.pod || self.world.state().settled
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}
