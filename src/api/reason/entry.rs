//! The register's entry for a reason.

use crate::api::condition::{Status, Type};

/// Who must act on a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody: all is well, or the operator continues by itself.
    Nobody,
    /// The person who runs the operator and the cluster.
    PlatformEngineer,
    /// The person who has the app's page in Zoom, its credentials and its YAML.
    AppOwner,
    /// The person who authorizes or installs the app.
    AuthorizingPerson,
    /// The administrator of the Zoom account.
    ZoomAdministrator,
}

/// Where a reason is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// An integration's state in general.
    Integration,
    /// A connection's state.
    Connection,
    /// The outcome of a consent, in `status.consent`.
    Consent,
    /// Zoom's answers.
    Zoom,
    /// A grant that is lost.
    Grant,
    /// Problems of a webhook.
    Webhook,
    /// Findings at the webhook URL.
    Endpoint,
    /// Delivery of stored events.
    Delivery,
    /// Only in Events.
    Event,
}

/// The register's entry for a reason.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The spelling in the API.
    pub name: &'static str,
    /// What it means, in Markdown.
    pub meaning: &'static str,
    /// Who must act.
    pub actor: Actor,
    /// What they do, in Markdown; empty for nothing.
    pub remedy: &'static str,
    /// Where it is documented.
    pub topics: &'static [Topic],
    /// The conditions and statuses that have it. `Reconciling` and `Stalled` repeat the reason of `Ready`.
    pub conditions: &'static [(Type, &'static [Status])],
}

// === impl Actor ===

impl Actor {
    /// The name in the docs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::PlatformEngineer => "platform engineer",
            Self::AppOwner => "app owner",
            Self::AuthorizingPerson => "person who authorizes",
            Self::ZoomAdministrator => "Zoom account administrator",
        }
    }
}
