//! The sink's credentials, from a directory that is reread periodically: a changed file takes effect with the
//! next event.
//!
//! | file | is |
//! |---|---|
//! | `authorization` | the whole value of the HTTP header, such as `Bearer …` |
//! | `ca.crt` | PEM certificates of authorities; if present, no other authority is trusted |
//! | `nats.creds` | a NATS credentials file: JWT and seed |
//! | `nkey-seed` | the seed of a NATS nkey user; `nats.creds` takes precedence |
//!
//! Any of them may be absent, but not all: a misspelled key must not make us send without it. A file that
//! cannot be used leaves in force what was read before; if nothing was, nothing is sent: without `ca.crt`
//! the public authorities would be trusted instead.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::http::HeaderValue;
use contract::{
    receiver::{
        files::{AUTHORIZATION, CA, NATS_CREDS, NKEY_SEED},
        routes::{Private, RouteCredentials},
    },
    secret_value,
};
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::sync::watch;
use tracing::{info, warn};

use super::failure::SinkError;
use runtime::{
    followed::{self, read_file},
    outgoing::credentials::{self, Malformed},
};

/// Most bytes of a header value, a JWT or a seed. Servers take 8 KiB of all headers, mostly.
const MAX_TEXT: u64 = 16 * 1024;
/// Most bytes of `ca.crt`: a Secret has no more.
const MAX_CA: u64 = 1024 * 1024;

/// The state of the directory at one moment.
#[derive(Clone, Default)]
pub struct Credentials {
    authorization: Option<HeaderValue>,
    roots: Option<Vec<CertificateDer<'static>>>,
    login: Option<Login>,
}

/// How to log in to NATS.
#[derive(Clone)]
pub enum Login {
    /// The text of a credentials file.
    Creds(SecretString),
    /// The seed of an nkey user.
    Seed(SecretString),
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read, or is too large.
    #[error("{0}: {1}")]
    Read(&'static str, #[source] io::Error),
    /// It does not have what its name says.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Nothing of it is there.
    #[error("there is none of {AUTHORIZATION}, {CA}, {NATS_CREDS}, {NKEY_SEED}")]
    Nothing,
}

/// The credentials in force: `None` until they could be read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Followed(watch::Receiver<Arc<Option<Credentials>>>);

/// Reads all files.
///
/// # Errors
/// See [`CredentialsError`].
pub fn read(directory: &Path) -> Result<Credentials, CredentialsError> {
    followed::settled(|| {
        let file = |name: &'static str, max| {
            read_file(&directory.join(name), max)
                .map_err(|error| CredentialsError::Read(name, error))
        };
        // The library wants the last line ended.
        let creds = file(NATS_CREDS, MAX_TEXT)?.map(|bytes| creds(&bytes));
        let seed = file(NKEY_SEED, MAX_TEXT)?.map(|bytes| seed(&bytes));
        let login = match (creds, seed) {
            (Some(creds), _) => Some(Login::Creds(creds?)),
            (None, Some(seed)) => Some(Login::Seed(seed?)),
            (None, None) => None,
        };
        let found = Credentials {
            authorization: file(AUTHORIZATION, MAX_TEXT)?
                .map(|bytes| authorization(&bytes))
                .transpose()?,
            roots: file(CA, MAX_CA)?.map(|bytes| roots(&bytes)).transpose()?,
            login,
        };
        if found == Credentials::default() {
            return Err(CredentialsError::Nothing);
        }
        Ok(found)
    })
}

fn creds(bytes: &SecretSlice<u8>) -> Result<SecretString, CredentialsError> {
    let text = credentials::text(NATS_CREDS, bytes.expose_secret())?;
    Ok(format!("{text}\n").into())
}

/// What is no seed is told by whoever logs in with it; it is not sent.
fn seed(bytes: &SecretSlice<u8>) -> Result<SecretString, CredentialsError> {
    let bytes = bytes.expose_secret();
    let seed = secret_value::read(bytes).or_else(|_| credentials::text(NKEY_SEED, bytes))?;
    Ok(seed.to_owned().into())
}

fn authorization(bytes: &SecretSlice<u8>) -> Result<HeaderValue, CredentialsError> {
    let bytes = secret_value::read_header(bytes.expose_secret());
    let bytes = bytes.map_err(|_| Malformed(AUTHORIZATION))?;
    Ok(credentials::header(AUTHORIZATION, bytes)?)
}

fn roots(bytes: &SecretSlice<u8>) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    Ok(credentials::roots(CA, bytes.expose_secret())?)
}

// === impl Credentials ===

impl Credentials {
    /// The credentials of a route, which may have none.
    ///
    /// # Errors
    /// When one of them does not have what its name says.
    pub fn of_route(route: &RouteCredentials) -> Result<Self, CredentialsError> {
        let bytes = |private: &Private| {
            let text = private.expose().trim_ascii_end();
            SecretSlice::from(text.as_bytes().to_vec())
        };
        let (creds, seed) = (route.nats_creds.as_ref(), route.nkey_seed.as_ref());
        let login = match (creds, seed) {
            (Some(creds), _) => Some(Login::Creds(self::creds(&bytes(creds))?)),
            (None, Some(seed)) => Some(Login::Seed(self::seed(&bytes(seed))?)),
            (None, None) => None,
        };
        let header = route.authorization.as_ref().map(bytes);
        let ca = route.ca_crt.as_ref().map(bytes);
        Ok(Self {
            authorization: header.map(|bytes| authorization(&bytes)).transpose()?,
            roots: ca.map(|bytes| roots(&bytes)).transpose()?,
            login,
        })
    }

    /// The value of the HTTP header `authorization`.
    #[must_use]
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The only authorities to trust; `None` for the public ones.
    #[must_use]
    pub fn roots(&self) -> Option<&[CertificateDer<'static>]> {
        self.roots.as_deref()
    }

    /// How to log in to NATS.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        fn login(credentials: &Credentials) -> Option<(bool, &str)> {
            credentials.login.as_ref().map(|login| match login {
                Login::Creds(text) => (true, text.expose_secret()),
                Login::Seed(text) => (false, text.expose_secret()),
            })
        }
        self.authorization == other.authorization
            && self.roots == other.roots
            && login(self) == login(other)
    }
}

impl fmt::Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("authorization", &self.authorization.is_some())
            .field("roots", &self.roots.as_ref().map(Vec::len))
            .field("login", &self.login.is_some())
            .finish()
    }
}

// === impl Followed ===

impl Followed {
    /// Credentials that do not change.
    #[must_use]
    pub fn fixed(credentials: Credentials) -> Self {
        Self(watch::channel(Arc::new(Some(credentials))).1)
    }

    /// Reads the directory, and hands out what reads it again every `interval` for ever.
    pub fn begin(
        directory: PathBuf,
        interval: Duration,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let first = read(&directory)
            .inspect_err(|error| warn!(%error, "failed to read sink credentials"))
            .ok();
        let (sender, receiver) = watch::channel(Arc::new(first));
        let following = async move {
            let read = || read(&directory).map(Some);
            followed::follow("sink credentials", read, interval, sender, |credentials| {
                info!(?credentials, "sink credentials changed");
            })
            .await;
        };
        (Self(receiver), following)
    }

    /// The credentials in force. Another pointer means that they changed.
    ///
    /// # Errors
    /// [`SinkError::Credentials`] when they could not be read yet.
    pub(super) fn current(&self) -> Result<Arc<Option<Credentials>>, SinkError> {
        let current = Arc::clone(&self.0.borrow());
        match *current {
            Some(_) => Ok(current),
            None => Err(SinkError::Credentials),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::fs;

    use super::*;

    fn error_of(name: &str, content: &[u8]) -> String {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(name), content).unwrap();
        read(directory.path()).unwrap_err().to_string()
    }

    #[test]
    fn any_file_may_be_absent_or_empty_but_not_all() {
        let directory = tempfile::tempdir().unwrap();
        let nothing = |directory: &Path| matches!(read(directory), Err(CredentialsError::Nothing));
        assert!(nothing(directory.path()));
        for name in [AUTHORIZATION, CA, NATS_CREDS, NKEY_SEED] {
            fs::write(directory.path().join(name), "\n").unwrap();
        }
        assert!(nothing(directory.path()));
        fs::write(directory.path().join(NKEY_SEED), "seed").unwrap();
        assert!(read(directory.path()).is_ok());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_an_error_without_its_content() {
        assert_eq!(
            error_of(AUTHORIZATION, b"Bearer a\nb"),
            "authorization is malformed"
        );
        assert_eq!(error_of(CA, b"hidden"), "ca.crt is malformed");
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(error_of(CA, broken), "ca.crt is malformed");
        assert_eq!(error_of(NKEY_SEED, b"\xff"), "nkey-seed is malformed");
        assert!(error_of(NATS_CREDS, &b"x".repeat(20_000)).starts_with("nats.creds: "));
    }

    #[test]
    fn what_surrounds_a_value_is_not_sent() {
        let directory = tempfile::tempdir().unwrap();
        let header = "\u{feff} Bearer token\u{a0}\n";
        fs::write(directory.path().join(AUTHORIZATION), header).unwrap();
        fs::write(directory.path().join(NKEY_SEED), "\u{feff}\"seed\"\n").unwrap();
        let found = read(directory.path()).unwrap();
        assert_eq!(found.authorization().unwrap(), "Bearer token");
        let Some(Login::Seed(seed)) = &found.login else {
            panic!("a seed");
        };
        assert_eq!(seed.expose_secret(), "seed");
        let hidden = "Bearer \u{200b}token".as_bytes();
        assert_eq!(
            error_of(AUTHORIZATION, hidden),
            "authorization is malformed"
        );
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(AUTHORIZATION), "Bearer hidden\n").unwrap();
        fs::write(directory.path().join(NKEY_SEED), "hidden").unwrap();
        let credentials = read(directory.path()).unwrap();
        assert_eq!(credentials.authorization().unwrap(), "Bearer hidden");
        let shown = format!("{credentials:?} {:?}", credentials.authorization());
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn without_a_first_reading_there_is_nothing_to_show() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(CA), "hidden").unwrap();
        let (followed, _) = Followed::begin(directory.path().to_owned(), Duration::MAX);
        assert_eq!(followed.current().unwrap_err(), SinkError::Credentials);
    }
}
