//! `POST /oauth/revoke`: an app gives a grant back, which removes the app for that user.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    deauthorization::{self, Tweaks},
    errors::{self, Denied, TokenError},
    form::{parameters, single},
    oauth,
    server::Sim,
};

/// Answers a revocation. The notice to the app goes out by itself and is not waited for.
pub async fn revoke(
    State(sim): State<Arc<Sim>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match take(&sim, &uri, &headers, &body) {
        Ok(()) => errors::json(StatusCode::OK, &json!({"status": "success"})),
        Err(error) => error.into_response(),
    }
}

fn take(sim: &Arc<Sim>, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(), Denied> {
    let (client_id, _) = oauth::client(sim, headers)?;
    let parameters = parameters(uri, headers, body);
    let token = single(&parameters, "token")
        .ok()
        .flatten()
        .ok_or(TokenError::InvalidRequest)?;
    let gone = sim
        .apps
        .revoke(&client_id, token, Timestamp::now())
        .ok_or(TokenError::InvalidGrant)?;
    for grant in gone {
        let sim = Arc::clone(sim);
        tokio::spawn(
            async move { deauthorization::announce(&sim, &grant, Tweaks::default()).await },
        );
    }
    Ok(())
}
