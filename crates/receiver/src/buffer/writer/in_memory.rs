//! What the writer knows in memory of its store: it follows each transaction.

use std::{collections::HashSet, sync::Arc};

use super::Writer;
use crate::buffer::{
    batch::Batch,
    command::Settle,
    lanes::index::{Pending, Rebuilt, Room},
    record,
    store::{Store, StoreError},
    transaction::Done,
};

impl Writer {
    /// What is known in memory is what this store has.
    pub(super) fn adopt(&self, store: &Store, accepting: bool) -> Result<(), StoreError> {
        self.ids.replace(store.ids()?.into_iter());
        if let Some(fresh) = &self.fresh {
            fresh.clear();
        }
        self.build_index(store)?;
        self.publish(store, accepting);
        self.gate.open();
        Ok(())
    }

    /// Reads what is pending and dead, for what is known of it in memory.
    fn build_index(&self, store: &Store) -> Result<(), StoreError> {
        let Some(lanes) = &self.lanes else {
            return Ok(());
        };
        self.letters.clear();
        store.each_dead(|place, letter| self.letters.added(place, letter))?;
        let mut rebuilt = Rebuilt::default();
        store.each_pending(|sequence, since, bytes| {
            let account = record::account(bytes).unwrap_or_default();
            rebuilt.add(&account, Pending::new(sequence, since, bytes.len()));
        })?;
        lanes.replace(rebuilt);
        Ok(())
    }

    /// What was stored is forwarded soon.
    pub(super) fn keep_fresh(
        &self,
        first: u64,
        now: i64,
        (batch, settles): (&Batch, &[Settle]),
        done: &Done,
    ) {
        let Some(fresh) = &self.fresh else {
            return;
        };
        let mut resolved = done.resolved.iter();
        if resolved.any(|resolved| !resolved.replayed.is_empty()) {
            fresh.clear();
            return;
        }
        fresh.forget(settles);
        let stored = batch.appends.iter().zip(&done.places);
        let stored = stored.filter(|(append, _)| append.dead.is_none());
        fresh.keep(
            first,
            stored.map(|(append, place)| (*place, now, Arc::clone(&append.event))),
        );
    }

    /// A transaction is on the disk: what is known in memory follows.
    pub(super) fn index(&self, now: i64, batch: &mut Batch, done: &Done, settles: &[Settle]) {
        let Some(lanes) = &self.lanes else {
            return;
        };
        for (place, letter) in &done.added {
            self.letters.added(*place, letter);
        }
        let resolved = done.resolved.iter().flat_map(|resolved| &resolved.letters);
        for (place, letter) in resolved.chain(&done.replaced).chain(&done.evicted) {
            self.letters.removed(*place, letter);
        }
        let stored: Vec<(Room, u64)> = batch
            .appends
            .iter_mut()
            .zip(&done.places)
            .filter_map(|(append, place)| Some((append.lane.take()?, *place)))
            .collect();
        let replayed = done
            .resolved
            .iter()
            .flat_map(|resolved| resolved.replayed.clone());
        let removed = settles.iter().map(|settle| settle.sequence);
        lanes.committed(now, stored, replayed, removed);
    }

    /// Dead letters of accounts that hold more than their share, of those that this batch gives something to.
    pub(super) fn excess(&self, batch: &Batch, settles: &[Settle]) -> Vec<u64> {
        let Some(lanes) = &self.lanes else {
            return Vec::new();
        };
        let dead = settles.iter().filter_map(|settle| settle.dead.as_ref());
        let dead = dead.filter_map(|(_, letter)| letter.account.as_deref());
        let pending = batch
            .appends
            .iter()
            .filter_map(|append| append.lane.as_ref());
        let accounts: HashSet<&str> = dead.chain(pending.map(Room::account)).collect();
        let excess = accounts.into_iter().flat_map(|account| {
            // An event that dies in this batch counts as pending once more, and its letter not yet.
            let (held, share) = lanes.held(account);
            let excess = (held + self.letters.bytes(account)).saturating_sub(share);
            self.letters.oldest(account, excess)
        });
        excess.collect()
    }
}
