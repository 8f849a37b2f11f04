//! How much the buffer may hold.
//!
//! Counted is what an event takes on the disk: the store gives out pages of 4 KiB, and to what is
//! larger than half of one as many as the next power of two. Dead letters count too, up to half of the
//! whole, so that they cannot shut out new events for ever.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

const PAGE: u64 = 4096;
/// Beside a value: its key, its place in the page, and its share of the id's page.
const OVERHEAD: u64 = 128;
/// One part in so many is what dead letters may take at most.
const DEAD_SHARE: u64 = 2;

/// The limit and what counts against it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Capacity(Arc<Counts>);

/// Room for one event that is not stored yet. Dropped, it is free again.
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
    under_way: AtomicU64,
    /// The size for which there was no room last, 0 if there was.
    refused: AtomicU64,
}

/// What a value of so many bytes counts.
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
    /// A capacity of so many bytes, all free.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Counts {
            limit,
            stored: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }))
    }

    /// Takes room for a value of so many bytes, if there is.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let counts = &*self.0;
        let bytes = charge(bytes);
        let before = counts.reserved.fetch_add(bytes, Ordering::Relaxed);
        counts.under_way.fetch_add(1, Ordering::AcqRel);
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

    /// How many events have room and are not stored yet, as far as anybody was told.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.0.under_way.load(Ordering::Acquire)
    }

    /// So many bytes are stored now.
    pub fn set_stored(&self, bytes: u64) {
        self.0.stored.store(bytes, Ordering::Relaxed);
    }

    /// Whether an event was refused, and there is still no room for one of its size.
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
    /// Gives the room back: the event counts as stored now, or never will be.
    pub fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            let counts = &*self.capacity.0;
            counts.reserved.fetch_sub(bytes, Ordering::Relaxed);
            counts.under_way.fetch_sub(1, Ordering::AcqRel);
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
        assert_eq!(capacity.under_way(), 2);
        drop((one, two));
        assert_eq!(capacity.under_way(), 0);
        capacity.set_stored(8192);
        assert!(capacity.is_full());
        assert!(capacity.reserve(300).is_some());
        capacity.set_stored(4096);
        assert!(!capacity.is_full());
        assert!(capacity.reserve(2000).is_some());
    }
}
