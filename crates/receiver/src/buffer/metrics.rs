//! The buffer's metrics, named `zoom_receiver_buffer_*`.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::Counter, gauge::ConstGauge, histogram::Histogram},
    registry::Registry,
};
use tokio::sync::watch;

use super::{capacity::Capacity, dead::Reason, status::Status};
use crate::dedupe::Dedupe;
use runtime::metrics::{Counters, counters};

const EVENTS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0];

/// Handles to the registered families. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BufferMetrics {
    commits: Counter,
    events: Histogram,
    dead: Counters,
    evicted: Counter,
    full: Counter,
    account_full: Counter,
    failures: Counter,
    damaged: Counter,
}

/// Read at each scrape.
#[derive(Debug)]
struct Live {
    status: watch::Receiver<Status>,
    capacity: Capacity,
    ids: Dedupe,
}

// === impl BufferMetrics ===

impl BufferMetrics {
    /// Registers all families.
    pub fn register(
        registry: &mut Registry,
        status: watch::Receiver<Status>,
        capacity: Capacity,
        ids: Dedupe,
    ) -> Self {
        let registry = registry.sub_registry_with_prefix("zoom_receiver_buffer");
        let metrics = Self {
            commits: Counter::default(),
            events: Histogram::new(EVENTS),
            dead: counters(
                registry,
                "given_up_events",
                "Events that became dead letters, by reason",
                "reason",
                Reason::ALL.map(Reason::label),
            ),
            evicted: Counter::default(),
            full: Counter::default(),
            account_full: Counter::default(),
            failures: Counter::default(),
            damaged: Counter::default(),
        };
        registry.register(
            "commits",
            "Transactions on the disk",
            metrics.commits.clone(),
        );
        registry.register(
            "commit_events",
            "Events that were stored by one transaction",
            metrics.events.clone(),
        );
        registry.register(
            "dropped_dead_letters",
            "Dead letters that were dropped because their share was full",
            metrics.evicted.clone(),
        );
        registry.register(
            "refused_events",
            "Events that were answered 503 because the buffer or the disk was full",
            metrics.full.clone(),
        );
        registry.register(
            "refused_account_events",
            "Events that were answered 503 because their account had its share of the buffer",
            metrics.account_full.clone(),
        );
        registry.register(
            "failures",
            "Failures of the store or its disk",
            metrics.failures.clone(),
        );
        registry.register(
            "damaged_stores",
            "Stores that were found damaged and moved aside",
            metrics.damaged.clone(),
        );
        registry.register_collector(Box::new(Live {
            status,
            capacity,
            ids,
        }));
        metrics
    }

    /// A transaction that stored so many events is on the disk.
    pub fn committed(&self, events: usize) {
        self.commits.inc();
        if events > 0 {
            let events = u32::try_from(events).unwrap_or(u32::MAX);
            self.events.observe(f64::from(events));
        }
    }

    /// An event became a dead letter.
    pub fn dead(&self, reason: Reason) {
        let label = [("reason", reason.label())];
        self.dead.get_or_create(&label).inc();
    }

    /// A dead letter was dropped because their share was full.
    pub fn evicted(&self) {
        self.evicted.inc();
    }

    /// How many were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.evicted.get()
    }

    /// An event was rejected because the buffer or the disk was full.
    pub fn refused(&self) {
        self.full.inc();
    }

    /// An event was rejected because its account had its share.
    pub fn refused_account(&self) {
        self.account_full.inc();
    }

    /// The store failed.
    pub fn failed(&self) {
        self.failures.inc();
    }

    /// The store was damaged.
    pub fn damaged(&self) {
        self.damaged.inc();
    }
}

// === impl Live ===

impl Collector for Live {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let status = *self.status.borrow();
        let totals = status.totals;
        let is_full = self.capacity.is_full() || (status.open && !status.accepting);
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for (name, help, value) in [
            (
                "pending_events",
                "Events that wait for the sink",
                number(totals.pending),
            ),
            (
                "dead_letters",
                "Dead letters that are kept",
                number(totals.dead),
            ),
            (
                "stored_bytes",
                "Size of pending events and dead letters",
                number(totals.pending_bytes + totals.dead_bytes),
            ),
            (
                "capacity_bytes",
                "Limit of their size",
                number(self.capacity.limit()),
            ),
            (
                "oldest_event_age_seconds",
                "How long the first pending event has waited, 0 without any",
                age(totals.oldest, Timestamp::now()).map_or(0, number),
            ),
            (
                "remembered_ids",
                "Stored events that are remembered to recognize repeats",
                number(self.ids.len() as u64),
            ),
            (
                "full",
                "1 while events are rejected for lack of space",
                i64::from(is_full),
            ),
            ("open", "1 while the store is open", i64::from(status.open)),
        ] {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

/// Whole seconds since then.
#[must_use]
pub fn age(since: Option<i64>, now: Timestamp) -> Option<u64> {
    let age = now.as_second().saturating_sub(since?);
    Some(u64::try_from(age).unwrap_or(0))
}
