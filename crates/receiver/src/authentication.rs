//! Zoom's extra authentication, beside the signature: a header whose value only Zoom and we know.
//!
//! Zoom offers Basic authentication and a header of one's own choice in the event subscription's form
//! (Zoom, "Using webhooks", "Webhook authentication"). The signature is judged in any case.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use contract::receiver::{
    Scheme,
    files::{HEADER_VALUE, PASSWORD, USERNAME},
};
use secrecy::{ExposeSecret as _, SecretSlice};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use tracing::info;

use runtime::followed::{self, read_file};

/// Zoom takes up to 256 characters for each of them.
const MAX_BYTES: u64 = 1024;

/// Judges requests by what the files say.
#[derive(Clone, Debug)]
pub struct Authentication {
    scheme: Scheme,
    expected: watch::Receiver<Arc<Expected>>,
}

/// What the header has to say; `None` while the files are not there.
#[derive(Clone, Debug, Default)]
pub struct Expected(Option<SecretSlice<u8>>);

/// The judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationResult {
    /// The header says what it should.
    Accepted,
    /// There is no such header.
    Missing,
    /// The header is twice there, or says something else.
    Refused,
    /// We do not know ourselves what it should say.
    NotSetUp,
}

// === impl Authentication ===

impl Authentication {
    /// Judges by what `expected` holds.
    #[must_use]
    pub fn new(scheme: Scheme, expected: watch::Receiver<Arc<Expected>>) -> Self {
        Self { scheme, expected }
    }

    /// Judges the head of a request. The comparison takes constant time.
    #[must_use]
    pub fn judge(&self, headers: &HeaderMap) -> AuthenticationResult {
        let expected = Arc::clone(&self.expected.borrow());
        let Some(expected) = &expected.0 else {
            return AuthenticationResult::NotSetUp;
        };
        let is_right = presented(&self.scheme, headers)
            .is_some_and(|presented| bool::from(presented.ct_eq(expected.expose_secret())));
        if is_right {
            AuthenticationResult::Accepted
        } else if is_missing(&self.scheme, headers) {
            AuthenticationResult::Missing
        } else {
            AuthenticationResult::Refused
        }
    }
}

/// Reads the files of `scheme` in `directory` every `interval`, for ever.
pub async fn follow(
    directory: PathBuf,
    scheme: Scheme,
    interval: Duration,
    sender: watch::Sender<Arc<Expected>>,
) {
    let read = || Expected::read(&directory, &scheme);
    let changed =
        |expected: &Expected| info!(known = expected.0.is_some(), "authentication changed");
    followed::follow("authentication", read, interval, sender, changed).await;
}

// === impl Expected ===

impl Expected {
    /// Reads the files of `scheme`. With one missing or empty, nothing is known.
    ///
    /// # Errors
    /// When a file is there but cannot be read, or is far too large.
    pub fn read(directory: &Path, scheme: &Scheme) -> io::Result<Self> {
        let file = |name: &str| read_file(&directory.join(name), MAX_BYTES);
        followed::settled(|| {
            Ok(match scheme {
                Scheme::Header(_) => Self(file(HEADER_VALUE)?),
                Scheme::Basic => Self(file(USERNAME)?.zip(file(PASSWORD)?).map(
                    |(username, password)| {
                        [username.expose_secret(), b":", password.expose_secret()]
                            .concat()
                            .into()
                    },
                )),
            })
        })
    }
}

impl PartialEq for Expected {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |expected: &Self| expected.0.as_ref().map(|it| it.expose_secret().to_vec());
        bytes(self) == bytes(other)
    }
}

/// What the request presents, if it presents one thing.
fn presented(scheme: &Scheme, headers: &HeaderMap) -> Option<Vec<u8>> {
    match scheme {
        Scheme::Basic => {
            let value = only(headers, header::AUTHORIZATION.as_str())?;
            let (scheme, credentials) = value.split_at_checked(6)?;
            // RFC 9110 section 11.1: the name of a scheme is case-insensitive.
            if !scheme.eq_ignore_ascii_case(b"basic ") {
                return None;
            }
            BASE64_STANDARD.decode(credentials.trim_ascii()).ok()
        }
        Scheme::Header(name) => only(headers, &format!("x-{name}"))
            .or_else(|| only(headers, name))
            .map(<[u8]>::to_vec),
    }
}

fn is_missing(scheme: &Scheme, headers: &HeaderMap) -> bool {
    match scheme {
        Scheme::Basic => !headers.contains_key(header::AUTHORIZATION),
        Scheme::Header(name) => {
            !headers.contains_key(format!("x-{name}")) && !headers.contains_key(name)
        }
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::fs;

    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn judge(
        scheme: &str,
        files: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> AuthenticationResult {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let scheme: Scheme = scheme.parse().unwrap();
        let expected = Expected::read(directory.path(), &scheme).unwrap();
        let (_sender, expected) = watch::channel(Arc::new(expected));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        Authentication::new(scheme, expected).judge(&map)
    }

    #[test]
    fn basic_is_judged_as_rfc_7617_says() {
        // The example of RFC 7617 section 2.
        let files = [(USERNAME, "Aladdin\n"), (PASSWORD, "open sesame\n")];
        let right = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        for (header, verdict) in [
            (right, AuthenticationResult::Accepted),
            (
                "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                AuthenticationResult::Accepted,
            ),
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZA==",
                AuthenticationResult::Refused,
            ),
            ("Basic", AuthenticationResult::Refused),
            ("Basic *", AuthenticationResult::Refused),
            (
                "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                AuthenticationResult::Refused,
            ),
        ] {
            let judged = judge("basic", &files, &[("authorization", header)]);
            assert_eq!(judged, verdict, "{header}");
        }
        assert_eq!(judge("basic", &files, &[]), AuthenticationResult::Missing);
        let twice = [("authorization", right), ("authorization", right)];
        assert_eq!(
            judge("basic", &files, &twice),
            AuthenticationResult::Refused
        );
        let half = [(USERNAME, "Aladdin")];
        let judged = judge("basic", &half, &[("authorization", right)]);
        assert_eq!(judged, AuthenticationResult::NotSetUp);
    }

    #[test]
    fn a_custom_header_is_taken_with_zooms_prefix_and_without() {
        let files = [(HEADER_VALUE, "s3cret")];
        for name in ["x-tenant-key", "tenant-key", "Tenant-Key"] {
            let judged = judge("header:tenant-key", &files, &[(name, "s3cret")]);
            assert_eq!(judged, AuthenticationResult::Accepted, "{name}");
        }
        let wrong = judge("header:tenant-key", &files, &[("tenant-key", "S3cret")]);
        assert_eq!(wrong, AuthenticationResult::Refused);
        let none = judge("header:tenant-key", &files, &[("authorization", "s3cret")]);
        assert_eq!(none, AuthenticationResult::Missing);
        let judged = judge("header:tenant-key", &[], &[("tenant-key", "")]);
        assert_eq!(judged, AuthenticationResult::NotSetUp);
    }

    #[test]
    fn what_is_known_is_not_shown() {
        let expected = Expected(Some(b"hidden".to_vec().into()));
        assert!(!format!("{expected:?}").contains("hidden"));
    }
}
