//! The floor: the least that a receiver of Zoom's webhooks can do and still be one.
//!
//! HMAC over the raw body, compared in constant time, and one JSON parse into a struct that keeps
//! two fields. No time window, no URL validation, no limits, no metrics, no sink. The same server,
//! the same kind of runtime and the same profile as the product, so that the difference between the
//! two is what the product does more.
//!
//! With `BARE` it does not even that: it reads the body and answers, which shows the share of the kernel and of the
//! server's library.
//!
//! Environment: `PORT`, `WEBHOOK_SECRET`, `BARE`.

use std::{env, net::Ipv4Addr, sync::Arc};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, de::IgnoredAny};
use sha2::Sha256;
use tokio::net::TcpListener;

/// Most bytes of a body, as in the product.
const MAX_BODY: usize = 1 << 20;

/// The key, ready for use.
type Key = Arc<Hmac<Sha256>>;

/// What is read of a body. The rest is parsed and dropped.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: std::borrow::Cow<'a, str>,
    #[allow(dead_code, reason = "parsed, since every receiver has to")]
    payload: Option<IgnoredAny>,
}

fn main() -> anyhow::Result<()> {
    let port = env::var("PORT").context("PORT")?.parse().context("PORT")?;
    let secret = env::var("WEBHOOK_SECRET").context("WEBHOOK_SECRET")?;
    let key = Arc::new(Hmac::new_from_slice(secret.as_bytes())?);
    let method = if env::var_os("BARE").is_some() {
        post(take)
    } else {
        post(receive)
    };
    let router = Router::new()
        .route("/zoom/events", method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(key);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn take(_body: Bytes) -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn receive(State(key): State<Key>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_signed(&key, &headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    match serde_json::from_slice::<Event>(&body) {
        Ok(event) if !event.event.is_empty() => StatusCode::NO_CONTENT,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn is_signed(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8]) -> bool {
    let value = |name| headers.get(name).map(axum::http::HeaderValue::as_bytes);
    let (Some(time), Some(signature)) = (value("x-zm-request-timestamp"), value("x-zm-signature"))
    else {
        return false;
    };
    let Some(expected) = signature.strip_prefix(b"v0=").and_then(unhex) else {
        return false;
    };
    let mut mac = key.clone();
    mac.update(b"v0:");
    mac.update(time);
    mac.update(b":");
    mac.update(body);
    mac.verify_slice(&expected).is_ok()
}

/// The 32 bytes that 64 lower-case hex digits say.
fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
