//! The apps of this Zoom and the tokens they hold.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    counters::{Counters, TokenRequest, Traffic},
    token,
};

/// Dead tokens are remembered this long, in seconds, so that they are told apart from unknown ones.
const REMEMBER_DEAD_TOKENS: i64 = 3600;

/// What kind of app it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    ServerToServer,
    General,
}

/// An app as put by the admin API. Holds secrets: no `Debug`, no `Serialize`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub kind: Kind,
    pub client_secret: String,
    pub account_id: String,
    pub scopes: Vec<String>,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub webhook_secret_token: Option<String>,
    /// Given verbatim as `expires_in`.
    #[serde(default = "usual_lifetime")]
    pub token_lifetime_seconds: u32,
    /// So many answers after creation or a change of scopes leave scopes out.
    #[serde(default)]
    pub scope_lag_requests: u32,
}

/// A change to some settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    kind: Option<Kind>,
    client_secret: Option<String>,
    account_id: Option<String>,
    scopes: Option<Vec<String>>,
    active: Option<bool>,
    webhook_secret_token: Option<String>,
    token_lifetime_seconds: Option<u32>,
    scope_lag_requests: Option<u32>,
}

/// What may be told about an app.
#[derive(Serialize)]
pub struct View {
    client_id: String,
    kind: Kind,
    account_id: String,
    scopes: Vec<String>,
    active: bool,
    has_webhook_secret_token: bool,
    token_lifetime_seconds: u32,
    scope_lag_requests: u32,
    scope_lag_left: u32,
    counters: Counters,
}

/// A new token.
pub struct Grant {
    pub access_token: String,
    pub expires_in: u32,
    /// Absent or incomplete while scopes lag behind.
    pub scope: Option<String>,
}

/// Who stands behind a Bearer token.
pub struct Bearer {
    pub client_id: String,
    pub account_id: String,
    pub scopes: Vec<String>,
    pub life: Life,
}

/// Whether a token still works.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Live,
    Expired,
    Revoked,
}

/// All apps and tokens.
#[derive(Default)]
pub struct Apps(Mutex<Inner>);

/// Counts a token request as in flight until dropped.
pub struct InFlight<'a> {
    apps: &'a Apps,
    client_id: String,
}

#[derive(Default)]
struct Inner {
    apps: HashMap<String, App>,
    tokens: HashMap<String, Token>,
}

struct App {
    settings: Settings,
    lag_left: u32,
    traffic: Traffic,
}

struct Token {
    client_id: String,
    account_id: String,
    scopes: Vec<String>,
    expires_at: i64,
    revoked: bool,
}

// === impl Apps ===

impl Apps {
    /// Creates an app. An app of that name is replaced: its tokens die and its counters start again.
    pub fn put(&self, client_id: &str, settings: Settings) {
        let mut inner = self.lock();
        inner.tokens.retain(|_, token| token.client_id != client_id);
        let lag_left = settings.scope_lag_requests;
        inner.apps.insert(
            client_id.to_owned(),
            App {
                settings,
                lag_left,
                traffic: Traffic::default(),
            },
        );
    }

    /// Changes an app; false if there is none. Deactivation kills the tokens, new scopes go to new tokens only.
    pub fn patch(&self, client_id: &str, patch: Patch) -> bool {
        let mut inner = self.lock();
        let Some(app) = inner.apps.get_mut(client_id) else {
            return false;
        };
        let settings = &mut app.settings;
        let lag_is_new = patch.scope_lag_requests.is_some();
        let scopes_change = patch
            .scopes
            .as_ref()
            .is_some_and(|scopes| *scopes != settings.scopes);
        put_if_some(&mut settings.kind, patch.kind);
        put_if_some(&mut settings.client_secret, patch.client_secret);
        put_if_some(&mut settings.account_id, patch.account_id);
        put_if_some(&mut settings.scopes, patch.scopes);
        put_if_some(&mut settings.active, patch.active);
        put_if_some(
            &mut settings.token_lifetime_seconds,
            patch.token_lifetime_seconds,
        );
        put_if_some(&mut settings.scope_lag_requests, patch.scope_lag_requests);
        if patch.webhook_secret_token.is_some() {
            settings.webhook_secret_token = patch.webhook_secret_token;
        }
        if lag_is_new || scopes_change {
            app.lag_left = app.settings.scope_lag_requests;
        }
        if !app.settings.active {
            inner
                .tokens_of(client_id)
                .for_each(|token| token.revoked = true);
        }
        true
    }

    /// Removes an app and its tokens; false if there is none.
    pub fn remove(&self, client_id: &str) -> bool {
        let mut inner = self.lock();
        inner.tokens.retain(|_, token| token.client_id != client_id);
        inner.apps.remove(client_id).is_some()
    }

    /// Lets all tokens of an app expire at once; false if there is no such app.
    pub fn expire_tokens(&self, client_id: &str, now: Timestamp) -> bool {
        let mut inner = self.lock();
        inner
            .tokens_of(client_id)
            .for_each(|token| token.expires_at = token.expires_at.min(now.as_second()));
        inner.apps.contains_key(client_id)
    }

    /// The settings, secrets included: for use inside only.
    pub fn settings(&self, client_id: &str) -> Option<Settings> {
        self.lock()
            .apps
            .get(client_id)
            .map(|app| app.settings.clone())
    }

    pub fn view(&self, client_id: &str) -> Option<View> {
        let inner = self.lock();
        let App {
            settings,
            lag_left,
            traffic,
        } = inner.apps.get(client_id)?;
        Some(View {
            client_id: client_id.to_owned(),
            kind: settings.kind,
            account_id: settings.account_id.clone(),
            scopes: settings.scopes.clone(),
            active: settings.active,
            has_webhook_secret_token: settings.webhook_secret_token.is_some(),
            token_lifetime_seconds: settings.token_lifetime_seconds,
            scope_lag_requests: settings.scope_lag_requests,
            scope_lag_left: *lag_left,
            counters: traffic.counters.clone(),
        })
    }

    pub fn log(&self, client_id: &str) -> Option<Vec<TokenRequest>> {
        self.lock()
            .apps
            .get(client_id)
            .map(|app| app.traffic.log.iter().cloned().collect())
    }

    /// Issues a token. Other tokens of the app stay alive. While scopes lag, the answer has no scope or, every second
    /// time, half of them, and the token can do no more than the answer says.
    pub fn issue(&self, client_id: &str, now: Timestamp) -> Option<Grant> {
        let mut inner = self.lock();
        let app = inner.apps.get_mut(client_id)?;
        let all = &app.settings.scopes;
        let (said, scopes) = match app.lag_left {
            0 => (true, all.clone()),
            left if (app.settings.scope_lag_requests - left).is_multiple_of(2) => {
                (false, Vec::new())
            }
            _ => (true, all[..all.len() / 2].to_vec()),
        };
        app.lag_left = app.lag_left.saturating_sub(1);
        app.traffic.counters.tokens_issued += 1;
        let expires_in = app.settings.token_lifetime_seconds;
        let account_id = app.settings.account_id.clone();
        let expires_at = now.as_second() + i64::from(expires_in);
        let access_token = token::mint(client_id, &account_id, now.as_second(), expires_at);
        let scope = said.then(|| scopes.join(" "));
        inner
            .tokens
            .retain(|_, token| token.expires_at + REMEMBER_DEAD_TOKENS > now.as_second());
        let client_id = client_id.to_owned();
        inner.tokens.insert(
            access_token.clone(),
            Token {
                client_id,
                account_id,
                scopes,
                expires_at,
                revoked: false,
            },
        );
        Some(Grant {
            access_token,
            expires_in,
            scope,
        })
    }

    pub fn bearer(&self, token: &str, now: Timestamp) -> Option<Bearer> {
        let inner = self.lock();
        let token = inner.tokens.get(token)?;
        let life = match token {
            Token { revoked: true, .. } => Life::Revoked,
            Token { expires_at, .. } if *expires_at <= now.as_second() => Life::Expired,
            _ => Life::Live,
        };
        Some(Bearer {
            client_id: token.client_id.clone(),
            account_id: token.account_id.clone(),
            scopes: token.scopes.clone(),
            life,
        })
    }

    /// Counts a token request that came in; nothing is counted for an unknown client.
    pub fn token_request_begins(&self, client_id: &str) -> InFlight<'_> {
        self.traffic(client_id, Traffic::token_request_begins);
        InFlight {
            apps: self,
            client_id: client_id.to_owned(),
        }
    }

    /// Changes the counters of an app, if there is such an app.
    pub fn traffic(&self, client_id: &str, change: impl FnOnce(&mut Traffic)) {
        if let Some(app) = self.lock().apps.get_mut(client_id) {
            change(&mut app.traffic);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn tokens_of(&mut self, client_id: &str) -> impl Iterator<Item = &mut Token> {
        self.tokens
            .values_mut()
            .filter(move |token| token.client_id == client_id)
    }
}

// === impl InFlight ===

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.apps
            .traffic(&self.client_id, Traffic::token_request_ends);
    }
}

fn put_if_some<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn yes() -> bool {
    true
}

/// Seconds; what Zoom's Server-to-Server answers were seen to say.
fn usual_lifetime() -> u32 {
    3599
}
