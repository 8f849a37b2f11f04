//! Grants, made and ended without a browser.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse as _,
    routing::{get, post},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Shared, bad_request, found, parse, tweaks, unknown};
use crate::{codes::Challenge, deauthorization, endings::Death, server::Sim, settings::Kind};

/// For whom a grant is made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipient {
    /// E-mail address.
    user: String,
}

/// Who allowed the app, and for which authorization request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    /// E-mail address.
    user: String,
    redirect_uri: String,
    /// By the method S256.
    code_challenge: String,
}

pub fn routes() -> Router<Arc<Sim>> {
    Router::new()
        // POST `{"user": e-mail}`: the token answer with `grant`, `user` and `account_id`. GET: a list of `GrantView`.
        .route("/apps/{client_id}/grants", get(list).post(mint))
        // `Consent` in, `{"code": ..}` out: the code that the person's browser would bring back.
        .route("/apps/{client_id}/codes", post(allow))
        // One `GrantView`.
        .route("/apps/{client_id}/grants/{id}", get(view))
        // The user removes the app. In: nothing or `Tweaks`; out: `{"grant": .., "delivery": .. or null}`.
        .route(
            "/apps/{client_id}/grants/{id}/deauthorize",
            post(deauthorize),
        )
        // The newest refresh token expires at once.
        .route(
            "/apps/{client_id}/grants/{id}/expire-refresh-token",
            post(expire_refresh_token),
        )
}

async fn mint(State(sim): Shared, Path(client_id): Path<String>, body: Bytes) -> Answer {
    let recipient: Recipient = parse(&body)?;
    let settings = sim.apps.settings(&client_id).ok_or_else(unknown)?;
    if settings.kind != Kind::General {
        return Err(bad_request("only a General app has grants".to_owned()));
    }
    let person = sim.apps.person(&recipient.user).ok_or_else(unknown)?;
    let (id, issued) = sim
        .apps
        .mint_grant(&client_id, &person, Timestamp::now())
        .ok_or_else(unknown)?;
    let told = json!({
        "grant": id,
        "user": person.email,
        "user_id": person.id,
        "account_id": person.account_id,
        "access_token": issued.access_token,
        "token_type": "bearer",
        "refresh_token": issued.refresh_token,
        "expires_in": issued.expires_in,
        "scope": issued.scope,
        "api_url": sim.public_url,
    });
    Ok((StatusCode::CREATED, Json(told)).into_response())
}

async fn allow(State(sim): Shared, Path(client_id): Path<String>, body: Bytes) -> Answer {
    let consent: Consent = parse(&body)?;
    let person = sim.apps.person(&consent.user).ok_or_else(unknown)?;
    let challenge = Challenge::parse(&consent.code_challenge, Some("S256"))
        .map_err(|why| bad_request(why.to_owned()))?;
    let code = sim
        .apps
        .issue_code(
            &client_id,
            person,
            consent.redirect_uri,
            Some(challenge),
            Timestamp::now(),
        )
        .ok_or_else(unknown)?;
    Ok((StatusCode::CREATED, Json(json!({"code": code}))).into_response())
}

async fn list(State(sim): Shared, Path(client_id): Path<String>) -> Answer {
    let grants = sim.apps.grants(&client_id).ok_or_else(unknown)?;
    Ok(Json(grants).into_response())
}

async fn view(State(sim): Shared, Path((client_id, id)): Path<(String, u64)>) -> Answer {
    let grant = sim.apps.grant(&client_id, id).ok_or_else(unknown)?;
    Ok(Json(grant).into_response())
}

async fn deauthorize(
    State(sim): Shared,
    Path((client_id, id)): Path<(String, u64)>,
    body: Bytes,
) -> Answer {
    let tweaks = tweaks(&body)?;
    sim.apps.grant(&client_id, id).ok_or_else(unknown)?;
    let ended = sim
        .apps
        .kill(&client_id, Death::Deauthorized, |grant| grant.id == id);
    let delivery = match ended.first() {
        Some(grant) => deauthorization::announce(&sim, grant, tweaks).await,
        None => None,
    };
    let grant = sim.apps.grant(&client_id, id).ok_or_else(unknown)?;
    Ok(Json(json!({"grant": grant, "delivery": delivery})).into_response())
}

async fn expire_refresh_token(
    State(sim): Shared,
    Path((client_id, id)): Path<(String, u64)>,
) -> Answer {
    found(
        sim.apps
            .expire_refresh_token(&client_id, id, Timestamp::now()),
    )
}
