//! The types and statuses of conditions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// The types of condition on the product's resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// The integration can be used.
    Ready,
    /// It cannot be used yet; work or waiting goes on (kstatus).
    Reconciling,
    /// A person must change something (kstatus).
    Stalled,
    /// Zoom accepted the credentials.
    CredentialsValid,
    /// The last attempt to get a token succeeded.
    TokenFresh,
    /// Zoom granted all required scopes.
    ScopesGranted,
    /// The receiver accepts requests.
    ReceiverAvailable,
    /// The public address of the webhook endpoint leads to the receiver.
    EndpointReachable,
    /// Zoom validated the webhook endpoint within the last 72 hours.
    EndpointValidated,
    /// Events reach the sink.
    EventsDelivered,
    /// Requests to the webhook endpoint are signed with a known secret token.
    EventsVerified,
    /// Zoom says who authorized, and that person is allowed to.
    SubjectVerified,
    /// The integration allows the connection's namespace. Stated only if it is in another namespace.
    NamespaceAllowed,
    /// The events of the connection's account go to its sink. Stated only if it has one.
    EventsRouted,
    /// No other integration has the same app. Stated only while another one has it.
    AppExclusive,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The condition is true.
    True,
    /// The condition is false.
    False,
    /// The state is unknown.
    Unknown,
}

// === impl Type ===

impl Type {
    /// The name in the resource.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::CredentialsValid => "CredentialsValid",
            Self::TokenFresh => "TokenFresh",
            Self::ScopesGranted => "ScopesGranted",
            Self::ReceiverAvailable => "ReceiverAvailable",
            Self::EndpointReachable => "EndpointReachable",
            Self::EndpointValidated => "EndpointValidated",
            Self::EventsDelivered => "EventsDelivered",
            Self::EventsVerified => "EventsVerified",
            Self::SubjectVerified => "SubjectVerified",
            Self::NamespaceAllowed => "NamespaceAllowed",
            Self::EventsRouted => "EventsRouted",
            Self::AppExclusive => "AppExclusive",
        }
    }

    /// The condition of this type, if there is one.
    #[must_use]
    pub fn find(self, conditions: &[Condition]) -> Option<&Condition> {
        conditions.iter().find(|c| c.type_ == self.as_str())
    }
}

// === impl Status ===

impl Status {
    /// The value in the resource.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Status {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}
