//! What happens to memory that was freed.

use std::hint::black_box;

/// Bytes of the block. Bodies that are under way together hold less than twice as many, except in an attack.
const BLOCK: usize = 4 * 1024 * 1024;

/// Freed memory stays with the process for the next bodies, up to twice [`BLOCK`].
///
/// By default the C library returns it to the kernel as soon as 128 KiB at the end of its memory are free, and then the next
/// body pays for every page again: a third more CPU time for an event of 100 KB. A block that was taken from the kernel
/// and freed raises this limit to twice its size (`M_MMAP_THRESHOLD` in mallopt(3)). Nobody writes to this one, so it never
/// takes memory.
pub fn keep_freed() {
    drop(black_box(Vec::<u8>::with_capacity(black_box(BLOCK))));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::fs;

    use super::*;

    /// Pages that this thread got from the kernel.
    fn faults() -> u64 {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        rest.split(' ').nth(7).unwrap().parse().unwrap()
    }

    fn bodies() {
        let bodies: Vec<Vec<u8>> = (0..32).map(|_| black_box(vec![1; 100_000])).collect();
        drop(black_box(bodies));
    }

    #[test]
    fn the_next_bodies_use_the_same_memory() {
        keep_freed();
        bodies();
        let before = faults();
        bodies();
        let pages = faults() - before;
        assert!(pages < 100, "{pages} pages");
    }
}
