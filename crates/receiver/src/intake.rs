//! Who takes an event off Zoom's hands, and may therefore have it acknowledged.

use std::sync::Arc;

use super::{body::Raw, buffer::Buffer, event::Event, outcome::Outcome, passthrough::PassThrough};

/// Takes events. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Intake {
    /// Nobody does: every event is answered 503.
    Nobody,
    /// The sink does, while Zoom waits.
    PassThrough(Arc<PassThrough>),
    /// The buffer does, once the event is on the disk.
    Buffer(Buffer),
}

// === impl Intake ===

impl Intake {
    /// Takes one verified event. A 2xx outcome means that it is stored or delivered.
    pub async fn take(&self, event: Event, raw: Raw) -> Outcome {
        match self {
            Self::Nobody => Outcome::NoSink,
            Self::PassThrough(through) => through.take(event, raw).await,
            Self::Buffer(buffer) => buffer.take(event, raw).await,
        }
    }

    /// Whether events are taken that are not to be forwarded now.
    #[must_use]
    pub fn keeps(&self) -> bool {
        matches!(self, Self::Buffer(_))
    }
}
