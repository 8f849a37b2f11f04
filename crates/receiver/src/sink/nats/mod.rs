//! The NATS sink: `JetStream` stores the event and acknowledges it.
//!
//! The message's id is the event's id, or optionally its key, so that a stream stores a repeated event only
//! once within its duplicate window. The rest is a `CloudEvent` in binary mode: attributes as `ce-*` headers, the body
//! unchanged.

mod link;
mod settings;
mod target;
mod tls;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::HeaderMap;
use axum::body::Bytes;
use contract::lifecycle::State;
use tokio::{sync::Mutex, time};
use tracing::warn;

use self::link::Link;
pub use self::{
    settings::Settings,
    target::{Prefix, PrefixError, Target, TargetError},
};
use super::{check::Unreachable, failure::SinkError};
use crate::{cloudevent::Extension, event::Event};

/// How long Zoom may repeat an event and a receiver may retry: the least duplicate window that a stream
/// should have.
const DUPLICATE_WINDOW: Duration = Duration::from_hours(2);

/// Delivers to a stream. Cheap to clone; concurrent deliveries share one connection.
#[derive(Clone, Debug)]
pub struct NatsSink(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    link: Mutex<Option<Arc<Link>>>,
    /// The stream's duplicate window was asked for.
    asked: AtomicBool,
}

// === impl NatsSink ===

impl NatsSink {
    /// The sink of these settings. It connects when there is an event.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            settings,
            link: Mutex::default(),
            asked: AtomicBool::default(),
        }))
    }

    /// See [`super::Sink::deliver`].
    pub(super) async fn deliver(&self, event: &Event, refs: &[Extension]) -> Result<(), SinkError> {
        let settings = &self.0.settings;
        let subject = settings.prefix.subject(event.name());
        let headers = settings.headers(event, refs);
        self.publish(subject, headers, event.body.clone()).await
    }

    /// See [`super::Sink::announce`].
    pub(super) async fn announce(&self, state: &State) -> Result<(), SinkError> {
        let settings = &self.0.settings;
        let name = format!("operator.{}", state.name());
        // Strings and times only: there is nothing that could fail.
        let body = serde_json::to_vec(&state.data).unwrap_or_default();
        let subject = settings.prefix.subject(Some(&name));
        self.publish(subject, settings.state_headers(state), body.into())
            .await
    }

    async fn publish(
        &self,
        subject: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), SinkError> {
        let settings = &self.0.settings;
        let limit = time::Instant::now() + settings.timeout;
        let link = time::timeout_at(limit, self.link()).await;
        let link = link.map_err(|_| SinkError::TimedOut)??;
        let published = link.publish(subject, headers, body);
        let result = time::timeout_at(limit, published).await;
        let result = result.unwrap_or(Err(SinkError::TimedOut));
        match result {
            Ok(ack) => {
                self.ask_once(&link, ack.stream);
                Ok(())
            }
            Err(error) => {
                if error == SinkError::TimedOut {
                    // The connection may be dead. The next event opens a new one.
                    self.drop_link(&link).await;
                }
                Err(error)
            }
        }
    }

    /// See [`super::Sink::check`].
    pub(super) async fn check(&self, timeout: Duration) -> Result<(), Unreachable> {
        let linked = time::timeout(timeout, self.link()).await;
        match linked.map_err(|_| Unreachable::TimedOut)? {
            Ok(_) => Ok(()),
            Err(SinkError::Forbidden) => Err(Unreachable::Forbidden),
            Err(SinkError::Unreachable) => Err(Unreachable::NoConnection),
            Err(error) => Err(Unreachable::Other(error)),
        }
    }

    /// Where it is.
    pub(super) fn target(&self) -> &Target {
        &self.0.settings.target
    }

    /// The connection; opened if there is none or its credentials changed. Other callers wait meanwhile.
    async fn link(&self) -> Result<Arc<Link>, SinkError> {
        let settings = &self.0.settings;
        let mut held = self.0.link.lock().await;
        let credentials = settings.credentials.current()?;
        if let Some(link) = held.as_ref().filter(|link| link.serves(&credentials)) {
            return Ok(Arc::clone(link));
        }
        *held = None;
        let link = Arc::new(Link::connect(settings, credentials).await?);
        *held = Some(Arc::clone(&link));
        Ok(link)
    }

    async fn drop_link(&self, link: &Arc<Link>) {
        let mut held = self.0.link.lock().await;
        held.take_if(|held| Arc::ptr_eq(held, link));
    }

    /// Warns once if the stream's duplicate window is shorter than Zoom's retries.
    fn ask_once(&self, link: &Link, stream: String) {
        if self.0.asked.swap(true, Ordering::Relaxed) {
            return;
        }
        let window = link.duplicate_window(stream.clone());
        tokio::spawn(async move {
            // Often not permitted, and no reason to reject events.
            if let Some(window) = window.await.filter(|window| *window < DUPLICATE_WINDOW) {
                warn!(
                    stream,
                    seconds = window.as_secs(),
                    wanted_seconds = DUPLICATE_WINDOW.as_secs(),
                    "the stream's duplicate window is short: repeated events may be stored twice"
                );
            }
        });
    }
}
