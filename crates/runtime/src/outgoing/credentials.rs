//! What is under the keys of a sink's Secret. The controller judges it, and the receiver uses it: both read it here.

use axum::http::HeaderValue;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The value under this key does not have what its name says. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is malformed")]
pub struct Malformed(pub &'static str);

/// A text.
///
/// # Errors
/// When it is not UTF-8.
pub fn text<'a>(key: &'static str, bytes: &'a [u8]) -> Result<&'a str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed(key))
}

/// The whole value of an HTTP header.
///
/// # Errors
/// When it cannot be one.
pub fn header(key: &'static str, bytes: &[u8]) -> Result<HeaderValue, Malformed> {
    let mut value = HeaderValue::from_bytes(bytes).map_err(|_| Malformed(key))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Certificates of authorities, in PEM.
///
/// # Errors
/// When there is none, or one that cannot be used.
pub fn roots(key: &'static str, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Malformed> {
    let malformed = || Malformed(key);
    let roots: Vec<_> = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| malformed())?;
    let mut store = RootCertStore::empty();
    for root in &roots {
        store.add(root.clone()).map_err(|_| malformed())?;
    }
    // An empty bundle would trust no authority, which is surely a mistake.
    if roots.is_empty() {
        Err(malformed())
    } else {
        Ok(roots)
    }
}
