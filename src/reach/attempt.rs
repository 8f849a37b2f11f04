//! Checks a URL step by step. Decides nothing: `classify` knows what a step's error means.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::body::Bytes;
use contract::proof::{self, Question, Said};
use http_body_util::Empty;
use hyper::{Method, Request, client::conn::http1, header, http::HeaderValue};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use secrecy::SecretSlice;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::{Host, Url};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use super::{
    classify,
    finding::{Cause, Finding, Silence},
    words::{self, Trail},
};
use runtime::outgoing::{
    guard::{Guard, Lookup},
    policy::Policy,
};

/// Time limit for each step of a check: as long as Zoom waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// A resolver that has to ask others takes longer than any connection.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(6);
/// At most this many addresses of a name are tried.
const ADDRESSES: usize = 3;
/// Only the head of an answer is read, up to this size.
const HEAD_BYTES: usize = 16 * 1024;

/// How to check. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Options {
    tls: Arc<ClientConfig>,
    guard: Guard,
    patience: Duration,
}

/// Checks whether `url` leads to the receiver that has `key`, its webhook secret token. Sends a GET, and to a
/// receiver that proved itself a POST as Zoom sends it; neither is an event. Follows no redirect, and reads only
/// the heads of the answers.
pub async fn check(url: &Url, key: &SecretSlice<u8>, options: &Options) -> Finding {
    let mut addresses = Vec::new();
    let Some(target) = Target::of(url) else {
        let trail = Trail {
            host: "",
            port: 0,
            addresses: &addresses,
        };
        return words::finding(Cause::UrlUnusable, &trail);
    };
    let cause = target.cause(key, options, &mut addresses).await;
    addresses.sort();
    addresses.dedup();
    let trail = Trail {
        host: target.host,
        port: target.port,
        addresses: &addresses,
    };
    words::finding(cause, &trail)
}

/// What is checked.
struct Target<'a> {
    url: &'a Url,
    host: &'a str,
    port: u16,
    name: ServerName<'static>,
}

/// The answer to a question.
struct Answer {
    status: u16,
    /// Whether it proves to be the receiver's.
    proven: bool,
    /// What it says of a POST.
    post: Option<HeaderValue>,
}

// === impl Options ===

impl Options {
    /// As Zoom would check: public authorities, public and private addresses, the system's resolver.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn public() -> Result<Self, rustls::Error> {
        let guard = Guard::new(Policy::cluster(), Lookup::default());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(TLS_SERVER_ROOT_CERTS.iter().cloned());
        Self::new(roots, guard)
    }

    /// With these certificate authorities and addresses.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(roots: RootCertStore, guard: Guard) -> Result<Self, rustls::Error> {
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Every check must do a full handshake.
        tls.resumption = rustls::client::Resumption::disabled();
        Ok(Self {
            tls: Arc::new(tls),
            guard,
            patience: PATIENCE,
        })
    }

    /// Uses another time limit for each step.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Uses other addresses.
    #[must_use]
    pub fn with_guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    fn of(url: &'a Url) -> Option<Self> {
        let Some(Host::Domain(host)) = url.host() else {
            return None;
        };
        let is_plain =
            url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        is_plain.then_some(())?;
        Some(Self {
            url,
            host,
            port: url.port_or_known_default()?,
            name: ServerName::try_from(host.to_owned()).ok()?,
        })
    }

    async fn cause(
        &self,
        key: &SecretSlice<u8>,
        options: &Options,
        addresses: &mut Vec<IpAddr>,
    ) -> Cause {
        match self.resolve(options).await {
            Ok(found) => *addresses = found,
            Err(cause) => return cause,
        }
        let got = match self.ask(Method::GET, addresses, key, options).await {
            Ok(answer) => answer,
            Err(cause) => return cause,
        };
        // An earlier receiver would take the POST for an event with a wrong signature.
        if !got.proven || got.post.is_none() {
            return classify::answer(got.status, got.proven);
        }
        match self.ask(Method::POST, addresses, key, options).await {
            Ok(Answer {
                status,
                proven,
                post,
            }) => {
                let complete = post.is_some_and(|post| post == proof::POST_COMPLETE);
                classify::post(status, proven, complete)
            }
            Err(cause) => cause,
        }
    }

    async fn resolve(&self, options: &Options) -> Result<Vec<IpAddr>, Cause> {
        // With a dot at its end, the name is not looked up in search domains: Zoom has none.
        let name = format!("{}.", self.host.trim_end_matches('.'));
        timeout(
            LOOKUP_PATIENCE.max(options.patience),
            options.guard.resolve(&name),
        )
        .await
        .map_err(|_| Cause::ResolverFailed)?
        .map_err(|error| classify::resolution(&error))
    }

    async fn connect(&self, addresses: &[IpAddr], options: &Options) -> Result<TcpStream, Cause> {
        let mut errors = Vec::new();
        for address in addresses.iter().take(ADDRESSES) {
            let connecting = TcpStream::connect(SocketAddr::new(*address, self.port));
            match timeout(options.patience, connecting).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => errors.push(error),
                Err(_) => errors.push(io::ErrorKind::TimedOut.into()),
            }
        }
        Err(classify::connection(&errors))
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        options: &Options,
    ) -> Result<TlsStream<TcpStream>, Cause> {
        let connector = TlsConnector::from(Arc::clone(&options.tls));
        timeout(
            options.patience,
            connector.connect(self.name.clone(), stream),
        )
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| classify::handshake(&error))
    }

    /// Asks on a connection of its own.
    async fn ask(
        &self,
        method: Method,
        addresses: &[IpAddr],
        key: &SecretSlice<u8>,
        options: &Options,
    ) -> Result<Answer, Cause> {
        let stream = self.connect(addresses, options).await?;
        let stream = self.shake_hands(stream, options).await?;
        let now = Timestamp::now();
        let Ok(question) = Question::new(now) else {
            return Err(Cause::NoAnswer(Silence::NotAsked));
        };
        let Some(request) = self.request(&method, &question.header(key), now) else {
            return Err(Cause::UrlUnusable);
        };
        let asking = async {
            let (mut sender, connection) = http1::Builder::new()
                .max_buf_size(HEAD_BYTES)
                .handshake(TokioIo::new(stream))
                .await?;
            // Stops with this future.
            let mut driver = JoinSet::new();
            driver.spawn(connection);
            sender.send_request(request).await
        };
        match timeout(options.patience, asking).await {
            Err(_) => Err(Cause::NoAnswer(Silence::TimedOut)),
            Ok(Err(_)) => Err(Cause::NoAnswer(Silence::Broken)),
            Ok(Ok(answer)) => {
                let headers = answer.headers();
                let value = headers.get(proof::HEADER);
                let said = value.and_then(|value| question.said(key, value.as_bytes()));
                if said == Some(Said::OtherClock) {
                    return Err(Cause::OtherClock);
                }
                Ok(Answer {
                    status: answer.status().as_u16(),
                    proven: said == Some(Said::Reached),
                    post: headers.get(proof::POST).cloned(),
                })
            }
        }
    }

    fn request(
        &self,
        method: &Method,
        question: &str,
        now: Timestamp,
    ) -> Option<Request<Empty<Bytes>>> {
        let host = match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_owned(),
        };
        let user_agent = concat!("zoom-operator/", env!("CARGO_PKG_VERSION"));
        let uri = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::HOST, host)
            .header(header::USER_AGENT, user_agent)
            .header(header::CACHE_CONTROL, "no-store")
            .header(header::CONNECTION, "close")
            .header(proof::HEADER, question);
        if *method == Method::POST {
            let [signature, timestamp] = proof::ZOOM_HEADERS;
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                // In the form of a signature, and valid for nothing.
                .header(signature, format!("v0={}", "0".repeat(64)))
                .header(timestamp, now.as_second());
        }
        request.body(Empty::new()).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn only_https_with_a_name_is_tried() {
        let is_target = |url: &str| Target::of(&url.parse().unwrap()).is_some();
        assert!(is_target("https://hooks.example.com/zoom"));
        for url in [
            "http://hooks.example.com/",
            "https://203.0.113.7/",
            "https://2130706433/",
            "https://[::1]/",
            "https://ada@hooks.example.com/",
            "file:///etc/passwd",
        ] {
            assert!(!is_target(url), "{url}");
        }
    }

    #[test]
    fn the_request_is_for_host_and_path_as_they_stand() {
        let url: Url = "https://hooks.example.com/zoom/event".parse().unwrap();
        let request = Target::of(&url).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let request = request.request(&Method::GET, "v1:x", now).unwrap();
        assert_eq!(request.uri(), "/zoom/event");
        assert_eq!(request.headers()[header::HOST], "hooks.example.com");
        assert_eq!(request.headers()[proof::HEADER], "v1:x");
    }
}
