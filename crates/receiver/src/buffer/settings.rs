//! How a buffer is set up.

use std::{path::PathBuf, time::Duration};

use super::backoff::Backoff;

/// Most ids that are remembered: with Zoom's last retry after 85 minutes, 39 events a second.
pub const MOST_IDS: u64 = 200_000;
/// An id takes about 100 bytes on the disk; the ids of a small buffer must not fill the rest of its
/// volume. So at most one id is remembered for this many bytes of the buffer.
const BYTES_PER_ID: u64 = 1024;
/// How long an event must fail before another one is tried: a restart of the sink must not change
/// the order.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How a buffer is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its directory, which exists.
    pub directory: PathBuf,
    /// Most bytes of stored events.
    pub size: u64,
    /// How long an event may wait.
    pub max_age: Duration,
    /// The directory is lost with the Pod: pending events are forwarded before the process ends.
    pub ephemeral: bool,
    /// Pauses between attempts to deliver.
    pub backoff: Backoff,
    /// Attempts at an event while the sink takes others, before it becomes a dead letter.
    pub attempts: u32,
    /// How long an event must fail before another one is tried.
    pub patience: Duration,
    /// Most ids that are remembered, of about 40 bytes each in memory and 100 on the disk.
    pub most_ids: u64,
}

/// How many ids a buffer of `size` bytes remembers.
#[must_use]
pub fn most_ids(size: u64) -> u64 {
    (size / BYTES_PER_ID).clamp(1, MOST_IDS)
}
