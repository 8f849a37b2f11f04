//! Who is logged in: `POST /signin`, `POST /signout` and the cookie between them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::{
    form, ident,
    pages::{self, Problem},
    people::Person,
    server::Sim,
};

const COOKIE: &str = "zoom_session";

/// The pages that need somebody logged in; a log-in leads nowhere else.
const PAGES: [&str; 2] = ["/oauth/authorize?", "/marketplace/install?"];

/// All sessions: e-mail addresses by the value of the cookie.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, String>>);

// === impl Sessions ===

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever is logged in.
pub fn person(sim: &Sim, headers: &HeaderMap) -> Option<Person> {
    let email = sim
        .sessions
        .lock()
        .get(form::cookie(headers, COOKIE)?)?
        .clone();
    sim.apps.person(&email)
}

/// Logs in a person of a known account, with whatever password.
pub async fn sign_in(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    let parameters = form::pairs(&String::from_utf8_lossy(&body));
    let Some(next) = next(&parameters) else {
        return nowhere();
    };
    let get = |name| {
        form::single(&parameters, name)
            .ok()
            .flatten()
            .unwrap_or_default()
    };
    let person = sim
        .apps
        .person(get("email"))
        .filter(|_| !get("password").is_empty());
    let Some(person) = person else {
        let problem = Problem::without_number("Incorrect email or password");
        return pages::sign_in(next, Some(&problem));
    };
    let session = ident::base64url(&rand::random::<[u8; 24]>());
    sim.sessions.lock().insert(session.clone(), person.email);
    leave(next, &session, "")
}

/// Ends the session.
pub async fn sign_out(State(sim): State<Arc<Sim>>, headers: HeaderMap, body: Bytes) -> Response {
    let parameters = form::pairs(&String::from_utf8_lossy(&body));
    let Some(next) = next(&parameters) else {
        return nowhere();
    };
    if let Some(session) = form::cookie(&headers, COOKIE) {
        sim.sessions.lock().remove(session);
    }
    leave(next, "", "; Max-Age=0")
}

fn next(parameters: &[(String, String)]) -> Option<&str> {
    form::single(parameters, "next")
        .ok()
        .flatten()
        .filter(|next| PAGES.iter().any(|page| next.starts_with(page)))
}

fn nowhere() -> Response {
    Problem::without_number("This page is not available").page(None)
}

fn leave(next: &str, session: &str, more: &str) -> Response {
    let cookie = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax{more}");
    let headers = [
        (header::LOCATION, next),
        (header::SET_COOKIE, cookie.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
