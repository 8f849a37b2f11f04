//! Secrets on their way into storage.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serializer;

/// Writes a secret out, for `#[serde(serialize_with)]`: only on types that are made to be stored.
///
/// # Errors
/// The serializer's own.
pub fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
