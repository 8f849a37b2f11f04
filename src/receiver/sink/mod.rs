//! Where events go. An event is delivered when the sink says so, and not before.

mod http;

use axum::{body::Bytes, http::HeaderMap};

pub use self::http::{BuildError, HttpSink, Target, TargetError};

/// The sink of one integration.
#[derive(Clone, Debug)]
pub enum Sink {
    /// An HTTP service that answers 2xx for what it has taken.
    Http(HttpSink),
}

/// Why an event was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// No connection, or a broken one.
    #[error("sink unreachable")]
    Unreachable,
    /// No answer in time. The sink may have taken the event; it will come again with the same id.
    #[error("sink timed out")]
    TimedOut,
    /// An answer that is not 2xx. Redirects are not followed.
    #[error("sink answered {0}")]
    Status(u16),
}

// === impl Sink ===

impl Sink {
    /// Delivers one event: `headers` describe it, `body` is what Zoom sent.
    ///
    /// # Errors
    /// When the sink has not acknowledged it.
    pub async fn deliver(&self, headers: HeaderMap, body: Bytes) -> Result<(), SinkError> {
        match self {
            Self::Http(sink) => sink.deliver(headers, body).await,
        }
    }
}

// === impl SinkError ===

impl SinkError {
    /// Every value of the metric's label: success and the ways to fail.
    pub const OUTCOMES: [&'static str; 4] = ["delivered", "unreachable", "timeout", "refused"];

    /// The metric's label.
    #[must_use]
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timeout",
            Self::Status(_) => "refused",
        }
    }
}
