//! The keys that encrypt the browsers' cookies, read from a mounted Secret on a timer.
//!
//! The kubelet updates a Secret volume by swapping a symbolic link, which does not trigger file watches on
//! the names inside.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use cookie::Key;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use tracing::{info, warn};

use runtime::admin::Gate;

/// File with the key that encrypts.
pub const CURRENT: &str = "current";
/// File with the previous key, which still decrypts cookies.
pub const PREVIOUS: &str = "previous";

/// The kubelets bring a changed Secret to the replicas within about two minutes.
const SPREAD: Duration = Duration::from_mins(5);

/// Size of a key in bytes.
const SIZE: usize = 64;

/// The current keys. Their `Debug` output shows nothing.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Encrypts once every replica has it, and is tried first for decryption.
    pub current: Key,
    /// Encrypts until then, and is tried second for decryption.
    pub previous: Option<Key>,
    /// When the current key was first seen.
    pub since: Instant,
    /// How long it takes until every replica has a new key.
    pub spread: Duration,
}

/// The latest keys; `None` until there is a key.
pub type Live = watch::Receiver<Option<Arc<Keys>>>;

/// Reads both files; `None` without a current key.
///
/// # Errors
/// If a file exists but cannot be read or is not a key.
pub fn read(directory: &Path) -> io::Result<Option<Keys>> {
    let read_once = || -> io::Result<Option<Keys>> {
        let current = read_file(&directory.join(CURRENT))?;
        let previous = read_file(&directory.join(PREVIOUS))?;
        Ok(current.map(|current| Keys {
            current,
            previous,
            since: Instant::now(),
            spread: SPREAD,
        }))
    };
    // The link may be swapped between the two reads, which would pair the old current key with the new
    // previous one.
    let mut keys = read_once()?;
    loop {
        let again = read_once()?;
        if same(keys.as_ref(), again.as_ref()) {
            return Ok(again);
        }
        keys = again;
    }
}

/// Reads the directory every `interval`, without end. The last keys stay valid while there is nothing to
/// read.
pub async fn follow(
    directory: PathBuf,
    interval: Duration,
    sender: watch::Sender<Option<Arc<Keys>>>,
    gate: Gate,
) {
    let mut failing = false;
    loop {
        match read(&directory) {
            Ok(Some(keys)) => {
                failing = false;
                if !same(Some(&keys), sender.borrow().as_deref()) {
                    info!(previous = keys.previous.is_some(), "keys changed");
                    sender.send_replace(Some(Arc::new(keys)));
                    gate.open();
                }
            }
            Ok(None) => failing = false,
            Err(error) => {
                if !failing {
                    warn!(%error, "failed to read the keys");
                }
                failing = true;
            }
        }
        tokio::time::sleep(interval).await;
    }
}

// === impl Keys ===

impl Keys {
    /// The key that encrypts at `now`: one that every replica has.
    #[must_use]
    pub fn encrypting(&self, now: Instant) -> &Key {
        let is_new = now.duration_since(self.since) < self.spread;
        let previous = self.previous.as_ref().filter(|_| is_new);
        previous.unwrap_or(&self.current)
    }
}

fn same(one: Option<&Keys>, other: Option<&Keys>) -> bool {
    let bytes = |keys: Option<&Keys>| -> Vec<u8> {
        keys.into_iter()
            .flat_map(|keys| std::iter::once(&keys.current).chain(&keys.previous))
            .flat_map(|key| key.master().to_vec())
            .collect()
    };
    bytes(one).ct_eq(&bytes(other)).into()
}

fn read_file(path: &Path) -> io::Result<Option<Key>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(SIZE as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() {
        0 => Ok(None),
        SIZE => Key::try_from(bytes.as_slice())
            .map(Some)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::fs;

    use super::*;

    #[test]
    fn the_current_key_is_needed_and_has_its_size() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
        write(PREVIOUS, &[2; 64]);
        assert!(read(directory.path()).unwrap().is_none());
        write(CURRENT, &[1; 64]);
        let keys = read(directory.path()).unwrap().unwrap();
        assert_eq!(keys.current.master(), [1; 64]);
        assert_eq!(keys.previous.as_ref().unwrap().master(), [2; 64]);
        let (seen, spread) = (keys.since, keys.spread);
        assert_eq!(keys.encrypting(seen).master(), [2; 64], "others lack it");
        assert_eq!(keys.encrypting(seen + spread).master(), [1; 64]);
        let alone = Keys {
            previous: None,
            ..keys
        };
        assert_eq!(alone.encrypting(seen).master(), [1; 64]);
        for size in [63, 65] {
            write(CURRENT, &vec![1; size]);
            assert!(read(directory.path()).is_err(), "{size}");
        }
    }
}
