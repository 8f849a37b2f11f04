//! How an app is set up: what the admin API takes, changes and tells.

use serde::{Deserialize, Serialize};

/// What kind of app it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    ServerToServer,
    General,
    /// It has a secret token, and no client.
    WebhookOnly,
}

/// Who may add a General app, and for whom.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Management {
    /// Each user for themselves; the tokens know that user as `me` only.
    #[default]
    User,
    /// An owner or admin for the account.
    Admin,
}

/// An app as put by the admin API. Holds secrets: no `Debug`, no `Serialize`.
#[derive(Clone, Deserialize)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch in Zoom's form"
)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub kind: Kind,
    pub client_secret: String,
    pub account_id: String,
    /// A grant gets these at the time of consent and keeps them.
    pub scopes: Vec<String>,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub webhook_secret_token: Option<String>,
    /// Given verbatim as `expires_in`.
    #[serde(default = "usual_lifetime")]
    pub token_lifetime_seconds: u32,
    /// So many answers after creation or a change of scopes leave scopes out. Server-to-Server apps only.
    #[serde(default)]
    pub scope_lag_requests: u32,
    #[serde(default)]
    pub management: Management,
    /// The allow list: full URLs, or base URLs without path and query. The first is where an install from the
    /// Marketplace ends.
    #[serde(default)]
    pub redirect_urls: Vec<String>,
    /// Base URLs in the allow list stand for themselves only.
    #[serde(default)]
    pub strict_mode: bool,
    #[serde(default = "ninety_days")]
    pub refresh_token_lifetime_seconds: u32,
    #[serde(default = "five_minutes")]
    pub code_lifetime_seconds: u32,
    /// Where `app_deauthorized` goes.
    #[serde(default)]
    pub deauthorization_url: Option<String>,
    /// Shown on the consent page; absent: the client id.
    #[serde(default)]
    pub display_name: Option<String>,
    /// To people of other accounts the app does not exist.
    #[serde(default)]
    pub own_account_only: bool,
    /// Team Chat is turned on: the app has a bot, which gets tokens by `client_credentials`.
    #[serde(default)]
    pub chatbot: bool,
    /// A new access token ends the earlier ones of the same grant, or of the app's account, at once.
    #[serde(default)]
    pub voids_former_tokens: bool,
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
    management: Option<Management>,
    redirect_urls: Option<Vec<String>>,
    strict_mode: Option<bool>,
    refresh_token_lifetime_seconds: Option<u32>,
    code_lifetime_seconds: Option<u32>,
    pub deauthorization_url: Option<String>,
    display_name: Option<String>,
    chatbot: Option<bool>,
    voids_former_tokens: Option<bool>,
}

/// The settings that may be told.
#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "as they are in the settings")]
pub struct Told {
    kind: Kind,
    account_id: String,
    scopes: Vec<String>,
    active: bool,
    has_webhook_secret_token: bool,
    token_lifetime_seconds: u32,
    scope_lag_requests: u32,
    management: Management,
    redirect_urls: Vec<String>,
    strict_mode: bool,
    refresh_token_lifetime_seconds: u32,
    code_lifetime_seconds: u32,
    deauthorization_url: Option<String>,
    display_name: Option<String>,
    own_account_only: bool,
    chatbot: bool,
    voids_former_tokens: bool,
}

// === impl Settings ===

impl Settings {
    /// The usual settings of an app.
    pub fn new(kind: Kind, client_secret: &str, account_id: &str) -> Self {
        Self {
            kind,
            client_secret: client_secret.to_owned(),
            account_id: account_id.to_owned(),
            scopes: Vec::new(),
            active: true,
            webhook_secret_token: None,
            token_lifetime_seconds: usual_lifetime(),
            scope_lag_requests: 0,
            management: Management::default(),
            redirect_urls: Vec::new(),
            strict_mode: false,
            refresh_token_lifetime_seconds: ninety_days(),
            code_lifetime_seconds: five_minutes(),
            deauthorization_url: None,
            display_name: None,
            own_account_only: false,
            chatbot: false,
            voids_former_tokens: false,
        }
    }

    /// Applies a change; true if scopes begin to lag again.
    pub fn apply(&mut self, patch: Patch) -> bool {
        let lag_is_new = patch.scope_lag_requests.is_some();
        let scopes_change = patch
            .scopes
            .as_ref()
            .is_some_and(|scopes| *scopes != self.scopes);
        put_if_some(&mut self.kind, patch.kind);
        put_if_some(&mut self.client_secret, patch.client_secret);
        put_if_some(&mut self.account_id, patch.account_id);
        put_if_some(&mut self.scopes, patch.scopes);
        put_if_some(&mut self.active, patch.active);
        put_if_some(
            &mut self.token_lifetime_seconds,
            patch.token_lifetime_seconds,
        );
        put_if_some(&mut self.scope_lag_requests, patch.scope_lag_requests);
        put_if_some(&mut self.management, patch.management);
        put_if_some(&mut self.redirect_urls, patch.redirect_urls);
        put_if_some(&mut self.strict_mode, patch.strict_mode);
        put_if_some(&mut self.chatbot, patch.chatbot);
        put_if_some(
            &mut self.refresh_token_lifetime_seconds,
            patch.refresh_token_lifetime_seconds,
        );
        put_if_some(&mut self.code_lifetime_seconds, patch.code_lifetime_seconds);
        keep_or_replace(&mut self.webhook_secret_token, patch.webhook_secret_token);
        keep_or_replace(&mut self.deauthorization_url, patch.deauthorization_url);
        keep_or_replace(&mut self.display_name, patch.display_name);
        put_if_some(&mut self.voids_former_tokens, patch.voids_former_tokens);
        lag_is_new || scopes_change
    }

    pub fn told(&self) -> Told {
        Told {
            kind: self.kind,
            account_id: self.account_id.clone(),
            scopes: self.scopes.clone(),
            active: self.active,
            has_webhook_secret_token: self.webhook_secret_token.is_some(),
            token_lifetime_seconds: self.token_lifetime_seconds,
            scope_lag_requests: self.scope_lag_requests,
            management: self.management,
            redirect_urls: self.redirect_urls.clone(),
            strict_mode: self.strict_mode,
            refresh_token_lifetime_seconds: self.refresh_token_lifetime_seconds,
            code_lifetime_seconds: self.code_lifetime_seconds,
            deauthorization_url: self.deauthorization_url.clone(),
            display_name: self.display_name.clone(),
            own_account_only: self.own_account_only,
            chatbot: self.chatbot,
            voids_former_tokens: self.voids_former_tokens,
        }
    }
}

fn put_if_some<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn keep_or_replace<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
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

fn ninety_days() -> u32 {
    90 * 24 * 3600
}

fn five_minutes() -> u32 {
    300
}
