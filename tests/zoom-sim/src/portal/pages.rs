//! The portal's pages and the fields on them, by the names that the portal shows.

use crate::settings::Kind;

/// A page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    BuildApp,
    BuildLegacyApp,
    Credentials,
    OAuth,
    TeamChat,
    Token,
    Events,
    Scopes,
    Information,
    Deauthorization,
    TechnicalDesign,
    Activation,
    DomainValidation,
    Submit,
}

/// How a person uses a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize, serde::Serialize)]
pub enum Action {
    Paste,
    Choose,
    Tick,
    Copy,
    Open,
}

const GENERAL: &[Kind] = &[Kind::General];
const ACCOUNT: &[Kind] = &[Kind::ServerToServer];
const WEBHOOK: &[Kind] = &[Kind::WebhookOnly];
const WITH_CLIENT: &[Kind] = &[Kind::General, Kind::ServerToServer];
const SMALL: &[Kind] = &[Kind::ServerToServer, Kind::WebhookOnly];
const ALL: &[Kind] = &[Kind::General, Kind::ServerToServer, Kind::WebhookOnly];

/// Where a page is, which apps have it, and which it is.
const PAGES: [(&str, &[Kind], Page); 18] = [
    (
        "Zoom App Marketplace > Develop > Build App",
        WITH_CLIENT,
        Page::BuildApp,
    ),
    (
        "Zoom App Marketplace > Develop > Build Legacy App",
        WEBHOOK,
        Page::BuildLegacyApp,
    ),
    (
        "Basic Information > App Credentials",
        GENERAL,
        Page::Credentials,
    ),
    ("App Credentials", ACCOUNT, Page::Credentials),
    (
        "Basic Information > OAuth Information",
        GENERAL,
        Page::OAuth,
    ),
    (
        "Features > Surface > Team Chat Subscription",
        GENERAL,
        Page::TeamChat,
    ),
    ("Features > Access > Token", GENERAL, Page::Token),
    ("Feature > Token", SMALL, Page::Token),
    (
        "Features > Access > Event Subscription",
        GENERAL,
        Page::Events,
    ),
    ("Feature > Event Subscriptions", SMALL, Page::Events),
    ("Scopes > Add Scopes", WITH_CLIENT, Page::Scopes),
    ("App Listing", GENERAL, Page::Information),
    ("Information", SMALL, Page::Information),
    (
        "Deauthorization Notification Endpoint URL",
        GENERAL,
        Page::Deauthorization,
    ),
    ("Technical Design", GENERAL, Page::TechnicalDesign),
    ("Activation", ACCOUNT, Page::Activation),
    (
        "Release Notes > Domain Validation",
        GENERAL,
        Page::DomainValidation,
    ),
    ("Release Notes > Submit", GENERAL, Page::Submit),
];

/// On which page, of which apps, used how: the fields.
const FIELDS: [(Page, &[Kind], Action, &[&str]); 27] = [
    (Page::BuildApp, WITH_CLIENT, Action::Choose, &[BUILD_APP]),
    (Page::BuildApp, WITH_CLIENT, Action::Paste, &["App name"]),
    (
        Page::BuildLegacyApp,
        WEBHOOK,
        Action::Choose,
        &[BUILD_LEGACY_APP],
    ),
    (Page::BuildLegacyApp, WEBHOOK, Action::Paste, &["App name"]),
    (
        Page::BuildApp,
        GENERAL,
        Action::Choose,
        &["Management", TABS],
    ),
    (Page::Credentials, GENERAL, Action::Choose, &[TABS]),
    (
        Page::Credentials,
        WITH_CLIENT,
        Action::Copy,
        &["Client ID", "Client Secret"],
    ),
    (Page::Credentials, ACCOUNT, Action::Copy, &["Account ID"]),
    (Page::OAuth, GENERAL, Action::Choose, &[TABS]),
    (
        Page::OAuth,
        GENERAL,
        Action::Paste,
        &["OAuth Redirect URL", "OAuth Allow Lists"],
    ),
    (
        Page::OAuth,
        GENERAL,
        Action::Tick,
        &["Use Strict Mode for Redirect URLs"],
    ),
    (
        Page::TeamChat,
        GENERAL,
        Action::Paste,
        &["Slash Command", "Bot endpoint URL"],
    ),
    (
        Page::Token,
        ALL,
        Action::Copy,
        &["Secret Token", "Verification Token"],
    ),
    (Page::Events, ALL, Action::Choose, &["Method"]),
    (
        Page::Events,
        ALL,
        Action::Paste,
        &["Subscription name", "Event notification endpoint URL"],
    ),
    (Page::Events, ALL, Action::Tick, &["Add Events"]),
    (Page::Scopes, WITH_CLIENT, Action::Tick, &["Add Scopes"]),
    (
        Page::Scopes,
        GENERAL,
        Action::Tick,
        &["Add Scopes (optional)"],
    ),
    (
        Page::Scopes,
        WITH_CLIENT,
        Action::Paste,
        &["Scope Description"],
    ),
    (
        Page::Information,
        ALL,
        Action::Paste,
        &[
            "App name",
            "Short description",
            "Company name",
            "Contact name",
            "Contact email",
        ],
    ),
    (
        Page::Information,
        GENERAL,
        Action::Paste,
        &[
            "Long description",
            "Privacy policy URL",
            "Terms of use URL",
            "Support URL",
            "Documentation URL",
        ],
    ),
    (
        Page::Information,
        GENERAL,
        Action::Paste,
        &["Direct landing URL", "Configuration URL"],
    ),
    (
        Page::Information,
        GENERAL,
        Action::Choose,
        &["Category", "Industry vertical"],
    ),
    (
        Page::Information,
        GENERAL,
        Action::Choose,
        &["Listed / Unlisted"],
    ),
    (
        Page::DomainValidation,
        GENERAL,
        Action::Copy,
        &["Verification code"],
    ),
    (
        Page::DomainValidation,
        GENERAL,
        Action::Open,
        &["verifyzoom.html"],
    ),
    (
        Page::Deauthorization,
        GENERAL,
        Action::Paste,
        &["Deauthorization Notification Endpoint URL"],
    ),
];

/// The fields in which the kind of a new app is chosen.
pub const BUILD_APP: &str = "Build App";
pub const BUILD_LEGACY_APP: &str = "Build Legacy App";

/// The tabs of a General app's two credential pairs.
pub const TABS: &str = "Development / Production";

// === impl Page ===

impl Page {
    /// The page at this place; with an app, one that an app of this kind has.
    pub fn at(place: &str, kind: Option<Kind>) -> Option<Self> {
        PAGES
            .iter()
            .find(|(at, kinds, _)| *at == place && kind.is_none_or(|kind| kinds.contains(&kind)))
            .map(|(_, _, page)| *page)
    }

    /// The field in which the kind of a new app is chosen, on a page that makes one.
    pub fn makes(self) -> Option<&'static str> {
        match self {
            Self::BuildApp => Some(BUILD_APP),
            Self::BuildLegacyApp => Some(BUILD_LEGACY_APP),
            _ => None,
        }
    }

    /// How a field of this page is used; `None` if there is no such field.
    pub fn field(self, name: &str, kind: Kind) -> Option<Action> {
        FIELDS
            .iter()
            .find(|(page, kinds, _, names)| {
                *page == self && kinds.contains(&kind) && names.contains(&name)
            })
            .map(|(_, _, action, _)| *action)
    }
}

// === impl Action ===

impl Action {
    /// What is done with a field of this kind.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Paste => "filled in",
            Self::Choose => "chosen",
            Self::Tick => "ticked",
            Self::Copy => "copied",
            Self::Open => "opened",
        }
    }
}
