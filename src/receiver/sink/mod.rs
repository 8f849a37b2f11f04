//! Where events go. An event is delivered when the sink says so, and not before.

mod http;

pub use self::http::{BuildError, HttpSink, Target, TargetError};
use super::event::Event;

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
    /// Delivers one event.
    ///
    /// # Errors
    /// When the sink has not acknowledged it.
    pub async fn deliver(&self, event: &Event) -> Result<(), SinkError> {
        match self {
            Self::Http(sink) => sink.deliver(event).await,
        }
    }
}

// === impl SinkError ===

impl SinkError {
    /// Every value of the metric's label: success and the ways to fail.
    pub const OUTCOMES: [&'static str; 4] = ["delivered", "unreachable", "timeout", "refused"];

    /// Whether the sink will never take this event, however often it is sent: the event is at fault,
    /// not the sink or the way to it.
    #[must_use]
    pub fn is_final(self) -> bool {
        // 408, 425 and 429 say "later"; 401, 403 and 404 are what a sink says that is set up wrongly.
        matches!(self, Self::Status(400 | 405 | 406 | 410..=417 | 422))
    }

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
