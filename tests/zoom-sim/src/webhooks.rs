//! One webhook request as Zoom sends it, and what came back.

use std::{collections::BTreeMap, error::Error, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Client, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde::Serialize;

use crate::{ident::tracking_id, signature::sign, tls};

/// So much of an answer is kept, in bytes.
const MAX_ANSWER: usize = 65_536;

/// Everything that stays the same over the retries of a delivery.
pub struct Message {
    pub url: Url,
    /// The host that is meant, if it is reached by another name.
    pub host: Option<String>,
    pub client_id: String,
    pub body: String,
    /// Zoom's word for a delivery; the same over all retries.
    pub request_id: String,
    /// Set or, where the value is absent, left out; wins over Zoom's own headers.
    pub headers: BTreeMap<String, Option<String>>,
}

/// Timestamp and signature of a message.
#[derive(Clone)]
pub struct Seal {
    /// Epoch seconds.
    pub timestamp: String,
    pub signature: String,
}

/// One attempt, as the admin API shows it.
#[derive(Clone, Serialize)]
pub struct Attempt {
    pub at: String,
    pub status: Option<u16>,
    pub error: Option<Failure>,
    pub body: Option<String>,
    #[serde(skip)]
    pub content_type: Option<String>,
}

/// Why there was no answer, with the numbers of Zoom's webhook log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Failure {
    #[serde(rename = "-1 read timeout")]
    ReadTimeout,
    #[serde(rename = "-2 refused")]
    Refused,
    #[serde(rename = "-4 timeout")]
    Timeout,
    #[serde(rename = "-7 remote")]
    Remote,
    #[serde(rename = "-9 certificate")]
    Certificate,
    #[serde(rename = "-11 host name")]
    HostName,
    #[serde(rename = "-12 TLS")]
    Tls,
}

// === impl Failure ===

impl Failure {
    /// Whether Zoom tries again: certificate, host name and TLS are not in its list.
    pub fn is_retried(self) -> bool {
        matches!(
            self,
            Self::ReadTimeout | Self::Refused | Self::Timeout | Self::Remote
        )
    }

    fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return if error.is_connect() {
                Self::Timeout
            } else {
                Self::ReadTimeout
            };
        }
        let mut link: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = link {
            match error.downcast_ref() {
                Some(rustls::Error::InvalidCertificate(_)) => return Self::Certificate,
                Some(_) => return Self::Tls,
                // The resolver's error has no public type.
                None if error.to_string().contains("dns error") => return Self::HostName,
                None => link = cause(error),
            }
        }
        if error.is_connect() {
            Self::Refused
        } else {
            Self::Remote
        }
    }
}

// === impl Seal ===

impl Seal {
    pub fn new(secret: &str, timestamp: i64, body: &str) -> Self {
        let timestamp = timestamp.to_string();
        Self {
            signature: sign(secret, &timestamp, body.as_bytes()),
            timestamp,
        }
    }
}

// === impl Message ===

impl Message {
    /// Sends it once. Redirects are not followed.
    pub async fn send(&self, client: &Client, seal: &Seal) -> Attempt {
        let at = Timestamp::now().to_string();
        let request = client
            .post(self.url.clone())
            .headers(self.all_headers(seal))
            .body(self.body.clone())
            .build();
        let result = match request {
            Ok(request) => read(client, request).await,
            Err(error) => Err(Failure::of(&error)),
        };
        match result {
            Ok((status, content_type, body)) => Attempt {
                at,
                status: Some(status),
                error: None,
                body: Some(body),
                content_type,
            },
            Err(failure) => Attempt {
                at,
                status: None,
                error: Some(failure),
                body: None,
                content_type: None,
            },
        }
    }

    fn all_headers(&self, seal: &Seal) -> HeaderMap {
        let tracking_id = tracking_id();
        let own = [
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", "Zoom Marketplace/1.0a"),
            ("clientid", &self.client_id),
            ("x-zm-request-id", &self.request_id),
            ("x-zm-request-timestamp", &seal.timestamp),
            ("x-zm-signature", &seal.signature),
            ("x-zm-trackingid", &tracking_id),
        ];
        let mut headers = HeaderMap::new();
        let host = self.host.as_deref().map(|host| ("host", host));
        let own = own
            .into_iter()
            .chain(host)
            .map(|(name, value)| (name, Some(value)));
        for (name, value) in own.chain(
            self.headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref())),
        ) {
            let Ok(name) = name.parse::<HeaderName>() else {
                continue;
            };
            match value.map(HeaderValue::from_str) {
                Some(Ok(value)) => drop(headers.insert(name, value)),
                _ => drop(headers.remove(name)),
            }
        }
        headers
    }
}

/// The client for all webhooks. `timeout` covers a request from connecting to the last byte of the answer.
pub fn client(timeout: Duration) -> reqwest::Result<Client> {
    Client::builder()
        .redirect(Policy::none())
        .timeout(timeout)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .tls_certs_only(tls::public_roots()?)
        .build()
}

/// Checks the address of an endpoint: https and a full domain name, unless `relaxed`.
pub fn endpoint(url: &str, relaxed: bool) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    let is_public = url
        .domain()
        .is_some_and(|name| name.trim_end_matches('.').contains('.'));
    match url.scheme() {
        "https" if is_public || relaxed => Ok(url),
        "http" if relaxed => Ok(url),
        "https" => Err("the endpoint needs a full domain name".to_owned()),
        _ => Err("the endpoint must be https".to_owned()),
    }
}

/// What an error wraps. An `io::Error` skips the one it wraps in its own `source`.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

async fn read(
    client: &Client,
    request: reqwest::Request,
) -> Result<(u16, Option<String>, String), Failure> {
    let mut reply = client
        .execute(request)
        .await
        .map_err(|error| Failure::of(&error))?;
    let content_type = reply
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|error| Failure::of(&error))? {
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_ANSWER {
            break;
        }
    }
    Ok((
        reply.status().as_u16(),
        content_type,
        String::from_utf8_lossy(&body).into_owned(),
    ))
}
