//! The sink of one integration, of either kind.

use std::{fmt, time::Duration};

use futures::future::BoxFuture;

use super::{check::Unreachable, failure::Failure, http::HttpSink, nats::NatsSink};
use crate::{cloudevent::Extension, event::Event};
use contract::lifecycle::State;

/// The sink of one integration. Cheap to clone; several events can be on their way at once.
#[derive(Clone, Debug)]
pub enum Sink {
    /// An HTTP service that answers 2xx for what it has accepted.
    Http(HttpSink),
    /// A stream that acknowledges what it has stored.
    Nats(NatsSink),
}

/// A sink, and what keeps it up to date.
pub struct Built {
    /// The sink.
    pub sink: Sink,
    /// Reloads its credentials, forever; poll it beside the sink.
    pub follower: BoxFuture<'static, ()>,
}

// === impl Built ===

impl fmt::Debug for Built {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.sink, formatter)
    }
}

// === impl Sink ===

impl Sink {
    /// Delivers one event; `refs` go before the integration's attributes of the same name. Dropping the future gives up waiting; the sink may get the event nevertheless.
    ///
    /// # Errors
    /// When the sink has not acknowledged it.
    pub async fn deliver(&self, event: &Event, refs: &[Extension]) -> Result<(), Failure> {
        match self {
            Self::Http(sink) => sink.deliver(event, refs).await,
            Self::Nats(sink) => Ok(sink.deliver(event, refs).await?),
        }
    }

    /// Tells the sink of a state, as [`Self::deliver`].
    ///
    /// # Errors
    /// When the sink has not acknowledged it.
    pub async fn announce(&self, state: &State) -> Result<(), Failure> {
        match self {
            Self::Http(sink) => sink.announce(state).await,
            Self::Nats(sink) => Ok(sink.announce(state).await?),
        }
    }

    /// Whether it can be reached within `timeout`.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub async fn check(&self, timeout: Duration) -> Result<(), Unreachable> {
        match self {
            Self::Http(sink) => sink.check(timeout).await,
            Self::Nats(sink) => sink.check(timeout).await,
        }
    }

    /// Where it is, without what may be a key.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Http(sink) => format!("{:?}", sink.target()),
            Self::Nats(sink) => format!("{}:{}", sink.target().host(), sink.target().port()),
        }
    }
}
