//! The REST API: enough of it for a client to prove that a token works, and how it fails when it does not.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, Request, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    apps::{Bearer, Life},
    errors,
    front::bearer,
    ident::base64url,
    people,
    server::Sim,
    settings::Management,
};

/// Scopes of which one is needed; for anybody but `me`, an `:admin` one.
struct Scopes {
    granular: &'static [&'static str],
    /// Those of older apps.
    classic: &'static [&'static str],
}

const LIST_USERS: Scopes = Scopes {
    granular: &["user:read:list_users:admin"],
    classic: &["user:read:admin"],
};
const READ_USER: Scopes = Scopes {
    granular: &["user:read:user", "user:read:user:admin"],
    classic: &["user:read", "user:read:admin"],
};
const LIST_MEETINGS: Scopes = Scopes {
    granular: &[
        "meeting:read:list_meetings",
        "meeting:read:list_meetings:admin",
    ],
    classic: &["meeting:read", "meeting:read:admin"],
};

/// The user of a user token.
const ME: &str = "me";

/// Seconds that a `next_page_token` lives.
const PAGE_TOKEN_LIFETIME: i64 = 900;
const DEFAULT_PAGE_SIZE: usize = 30;
const MAX_PAGE_SIZE: usize = 300;

/// One page of a list.
struct Page {
    size: usize,
    items: Vec<Value>,
    next: String,
    total: usize,
}

/// One of Zoom's errors.
pub struct Refusal {
    status: StatusCode,
    code: u16,
    message: String,
    /// What is wrong with which parameter.
    field: Option<(&'static str, &'static str)>,
}

type Answer<T> = Result<T, Refusal>;

// === impl Refusal ===

impl Refusal {
    fn new(status: StatusCode, code: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            field: None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Some((field, message)) = self.field else {
            return errors::api(self.status, self.code, &self.message);
        };
        let errors = [json!({"field": field, "message": message})];
        errors::json(
            self.status,
            &json!({"code": self.code, "message": self.message, "errors": errors}),
        )
    }
}

/// `GET /v2/users`
pub async fn list_users(State(sim): State<Arc<Sim>>, request: Request) -> Answer<Response> {
    let caller = authorize(&sim, &request, &LIST_USERS, None)?;
    let page_number: usize = query(request.uri())
        .iter()
        .find(|(name, _)| name == "page_number")
        .map_or(Ok(1), |(_, number)| number.parse())
        .map_err(|_| invalid_field("page_number", "The value must be a number."))?;
    let hired = sim.apps.hired(&caller.account_id);
    let users = people::users(&caller.account_id, &hired);
    let page = page(request.uri(), users, "users")?;
    let count = page.total.div_ceil(page.size);
    Ok(ok(&json!({
        "page_count": count, "page_number": page_number, "page_size": page.size, "total_records": page.total,
        "next_page_token": page.next, "users": page.items,
    })))
}

/// `GET /v2/users/{userId}`. `me` stands for the user of a user token; for a Server-to-Server app it is just an unknown
/// user.
pub async fn get_user(
    State(sim): State<Arc<Sim>>,
    Path(user_id): Path<String>,
    request: Request,
) -> Answer<Response> {
    let caller = authorize(&sim, &request, &READ_USER, Some(&user_id))?;
    let user = user(&sim, &caller, &user_id)?;
    Ok(ok(&people::in_full(&caller.account_id, user)))
}

/// `GET /v2/users/{userId}/meetings`
pub async fn list_meetings(
    State(sim): State<Arc<Sim>>,
    Path(user_id): Path<String>,
    request: Request,
) -> Answer<Response> {
    let caller = authorize(&sim, &request, &LIST_MEETINGS, Some(&user_id))?;
    let user = user(&sim, &caller, &user_id)?;
    let page = page(request.uri(), people::meetings(&user), &user_id)?;
    Ok(ok(&json!({
        "page_size": page.size, "total_records": page.total,
        "next_page_token": page.next, "meetings": page.items,
    })))
}

/// Every other path.
pub async fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        2300,
        "This API endpoint is not recognized.",
    )
}

/// A user-level token is good for `me` only: for all else it lacks scopes. A token is taken from the `Authorization` header only; a request that carries one in its URL is refused even if the
/// header is right.
fn authorize(
    sim: &Sim,
    request: &Request,
    scopes: &Scopes,
    user_id: Option<&str>,
) -> Answer<Bearer> {
    let invalid = |message| Refusal::new(StatusCode::UNAUTHORIZED, 124, message);
    let in_query = query(request.uri())
        .iter()
        .any(|(name, _)| name == "access_token");
    let bearer = bearer(request.headers())
        .filter(|_| !in_query)
        .and_then(|token| sim.apps.bearer(token, Timestamp::now()))
        .ok_or_else(|| invalid("Invalid access token."))?;
    match bearer.life {
        Life::Revoked => return Err(invalid("Invalid access token.")),
        Life::Expired => return Err(invalid("Access token is expired.")),
        Life::Replaced => {
            let message = errors::numeric_message(4741).unwrap_or_default();
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, 4741, message));
        }
        Life::Live => {}
    }
    let management = bearer.user.as_ref().map(|(_, management)| *management);
    let is_me = management.is_some() && user_id == Some(ME);
    let suffices = |scope: &str| {
        (is_me || scope.ends_with(":admin") && management != Some(Management::User))
            && bearer.scopes.iter().any(|has| has == scope)
    };
    let mut accepted = scopes.granular.iter().chain(scopes.classic);
    if accepted.any(|scope| suffices(scope)) {
        return Ok(bearer);
    }
    let message = format!(
        "Invalid access token, does not contain scopes:[{}].",
        scopes.granular.join(", ")
    );
    Err(Refusal::new(StatusCode::BAD_REQUEST, 4711, message))
}

fn user(sim: &Sim, caller: &Bearer, user_id: &str) -> Answer<Value> {
    let unknown = || {
        Refusal::new(
            StatusCode::NOT_FOUND,
            1001,
            format!("User does not exist: {user_id}."),
        )
    };
    let user_id = match &caller.user {
        Some((person, _)) if user_id == ME => &person.id,
        _ => user_id,
    };
    let hired = sim.apps.hired(&caller.account_id);
    people::find(&caller.account_id, &hired, user_id).ok_or_else(unknown)
}

/// `list` binds a page token to the list it was given for.
fn page(uri: &Uri, all: Vec<Value>, list: &str) -> Answer<Page> {
    let query = query(uri);
    let get = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let size = match get("page_size") {
        None => DEFAULT_PAGE_SIZE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|size| (1..=MAX_PAGE_SIZE).contains(size))
            .ok_or_else(|| invalid_field("page_size", "The value must be between 1 and 300."))?,
    };
    let now = Timestamp::now().as_second();
    let start = match get("next_page_token") {
        None | Some("") => 0,
        Some(token) => offset(token, list, now).ok_or_else(|| {
            invalid_field(
                "next_page_token",
                "The next page token is either invalid or expired.",
            )
        })?,
    };
    let total = all.len();
    let end = total.min(start + size);
    let next = if end < total {
        base64url(format!("{end} {now} {list}").as_bytes())
    } else {
        String::new()
    };
    Ok(Page {
        size,
        items: all.into_iter().skip(start).take(size).collect(),
        next,
        total,
    })
}

fn offset(token: &str, list: &str, now: i64) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let mut parts = text.splitn(3, ' ');
    let start = parts.next()?.parse().ok()?;
    let given_at: i64 = parts.next()?.parse().ok()?;
    (parts.next()? == list && given_at + PAGE_TOKEN_LIFETIME > now).then_some(start)
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri)
        .map(|Query(pairs)| pairs)
        .unwrap_or_default()
}

fn invalid_field(field: &'static str, message: &'static str) -> Refusal {
    let refusal = Refusal::new(StatusCode::BAD_REQUEST, 300, "Validation Failed.");
    Refusal {
        field: Some((field, message)),
        ..refusal
    }
}

fn ok(body: &Value) -> Response {
    errors::json(StatusCode::OK, body)
}
