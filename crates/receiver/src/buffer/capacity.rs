//! How much the buffer may hold.
//!
//! The size of an event is what it takes on disk: the store allocates pages of 4 KiB, and for values
//! larger than half a page the next power of two of pages. Dead letters count too, up to half of the
//! limit, so that they cannot keep out new events forever. With many accounts they also leave an eighth free:
//! those of one account must not keep out events of another.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

const PAGE: u64 = 4096;
/// Beside a value: its key, its place in the page, and its share of the id's page.
const OVERHEAD: u64 = 128;
/// Divisor: dead letters may take this share at most.
const DEAD_SHARE: u64 = 2;
/// Divisor: dead letters that give way leave this share free.
const FREE_SHARE: u64 = 8;

/// The limit and what counts against it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Capacity(Arc<Counts>);

/// Space for one event that is not stored yet. Released when dropped.
#[derive(Debug)]
pub struct Reservation {
    bytes: u64,
    capacity: Capacity,
}

#[derive(Debug)]
struct Counts {
    limit: u64,
    stored: AtomicU64,
    /// Those of the stored bytes that are pending.
    pending: AtomicU64,
    reserved: AtomicU64,
    /// How many events have a reservation.
    in_flight: AtomicU64,
    /// Size of the last event that did not fit, 0 if there is none.
    refused: AtomicU64,
}

/// What a value of `bytes` takes on disk.
#[must_use]
pub fn charge(bytes: usize) -> u64 {
    let bytes = (bytes as u64).saturating_add(OVERHEAD);
    if bytes > PAGE / 2 {
        return bytes.div_ceil(PAGE).next_power_of_two() * PAGE;
    }
    // Several share a page.
    PAGE / (PAGE / bytes)
}

// === impl Capacity ===

impl Capacity {
    /// An empty capacity of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Counts {
            limit,
            stored: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }))
    }

    /// Reserves space for a value of `bytes`, if there is enough.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let counts = &*self.0;
        let bytes = charge(bytes);
        let before = counts.reserved.fetch_add(bytes, Ordering::Relaxed);
        counts.in_flight.fetch_add(1, Ordering::AcqRel);
        let reservation = Reservation {
            bytes,
            capacity: self.clone(),
        };
        let stored = counts.stored.load(Ordering::Relaxed);
        if stored.saturating_add(before).saturating_add(bytes) > counts.limit {
            counts.refused.store(bytes, Ordering::Relaxed);
            return None;
        }
        Some(reservation)
    }

    /// How many events have a reservation and are not reported as stored.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.0.in_flight.load(Ordering::Acquire)
    }

    /// Sets the bytes that are stored now: pending and dead.
    pub fn set_stored(&self, pending: u64, dead: u64) {
        self.0.pending.store(pending, Ordering::Relaxed);
        self.0.stored.store(pending + dead, Ordering::Relaxed);
    }

    /// What neither pending events nor reservations take. Dead letters that give way count as free.
    #[must_use]
    pub fn free(&self) -> u64 {
        let pending = self.0.pending.load(Ordering::Relaxed);
        let reserved = self.0.reserved.load(Ordering::Relaxed);
        self.0
            .limit
            .saturating_sub(pending)
            .saturating_sub(reserved)
    }

    /// Whether an event was rejected, and one of its size still does not fit.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let refused = self.0.refused.load(Ordering::Relaxed);
        let stored = self.0.stored.load(Ordering::Relaxed);
        let is_full = refused > 0 && stored.saturating_add(refused) > self.0.limit;
        if !is_full {
            self.0.refused.store(0, Ordering::Relaxed);
        }
        is_full
    }

    /// Most bytes of dead letters beside so many pending bytes, to which they may have to give way.
    #[must_use]
    pub fn dead_limit(&self, pending: u64, gives_way: bool) -> u64 {
        let most = self.0.limit / DEAD_SHARE;
        if !gives_way {
            return most;
        }
        let kept = self.0.limit - self.0.limit / FREE_SHARE;
        most.min(kept.saturating_sub(pending))
    }

    /// The limit, bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.limit
    }
}

// === impl Reservation ===

impl Reservation {
    /// Releases the space: the event now counts as stored, or was rejected.
    pub fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            let counts = &*self.capacity.0;
            counts.reserved.fetch_sub(bytes, Ordering::Relaxed);
            counts.in_flight.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_events_share_a_page_and_large_ones_take_powers_of_two() {
        assert_eq!(charge(300), 455);
        assert_eq!(charge(2000), 4096);
        assert_eq!(charge(2048), 4096);
        assert_eq!(charge(4000), 8192);
        assert_eq!(charge(9000), 16_384);
        assert_eq!(charge(1 << 20), 2 << 20);
    }

    #[test]
    fn room_is_taken_given_back_and_missed() {
        let capacity = Capacity::new(10_000);
        let one = capacity.reserve(2000);
        let two = capacity.reserve(2000);
        assert!(one.is_some() && two.is_some());
        assert!(!capacity.is_full());
        assert!(capacity.reserve(2000).is_none());
        assert_eq!(capacity.in_flight(), 2);
        drop((one, two));
        assert_eq!(capacity.in_flight(), 0);
        capacity.set_stored(4096, 4096);
        assert!(capacity.is_full());
        assert!(capacity.reserve(300).is_some());
        capacity.set_stored(4096, 0);
        assert!(!capacity.is_full());
        assert!(capacity.reserve(2000).is_some());
    }

    #[test]
    fn dead_letters_leave_room_for_pending_events() {
        let capacity = Capacity::new(80_000);
        assert_eq!(capacity.dead_limit(0, true), 40_000);
        assert_eq!(capacity.dead_limit(50_000, true), 20_000);
        assert_eq!(capacity.dead_limit(75_000, true), 0);
        assert_eq!(capacity.dead_limit(75_000, false), 40_000);
        capacity.set_stored(50_000, 20_000);
        let _room = capacity.reserve(2000);
        assert_eq!(capacity.free(), 30_000 - 4096);
    }
}
