//! Who may use the control port.

use std::{
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
};

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Longest token, bytes.
const MAX_BYTES: u64 = 1024;

/// The file with the token. Read for each request, which is rare: a Secret can change at any moment.
#[derive(Debug)]
pub struct TokenFile(PathBuf);

// === impl TokenFile ===

impl TokenFile {
    /// The token in this file, without surrounding white space.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Whether a request has the token: exactly one `Authorization: Bearer`. If the file has no token, no request
    /// is admitted.
    #[must_use]
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return false;
        };
        let Some((scheme, given)) = value.to_str().ok().and_then(|text| text.split_once(' '))
        else {
            return false;
        };
        let token = match self.read() {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(%error, "failed to read the control token");
                return false;
            }
        };
        if token.expose_secret().is_empty() || !scheme.eq_ignore_ascii_case("bearer") {
            return false;
        }
        // Compare digests, so that timing does not reveal the length either.
        let given = Sha256::digest(given.trim().as_bytes());
        let token = Sha256::digest(token.expose_secret());
        given.ct_eq(&token).into()
    }

    fn read(&self) -> io::Result<SecretSlice<u8>> {
        let mut bytes = Vec::new();
        File::open(&self.0)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
        let is_long = bytes.len() as u64 > MAX_BYTES;
        let token = SecretSlice::from(bytes.trim_ascii().to_vec());
        if is_long {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn only_the_token_of_this_moment_is_admitted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let file = TokenFile::new(path.clone());
        let admits = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            file.admits(&headers)
        };
        assert!(!admits("Bearer "));
        std::fs::write(&path, "").unwrap();
        assert!(!admits("Bearer ") && !admits("Bearer a"));
        std::fs::write(&path, "first\n").unwrap();
        assert!(admits("Bearer first") && admits("bearer first"));
        for wrong in [
            "first",
            "Basic first",
            "Bearer firs",
            "Bearer first2",
            "Bearer",
        ] {
            assert!(!admits(wrong), "{wrong}");
        }
        std::fs::write(&path, "second").unwrap();
        assert!(!admits("Bearer first") && admits("Bearer second"));
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append(header::AUTHORIZATION, "Bearer second".parse().unwrap());
        }
        assert!(!file.admits(&twice) && !file.admits(&HeaderMap::new()));
    }
}
