//! What stands in the portal's form of one app.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    ident::{base64url, plain_token},
    settings::{Kind, Management},
};

/// An app as its form has it. Holds secrets: no `Debug`, no `Serialize`.
#[derive(Clone)]
pub struct Form {
    pub kind: Kind,
    pub name: String,
    pub management: Management,
    /// An app from before granular scopes.
    pub classic: bool,
    /// The tab that is open.
    pub tab: Tab,
    pub development: Pair,
    pub production: Pair,
    pub secret_token: String,
    /// What the file of the domain validation has to hold.
    pub verification_code: String,
    /// Addresses of that file, which are read at Submit.
    pub verification_files: Vec<String>,
    /// Switched off, and still shown.
    pub verification_token: String,
    pub redirect_url: Option<String>,
    pub strict_mode: bool,
    pub allow_list: Vec<String>,
    pub method: Option<String>,
    pub subscriptions: Vec<Subscription>,
    pub scopes: Vec<Ticked>,
    /// All other fields, in the portal's words.
    pub texts: BTreeMap<String, String>,
    /// Those of which several can be chosen.
    pub choices: BTreeMap<String, Vec<String>>,
    pub deauthorization_url: Option<String>,
    /// Where a Team Chat bot's events go; with it, Team Chat is turned on.
    pub bot_endpoint: Option<String>,
    pub stage: Stage,
}

/// Client id and secret.
#[derive(Clone)]
pub struct Pair {
    pub client_id: String,
    pub client_secret: String,
}

/// Which pair is shown.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Tab {
    Development,
    Production,
}

/// How far the app is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Stage {
    Draft,
    /// A General app, for review.
    Submitted,
    /// A Server-to-Server app.
    Activated,
}

/// An event subscription.
#[derive(Clone, Serialize)]
pub struct Subscription {
    pub name: String,
    pub events: Vec<String>,
    /// The endpoint that passed the validation.
    pub endpoint: Option<String>,
}

/// A scope whose box is ticked.
#[derive(Clone, Serialize)]
pub struct Ticked {
    pub scope: String,
    pub optional: bool,
}

/// What may be told about a form.
#[derive(Serialize)]
pub struct View<'a> {
    kind: Kind,
    name: &'a str,
    management: Management,
    tab: Tab,
    /// Of the tab that is open.
    client_id: &'a str,
    redirect_url: Option<&'a str>,
    strict_mode: bool,
    allow_list: &'a [String],
    subscriptions: &'a [Subscription],
    scopes: &'a [Ticked],
    texts: &'a BTreeMap<String, String>,
    choices: &'a BTreeMap<String, Vec<String>>,
    deauthorization_url: Option<&'a str>,
    stage: Stage,
}

// === impl Form ===

impl Form {
    /// A new app, with everything that the portal makes up itself.
    pub fn new(name: &str) -> Self {
        Self {
            kind: Kind::General,
            name: name.to_owned(),
            management: Management::User,
            classic: false,
            tab: Tab::Development,
            development: Pair::new(),
            production: Pair::new(),
            secret_token: plain_token(),
            verification_code: plain_token(),
            verification_files: Vec::new(),
            verification_token: plain_token(),
            redirect_url: None,
            strict_mode: false,
            allow_list: Vec::new(),
            method: None,
            subscriptions: Vec::new(),
            scopes: Vec::new(),
            texts: BTreeMap::new(),
            choices: BTreeMap::new(),
            deauthorization_url: None,
            bot_endpoint: None,
            stage: Stage::Draft,
        }
    }

    /// The pair that is shown.
    pub fn pair(&self) -> &Pair {
        match self.tab {
            Tab::Development => &self.development,
            Tab::Production => &self.production,
        }
    }

    pub fn view(&self) -> View<'_> {
        View {
            kind: self.kind,
            name: &self.name,
            management: self.management,
            tab: self.tab,
            client_id: &self.pair().client_id,
            redirect_url: self.redirect_url.as_deref(),
            strict_mode: self.strict_mode,
            allow_list: &self.allow_list,
            subscriptions: &self.subscriptions,
            scopes: &self.scopes,
            texts: &self.texts,
            choices: &self.choices,
            deauthorization_url: self.deauthorization_url.as_deref(),
            stage: self.stage,
        }
    }
}

// === impl Pair ===

impl Pair {
    fn new() -> Self {
        Self {
            client_id: plain_token(),
            client_secret: base64url(&rand::random::<[u8; 24]>()),
        }
    }
}
