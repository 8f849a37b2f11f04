//! `/oauth/authorize` and `/marketplace/install`: a person lets an app in, or does not. What is wrong with a request is
//! shown and never redirected.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use reqwest::Url;

use crate::{
    codes::Challenge,
    errors::numeric_message,
    form::{self, single},
    pages::{self, Consent, Problem},
    people::Person,
    server::Sim,
    sessions,
    settings::{Kind, Management, Settings},
};

/// A request without fault.
struct Asked {
    client_id: String,
    settings: Settings,
    redirect_uri: String,
    state: Option<String>,
    challenge: Option<Challenge>,
}

/// `GET`: the log-in page, the consent page, or what is wrong.
pub async fn ask(State(sim): State<Arc<Sim>>, uri: Uri, headers: HeaderMap) -> Response {
    let here = here(&uri);
    let (asked, person) = match prepare(&sim, &uri, &headers) {
        Ok(ready) => ready,
        Err(page) => return *page,
    };
    pages::consent(&Consent {
        app: asked
            .settings
            .display_name
            .as_deref()
            .unwrap_or(&asked.client_id),
        scopes: &asked.settings.scopes,
        email: &person.email,
        here,
    })
}

/// `POST`: the person's decision.
pub async fn decide(
    State(sim): State<Arc<Sim>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (asked, person) = match prepare(&sim, &uri, &headers) {
        Ok(ready) => ready,
        Err(page) => return *page,
    };
    let decision = form::pairs(&String::from_utf8_lossy(&body));
    let answer = match single(&decision, "decision") {
        Ok(Some("allow")) => {
            let code = sim.apps.issue_code(
                &asked.client_id,
                person,
                asked.redirect_uri.clone(),
                asked.challenge,
                Timestamp::now(),
            );
            ("code", code.unwrap_or_default())
        }
        Ok(Some("decline")) => ("error", "access_denied".to_owned()),
        _ => return Problem::without_number("Allow or decline").page(Some(here(&uri))),
    };
    redirect(&asked.redirect_uri, &answer, asked.state.as_deref())
}

/// The request and who is logged in, or the page to show first.
fn prepare(sim: &Sim, uri: &Uri, headers: &HeaderMap) -> Result<(Asked, Person), Box<Response>> {
    let here = here(uri);
    let query = form::pairs(uri.query().unwrap_or_default());
    let asked = if uri.path() == "/marketplace/install" {
        read_install(sim, &query)
    } else {
        read(sim, &query)
    };
    let asked = asked.map_err(|problem| Box::new(problem.page(None)))?;
    let person =
        sessions::person(sim, headers).ok_or_else(|| Box::new(pages::sign_in(here, None)))?;
    match admit(sim, &asked, &person) {
        Ok(()) => Ok((asked, person)),
        Err(problem) => Err(Box::new(problem.page(Some(here)))),
    }
}

fn read(sim: &Sim, query: &[(String, String)]) -> Result<Asked, Problem> {
    let get = |name| single(query, name).map_err(|_| Problem::new(4700, "Invalid request"));
    let (client_id, settings) = app(sim, get("client_id")?)?;
    let redirect_uri = get("redirect_uri")?
        .filter(|url| is_allowed(url, &settings))
        .ok_or_else(|| numbered(4700))?;
    if get("response_type")? != Some("code") {
        return Err(Problem::new(4700, "Unsupported response type"));
    }
    if get("scope")?.is_some() || get("optional_scope")?.is_some() {
        return Err(Problem::new(4700, "Invalid scope"));
    }
    let method = get("code_challenge_method")?;
    let challenge = match get("code_challenge")? {
        Some(challenge) => {
            let challenge = Challenge::parse(challenge, method);
            Some(challenge.map_err(|text| Problem::new(4700, text))?)
        }
        None if method.is_some() => return Err(Problem::new(4700, "Invalid code challenge")),
        None => None,
    };
    Ok(Asked {
        client_id,
        redirect_uri: redirect_uri.to_owned(),
        state: get("state")?.map(str::to_owned),
        challenge,
        settings,
    })
}

/// An install that began in the Marketplace: nobody chose a redirect URL or a state.
fn read_install(sim: &Sim, query: &[(String, String)]) -> Result<Asked, Problem> {
    let client_id = single(query, "client_id").map_err(|_| numbered(4702))?;
    let (client_id, settings) = app(sim, client_id)?;
    let redirect_uri = settings
        .redirect_urls
        .first()
        .cloned()
        .ok_or_else(|| numbered(4700))?;
    Ok(Asked {
        client_id,
        settings,
        redirect_uri,
        state: None,
        challenge: None,
    })
}

fn app(sim: &Sim, client_id: Option<&str>) -> Result<(String, Settings), Problem> {
    let client_id = client_id.ok_or_else(|| numbered(4702))?;
    let settings = sim
        .apps
        .settings(client_id)
        .filter(|settings| settings.kind == Kind::General)
        .ok_or_else(|| numbered(4702))?;
    if !settings.active {
        return Err(numbered(4717));
    }
    Ok((client_id.to_owned(), settings))
}

/// Whether this person may decide at all.
fn admit(sim: &Sim, asked: &Asked, person: &Person) -> Result<(), Problem> {
    if asked.settings.own_account_only && person.account_id != asked.settings.account_id {
        return Err(Problem::without_number("Application not found"));
    }
    let policy = sim.apps.policy(&person.account_id, &asked.client_id);
    if policy.disabled {
        return Err(numbered(4738));
    }
    if policy.requires_approval {
        let text = "Your account's admin must approve this app before you can add it";
        return Err(Problem::new(4738, text));
    }
    if asked.settings.management == Management::Admin && !person.is_admin {
        let text = "You do not have permission to add this app: ask an admin of your account";
        return Err(Problem::without_number(text));
    }
    Ok(())
}

/// By the letter; outside strict mode an entry without path and query allows everything beneath it.
fn is_allowed(url: &str, settings: &Settings) -> bool {
    let is_absolute = Url::parse(url).is_ok_and(|url| url.has_host() && url.fragment().is_none());
    let is_beneath = |base: &str| {
        base.split_once("://")
            .is_some_and(|(_, host)| !host.contains(['/', '?', '#']))
            && url
                .strip_prefix(base)
                .is_some_and(|rest| rest.starts_with(['/', '?']))
    };
    is_absolute
        && settings
            .redirect_urls
            .iter()
            .any(|entry| entry == url || !settings.strict_mode && is_beneath(entry))
}

fn redirect(to: &str, answer: &(&str, String), state: Option<&str>) -> Response {
    let Ok(mut url) = Url::parse(to) else {
        return numbered(4700).page(None);
    };
    {
        let mut query = url.query_pairs_mut();
        query.append_pair(answer.0, &answer.1);
        if let Some(state) = state {
            query.append_pair("state", state);
        }
    }
    let headers = [
        (header::LOCATION, url.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::FOUND, headers).into_response()
}

fn numbered(code: u16) -> Problem {
    Problem::new(code, numeric_message(code).unwrap_or_default())
}

fn here(uri: &Uri) -> &str {
    uri.path_and_query()
        .map_or(uri.path(), |here| here.as_str())
}
