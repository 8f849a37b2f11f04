//! A step of the to-do list for people.

use jiff::Timestamp;

use crate::api::v1alpha1::{AppKind, Environment};
use zoom::scopes::Covered;

/// What has to be done. The names are part of the API and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StepId {
    /// Create the app.
    CreateApp,
    /// Copy its credentials into the Secret.
    Credentials,
    /// Paste redirect URL and allow list.
    Redirect,
    /// Turn on Team Chat, and paste the bot's endpoint URL.
    Chatbot,
    /// Copy the webhook secret token into the Secret.
    SecretToken,
    /// Add the events.
    Events,
    /// Paste the endpoint URL and press Validate.
    Endpoint,
    /// Select the scopes.
    Scopes,
    /// Fill in names, texts and links.
    Information,
    /// Paste the deauthorization endpoint.
    Deauthorization,
    /// Answer Zoom's questions about the app's security.
    TechnicalDesign,
    /// Enter the credentials in the tenant's own back end.
    BackEnd,
    /// Activate a Server-to-Server app.
    Activate,
    /// Let the Zoom administrator of the account allow the app.
    Approval,
    /// Authorize the app.
    Install,
    /// Let Zoom validate the app's domains.
    DomainValidation,
    /// Submit the app for review.
    Submit,
}

/// The progress of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The proof was seen.
    Done,
    /// The proof would exist if it were done, or a mistake is known.
    Open,
    /// It cannot be known yet, or at all.
    Unknown,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What has to be done.
    pub id: StepId,
    /// The kind of app.
    pub kind: AppKind,
    /// What to enter, in the order of Zoom's form.
    pub entries: Vec<Entry>,
    /// The progress.
    pub state: State,
    /// What proves it, or would prove it.
    pub evidence: Evidence,
    /// The known mistakes.
    pub mistakes: Vec<Mistake>,
    /// What to avoid.
    pub cautions: Vec<Caution>,
    /// Since when it is in this state.
    pub since: Option<Timestamp>,
}

/// What to do with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Paste it into Zoom's form, exactly.
    Paste,
    /// Choose it from several.
    Choose,
    /// Tick its box in Zoom's form.
    Tick,
    /// Copy it from Zoom's form into a key of a Secret.
    Copy,
    /// Open the link.
    Open,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What to do with it.
    pub act: Act,
    /// The name of the place in Zoom's form; for a link, whose link it is.
    pub field: String,
    /// The value; for [`Act::Copy`], name of the Secret and key. Never a secret.
    pub value: String,
    /// What Zoom's form shows next to it, if that is different and known.
    pub hint: Option<&'static str>,
}

/// What proves a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Zoom's token endpoint accepts the credentials.
    CredentialsAccepted,
    /// A consent succeeded.
    Consent,
    /// Zoom's signed URL validation was answered.
    Validation,
    /// A request was signed with the secret token.
    Signature,
    /// Each declared event has arrived at least once.
    Events {
        /// How many are declared.
        declared: usize,
        /// The ones that have not arrived yet.
        unseen: Vec<String>,
    },
    /// The scopes of a token.
    TokenScopes,
    /// Zoom issues a token.
    Token,
    /// Connections are connected.
    Connections {
        /// How many.
        connected: usize,
        /// How many there are.
        total: usize,
    },
    /// The first signed event: somebody has installed the app.
    FirstEvent,
    /// `app_deauthorized` has arrived at least once.
    Removal,
    /// The operator cannot see it.
    None,
}

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The Secret does not exist.
    NoSecret(String),
    /// A key of the Secret is missing.
    NoKey {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// A key of the Secret is empty or not text.
    BadKey {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// Two keys hold the same value.
    SameValue {
        /// The key that is probably wrong.
        key: String,
        /// The other one.
        other: String,
    },
    /// Client id and secret are not a pair of this app.
    CredentialsRejected(Environment),
    /// The app is of another kind.
    WrongAppKind(AppKind),
    /// The account id is wrong, or the app is not activated: Zoom does not say which.
    AccountOrActivation,
    /// The app is disabled.
    AppDisabled,
    /// The Zoom administrator of the account does not allow the app.
    DisabledByAdmin,
    /// The user who owns the app or grant no longer exists.
    OwnerGone,
    /// The redirect URL in Zoom's form is another one.
    RedirectMismatch(String),
    /// The declared redirect URL is not the operator's callback.
    OtherCallback {
        /// The declared one.
        declared: String,
        /// The operator's callback.
        callback: String,
    },
    /// Requests have signatures that were not made with this secret token.
    WrongSecretToken {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// The last URL validation is too old.
    Stale(Timestamp),
    /// The URL does not lead to the receiver, for this reason.
    Unreachable(String),
    /// The receiver accepts no requests.
    ReceiverDown,
    /// The endpoint has no public name.
    NoHost,
    /// The public name leads to somebody else, or may not be used.
    HostWithheld,
    /// Scopes that were not granted.
    MissingScopes {
        /// The scopes.
        scopes: Vec<String>,
        /// The kind of app, which decides what makes a ticked box count.
        kind: AppKind,
    },
    /// Classic scopes of an app that has no grant yet, and may have no such boxes.
    ClassicScopes(Vec<String>),
    /// Scopes that were granted under other names.
    OtherNames(Vec<Covered>),
    /// No connection names a person who could authorize.
    NoConnection,
    /// Connections whose grant is lost.
    GrantLost(Vec<String>),
}

/// What to avoid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caution {
    /// "Change Now" cannot be undone.
    ChangeNow,
    /// "Add App in the Marketplace" starts without the data that the back end needs.
    AddInMarketplace,
    /// The older Verification Token is not used.
    VerificationToken,
    /// There are two pairs of credentials.
    TwoPairs(Environment),
    /// A failed validation must not be ignored.
    FailedValidation,
    /// Event subscriptions stay off.
    NoEvents,
    /// The place for the code that Zoom shows.
    ValidationCode,
}

// === impl StepId ===

impl StepId {
    /// Every step, in the order of Zoom's portal.
    pub const ALL: [Self; 17] = [
        Self::CreateApp,
        Self::Credentials,
        Self::Redirect,
        Self::Chatbot,
        Self::SecretToken,
        Self::Events,
        Self::Endpoint,
        Self::Scopes,
        Self::Information,
        Self::Deauthorization,
        Self::TechnicalDesign,
        Self::BackEnd,
        Self::Activate,
        Self::Approval,
        Self::Install,
        Self::DomainValidation,
        Self::Submit,
    ];

    /// The step with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.as_str() == name)
    }

    /// The name for machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateApp => "CreateApp",
            Self::Credentials => "Credentials",
            Self::Redirect => "Redirect",
            Self::Chatbot => "Chatbot",
            Self::SecretToken => "SecretToken",
            Self::Events => "Events",
            Self::Endpoint => "Endpoint",
            Self::Scopes => "Scopes",
            Self::Information => "Information",
            Self::Deauthorization => "Deauthorization",
            Self::TechnicalDesign => "TechnicalDesign",
            Self::BackEnd => "BackEnd",
            Self::Activate => "Activate",
            Self::Approval => "Approval",
            Self::Install => "Install",
            Self::DomainValidation => "DomainValidation",
            Self::Submit => "Submit",
        }
    }
}

// === impl State ===

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Done, Self::Open, Self::Unknown];

    /// The state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// The name for machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Open => "Open",
            Self::Unknown => "Unknown",
        }
    }
}

// === impl Act ===

impl Act {
    /// The name for machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paste => "Paste",
            Self::Choose => "Choose",
            Self::Tick => "Tick",
            Self::Copy => "Copy",
            Self::Open => "Open",
        }
    }
}

// === impl Evidence ===

impl Evidence {
    /// Whether it comes by itself once people have done their part.
    #[must_use]
    pub const fn is_awaited(&self) -> bool {
        !matches!(self, Self::None | Self::Removal)
    }
}
