//! How often in a second this disk makes something durable: the measure for what is durable.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// What is written at a time.
const BLOCK: [u8; 4096] = [0x5a; 4096];

/// Blocks of the file, written over and over.
const BLOCKS: u64 = 256;

/// What one disk does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disk {
    /// Writes of 4 KiB with fdatasync, one after the other, per second.
    pub syncs_per_second: f64,
    /// Half of them took no longer, microseconds.
    pub p50_us: u64,
    /// 99 % of them took no longer, microseconds.
    pub p99_us: u64,
}

// === impl Disk ===

impl Disk {
    /// Measures the disk of `directory`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn measure(directory: &Path, time: Duration) -> io::Result<Self> {
        let mut file: File = tempfile::tempfile_in(directory)?;
        for _ in 0..BLOCKS {
            file.write_all(&BLOCK)?;
        }
        file.sync_all()?;
        let mut micros = Vec::new();
        let started = Instant::now();
        while started.elapsed() < time {
            if (micros.len() as u64).is_multiple_of(BLOCKS) {
                file.seek(SeekFrom::Start(0))?;
            }
            let begun = Instant::now();
            file.write_all(&BLOCK)?;
            file.sync_data()?;
            micros.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        let elapsed = started.elapsed().as_secs_f64();
        micros.sort_unstable();
        let at = |index: usize| micros.get(index).copied().unwrap_or(0);
        #[allow(clippy::cast_precision_loss, reason = "some thousands")]
        let syncs_per_second = micros.len() as f64 / elapsed;
        Ok(Self {
            syncs_per_second,
            p50_us: at(micros.len() / 2),
            p99_us: at(micros.len() * 99 / 100),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn the_disk_does_something() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::measure(directory.path(), Duration::from_millis(20)).unwrap();
        assert!(disk.syncs_per_second > 0.0 && disk.p50_us <= disk.p99_us);
    }
}
