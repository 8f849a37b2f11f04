//! The HTTP sink: one POST per event, no redirects, no proxies.

use std::{
    error::Error as _,
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use jiff::Timestamp;
use reqwest::{Certificate, Client};
use tracing::debug;
use url::{Host, Url};

use super::{
    check,
    credentials::{Credentials, Followed},
    failure::{Failure, SinkError},
    retry_after, zoom,
};
use crate::{
    cloudevent::{self, Extension},
    event::Event,
    secrets::Secrets,
};
use contract::{
    facts::SecretRole,
    lifecycle::State,
    receiver::{Integration, SinkFormat},
};
use runtime::outgoing::{
    Trust, client_builder,
    guard::{Guard, ResolveError},
};

/// Divisor: share of an event's time limit that connecting may take.
const CONNECT_SHARE: u32 = 2;
/// Below the keep-alive of common servers (Node: 5 s), so that none closes on us under way.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// An answer up to this size is read to its end, so that the connection can be used again.
const ANSWER_BYTES: u64 = 4096;

/// Delivers by HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpSink(Arc<Inner>);

/// What an HTTP sink consists of.
#[derive(Debug)]
pub struct Settings {
    /// Where it is.
    pub target: Target,
    /// What it gets.
    pub format: SinkFormat,
    /// Time limit for each event, from connecting to the answer's head.
    pub timeout: Duration,
    /// The source of the events.
    pub source: Integration,
    /// Facts about the tenant.
    pub extensions: Vec<Extension>,
    /// Where it may be.
    pub guard: Guard,
    /// Its credentials.
    pub credentials: Followed,
    /// What [`SinkFormat::Zoom`] is signed with.
    pub secrets: Secrets,
}

/// An `http` or `https` URL. Shown without query, which may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Url);

/// The text is not the URL of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an http or https URL without user name, password and fragment")]
pub struct TargetError;

/// The HTTP client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("failed to build the HTTP client")]
pub struct BuildError(#[from] reqwest::Error);

/// An HTTP client of several sinks: connections to one host are shared, credentials are not.
#[derive(Clone, Debug)]
pub struct Shared(Client);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    /// The client for the credentials that it was built with.
    client: Mutex<(Arc<Option<Credentials>>, Client)>,
}

// === impl HttpSink ===

impl HttpSink {
    /// The sink of these settings.
    ///
    /// # Errors
    /// When no TLS provider is installed in the process.
    pub fn new(settings: Settings) -> Result<Self, BuildError> {
        let client = Mutex::new((Arc::default(), client(&settings, None)?));
        Ok(Self(Arc::new(Inner { settings, client })))
    }

    /// The same with a client that others use, too: for sinks with the same guard, all with TLS or all without, and
    /// without authorities of their own, whose credentials do not change.
    #[must_use]
    pub fn with(settings: Settings, client: Shared) -> Self {
        let credentials = settings.credentials.current().unwrap_or_default();
        let client = Mutex::new((credentials, client.0));
        Self(Arc::new(Inner { settings, client }))
    }

    /// See [`super::Sink::deliver`].
    pub(super) async fn deliver(&self, event: &Event, refs: &[Extension]) -> Result<(), Failure> {
        let headers = self.0.settings.headers(event, refs)?;
        self.post(headers, event.body.clone()).await
    }

    /// See [`super::Sink::announce`].
    pub(super) async fn announce(&self, state: &State) -> Result<(), Failure> {
        let Settings {
            source, extensions, ..
        } = &self.0.settings;
        let headers = cloudevent::state_headers(source, extensions, state);
        // Strings and times only: there is nothing that could fail.
        let body = serde_json::to_vec(&state.data).unwrap_or_default();
        self.post(headers, body.into()).await
    }

    async fn post(&self, mut headers: HeaderMap, body: Bytes) -> Result<(), Failure> {
        let settings = &self.0.settings;
        // An address in the URL is never resolved, so the resolver's guard does not see it.
        if let Some(address) = settings.target.address() {
            let judged = settings.guard.check(address);
            judged.map_err(|_| SinkError::Forbidden)?;
        }
        let credentials = settings.credentials.current()?;
        let client = self.client(&credentials)?;
        let shown = credentials.as_ref().as_ref();
        if let Some(value) = shown.and_then(Credentials::authorization) {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        let request = client.post(settings.target.0.clone()).headers(headers);
        let request = request.timeout(settings.timeout);
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| failure(&error))?;
        if !answer.status().is_success() {
            return Err(Failure {
                error: SinkError::Status(answer.status().as_u16()),
                retry_after: retry_after::read(answer.status(), answer.headers(), Timestamp::now()),
            });
        }
        let rest = answer.content_length();
        if rest.is_some_and(|bytes| (1..=ANSWER_BYTES).contains(&bytes)) {
            // The head was the acknowledgement; the rest is read in the background.
            tokio::spawn(answer.bytes());
        }
        Ok(())
    }

    /// See [`super::Sink::check`].
    pub(super) async fn check(&self, timeout: Duration) -> Result<(), check::Unreachable> {
        let Settings { target, guard, .. } = &self.0.settings;
        check::connect(&target.0, guard, timeout).await
    }

    /// Where it is.
    pub(super) fn target(&self) -> &Target {
        &self.0.settings.target
    }

    /// A client with the trust roots of these credentials. A new client does not reuse connections of the old one.
    fn client(&self, credentials: &Arc<Option<Credentials>>) -> Result<Client, SinkError> {
        let mut held = self.0.client.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&held.0, credentials) {
            let client = client(&self.0.settings, credentials.as_ref().as_ref())
                .map_err(|_| SinkError::Credentials)?;
            *held = (Arc::clone(credentials), client);
        }
        Ok(held.1.clone())
    }
}

// === impl Shared ===

impl Shared {
    /// A client with the guard of these settings. It trusts the public authorities if their target has TLS, else
    /// nobody.
    ///
    /// # Errors
    /// When no TLS provider is installed in the process.
    pub fn new(settings: &Settings) -> Result<Self, BuildError> {
        Ok(Self(client(settings, None)?))
    }
}

fn client(settings: &Settings, credentials: Option<&Credentials>) -> Result<Client, BuildError> {
    let roots = credentials.and_then(Credentials::roots);
    let trust = match (settings.target.is_tls(), roots) {
        (true, None) => Trust::PublicRoots,
        (true, Some(roots)) => {
            let roots = roots.iter().map(|root| Certificate::from_der(root));
            Trust::Only(roots.collect::<Result<_, _>>()?)
        }
        (false, _) => Trust::Nobody,
    };
    let client = client_builder(trust)
        .connect_timeout(settings.timeout / CONNECT_SHARE)
        .timeout(settings.timeout)
        .pool_idle_timeout(POOL_IDLE)
        .dns_resolver(settings.guard.clone())
        .build()?;
    Ok(client)
}

fn failure(error: &reqwest::Error) -> SinkError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(ResolveError::Forbidden(_)) = inner.downcast_ref() {
            return SinkError::Forbidden;
        }
        cause = inner.source();
        if cause.is_none() {
            // Not the error itself, which shows the URL.
            debug!(cause = %inner, "delivery failed");
        }
    }
    if error.is_connect() {
        SinkError::Unreachable
    } else if error.is_timeout() {
        SinkError::TimedOut
    } else {
        SinkError::Broken
    }
}

// === impl Settings ===

impl Settings {
    fn headers(&self, event: &Event, refs: &[Extension]) -> Result<HeaderMap, SinkError> {
        match self.format {
            SinkFormat::CloudEvents => {
                let extensions = self.extensions.iter().chain(refs);
                Ok(cloudevent::headers(&self.source, extensions, event))
            }
            SinkFormat::Zoom => {
                let secrets = self.secrets.borrow();
                let secret = secrets.get(SecretRole::Current);
                let secret = secret.ok_or(SinkError::Credentials)?;
                Ok(zoom::headers(secret, Timestamp::now(), event))
            }
        }
    }
}

// === impl Target ===

impl Target {
    /// Whether it has a certificate.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address that stands in the URL instead of a name. `Url` knows every spelling of one.
    fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(v4) => Some(v4.into()),
            Host::Ipv6(v6) => Some(v6.into()),
            Host::Domain(_) => None,
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let url = Url::parse(text).map_err(|_| TargetError)?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        is_plain.then_some(Self(url)).ok_or(TargetError)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        formatter.write_str(shown.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;
    use runtime::outgoing::{guard::Lookup, policy::Policy};

    #[test]
    fn only_plain_web_urls_are_sinks() {
        for text in ["http://sink.ns.svc/in?key=1", "https://[::1]:8443"] {
            assert!(text.parse::<Target>().is_ok(), "{text}");
        }
        for text in [
            "sink",
            "ftp://a/",
            "http://u@a/",
            "http://:p@a/",
            "http://a/#f",
            "file:///a",
        ] {
            assert_eq!(text.parse::<Target>(), Err(TargetError), "{text}");
        }
    }

    #[test]
    fn a_key_in_the_query_is_not_shown() {
        let target: Target = "http://sink/in?key=hidden".parse().unwrap();
        assert_eq!(format!("{target:?}"), "http://sink/in");
    }

    #[test]
    fn every_spelling_of_an_address_is_one() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.01",
            "127.1",
            "%31%32%37.0.0.1",
        ] {
            let target: Target = format!("http://{host}/").parse().unwrap();
            assert_eq!(target.address(), Some([127, 0, 0, 1].into()), "{host}");
        }
        let target: Target = "http://[::ffff:7f00:1]/".parse().unwrap();
        assert_eq!(target.address(), Some("::ffff:127.0.0.1".parse().unwrap()));
        let target: Target = "http://sink.example/".parse().unwrap();
        assert_eq!(target.address(), None);
    }

    #[test]
    fn the_compiled_in_anchors_are_usable() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sink = HttpSink::new(Settings {
            target: "https://sink.example/".parse().unwrap(),
            format: SinkFormat::CloudEvents,
            timeout: Duration::from_secs(1),
            source: "ns/name".parse().unwrap(),
            extensions: Vec::new(),
            guard: Guard::new(Policy::cluster(), Lookup::default()),
            credentials: Followed::fixed(Credentials::default()),
            secrets: tokio::sync::watch::channel(Arc::default()).1,
        });
        assert!(sink.is_ok());
    }
}
