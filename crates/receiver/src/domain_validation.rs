//! The file by which Zoom validates a domain, read from a mounted `ConfigMap` and followed.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use contract::domain_validation::{MAX_BYTES, POLICY};
use runtime::followed::{self, read_file};
use secrecy::ExposeSecret as _;
use tokio::sync::watch;
use tracing::info;

/// What the file holds now; `None` while it is not there.
pub type Live = watch::Receiver<Arc<Option<Bytes>>>;

/// Reads the file every `interval`, for ever.
pub async fn follow(file: PathBuf, interval: Duration, sender: watch::Sender<Arc<Option<Bytes>>>) {
    let read = || -> io::Result<Option<Bytes>> {
        let found = read_file(&file, MAX_BYTES)?;
        Ok(found.map(|found| Bytes::copy_from_slice(found.expose_secret())))
    };
    let changed =
        |found: &Option<Bytes>| info!(known = found.is_some(), "domain validation changed");
    followed::follow("domain validation", read, interval, sender, changed).await;
}

/// The answer to whoever asks for the file.
#[must_use]
pub fn answer(file: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, file).into_response()
}
