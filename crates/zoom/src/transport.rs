//! The HTTP connections to Zoom: how long they are kept, what is read of an answer, and what went wrong below HTTP.

use std::time::Duration;

use reqwest::{ClientBuilder, Response};

use super::{Error, Fault};

/// A token answer has a few kilobytes; anything larger is not Zoom's.
const MAX_BODY: usize = 64 * 1024;

/// How long a connection is kept without use: shorter than the first repetition of a failed request, which
/// must not go to the same host again if that was the wrong one.
const IDLE: Duration = Duration::from_secs(4);

/// The connections by this way out, with `timeout` for a whole request.
pub fn connections(
    way: ClientBuilder,
    timeout: Duration,
) -> Result<reqwest::Client, reqwest::Error> {
    way.connect_timeout(timeout / 4)
        .pool_idle_timeout(IDLE)
        .timeout(timeout)
        .build()
}

/// The whole body, if it is no larger than an answer of Zoom can be.
pub async fn read(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(
                Error::new(Fault::Unintelligible, "an answer of more than 64 KiB").ambiguous(),
            );
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What became of a request that has no answer.
pub fn unreachable(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let kind = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "connection failed"
    } else {
        "connection broke"
    };
    // The innermost cause says most ("Connection refused", "dns error"); the URL has no place here.
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let cause: String = cause.to_string().chars().take(150).collect();
    let unsent = error.is_connect() || error.is_builder();
    let error = Error::new(Fault::Unreachable, format!("{kind}: {cause}"));
    if unsent { error } else { error.ambiguous() }
}
