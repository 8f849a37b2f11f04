//! The signing secrets, read from a mounted Secret and read again on a timer.
//!
//! The kubelet updates a Secret volume by swapping a symbolic link, for which file watches on the
//! names inside do not fire; a timer sees every change and costs two small reads.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretSlice};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{info, warn};

/// File with the secret token that Zoom shows on the app's "Features > Access" page.
pub const CURRENT: &str = "webhook-secret-token";
/// File with the secret token before that, while a rotation is under way.
pub const PREVIOUS: &str = "previous-webhook-secret-token";

/// Zoom's tokens have 22 characters; a larger file is not one.
const MAX_BYTES: u64 = 1024;

/// A webhook secret token. Its `Debug` shows nothing.
pub type Secret = SecretSlice<u8>;

/// Which of the two live secrets made a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretRole {
    /// The one that Zoom is expected to sign with.
    Current,
    /// The one before, still accepted while a rotation is under way.
    Previous,
}

/// The live secrets of one moment.
#[derive(Clone, Debug, Default)]
pub struct SigningSecrets {
    current: Option<Secret>,
    previous: Option<Secret>,
}

/// What the directory holds, kept up to date by [`follow`].
pub type Secrets = watch::Receiver<Arc<SigningSecrets>>;

/// Reads both files. An absent or empty file is no secret; trailing white space is not part of one.
///
/// # Errors
/// When a file is there but cannot be read, or is far too large.
pub fn read(directory: &Path) -> io::Result<SigningSecrets> {
    let read_once = || -> io::Result<SigningSecrets> {
        let current = read_file(&directory.join(CURRENT))?;
        let previous = read_file(&directory.join(PREVIOUS))?;
        Ok(SigningSecrets { current, previous })
    };
    // The link may be swapped between the two reads, which would pair the old current with the
    // new previous: the same secret twice, and the new one missing.
    let mut secrets = read_once()?;
    loop {
        let again = read_once()?;
        if secrets.is_same(&again) {
            return Ok(again);
        }
        secrets = again;
    }
}

/// Reads the directory every `interval`, for ever, and calls `changed` with each new state. What
/// was read last stays in force while the directory cannot be read.
pub async fn follow(
    directory: PathBuf,
    interval: Duration,
    sender: watch::Sender<Arc<SigningSecrets>>,
    changed: impl Fn(&SigningSecrets),
) {
    let mut failing = false;
    loop {
        match read(&directory) {
            Ok(secrets) => {
                failing = false;
                if !secrets.is_same(&sender.borrow()) {
                    info!(
                        current = secrets.current.is_some(),
                        previous = secrets.previous.is_some(),
                        "signing secrets changed"
                    );
                    let secrets = Arc::new(secrets);
                    sender.send_replace(Arc::clone(&secrets));
                    changed(&secrets);
                }
            }
            Err(error) => {
                if !failing {
                    warn!(%error, "failed to read signing secrets");
                }
                failing = true;
            }
        }
        tokio::time::sleep(interval).await;
    }
}

// === impl SigningSecrets ===

impl SigningSecrets {
    /// Secrets given as text.
    #[must_use]
    pub fn new(current: Option<&str>, previous: Option<&str>) -> Self {
        let secret = |text: &str| Secret::from(text.as_bytes().to_vec());
        Self {
            current: current.map(secret),
            previous: previous.map(secret),
        }
    }

    /// Whether there is no secret at all, so that nothing can be judged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.current.is_none() && self.previous.is_none()
    }

    /// The live secrets, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = (SecretRole, &Secret)> {
        let current = self.current.iter().map(|s| (SecretRole::Current, s));
        let previous = self.previous.iter().map(|s| (SecretRole::Previous, s));
        current.chain(previous)
    }

    /// The secret in a role.
    #[must_use]
    pub fn get(&self, role: SecretRole) -> Option<&Secret> {
        match role {
            SecretRole::Current => self.current.as_ref(),
            SecretRole::Previous => self.previous.as_ref(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.iter()
            .map(|(role, secret)| (role, secret.expose_secret()))
            .eq(other
                .iter()
                .map(|(role, secret)| (role, secret.expose_secret())))
    }
}

fn read_file(path: &Path) -> io::Result<Option<Secret>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    // From here on a copy is erased when dropped.
    bytes.truncate(bytes.trim_ascii_end().len());
    let secret = Secret::from(bytes);
    match secret.expose_secret().len() as u64 {
        0 => Ok(None),
        size if size > MAX_BYTES => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        _ => Ok(Some(secret)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::fs;

    use super::*;

    #[test]
    fn files_are_trimmed_and_may_be_absent_or_empty() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).unwrap().is_empty());
        fs::write(directory.path().join(PREVIOUS), "\n").unwrap();
        assert!(read(directory.path()).unwrap().is_empty());
        fs::write(directory.path().join(CURRENT), " secret \r\n").unwrap();
        let secrets = read(directory.path()).unwrap();
        assert!(secrets.is_same(&SigningSecrets::new(Some(" secret"), None)));
    }

    #[test]
    fn a_file_that_cannot_be_a_secret_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(CURRENT), [b'x'; 2000]).unwrap();
        assert!(read(directory.path()).is_err());
        fs::remove_file(directory.path().join(CURRENT)).unwrap();
        fs::create_dir(directory.path().join(CURRENT)).unwrap();
        assert!(read(directory.path()).is_err());
    }

    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?}", SigningSecrets::new(Some("hidden"), Some("hidden")));
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(!shown.contains("104"), "{shown}");
    }
}
