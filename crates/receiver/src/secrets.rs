//! The signing secrets, reread periodically from a mounted Secret.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use contract::{
    facts::SecretRole,
    receiver::files::{PREVIOUS_SECRET_TOKEN, SECRET_TOKEN},
    secret_value,
};
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::sync::watch;
use tracing::info;

use runtime::followed::{self, read_file};

/// Zoom's tokens have 22 characters; a larger file is not one.
const MAX_BYTES: u64 = 1024;

/// A webhook secret token. Its `Debug` shows nothing.
pub type Secret = SecretSlice<u8>;

/// The live secrets at one moment.
#[derive(Clone, Debug, Default)]
pub struct SigningSecrets {
    current: Option<Secret>,
    previous: Option<Secret>,
}

/// What the directory holds, kept up to date by [`follow`].
pub type Secrets = watch::Receiver<Arc<SigningSecrets>>;

/// Reads both files. An absent file, or one with an unusable value, is no secret; white space and quotes around a
/// value are dropped, see [`secret_value`].
///
/// # Errors
/// When a file is there but cannot be read, or is far too large.
pub fn read(directory: &Path) -> io::Result<SigningSecrets> {
    followed::settled(|| {
        Ok(SigningSecrets {
            current: value(directory, SECRET_TOKEN)?,
            previous: value(directory, PREVIOUS_SECRET_TOKEN)?,
        })
    })
}

fn value(directory: &Path, name: &str) -> io::Result<Option<Secret>> {
    let Some(file) = read_file(&directory.join(name), MAX_BYTES)? else {
        return Ok(None);
    };
    // The controller names the problem in the status.
    Ok(secret_value::read(file.expose_secret())
        .ok()
        .map(|value| Secret::from(value.as_bytes().to_vec())))
}

/// Reads the directory every `interval`, forever, and calls `changed` with each new state. What
/// was read last stays valid while the directory cannot be read.
pub async fn follow(
    directory: PathBuf,
    interval: Duration,
    sender: watch::Sender<Arc<SigningSecrets>>,
    changed: impl Fn(&SigningSecrets),
) {
    let changed = |secrets: &SigningSecrets| {
        info!(
            current = secrets.current.is_some(),
            previous = secrets.previous.is_some(),
            "signing secrets changed"
        );
        changed(secrets);
    };
    let read = || read(&directory);
    followed::follow("signing secrets", read, interval, sender, changed).await;
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

    /// Whether there is no secret at all, so that no signature can be checked.
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
}

impl PartialEq for SigningSecrets {
    fn eq(&self, other: &Self) -> bool {
        self.iter()
            .map(|(role, secret)| (role, secret.expose_secret()))
            .eq(other
                .iter()
                .map(|(role, secret)| (role, secret.expose_secret())))
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
        fs::write(directory.path().join(PREVIOUS_SECRET_TOKEN), "\n").unwrap();
        assert!(read(directory.path()).unwrap().is_empty());
        fs::write(directory.path().join(SECRET_TOKEN), " secret \r\n").unwrap();
        let secrets = read(directory.path()).unwrap();
        assert_eq!(secrets, SigningSecrets::new(Some("secret"), None));
        // As the controller reads it.
        for text in ["\nsecret", "secret\u{a0}", "\u{feff}secret", "\"secret\""] {
            fs::write(directory.path().join(SECRET_TOKEN), text).unwrap();
            let secrets = read(directory.path()).unwrap();
            assert_eq!(
                secrets,
                SigningSecrets::new(Some("secret"), None),
                "{text:?}"
            );
        }
        for text in ["se cret", "se\u{200b}cret", "c2VjcmV0LXNlY3JldA=="] {
            fs::write(directory.path().join(SECRET_TOKEN), text).unwrap();
            assert!(read(directory.path()).unwrap().is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_a_secret_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(SECRET_TOKEN), [b'x'; 2000]).unwrap();
        assert!(read(directory.path()).is_err());
        fs::remove_file(directory.path().join(SECRET_TOKEN)).unwrap();
        fs::create_dir(directory.path().join(SECRET_TOKEN)).unwrap();
        assert!(read(directory.path()).is_err());
    }

    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?}", SigningSecrets::new(Some("hidden"), Some("hidden")));
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(!shown.contains("104"), "{shown}");
    }
}
