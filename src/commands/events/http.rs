//! One request over an existing connection: a forwarded port.

use anyhow::{Context as _, bail, ensure};
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Method, Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};

/// A page of dead letters, or one event with a body of the largest size in base64, is smaller.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Sends one request and reads the answer.
///
/// # Errors
/// When there is no answer, or its status is neither 2xx nor `also`.
pub async fn send<S>(
    stream: S,
    method: Method,
    path: &str,
    token: &SecretString,
    also: Option<StatusCode>,
) -> anyhow::Result<(StatusCode, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "receiver")
        .header(
            header::AUTHORIZATION,
            format!("Bearer {}", token.expose_secret()),
        )
        .body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    let body = body
        .map_err(|_| anyhow::anyhow!("the answer is too large or was cut off"))?
        .to_bytes();
    connection.abort();
    match status {
        _ if also == Some(status) => {}
        StatusCode::NOT_FOUND => bail!("there is no such event, or the receiver has no buffer"),
        StatusCode::UNAUTHORIZED => bail!("the receiver rejects the token: try again"),
        _ => ensure!(status.is_success(), "the receiver answered {status}"),
    }
    Ok((status, body))
}

/// Reads a JSON answer.
///
/// # Errors
/// When the text is something else.
pub fn json<T: serde::de::DeserializeOwned>(text: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(text).context("the receiver answered something unexpected")
}
