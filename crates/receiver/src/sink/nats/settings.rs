//! What a NATS sink consists of, and the headers of its messages.

use std::time::Duration;

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID};
use axum::http::header::CONTENT_TYPE;
use contract::receiver::{Integration, NatsMessageId};

use super::target::{Prefix, Target};
use crate::{
    cloudevent::{self, Extension},
    event::Event,
    event_id::EventId,
    identity,
    sink::credentials::Followed,
};
use contract::lifecycle::State;
use runtime::outgoing::guard::Guard;

/// What a NATS sink consists of.
#[derive(Debug)]
pub struct Settings {
    /// Where it is.
    pub target: Target,
    /// Under which subjects events are published.
    pub prefix: Prefix,
    /// How the stream recognizes repeats.
    pub message_id: NatsMessageId,
    /// Time limit for each event, from connecting to the acknowledgement.
    pub timeout: Duration,
    /// The source of the events.
    pub source: Integration,
    /// Facts about the tenant.
    pub extensions: Vec<Extension>,
    /// Where it may be.
    pub guard: Guard,
    /// Its credentials.
    pub credentials: Followed,
}

// === impl Settings ===

impl Settings {
    pub(super) fn headers(&self, event: &Event, refs: &[Extension]) -> HeaderMap {
        let extensions = self.extensions.iter().chain(refs);
        let attributes = cloudevent::headers(&self.source, extensions, event);
        message(self.message_id(event).to_string(), &attributes)
    }

    pub(super) fn state_headers(&self, state: &State) -> HeaderMap {
        let attributes = cloudevent::state_headers(&self.source, &self.extensions, state);
        message(state.id.clone(), &attributes)
    }

    /// The id by which the stream drops repeats.
    fn message_id(&self, event: &Event) -> EventId {
        match self.message_id {
            NatsMessageId::Body => event.id,
            NatsMessageId::EventKey => identity::key(event).unwrap_or(event.id),
        }
    }
}

/// The headers of a message with this id and these attributes.
fn message(id: String, attributes: &axum::http::HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, id);
    for (name, value) in attributes {
        // Values of ours are printable ASCII.
        let Ok(value) = value.to_str() else { continue };
        headers.insert(name.as_str(), value);
        if name == CONTENT_TYPE {
            // As an attribute, too: not every reader looks at the header.
            headers.insert("ce-datacontenttype", value);
        }
    }
    headers
}
