//! Which events are pending, by account, and how much each account holds. In memory only: the file is one queue
//! for all accounts, and the index is built again from it whenever it is opened.
//!
//! An event has a lane from the commit that stores it to the commit that removes it. Between its delivery
//! and that commit it is *settled*: no lane reads it again, also if the store is opened again meanwhile.

mod rebuilt;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::buffer::capacity::charge;

/// Zoom's id of an account; empty for events without one.
pub type Account = Arc<str>;

/// The pending events of each account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LaneIndex(Arc<Shared>);

/// Space for one event of an account that is not stored yet. Released when dropped.
#[derive(Debug)]
pub struct Room {
    index: LaneIndex,
    account: Account,
    /// Size of the record.
    record: usize,
    /// 0 once it is stored.
    bytes: u64,
}

/// An index that is built from the store while the one of before serves on.
#[derive(Debug, Default)]
pub struct Rebuilt(State);

/// An event that no lane has settled. Small: there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    sequence: u64,
    /// Seconds since the epoch.
    since: u32,
    record: u32,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
    /// Most bytes of one account.
    share: u64,
    /// Most events of accounts that have some already.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<Account, Lane>,
    /// How many events the lanes have.
    pending: usize,
    /// Settled events that are still in the store: whose they are, and their size.
    settled: HashMap<u64, (Account, u64)>,
    /// Accounts that got events since somebody asked.
    fresh: Vec<Account>,
}

#[derive(Debug, Default)]
struct Lane {
    /// In order of their sequence numbers.
    pending: VecDeque<Pending>,
    /// Size of all its events in the store.
    stored: u64,
    /// Size of those that are about to be stored.
    reserved: u64,
    is_fresh: bool,
}

// === impl LaneIndex ===

impl LaneIndex {
    /// An empty index in which one account may hold so many bytes. There is memory for so many events.
    #[must_use]
    pub fn new(share: u64, most: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Notify::new(),
            share,
            most,
        }))
    }

    /// Reserves space for a record of an account, unless the account holds its share, or more than is `free` for
    /// all: so a few accounts that send and send never leave nothing for the others. Where the memory for places is
    /// taken, nothing is free. What has no account shares one.
    #[must_use]
    pub fn reserve(&self, account: &str, record: usize, free: u64) -> Option<Room> {
        let bytes = charge(record);
        let mut state = self.state();
        let free = if state.pending < self.0.most { free } else { 0 };
        let account = state.account(account);
        let lane = state.lanes.entry(Arc::clone(&account)).or_default();
        let held = lane.stored + lane.reserved;
        if held > 0 && (held + bytes > self.0.share || held > free) {
            return None;
        }
        lane.reserved += bytes;
        drop(state);
        Some(Room {
            index: self.clone(),
            account,
            record,
            bytes,
        })
    }

    /// A transaction is on the disk: in this second it has stored these events, appended these from dead letters
    /// (account, place, record's size), and removed those.
    pub fn committed(
        &self,
        now: i64,
        stored: impl IntoIterator<Item = (Room, u64)>,
        replayed: impl IntoIterator<Item = (String, u64, usize)>,
        removed: impl IntoIterator<Item = u64>,
    ) {
        let mut state = self.state();
        for (mut room, sequence) in stored {
            let bytes = std::mem::take(&mut room.bytes);
            if let Some(lane) = state.lanes.get_mut(&room.account) {
                lane.reserved = lane.reserved.saturating_sub(bytes);
            }
            state.push(&room.account, Pending::new(sequence, now, room.record));
        }
        for (account, sequence, record) in replayed {
            let account = state.account(&account);
            state.push(&account, Pending::new(sequence, now, record));
        }
        for sequence in removed {
            if let Some((account, bytes)) = state.settled.remove(&sequence)
                && let Some(lane) = state.lanes.get_mut(&account)
            {
                lane.stored = lane.stored.saturating_sub(bytes);
                state.forget_empty(&account);
            }
        }
        let is_fresh = !state.fresh.is_empty();
        drop(state);
        if is_fresh {
            self.0.changed.notify_one();
        }
    }

    /// The store was opened: these are its events.
    pub fn replace(&self, whole: Rebuilt) {
        let mut state = self.state();
        let before = std::mem::replace(&mut *state, whole.0);
        state.keep(before);
        drop(state);
        self.0.changed.notify_one();
    }

    /// An event was delivered or given up: no lane reads it again.
    pub fn settle(&self, account: &Account, sequence: u64) {
        let mut state = self.state();
        if let Some(pending) = state.take(account, sequence) {
            let settled = (Arc::clone(account), pending.bytes());
            state.settled.insert(sequence, settled);
        }
    }

    /// Events of an account from this place on: at most `count`, and after the first only such that all fit into
    /// `bytes`.
    #[must_use]
    pub fn after(&self, account: &str, from: u64, count: usize, bytes: usize) -> Vec<Pending> {
        let state = self.state();
        let Some(lane) = state.lanes.get(account) else {
            return Vec::new();
        };
        let start = lane
            .pending
            .partition_point(|pending| pending.sequence < from);
        let mut size = 0_usize;
        let fits = |pending: &&Pending| {
            let is_first = size == 0;
            size = size.saturating_add(pending.size());
            is_first || size <= bytes
        };
        let found = lane.pending.range(start..).take(count).take_while(fits);
        found.copied().collect()
    }

    /// Whether an account has an event that no lane has settled.
    #[must_use]
    pub fn has_pending(&self, account: &str) -> bool {
        let state = self.state();
        let lane = state.lanes.get(account);
        lane.is_some_and(|lane| !lane.pending.is_empty())
    }

    /// The accounts that got events, once there are some. Cancel safe.
    pub async fn fresh(&self) -> Vec<Account> {
        loop {
            let changed = self.0.changed.notified();
            let fresh = self.take_fresh();
            if !fresh.is_empty() {
                return fresh;
            }
            changed.await;
        }
    }

    /// What an account holds of its share, bytes, and the share.
    #[must_use]
    pub fn held(&self, account: &str) -> (u64, u64) {
        let state = self.state();
        let lane = state.lanes.get(account);
        let held = lane.map_or(0, |lane| lane.stored + lane.reserved);
        (held, self.0.share)
    }

    /// How many accounts have events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().lanes.len()
    }

    /// Whether no account has events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What an account has, in order.
    #[cfg(test)]
    fn pending(&self, account: &str) -> Vec<u64> {
        let all = self.after(account, 0, usize::MAX, usize::MAX);
        all.iter().map(Pending::sequence).collect()
    }

    fn take_fresh(&self) -> Vec<Account> {
        let mut state = self.state();
        let fresh = std::mem::take(&mut state.fresh);
        for account in &fresh {
            if let Some(lane) = state.lanes.get_mut(account) {
                lane.is_fresh = false;
            }
        }
        fresh
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// The account, sharing the text with its lane.
    fn account(&self, account: &str) -> Account {
        match self.lanes.get_key_value(account) {
            Some((account, _)) => Arc::clone(account),
            None => Arc::from(account),
        }
    }

    fn push(&mut self, account: &Account, pending: Pending) {
        let lane = self.lanes.entry(Arc::clone(account)).or_default();
        lane.stored += pending.bytes();
        self.pending += 1;
        if lane.pending.len() == lane.pending.capacity() {
            // Not twice as much: there may be millions.
            lane.pending.reserve_exact((lane.pending.len() / 8).max(4));
        }
        lane.pending.push_back(pending);
        if !std::mem::replace(&mut lane.is_fresh, true) {
            self.fresh.push(Arc::clone(account));
        }
    }

    fn forget_empty(&mut self, account: &str) {
        if self.lanes.get(account).is_some_and(Lane::is_empty) {
            self.lanes.remove(account);
        }
    }
}

// === impl Pending ===

impl Pending {
    /// The event at this place, which came in this second, and the size of its record.
    #[must_use]
    pub fn new(sequence: u64, since: i64, record: usize) -> Self {
        Self {
            sequence,
            since: u32::try_from(since.max(0)).unwrap_or(u32::MAX),
            record: u32::try_from(record).unwrap_or(u32::MAX),
        }
    }

    /// Its place in the queue.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Arrival, seconds since the epoch.
    #[must_use]
    pub fn since(&self) -> i64 {
        self.since.into()
    }

    /// Size of its record.
    #[must_use]
    pub fn size(&self) -> usize {
        usize::try_from(self.record).unwrap_or(usize::MAX)
    }

    fn bytes(self) -> u64 {
        charge(self.size())
    }
}

// === impl Lane ===

impl Lane {
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.stored == 0 && self.reserved == 0
    }
}

// === impl Room ===

impl Room {
    /// Whose it is.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut state = self.index.state();
        if let Some(lane) = state.lanes.get_mut(&self.account) {
            lane.reserved = lane.reserved.saturating_sub(self.bytes);
        }
        state.forget_empty(&self.account);
    }
}

#[cfg(test)]
mod tests;
