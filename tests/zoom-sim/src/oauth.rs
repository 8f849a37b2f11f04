//! `POST /oauth/token`: `account_credentials` for Server-to-Server apps, `authorization_code` and `refresh_token` for
//! General ones, `client_credentials` for those of them that have a bot.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Extension, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    apps::Issued,
    codes::Proof,
    errors::{self, Denied, TokenError},
    exchanges::ExchangeId,
    form::{basic, parameters, single},
    server::Sim,
    settings::{Kind, Settings},
};

/// The only scope of a bot's token.
const BOT: &str = "imchat:bot";

/// Name of what became of a token request, carried on the answer for the counters.
#[derive(Clone)]
pub struct Outcome(pub String);

/// The success body: the order of the fields is Zoom's.
#[derive(Serialize)]
struct TokenReply<'a> {
    access_token: String,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    expires_in: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    api_url: &'a str,
}

/// Answers a token request.
pub async fn token(
    State(sim): State<Arc<Sim>>,
    Extension(exchange): Extension<ExchangeId>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parameters = parameters(&uri, &headers, &body);
    let (outcome, mut reply) = match grant(&sim, &headers, &parameters, exchange) {
        Ok(issued) => {
            let reply = TokenReply {
                access_token: issued.access_token,
                token_type: "bearer",
                refresh_token: issued.refresh_token,
                expires_in: issued.expires_in,
                scope: issued.scope,
                api_url: &sim.public_url,
            };
            ("issued".to_owned(), errors::json(StatusCode::OK, &reply))
        }
        Err(error) => (error.name(), error.into_response()),
    };
    reply
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.extensions_mut().insert(Outcome(outcome));
    reply
}

/// The app behind a Basic header. Only `client_secret_basic`: credentials among the parameters count for nothing.
pub fn client(sim: &Sim, headers: &HeaderMap) -> Result<(String, Settings), TokenError> {
    let (client_id, secret) = basic(headers).ok_or(TokenError::InvalidClient)?;
    let settings = sim
        .apps
        .settings(&client_id)
        .filter(|settings| settings.kind != Kind::WebhookOnly && settings.client_secret == secret)
        .ok_or(TokenError::InvalidClient)?;
    Ok((client_id, settings))
}

fn grant(
    sim: &Sim,
    headers: &HeaderMap,
    parameters: &[(String, String)],
    exchange: ExchangeId,
) -> Result<Issued, Denied> {
    let (client_id, settings) = client(sim, headers)?;
    let now = Timestamp::now();
    let required = |name| {
        let value = single(parameters, name).map_err(|_| TokenError::InvalidRequest)?;
        value.ok_or(TokenError::InvalidRequest)
    };
    let optional = |name| single(parameters, name).map_err(|_| TokenError::InvalidRequest);
    match (settings.kind, optional("grant_type")?) {
        (Kind::ServerToServer, Some("account_credentials")) => {
            if required("account_id")? != settings.account_id || !settings.active {
                return Err(TokenError::InvalidRequest.into());
            }
            let issued = sim.apps.issue(&client_id, now);
            issued.ok_or(TokenError::InvalidClient.into())
        }
        (Kind::General, Some("authorization_code" | "refresh_token" | "client_credentials"))
            if !settings.active =>
        {
            Err(Denied::Numeric(4717))
        }
        (Kind::General, Some("client_credentials"))
            if settings.chatbot && settings.scopes.iter().any(|scope| scope == BOT) =>
        {
            let issued = sim.apps.issue_to_bot(&client_id, BOT, now);
            issued.ok_or(TokenError::InvalidClient.into())
        }
        (Kind::General, Some("authorization_code")) => {
            let proof = Proof {
                redirect_uri: optional("redirect_uri")?,
                code_verifier: optional("code_verifier")?,
            };
            let code = required("code")?;
            sim.apps.redeem(&client_id, code, &proof, exchange, now)
        }
        (Kind::General, Some("refresh_token")) => {
            let token = required("refresh_token")?;
            sim.apps.refresh(&client_id, token, exchange, now)
        }
        _ => Err(TokenError::UnsupportedGrantType.into()),
    }
}
