//! What can go wrong at Zoom: for each answer a reason, who must act, and the remedy.
//!
//! Zoom answers `{"reason", "error"}` at the token endpoint and `{"code", "message"}` or
//! `{"errorCode", "errorMessage"}` elsewhere; any field may be missing. Numeric codes are from the
//! OAuth error list of Zoom's documentation.

use std::time::Duration;

use serde_json::Value;

use super::{Request, redact::redacted};

/// Why Zoom gave no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Client id and secret are no pair.
    CredentialsRejected,
    /// What was shown was given to another client id.
    OtherClient,
    /// The app is not of the kind that the grant type needs.
    WrongAppKind,
    /// Account id wrong, or app not activated: Zoom does not tell which.
    AccountRejected,
    /// The app is deactivated or was disabled by Zoom.
    AppDisabled,
    /// The Zoom administrator of the account does not allow the app.
    DisabledByAdmin,
    /// The user who owns the token no longer exists.
    OwnerGone,
    /// The grant is used up, revoked, expired or replaced.
    GrantLost,
    /// The redirect URL is not the one in Zoom's form.
    RedirectMismatch,
    /// Too many requests.
    RateLimited,
    /// Zoom answered 5xx.
    Unavailable,
    /// No answer: DNS, connection, TLS, timeout.
    Unreachable,
    /// An answer that nobody can read.
    Unintelligible,
    /// A refusal that is in no list.
    Refused,
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A person must change something; the same request fails again until then.
    Person,
    /// Time may heal it.
    Time,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .fault.as_str())]
pub struct Error {
    /// Why.
    pub fault: Fault,
    /// Zoom's words, or those of the network. Never a secret.
    pub detail: String,
    /// How long Zoom asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether Zoom may have done what was asked all the same: the request was sent and no answer of
    /// Zoom's denies it. DNS, connection and TLS failures, 429 and other 4xx are not ambiguous.
    pub ambiguous: bool,
    /// What it answers, if that is known.
    pub request: Option<Request>,
}

// === impl Fault ===

impl Fault {
    /// Every fault, for metrics, documentation and tests.
    pub const ALL: [Self; 14] = [
        Self::CredentialsRejected,
        Self::OtherClient,
        Self::WrongAppKind,
        Self::AccountRejected,
        Self::AppDisabled,
        Self::DisabledByAdmin,
        Self::OwnerGone,
        Self::GrantLost,
        Self::RedirectMismatch,
        Self::RateLimited,
        Self::Unavailable,
        Self::Unreachable,
        Self::Unintelligible,
        Self::Refused,
    ];

    /// The reason in conditions, events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CredentialsRejected => "CredentialsRejected",
            Self::OtherClient => "ClientIdChanged",
            Self::WrongAppKind => "WrongAppKind",
            Self::AccountRejected => "AccountRejected",
            Self::AppDisabled => "AppDisabled",
            Self::DisabledByAdmin => "DisabledByAdmin",
            Self::OwnerGone => "OwnerGone",
            Self::GrantLost => "GrantLost",
            Self::RedirectMismatch => "RedirectMismatch",
            Self::RateLimited => "RateLimited",
            Self::Unavailable => "ZoomUnavailable",
            Self::Unreachable => "ZoomUnreachable",
            Self::Unintelligible => "ZoomUnintelligible",
            Self::Refused => "ZoomRefused",
        }
    }

    /// Who must act.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::CredentialsRejected
            | Self::OtherClient
            | Self::WrongAppKind
            | Self::AccountRejected
            | Self::AppDisabled
            | Self::DisabledByAdmin
            | Self::OwnerGone
            | Self::GrantLost
            | Self::RedirectMismatch => Class::Person,
            Self::RateLimited
            | Self::Unavailable
            | Self::Unreachable
            | Self::Unintelligible
            | Self::Refused => Class::Time,
        }
    }

    /// What to do, as a sentence for the status.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::CredentialsRejected => {
                "Zoom rejects the client id and secret as a pair: copy both again from the app's page in the Zoom App Marketplace (one environment, no line break) into the credentials Secret."
            }
            Self::OtherClient => {
                "The grant was given to another app than the one whose client id is in the credentials Secret: put back the client id and secret of that app, of the same environment."
            }
            Self::WrongAppKind => {
                "Zoom does not give this app a Server-to-Server token: use the credentials of a Server-to-Server OAuth app, or set app.kind: General in a new ZoomIntegration."
            }
            Self::AccountRejected => {
                "Zoom refuses the request for this account: copy the account id of the Server-to-Server app into the credentials Secret, and activate the app in the Zoom App Marketplace."
            }
            Self::AppDisabled => {
                "The app is deactivated or was disabled by Zoom: activate it in the Zoom App Marketplace, or ask Zoom's support."
            }
            Self::DisabledByAdmin => {
                "The account's administrator does not allow this app: ask for its approval in the Zoom App Marketplace."
            }
            Self::OwnerGone => {
                "The Zoom user who owns this app or grant no longer exists: move the app to another owner, or let another user authorize it."
            }
            Self::GrantLost => {
                "Zoom no longer accepts this grant: a person must authorize the app again."
            }
            Self::RedirectMismatch => {
                "The redirect URL is not the one in Zoom's form: paste it there to the letter, also into the allow list."
            }
            Self::RateLimited => {
                "Zoom limits the rate of requests for this account: nothing to do, the request is made again when Zoom allows."
            }
            Self::Unavailable => {
                "Zoom answers with a server error: nothing to do, the request is made again."
            }
            Self::Unreachable => {
                "Zoom gives no answer: check DNS, egress rules, the operator's proxy settings and its zoom.oauthUrl if it lasts; the request is made again."
            }
            Self::Unintelligible => {
                "The answer is not Zoom's: check for a proxy in between and the operator's zoom.oauthUrl; the request is made again."
            }
            Self::Refused => {
                "Zoom refuses the request for a reason that is not documented: compare the app's settings in the Zoom App Marketplace; the request is made again."
            }
        }
    }
}

// === impl Error ===

impl Error {
    /// An error for which Zoom names no time to wait.
    #[must_use]
    pub fn new(fault: Fault, detail: impl Into<String>) -> Self {
        Self {
            fault,
            detail: detail.into(),
            retry_after: None,
            ambiguous: false,
            request: None,
        }
    }

    /// The same error of a request that Zoom may have carried out.
    #[must_use]
    pub fn ambiguous(self) -> Self {
        Self {
            ambiguous: true,
            ..self
        }
    }

    /// Reads a refusal: HTTP status and body.
    #[must_use]
    pub fn from_answer(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let fault = by_status(status)
            .or_else(|| by_code(&body))
            .or_else(|| by_error(&body))
            .unwrap_or(if body.is_object() {
                Fault::Refused
            } else {
                Fault::Unintelligible
            });
        Self {
            fault,
            detail: detail(status, &body),
            retry_after,
            // A proxy that timed out (408) does not know either.
            ambiguous: !(400..500).contains(&status) || status == 408,
            request: None,
        }
    }

    /// Whether the answer says nothing of what was shown: nobody could judge it.
    #[must_use]
    pub fn tells_nothing(&self) -> bool {
        matches!(
            self.fault,
            Fault::RateLimited | Fault::Unavailable | Fault::Unreachable | Fault::Unintelligible
        )
    }

    /// The sentence for the status: Zoom's words, then the remedy.
    #[must_use]
    pub fn message(&self) -> String {
        let remedy = self.request.map_or_else(
            || self.fault.remedy(),
            |request| self.fault.remedy_for(request),
        );
        format!("{remedy} ({})", self.detail)
    }
}

fn by_status(status: u16) -> Option<Fault> {
    match status {
        429 => Some(Fault::RateLimited),
        500.. => Some(Fault::Unavailable),
        _ => None,
    }
}

fn by_code(body: &Value) -> Option<Fault> {
    let code = ["errorCode", "code", "error"]
        .into_iter()
        .find_map(|key| number(body.get(key)?))?;
    Some(match code {
        4702 => Fault::OtherClient,
        4704 | 4706 => Fault::CredentialsRejected,
        4705 => Fault::WrongAppKind,
        4700 | 4709 => Fault::RedirectMismatch,
        4711 | 4724 | 4732..=4734 | 4737 | 4741 => Fault::GrantLost,
        4717 => Fault::AppDisabled,
        4735 => Fault::OwnerGone,
        4738 => Fault::DisabledByAdmin,
        // "Token id out of tolerance": Zoom's advice is to ask again.
        4740 => Fault::Unavailable,
        429 => Fault::RateLimited,
        _ => return None,
    })
}

fn by_error(body: &Value) -> Option<Fault> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match text("error") {
        "invalid_client" | "unauthorized_client" => Fault::CredentialsRejected,
        "unsupported_grant_type" => Fault::WrongAppKind,
        "invalid_grant" => Fault::GrantLost,
        // Until about 2022 a used-up refresh token was an invalid_request.
        "invalid_request" if text("reason") == "Invalid Token!" => Fault::GrantLost,
        "invalid_request" => Fault::AccountRejected,
        _ if text("reason").starts_with("Invalid client_id") => Fault::CredentialsRejected,
        _ => return None,
    })
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Zoom's own words, short and printable. A body that is not Zoom's JSON is never quoted.
fn detail(status: u16, body: &Value) -> String {
    let words: Vec<String> = [
        "error",
        "reason",
        "code",
        "message",
        "errorCode",
        "errorMessage",
    ]
    .into_iter()
    .filter_map(|key| match body.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
    .collect();
    let words: String = redacted(&words.join(": "))
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    if words.is_empty() {
        format!("HTTP {status}")
    } else {
        format!("HTTP {status}: {words}")
    }
}

#[cfg(test)]
mod tests;
