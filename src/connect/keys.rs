//! The keys that encrypt the browsers' cookies, read from a mounted Secret on a timer.
//!
//! The kubelet updates a Secret volume by swapping a symbolic link, which does not trigger file watches on
//! the names inside.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cookie::Key;
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use tracing::{info, warn};

use runtime::admin::Gate;

/// File with the key that encrypts.
pub const CURRENT: &str = "current";
/// File with the previous key, which still decrypts cookies.
pub const PREVIOUS: &str = "previous";

/// File with the time when the current key was made (RFC 3339).
pub const CREATED: &str = "created";

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
    /// When the current key was made, or took the place of the previous one here; `None` if nobody says: then every
    /// replica may have had it for long.
    pub since: Option<Timestamp>,
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
            since: created(directory),
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
            Ok(Some(mut keys)) => {
                failing = false;
                if !same(Some(&keys), sender.borrow().as_deref()) {
                    keys.take_over(sender.borrow().as_deref(), Timestamp::now());
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
    pub fn encrypting(&self, now: Timestamp) -> &Key {
        let age = self.since.map(|since| now.duration_since(since));
        // Clocks differ a little.
        let is_new = age.is_some_and(|age| age.unsigned_abs() < self.spread);
        let previous = self.previous.as_ref().filter(|_| is_new);
        previous.unwrap_or(&self.current)
    }

    /// These keys take the place of others at `now`. A process that just started has seen none before.
    fn take_over(&mut self, before: Option<&Self>, now: Timestamp) {
        let Some(before) = before else {
            return;
        };
        let is_other = self.current.master().ct_ne(before.current.master());
        let seen = if is_other.into() {
            Some(now)
        } else {
            before.since
        };
        self.since = self.since.or(seen);
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

/// When the current key was made, if the Secret says so.
fn created(directory: &Path) -> Option<Timestamp> {
    let text = std::fs::read_to_string(directory.join(CREATED)).ok()?;
    text.trim().parse().ok()
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
        for size in [63, 65] {
            write(CURRENT, &vec![1; size]);
            assert!(read(directory.path()).is_err(), "{size}");
        }
    }

    fn keys(current: u8, since: Option<i64>) -> Keys {
        Keys {
            current: Key::from(&[current; 64]),
            previous: Some(Key::from(&[current - 1; 64])),
            since: since.map(at),
            spread: SPREAD,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_new_key_encrypts_once_every_replica_has_it() {
        let encrypting = |keys: &Keys, second| keys.encrypting(at(second)).master()[0];
        let made = keys(2, Some(1000));
        assert_eq!(encrypting(&made, 1000), 1, "others lack it");
        assert_eq!(encrypting(&made, 999), 1, "their clock is ahead");
        assert_eq!(encrypting(&made, 1299), 1);
        assert_eq!(encrypting(&made, 1300), 2);
        assert_eq!(encrypting(&made, 0), 2, "that clock is wrong");
        let alone = Keys {
            previous: None,
            ..made
        };
        assert_eq!(encrypting(&alone, 1000), 2);
    }

    /// Otherwise the cookies of a process that starts shortly before a change could not be read after it.
    #[test]
    fn a_process_that_starts_encrypts_with_the_current_key_unless_it_is_known_to_be_new() {
        let encrypting = |keys: &Keys, second| keys.encrypting(at(second)).master()[0];
        let mut first = keys(2, None);
        first.take_over(None, at(1000));
        assert_eq!(encrypting(&first, 1000), 2);
        let mut next = keys(3, None);
        next.take_over(Some(&first), at(2000));
        assert_eq!(encrypting(&next, 2000), 2, "it saw the change");
        assert_eq!(encrypting(&next, 2300), 3);
        let mut other_previous = keys(3, None);
        other_previous.take_over(Some(&next), at(2100));
        assert_eq!(other_previous.since, Some(at(2000)));
        let mut told = keys(3, Some(1900));
        told.take_over(Some(&first), at(2250));
        assert_eq!(encrypting(&told, 2250), 3, "it was made earlier");
    }

    #[test]
    fn the_secret_says_when_its_key_was_made() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
        write(CURRENT, &[1; 64]);
        let since = || read(directory.path()).unwrap().unwrap().since;
        assert_eq!(since(), None);
        write(CREATED, b"1970-01-01T00:00:10Z");
        assert_eq!(since(), Some(at(10)));
        write(CREATED, b"?");
        assert_eq!(since(), None);
    }
}
