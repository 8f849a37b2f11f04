//! Accounts: who can log in, and what an account's admin does about an app.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    response::IntoResponse as _,
    routing::{get, post, put},
};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Shared, found, parse, tweaks, unknown};
use crate::{accounts::Policy, deauthorization, endings::Death, people::Hired, server::Sim};

/// What is to be said of a new user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    admin: bool,
}

pub fn routes() -> Router<Arc<Sim>> {
    Router::new()
        // Makes an account known. The account of an app is known without. Out: `{"account_id", "users"}`.
        .route("/accounts/{account_id}", put(register))
        // `{"account_id", "users"}`: always the same people for the same account id.
        .route("/accounts/{account_id}/users", get(users))
        // A further user, by an e-mail address of their own. In: `{"admin": bool}`.
        .route("/accounts/{account_id}/users/{user}", put(hire))
        // By e-mail address or id. Deactivation kills the user's grants; activation brings none back.
        .route(
            "/accounts/{account_id}/users/{user}/deactivate",
            post(deactivate),
        )
        .route(
            "/accounts/{account_id}/users/{user}/activate",
            post(activate),
        )
        // `Policy` in and out.
        .route(
            "/accounts/{account_id}/apps/{client_id}",
            put(set_policy).get(policy),
        )
        // An admin removes the app for all users. In: nothing or `Tweaks`; out: `{"removed": [grant ids], "deliveries"}`.
        .route(
            "/accounts/{account_id}/apps/{client_id}/remove",
            post(remove),
        )
}

async fn register(State(sim): Shared, Path(account_id): Path<String>) -> Answer {
    sim.apps.register_account(&account_id);
    users(State(sim), Path(account_id)).await
}

async fn users(State(sim): Shared, Path(account_id): Path<String>) -> Answer {
    let users = sim.apps.people(&account_id).ok_or_else(unknown)?;
    Ok(Json(json!({"account_id": account_id, "users": users})).into_response())
}

async fn hire(
    State(sim): Shared,
    Path((account_id, user)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let role: Role = parse(&body)?;
    let hired = Hired {
        email: user.to_lowercase(),
        is_admin: role.admin,
    };
    sim.apps.hire(&account_id, hired);
    found(true)
}

async fn deactivate(
    State(sim): Shared,
    Path((account_id, user)): Path<(String, String)>,
) -> Answer {
    found(sim.apps.set_user_active(&account_id, &user, false))
}

async fn activate(State(sim): Shared, Path((account_id, user)): Path<(String, String)>) -> Answer {
    found(sim.apps.set_user_active(&account_id, &user, true))
}

async fn policy(
    State(sim): Shared,
    Path((account_id, client_id)): Path<(String, String)>,
) -> Answer {
    Ok(Json(sim.apps.policy(&account_id, &client_id)).into_response())
}

async fn set_policy(
    State(sim): Shared,
    Path((account_id, client_id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let policy: Policy = parse(&body)?;
    found(sim.apps.set_policy(&account_id, &client_id, policy))?;
    Ok(Json(policy).into_response())
}

async fn remove(
    State(sim): Shared,
    Path((account_id, client_id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let tweaks = tweaks(&body)?;
    sim.apps.settings(&client_id).ok_or_else(unknown)?;
    let ended = sim.apps.kill(&client_id, Death::RemovedByAdmin, |grant| {
        grant.person.account_id == account_id
    });
    let mut deliveries = Vec::new();
    for grant in &ended {
        deliveries.extend(deauthorization::announce(&sim, grant, tweaks.clone()).await);
    }
    let removed: Vec<_> = ended.iter().map(|grant| grant.id).collect();
    Ok(Json(json!({"removed": removed, "deliveries": deliveries})).into_response())
}
