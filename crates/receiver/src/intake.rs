//! Where a verified event goes before Zoom gets its acknowledgement.

use std::sync::Arc;

use super::{
    body::Raw, buffer::Buffer, event::Event, outcome::RequestOutcome, passthrough::PassThrough,
};

/// Accepts events. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Intake {
    /// There is no sink: every event is answered 503.
    None,
    /// Straight to the sink, while Zoom waits.
    PassThrough(Arc<PassThrough>),
    /// To the buffer: acknowledged once the event is on disk.
    Buffer(Buffer),
}

// === impl Intake ===

impl Intake {
    /// The buffer, if there is one.
    #[must_use]
    pub fn buffer(&self) -> Option<&Buffer> {
        match self {
            Self::Buffer(buffer) => Some(buffer),
            Self::None | Self::PassThrough(_) => None,
        }
    }

    /// Accepts one verified event. A 2xx outcome means that it is stored or delivered.
    pub async fn take(&self, event: Event, raw: Raw) -> RequestOutcome {
        match self {
            Self::None => RequestOutcome::NoSink,
            Self::PassThrough(through) => through.take(event, raw).await,
            Self::Buffer(buffer) => buffer.take(event, raw).await,
        }
    }

    /// Whether events are stored even while nothing is forwarded.
    #[must_use]
    pub fn is_buffered(&self) -> bool {
        matches!(self, Self::Buffer(_))
    }
}
