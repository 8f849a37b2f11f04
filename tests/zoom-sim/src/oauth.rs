//! `POST /oauth/token`, for the grant `account_credentials` of Server-to-Server apps.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    apps::{Grant, Kind, Settings},
    errors::{self, TokenError},
    server::Sim,
};

/// Name of what became of a token request, carried on the answer for the counters.
#[derive(Clone, Copy)]
pub struct Outcome(pub &'static str);

/// The success body: the order of the fields is Zoom's.
#[derive(Serialize)]
struct TokenReply<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    api_url: &'a str,
}

/// Answers a token request.
pub async fn token(
    State(sim): State<Arc<Sim>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (outcome, mut reply) = match grant(&sim, &uri, &headers, &body) {
        Ok(grant) => {
            let reply = TokenReply {
                access_token: grant.access_token,
                token_type: "bearer",
                expires_in: grant.expires_in,
                scope: grant.scope,
                api_url: &sim.public_url,
            };
            ("issued", errors::json(StatusCode::OK, &reply))
        }
        Err(error) => (error.name(), error.into_response()),
    };
    reply
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.extensions_mut().insert(Outcome(outcome));
    reply
}

/// Client id and secret of a Basic header.
pub fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || values.next().is_some() {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn grant(sim: &Sim, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Grant, TokenError> {
    // Only client_secret_basic: credentials among the parameters count for nothing.
    let (client_id, secret) = basic(headers).ok_or(TokenError::InvalidClient)?;
    let settings = sim
        .apps
        .settings(&client_id)
        .ok_or(TokenError::InvalidClient)?;
    if settings.client_secret != secret {
        return Err(TokenError::InvalidClient);
    }
    check(&settings, &parameters(uri, headers, body))?;
    sim.apps
        .issue(&client_id, Timestamp::now())
        .ok_or(TokenError::InvalidClient)
}

fn check(settings: &Settings, parameters: &[(String, String)]) -> Result<(), TokenError> {
    let grant_type = single(parameters, "grant_type")?;
    if grant_type != Some("account_credentials") || settings.kind != Kind::ServerToServer {
        return Err(TokenError::UnsupportedGrantType);
    }
    let account_id = single(parameters, "account_id")?;
    if account_id != Some(settings.account_id.as_str()) || !settings.active {
        return Err(TokenError::InvalidRequest);
    }
    Ok(())
}

/// A parameter must not be given twice (RFC 6749 section 3.2).
fn single<'a>(
    parameters: &'a [(String, String)],
    name: &str,
) -> Result<Option<&'a str>, TokenError> {
    let mut values = parameters
        .iter()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.as_str());
    let first = values.next();
    if values.next().is_some() {
        Err(TokenError::InvalidRequest)
    } else {
        Ok(first)
    }
}

/// Parameters of query and form body. With any other content type they are lost, those of the query too, so that the
/// request ends as an unsupported grant type.
fn parameters(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Vec<(String, String)> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    let is_form =
        essence.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    if kind.is_some() && !is_form {
        return Vec::new();
    }
    let mut parameters = pairs(uri.query().unwrap_or_default());
    if is_form {
        parameters.extend(pairs(&String::from_utf8_lossy(body)));
    }
    parameters
}

fn pairs(text: &str) -> Vec<(String, String)> {
    // The form decoding of the url crate is reached through a URL's query only.
    let Ok(mut url) = reqwest::Url::parse("http://form.invalid/") else {
        return Vec::new();
    };
    url.set_query(Some(text));
    url.query_pairs().into_owned().collect()
}
