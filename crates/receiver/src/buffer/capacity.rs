//! How much the buffer may hold.
//!
//! The size of an event is what it takes on disk: the store allocates pages of 4 KiB, and for values
//! larger than half a page the next power of two of pages. Dead letters count too, up to half of the
//! limit, so that they cannot keep out new events forever.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

const PAGE: u64 = 4096;
/// Beside a value: its key, its place in the page, and its share of the id's page.
const OVERHEAD: u64 = 128;
/// Divisor: dead letters may take this share at most.
const DEAD_SHARE: u64 = 2;

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

    /// Sets the bytes that are stored now.
    pub fn set_stored(&self, bytes: u64) {
        self.0.stored.store(bytes, Ordering::Relaxed);
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

    /// Most bytes of dead letters.
    #[must_use]
    pub fn dead_limit(&self) -> u64 {
        self.0.limit / DEAD_SHARE
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
        capacity.set_stored(8192);
        assert!(capacity.is_full());
        assert!(capacity.reserve(300).is_some());
        capacity.set_stored(4096);
        assert!(!capacity.is_full());
        assert!(capacity.reserve(2000).is_some());
    }
}
