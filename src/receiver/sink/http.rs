//! The HTTP sink: one POST per event, no redirects, no proxies, trust anchors compiled in.

use std::{fmt, str::FromStr, time::Duration};

use reqwest::Client;
use url::Url;

use super::SinkError;
use crate::ops::outgoing::{Trust, client_builder};
use crate::receiver::{
    cloudevent::{self, Extension, Integration},
    event::Event,
};

/// Share of the time for an event that may pass before there is a connection.
const CONNECT_SHARE: u32 = 2;
/// Below the keep-alive of common servers (Node: 5 s), so that none closes on us under way.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// An answer up to this size is read to its end, so that the connection can be used again.
const ANSWER_BYTES: u64 = 4096;

/// Delivers by HTTP.
#[derive(Clone, Debug)]
pub struct HttpSink {
    client: Client,
    target: Target,
    source: Integration,
    extensions: Vec<Extension>,
}

/// An `http` or `https` URL. Shown without query, which may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Url);

/// The text is not the URL of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an http or https URL without user name, password and fragment")]
pub struct TargetError;

/// The HTTP client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("failed to build the HTTP client")]
pub struct BuildError(#[from] reqwest::Error);

// === impl HttpSink ===

impl HttpSink {
    /// A sink that has `timeout` for each event, from the connection to the answer's head.
    ///
    /// # Errors
    /// When no TLS provider is installed in the process.
    pub fn new(
        target: Target,
        timeout: Duration,
        source: Integration,
        extensions: Vec<Extension>,
    ) -> Result<Self, BuildError> {
        let trust = match target.0.scheme() {
            "https" => Trust::PublicRoots,
            _ => Trust::Nobody,
        };
        let client = client_builder(trust)
            .connect_timeout(timeout / CONNECT_SHARE)
            .timeout(timeout)
            .pool_idle_timeout(POOL_IDLE)
            .build()?;
        Ok(Self {
            client,
            target,
            source,
            extensions,
        })
    }

    /// See [`super::Sink::deliver`].
    pub(super) async fn deliver(&self, event: &Event) -> Result<(), SinkError> {
        let headers = cloudevent::headers(&self.source, &self.extensions, event);
        let request = self.client.post(self.target.0.clone()).headers(headers);
        let answer = request
            .body(event.body.clone())
            .send()
            .await
            .map_err(|error| {
                if error.is_timeout() {
                    SinkError::TimedOut
                } else {
                    SinkError::Unreachable
                }
            })?;
        if !answer.status().is_success() {
            return Err(SinkError::Status(answer.status().as_u16()));
        }
        if answer.content_length().is_some_and(|n| n <= ANSWER_BYTES) {
            // The head was the acknowledgement; nobody waits for the rest.
            tokio::spawn(answer.bytes());
        }
        Ok(())
    }
}

// === impl Target ===

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let url = Url::parse(text).map_err(|_| TargetError)?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        is_plain.then_some(Self(url)).ok_or(TargetError)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        formatter.write_str(shown.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn only_plain_web_urls_are_sinks() {
        for text in ["http://sink.ns.svc/in?key=1", "https://[::1]:8443"] {
            assert!(text.parse::<Target>().is_ok(), "{text}");
        }
        for text in [
            "sink",
            "ftp://a/",
            "http://u@a/",
            "http://:p@a/",
            "http://a/#f",
            "file:///a",
        ] {
            assert_eq!(text.parse::<Target>(), Err(TargetError), "{text}");
        }
    }

    #[test]
    fn a_key_in_the_query_is_not_shown() {
        let target: Target = "http://sink/in?key=hidden".parse().unwrap();
        assert_eq!(format!("{target:?}"), "http://sink/in");
    }

    #[test]
    fn the_compiled_in_anchors_are_usable() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let target = "https://sink.example/".parse().unwrap();
        let source = "ns/name".parse().unwrap();
        assert!(HttpSink::new(target, Duration::from_secs(1), source, Vec::new()).is_ok());
    }
}
