//! One connection to a NATS server. It never reconnects by itself: the caller resolves, checks the addresses and
//! connects again.

use std::{
    future::{Future, ready},
    sync::Arc,
    time::Duration,
};

use async_nats::{
    ConnectError, ConnectErrorKind, ConnectOptions, Event, HeaderMap, ServerAddr, ServerError,
    connection,
    jetstream::{
        self,
        context::{ContextBuilder, PublishAckFuture, PublishError, PublishErrorKind},
        publish::PublishAck,
    },
};
use axum::body::Bytes;
use secrecy::ExposeSecret as _;
use tokio::sync::watch;
use tracing::debug;

use super::{settings::Settings, tls};
use crate::sink::{
    credentials::{Credentials, Login},
    failure::SinkError,
};
use runtime::outgoing::guard::ResolveError;

/// Divisor: share of an event's time limit that connecting may take.
const CONNECT_SHARE: u32 = 2;
/// A server that is silent for three of these is considered dead.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Most events whose acknowledgement is awaited at once.
const MAX_IN_FLIGHT: usize = 1024;

/// A connection, and the credentials that it was made with.
#[derive(Debug)]
pub(super) struct Link {
    context: jetstream::Context,
    credentials: Arc<Option<Credentials>>,
    state: watch::Receiver<State>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// The server said that something was not permitted; its words name the subject.
    Denied(String),
    Lost,
}

// === impl Link ===

impl Link {
    /// Resolves, judges, connects and logs in.
    pub(super) async fn connect(
        settings: &Settings,
        credentials: Arc<Option<Credentials>>,
    ) -> Result<Self, SinkError> {
        let target = &settings.target;
        let addresses = settings.guard.resolve(target.host()).await;
        let addresses = addresses.map_err(|error| match error {
            ResolveError::Forbidden(_) => SinkError::Forbidden,
            ResolveError::Lookup(_) => SinkError::Unreachable,
        })?;
        let scheme = if target.is_tls() { "tls" } else { "nats" };
        let servers = addresses
            .into_iter()
            .map(|address| {
                let socket = std::net::SocketAddr::new(address, target.port());
                format!("{scheme}://{socket}").parse()
            })
            .collect::<Result<Vec<ServerAddr>, _>>()
            .map_err(|_| SinkError::Unreachable)?;
        let (sender, state) = watch::channel(State::Up);
        let options = options(settings, credentials.as_ref().as_ref())?
            // Each address once. Zero would mean for ever.
            .max_reconnects(servers.len().max(1))
            .event_callback(move |event| {
                note(&sender, event);
                ready(())
            });
        let client = options
            .connect(servers)
            .await
            .map_err(|error| failure(&error))?;
        let context = ContextBuilder::new()
            .timeout(settings.timeout)
            .ack_timeout(settings.timeout)
            .max_ack_inflight(MAX_IN_FLIGHT)
            .backpressure_on_inflight(true)
            .build(client);
        Ok(Self {
            context,
            credentials,
            state,
        })
    }

    /// Whether it is there, and was made with these credentials.
    pub(super) fn serves(&self, credentials: &Arc<Option<Credentials>>) -> bool {
        // Words of the library may be dropped when there are many; what it is, it knows.
        let is_up = self.context.client().connection_state() == connection::State::Connected
            && *self.state.borrow() != State::Lost;
        is_up && Arc::ptr_eq(&self.credentials, credentials)
    }

    /// Publishes, and waits until the stream has stored it.
    pub(super) async fn publish(
        &self,
        subject: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<PublishAck, SinkError> {
        let mut state = self.state.clone();
        // Denials before this event are not about it.
        state.mark_unchanged();
        let sending = self
            .context
            .publish_with_headers(subject.clone(), headers, body);
        let acknowledged = async {
            let ack: PublishAckFuture = sending.await.map_err(|error| refusal(&error))?;
            ack.await.map_err(|error| refusal(&error))
        };
        tokio::select! {
            result = acknowledged => result,
            error = failed(state, &subject) => Err(error),
        }
    }

    /// For how long the stream recognizes an event that comes again; `None` if the server does not say.
    pub(super) fn duplicate_window(
        &self,
        stream: String,
    ) -> impl Future<Output = Option<Duration>> + Send + 'static {
        let context = self.context.clone();
        async move {
            let stream = context.get_stream(stream).await.ok()?;
            Some(stream.cached_info().config.duplicate_window)
        }
    }
}

/// Ends when there will be no acknowledgement: the connection is lost, or this subject not permitted.
async fn failed(mut state: watch::Receiver<State>, subject: &str) -> SinkError {
    let subject = format!("\"{subject}\"");
    if *state.borrow() == State::Lost {
        return SinkError::Unreachable;
    }
    while state.changed().await.is_ok() {
        match &*state.borrow_and_update() {
            State::Denied(words) if words.contains(&subject) => return SinkError::Denied,
            State::Lost => break,
            _ => {}
        }
    }
    SinkError::Unreachable
}

fn options(
    settings: &Settings,
    credentials: Option<&Credentials>,
) -> Result<ConnectOptions, SinkError> {
    let options = match credentials.and_then(Credentials::login) {
        Some(Login::Creds(text)) => ConnectOptions::with_credentials(text.expose_secret())
            .map_err(|_| SinkError::Credentials)?,
        Some(Login::Seed(seed)) => ConnectOptions::with_nkey(seed.expose_secret().to_owned()),
        None => ConnectOptions::new(),
    };
    let roots = credentials.and_then(Credentials::roots);
    let tls = tls::config(settings.target.host(), roots).map_err(|_| SinkError::Credentials)?;
    Ok(options
        .name("zoom-operator receiver")
        .tls_client_config(tls)
        .require_tls(settings.target.is_tls())
        .connection_timeout(settings.timeout / CONNECT_SHARE)
        .ping_interval(PING_INTERVAL)
        // Addresses that a server advertises were never checked against the policy.
        .ignore_discovered_servers())
}

fn note(state: &watch::Sender<State>, event: Event) {
    let next = match event {
        Event::Disconnected | Event::Closed => State::Lost,
        Event::ServerError(ServerError::Other(words)) if words.contains("ermissions Violation") => {
            State::Denied(words)
        }
        _ => return,
    };
    state.send_if_modified(|state| {
        let is_news = *state != State::Lost;
        if is_news {
            *state = next;
        }
        is_news
    });
}

fn failure(error: &ConnectError) -> SinkError {
    debug!(%error, "failed to connect");
    match error.kind() {
        // The seed cannot be used at all.
        ConnectErrorKind::Authentication => SinkError::Credentials,
        ConnectErrorKind::AuthorizationViolation => SinkError::Denied,
        ConnectErrorKind::TimedOut => SinkError::TimedOut,
        _ => SinkError::Unreachable,
    }
}

fn refusal(error: &PublishError) -> SinkError {
    match error.kind() {
        PublishErrorKind::StreamNotFound => SinkError::NoStream,
        PublishErrorKind::MaxPayloadExceeded => SinkError::TooLarge,
        PublishErrorKind::TimedOut => SinkError::TimedOut,
        PublishErrorKind::BrokenPipe => SinkError::Unreachable,
        _ => answered(error).map_or(SinkError::Unreachable, SinkError::from_code),
    }
}

/// The stream's own error code, if it was the stream that answered.
fn answered(error: &PublishError) -> Option<u64> {
    let source = std::error::Error::source(error)?;
    let error: &jetstream::Error = source.downcast_ref()?;
    Some(error.error_code().0)
}
