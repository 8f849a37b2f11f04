//! The apps of this Zoom and the access tokens they hold.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    accounts::Account,
    codes::Code,
    counters::{Counters, TokenRequest, Traffic},
    endings::Death,
    grants::{Grant, RefreshToken},
    people::Person,
    settings::{Management, Patch, Settings, Told},
    token,
};

/// Dead tokens are remembered this long, in seconds, so that they are told apart from unknown ones.
const REMEMBER_DEAD_TOKENS: i64 = 3600;

/// What may be told about an app.
#[derive(Serialize)]
pub struct View {
    client_id: String,
    #[serde(flatten)]
    settings: Told,
    scope_lag_left: u32,
    counters: Counters,
}

/// New tokens.
pub struct Issued {
    pub access_token: String,
    /// For General apps only.
    pub refresh_token: Option<String>,
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
    /// Absent for Server-to-Server apps.
    pub user: Option<(Person, Management)>,
}

/// Whether a token still works.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Live,
    Expired,
    Revoked,
    /// By a newer authorization.
    Replaced,
}

/// All apps and tokens.
#[derive(Default)]
pub struct Apps(Mutex<Inner>);

/// What is behind the lock.
#[derive(Default)]
pub struct Inner {
    pub apps: HashMap<String, App>,
    pub tokens: HashMap<String, Token>,
    pub refresh_tokens: HashMap<String, RefreshToken>,
    pub codes: HashMap<String, Code>,
    pub grants: BTreeMap<u64, Grant>,
    pub accounts: BTreeMap<String, Account>,
    last_id: u64,
}

pub struct App {
    pub settings: Settings,
    lag_left: u32,
    pub traffic: Traffic,
}

/// An access token.
pub struct Token {
    pub client_id: String,
    pub account_id: String,
    pub scopes: Vec<String>,
    pub expires_at: i64,
    pub revoked: bool,
    /// Absent for Server-to-Server apps.
    pub grant: Option<u64>,
}

// === impl Apps ===

impl Apps {
    /// Creates an app and makes its account known. An app of that name is replaced: its tokens and grants are gone and
    /// its counters start again.
    pub fn put(&self, client_id: &str, settings: Settings) {
        self.register_account(&settings.account_id);
        let mut inner = self.lock();
        inner.forget(client_id);
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

    /// Changes an app; false if there is none. Deactivation kills the access tokens, new scopes go to new tokens or
    /// grants only.
    pub fn patch(&self, client_id: &str, patch: Patch) -> bool {
        let mut inner = self.lock();
        let Some(app) = inner.apps.get_mut(client_id) else {
            return false;
        };
        if app.settings.apply(patch) {
            app.lag_left = app.settings.scope_lag_requests;
        }
        let (is_active, account_id) = (app.settings.active, app.settings.account_id.clone());
        if !is_active {
            inner
                .tokens_of(client_id)
                .for_each(|token| token.revoked = true);
        }
        inner.accounts.entry(account_id).or_default();
        true
    }

    /// Puts other settings in the place of an app's, whose tokens and grants stay; false if there is none.
    pub fn adjust(&self, client_id: &str, settings: Settings) -> bool {
        let mut inner = self.lock();
        let app = inner.apps.get_mut(client_id);
        app.map(|app| app.settings = settings).is_some()
    }

    /// Removes an app, its tokens and its grants; false if there is none.
    pub fn remove(&self, client_id: &str) -> bool {
        let mut inner = self.lock();
        inner.forget(client_id);
        inner.apps.remove(client_id).is_some()
    }

    /// Lets all access tokens of an app expire at once; false if there is no such app.
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
        let app = inner.apps.get(client_id)?;
        Some(View {
            client_id: client_id.to_owned(),
            settings: app.settings.told(),
            scope_lag_left: app.lag_left,
            counters: app.traffic.counters.clone(),
        })
    }

    pub fn log(&self, client_id: &str) -> Option<Vec<TokenRequest>> {
        self.lock()
            .apps
            .get(client_id)
            .map(|app| app.traffic.log.iter().cloned().collect())
    }

    /// Issues a token to a Server-to-Server app. Other tokens of the app stay alive. While scopes lag, the answer has
    /// no scope or, every second time, half of them, and the token can do no more than the answer says.
    pub fn issue(&self, client_id: &str, now: Timestamp) -> Option<Issued> {
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
        let account_id = app.settings.account_id.clone();
        let scope = said.then(|| scopes.join(" "));
        let (access_token, expires_in) =
            inner.mint_access_token(client_id, &account_id, scopes, None, now)?;
        Some(Issued {
            access_token,
            refresh_token: None,
            expires_in,
            scope,
        })
    }

    /// Issues a token to an app's bot.
    pub fn issue_to_bot(&self, client_id: &str, scope: &str, now: Timestamp) -> Option<Issued> {
        let mut inner = self.lock();
        let app = inner.apps.get_mut(client_id)?;
        app.traffic.counters.tokens_issued += 1;
        let account_id = app.settings.account_id.clone();
        let scopes = vec![scope.to_owned()];
        let (access_token, expires_in) =
            inner.mint_access_token(client_id, &account_id, scopes, None, now)?;
        Some(Issued {
            access_token,
            refresh_token: None,
            expires_in,
            scope: Some(scope.to_owned()),
        })
    }

    pub fn bearer(&self, token: &str, now: Timestamp) -> Option<Bearer> {
        let inner = self.lock();
        let token = inner.tokens.get(token)?;
        let grant = token.grant.and_then(|id| inner.grants.get(&id));
        let is_disabled = grant.is_some_and(|grant| {
            inner
                .policy(&grant.person.account_id, &token.client_id)
                .disabled
        });
        let life = match grant.and_then(|grant| grant.dead) {
            Some(Death::Replaced) => Life::Replaced,
            Some(_) => Life::Revoked,
            None if token.revoked || is_disabled => Life::Revoked,
            None if token.expires_at <= now.as_second() => Life::Expired,
            None => Life::Live,
        };
        Some(Bearer {
            client_id: token.client_id.clone(),
            account_id: token.account_id.clone(),
            scopes: token.scopes.clone(),
            life,
            user: grant.map(|grant| (grant.person.clone(), grant.management)),
        })
    }

    /// Changes the counters of an app, if there is such an app.
    pub fn traffic(&self, client_id: &str, change: impl FnOnce(&mut Traffic)) {
        if let Some(app) = self.lock().apps.get_mut(client_id) {
            change(&mut app.traffic);
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    /// A number that was not given before.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A new access token and its lifetime in seconds.
    pub fn mint_access_token(
        &mut self,
        client_id: &str,
        account_id: &str,
        scopes: Vec<String>,
        grant: Option<u64>,
        now: Timestamp,
    ) -> Option<(String, u32)> {
        let now = now.as_second();
        let settings = &self.apps.get(client_id)?.settings;
        let lifetime = settings.token_lifetime_seconds;
        if settings.voids_former_tokens {
            let former = self.tokens_of(client_id);
            former
                .filter(|token| token.grant == grant && token.account_id == account_id)
                .for_each(|token| token.revoked = true);
        }
        let expires_at = now + i64::from(lifetime);
        let access_token = token::mint(client_id, account_id, now, expires_at);
        self.tokens
            .retain(|_, token| token.expires_at + REMEMBER_DEAD_TOKENS > now);
        self.tokens.insert(
            access_token.clone(),
            Token {
                client_id: client_id.to_owned(),
                account_id: account_id.to_owned(),
                scopes,
                expires_at,
                revoked: false,
                grant,
            },
        );
        Some((access_token, lifetime))
    }

    fn forget(&mut self, client_id: &str) {
        self.tokens.retain(|_, token| token.client_id != client_id);
        self.refresh_tokens
            .retain(|_, token| token.client_id != client_id);
        self.codes.retain(|_, code| code.client_id != client_id);
        self.grants.retain(|_, grant| grant.client_id != client_id);
    }

    fn tokens_of(&mut self, client_id: &str) -> impl Iterator<Item = &mut Token> {
        self.tokens
            .values_mut()
            .filter(move |token| token.client_id == client_id)
    }
}
