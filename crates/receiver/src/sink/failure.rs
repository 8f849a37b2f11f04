//! Why an event was not delivered, and what to do about it.

use std::time::Duration;

/// Why an event was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// There is no connection.
    #[error("sink unreachable")]
    Unreachable,
    /// The connection ended before there was an answer.
    #[error("sink closed the connection without an answer")]
    Broken,
    /// No answer in time. The sink may have accepted the event; it will get it again with the same id.
    #[error("sink timed out")]
    TimedOut,
    /// An answer that is not 2xx. Redirects are not followed.
    #[error("sink answered {0}")]
    Status(u16),
    /// The operator's policy refuses the address. It may be changed.
    #[error("sink's address is not allowed")]
    Forbidden,
    /// The files that the sink needs could not be read, or it needs a signing secret and there is none.
    #[error("credentials for the sink missing or malformed")]
    Credentials,
    /// NATS: the log-in was refused, or publishing under this subject is not permitted.
    #[error("sink denies access")]
    Denied,
    /// NATS: no stream takes this subject, or none responds.
    #[error("no stream for the subject")]
    NoStream,
    /// NATS: the stream answered with this error code.
    #[error("stream answered {0}")]
    Stream(u64),
    /// NATS: the message is larger than the server or the stream takes.
    #[error("event too large for the sink")]
    TooLarge,
}

/// A delivery that failed, and what the sink asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// Why.
    pub error: SinkError,
    /// How long to wait before the next attempt (`Retry-After` with 429 or 503).
    pub retry_after: Option<Duration>,
}

// === impl Failure ===

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}

// === impl SinkError ===

impl SinkError {
    /// Every value of the metric's label: success and the ways to fail.
    pub const OUTCOMES: [&'static str; 8] = [
        "delivered",
        "unreachable",
        "timeout",
        "refused",
        "forbidden",
        "credentials",
        "no_stream",
        "too_large",
    ];

    /// Whether the sink will never accept this event, however often it is sent: the event is at fault,
    /// not the sink or the way to it.
    #[must_use]
    pub fn is_final(self) -> bool {
        // 408, 425 and 429 say "later"; 401, 403 and 404 are the answers of a misconfigured sink.
        matches!(
            self,
            Self::Status(400 | 405 | 406 | 410..=417 | 422) | Self::TooLarge
        )
    }

    /// Whether the event itself may have caused this, so that the sink may accept another one. Not when the
    /// event did not reach the sink.
    #[must_use]
    pub fn may_be_the_events_fault(self) -> bool {
        !matches!(
            self,
            Self::Unreachable | Self::Forbidden | Self::Credentials
        )
    }

    /// Whether this counts towards the attempts after which an event becomes a dead letter. 429 does not: the sink
    /// says that it will accept the event later.
    #[must_use]
    pub fn counts(self) -> bool {
        self.may_be_the_events_fault() && self != Self::Status(429)
    }

    /// Whether there was no connection, or no answer on it. An event that stops the sink causes these for
    /// the events behind it as well.
    #[must_use]
    pub fn is_connection(self) -> bool {
        matches!(self, Self::Unreachable | Self::Broken | Self::TimedOut)
    }

    /// What a stream's error code means (`JetStream`, `errors.json`).
    pub(super) fn from_code(code: u64) -> Self {
        match code {
            // The message, or its headers, exceed the maximum.
            10054 | 10097 => Self::TooLarge,
            _ => Self::Stream(code),
        }
    }

    /// The metric's label.
    #[must_use]
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Unreachable | Self::Broken => "unreachable",
            Self::TimedOut => "timeout",
            Self::Status(_) | Self::Denied | Self::Stream(_) => "refused",
            Self::Forbidden => "forbidden",
            Self::Credentials => "credentials",
            Self::NoStream => "no_stream",
            Self::TooLarge => "too_large",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SinkError; 11] = [
        SinkError::Unreachable,
        SinkError::Broken,
        SinkError::TimedOut,
        SinkError::Status(503),
        SinkError::Status(422),
        SinkError::Forbidden,
        SinkError::Credentials,
        SinkError::Denied,
        SinkError::NoStream,
        SinkError::Stream(10077),
        SinkError::TooLarge,
    ];

    #[test]
    fn every_outcome_is_a_known_label() {
        for error in ALL {
            assert!(SinkError::OUTCOMES.contains(&error.outcome()), "{error}");
        }
    }

    #[test]
    fn only_the_events_own_fault_is_final() {
        let finals: Vec<_> = ALL.into_iter().filter(|error| error.is_final()).collect();
        assert_eq!(finals, [SinkError::Status(422), SinkError::TooLarge]);
    }

    #[test]
    fn a_full_stream_is_tried_again() {
        assert_eq!(SinkError::from_code(10054), SinkError::TooLarge);
        assert_eq!(SinkError::from_code(10077), SinkError::Stream(10077));
    }
}
