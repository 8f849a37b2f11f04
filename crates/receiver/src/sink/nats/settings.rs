//! What a NATS sink consists of, and the headers of its messages.

use std::time::Duration;

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID};
use axum::http::header::CONTENT_TYPE;

use super::target::{Prefix, Target};
use crate::{
    cloudevent::{self, Extension, Integration},
    event::Event,
    event_id::EventId,
    identity,
    sink::credentials::Followed,
};
use runtime::outgoing::guard::Guard;

/// What a NATS sink consists of.
#[derive(Debug)]
pub struct Settings {
    /// Where it is.
    pub target: Target,
    /// Under which subjects events are published.
    pub prefix: Prefix,
    /// By what the stream recognizes repeats.
    pub message_id: MessageId,
    /// Time for each event, from the connection to the acknowledgement.
    pub timeout: Duration,
    /// The source of the events.
    pub source: Integration,
    /// Facts about the tenant.
    pub extensions: Vec<Extension>,
    /// Where it may be.
    pub guard: Guard,
    /// What it is shown.
    pub credentials: Followed,
}

/// What a message is called towards the stream, which drops those that it has within its duplicate window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum MessageId {
    /// The event's id: only a delivery with the same bytes is a repeat.
    #[default]
    #[value(name = "Body")]
    Body,
    /// The attribute `zoomeventkey`, where there is one: so is a delivery with other links or details.
    #[value(name = "EventKey")]
    EventKey,
}

// === impl MessageId ===

impl MessageId {
    fn of(self, event: &Event) -> EventId {
        match self {
            Self::Body => event.id,
            Self::EventKey => identity::key(event).unwrap_or(event.id),
        }
    }
}

// === impl Settings ===

impl Settings {
    pub(super) fn headers(&self, event: &Event) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, self.message_id.of(event).to_string());
        for (name, value) in &cloudevent::headers(&self.source, &self.extensions, event) {
            // Values of ours are printable ASCII.
            let Ok(value) = value.to_str() else { continue };
            headers.insert(name.as_str(), value);
            if name == CONTENT_TYPE {
                // As an attribute too: not every reader looks at the other one.
                headers.insert("ce-datacontenttype", value);
            }
        }
        headers
    }
}
