//! What the writer does on a full disk.
//!
//! The store is copy on write: even what makes room needs some first. So after "no space left" the store is compacted once
//! if that may help, and until all that waits is written, each transaction is as small as possible.

use std::mem;

use super::{Writer, answers};
use crate::buffer::{
    batch::Batch,
    settles::Settles,
    store::{Store, StoreError},
};

/// Bytes that must have left the store before it is compacted again.
const COMPACT: u64 = 1024 * 1024;

impl Writer {
    /// After "no space left": checks for free space, and compacts the store if that may help.
    pub(super) fn recover(&mut self, store: &mut Store) -> Result<(), StoreError> {
        let totals = store.totals();
        let stored = totals.pending_bytes + totals.dead_bytes;
        let mut is_held = self.directory.reserve();
        if !is_held && (stored == 0 || stored.saturating_add(COMPACT) <= self.compacted) {
            // Also if it fails: then it needs more room than there is.
            self.compacted = stored;
            store.compact()?;
            is_held = self.directory.reserve();
        }
        if is_held {
            self.compacted = u64::MAX;
        }
        self.status
            .send_if_modified(|status| mem::replace(&mut status.accepting, is_held) != is_held);
        Ok(())
    }

    /// Writes one by one what did not fit in one transaction: first what makes room, last the dead letters, which are
    /// copied. What can be read is read before: it is delivered, and makes room, too.
    pub(super) fn write_apart(
        &mut self,
        store: &mut Store,
        batch: &mut Batch,
        settles: &mut Settles,
    ) -> Result<(), StoreError> {
        for command in batch.reads.drain(..) {
            answers::answer(store, command)?;
        }
        let mut nothing = Batch::default();
        for _ in 0..settles.removals_first() {
            self.write(store, &mut nothing, settles, 1)?;
        }
        if !(batch.appends.is_empty() && batch.resolves.is_empty()) {
            self.write(store, batch, settles, 0)?;
        }
        while !settles.list().is_empty() {
            self.write(store, &mut nothing, settles, 1)?;
        }
        self.is_tight = false;
        Ok(())
    }
}
