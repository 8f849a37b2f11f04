//! How many events there is memory for: the index has a few bytes of each, which with a large buffer are more than the
//! rest of the process. A process that the kernel ends, and ends again when it opens its store, serves nobody.

use std::fs;

/// Where the kernel says how much memory the container may take. A version before has another place; there the number of
/// events is not bounded.
const LIMIT: &str = "/sys/fs/cgroup/memory.max";
/// What the process takes under load, beside the index.
const REST: u64 = 40 * 1024 * 1024;
/// Divisor: at least this part of the memory is for the index.
const LEAST: u64 = 4;
/// An event's place in a lane, and the lane's room for further ones.
const EVENT: u64 = 18;

/// The limit of the container's memory, bytes, if it has one.
#[must_use]
pub fn limit() -> Option<u64> {
    fs::read_to_string(LIMIT).ok()?.trim().parse().ok()
}

/// Most events with a memory of so many bytes.
#[must_use]
pub fn most_events(limit: Option<u64>) -> usize {
    let bytes = limit.map(|limit| limit.saturating_sub(REST).max(limit / LEAST));
    let events = bytes.and_then(|bytes| usize::try_from(bytes / EVENT).ok());
    events.unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_limit_is_enough_for_a_gibibyte_of_events() {
        assert!(most_events(Some(64 << 20)) > (1 << 30) / 800);
        assert!(most_events(Some(16 << 20)) > 200_000);
        assert_eq!(most_events(None), usize::MAX);
    }
}
