//! The portal's pages and the fields on them, by the names that the portal shows.

use crate::settings::Kind;

/// A page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    BuildApp,
    Credentials,
    OAuth,
    Token,
    Events,
    Scopes,
    Information,
    Deauthorization,
    TechnicalDesign,
    Activation,
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
const BOTH: &[Kind] = &[Kind::General, Kind::ServerToServer];

/// Where a page is, which apps have it, and which it is.
const PAGES: [(&str, &[Kind], Page); 15] = [
    (
        "Zoom App Marketplace > Develop > Build App",
        BOTH,
        Page::BuildApp,
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
    ("Features > Access > Token", GENERAL, Page::Token),
    ("Feature > Token", ACCOUNT, Page::Token),
    (
        "Features > Access > Event Subscription",
        GENERAL,
        Page::Events,
    ),
    ("Feature > Event Subscriptions", ACCOUNT, Page::Events),
    ("Scopes > Add Scopes", BOTH, Page::Scopes),
    ("App Listing", GENERAL, Page::Information),
    ("Information", ACCOUNT, Page::Information),
    (
        "Deauthorization Notification Endpoint URL",
        GENERAL,
        Page::Deauthorization,
    ),
    ("Technical Design", GENERAL, Page::TechnicalDesign),
    ("Activation", ACCOUNT, Page::Activation),
    ("Release Notes > Submit", GENERAL, Page::Submit),
];

/// On which page, of which apps, used how: the fields.
const FIELDS: [(Page, &[Kind], Action, &[&str]); 22] = [
    (Page::BuildApp, BOTH, Action::Choose, &["Build App"]),
    (Page::BuildApp, BOTH, Action::Paste, &["App name"]),
    (
        Page::BuildApp,
        GENERAL,
        Action::Choose,
        &["Management", TABS],
    ),
    (Page::Credentials, GENERAL, Action::Choose, &[TABS]),
    (
        Page::Credentials,
        BOTH,
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
        Page::Token,
        BOTH,
        Action::Copy,
        &["Secret Token", "Verification Token"],
    ),
    (Page::Events, BOTH, Action::Choose, &["Method"]),
    (
        Page::Events,
        BOTH,
        Action::Paste,
        &["Subscription name", "Event notification endpoint URL"],
    ),
    (Page::Events, BOTH, Action::Tick, &["Add Events"]),
    (Page::Scopes, BOTH, Action::Tick, &["Add Scopes"]),
    (
        Page::Scopes,
        GENERAL,
        Action::Tick,
        &["Add Scopes (optional)"],
    ),
    (Page::Scopes, BOTH, Action::Paste, &["Scope Description"]),
    (
        Page::Information,
        BOTH,
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
        Page::Deauthorization,
        GENERAL,
        Action::Paste,
        &["Deauthorization Notification Endpoint URL"],
    ),
];

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
