//! URL validation: Zoom's challenge to a webhook endpoint, and its judgement of the answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::{StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::{
    ident::{plain_token, request_id},
    names::Way,
    server::Sim,
    signature::encrypted_token,
    webhooks::{Attempt, Message, Seal},
};

/// What came of a validation.
#[derive(Serialize)]
pub struct Report {
    ok: bool,
    status: Option<u16>,
    error: Option<String>,
    body: Option<String>,
}

/// The order of the fields is Zoom's.
#[derive(Serialize)]
struct Challenge<'a> {
    payload: Payload<'a>,
    event_ts: i64,
    event: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    plain_token: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    plain_token: String,
    encrypted_token: String,
}

// === impl Report ===

impl Report {
    /// Whether the endpoint answered as it should.
    pub fn is_ok(&self) -> bool {
        self.ok
    }
}

/// Challenges an endpoint once.
pub async fn validate(sim: &Sim, client_id: String, secret: &str, way: Way) -> Report {
    let plain_token = plain_token();
    let now = Timestamp::now();
    let challenge = Challenge {
        payload: Payload {
            plain_token: &plain_token,
        },
        event_ts: now.as_millisecond(),
        event: "endpoint.url_validation",
    };
    // Plain strings and a number: this cannot fail to become JSON.
    let body = serde_json::to_string(&challenge).unwrap_or_default();
    let seal = Seal::new(secret, now.as_second(), &body);
    let message = Message {
        url: way.url,
        host: way.host,
        client_id,
        body,
        request_id: request_id(),
        headers: BTreeMap::new(),
    };
    let attempt = message.send(&sim.webhooks, &seal).await;
    let verdict = judge(&attempt, secret, &plain_token);
    tracing::info!(ok = verdict.is_ok(), status = attempt.status, error = ?attempt.error, "validation");
    Report {
        ok: verdict.is_ok(),
        status: attempt.status,
        error: verdict.err(),
        body: attempt.body,
    }
}

/// Reads the file of a domain validation as Zoom does: a GET that follows no redirect.
pub async fn read_file(sim: &Sim, url: &str, code: &str) -> Result<(), String> {
    let way = sim.names.way(url, false)?;
    let host = way.host.map(|host| (header::HOST, host));
    let request = sim.webhooks.get(way.url).headers(
        host.and_then(|(name, host)| Some((name, host.parse().ok()?)))
            .into_iter()
            .collect(),
    );
    let answer = request.send().await.map_err(|_| "no answer".to_owned())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the status is {}", answer.status().as_u16()));
    }
    let text = answer.text().await.map_err(|_| "no text".to_owned())?;
    if text.trim() == code {
        Ok(())
    } else {
        Err("the file does not hold the verification code".to_owned())
    }
}

fn judge(attempt: &Attempt, secret: &str, plain_token: &str) -> Result<(), String> {
    if let Some(failure) = attempt.error {
        return Err(format!("no answer: {failure:?}"));
    }
    if attempt.status != Some(200) {
        return Err("the status is not 200".to_owned());
    }
    let essence = attempt
        .content_type
        .as_deref()
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err("the content type is not application/json".to_owned());
    }
    let answer: Answer = serde_json::from_str(attempt.body.as_deref().unwrap_or_default())
        .map_err(|_| {
            "the body is not JSON with the texts plainToken and encryptedToken".to_owned()
        })?;
    if answer.plain_token != plain_token {
        return Err("plainToken is not the one sent".to_owned());
    }
    if answer.encrypted_token != encrypted_token(secret, plain_token) {
        return Err(
            "encryptedToken is not the lower-case hex HMAC-SHA256 of plainToken".to_owned(),
        );
    }
    Ok(())
}
