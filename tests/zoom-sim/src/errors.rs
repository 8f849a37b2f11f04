//! Zoom's error bodies, byte for byte where they are known.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

/// Errors of the token endpoint: `{"reason":"..","error":".."}` with status 400.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenError {
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    InvalidRequest,
}

/// Why the token endpoint gives nothing, in all of Zoom's ways of saying so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    Named(TokenError),
    /// The code is unknown, used or expired, or its proof is wrong: `invalid_grant` without a reason.
    CodeRefused,
    /// `{"code":4741,"message":".."}`
    Numeric(u16),
}

/// How an error body is built.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `{"reason":"..","error":".."}`
    Token,
    /// `{"code":124,"message":".."}`
    Api,
    /// `{"status":false,"errorCode":4700,"errorMessage":"..","result":null}`
    Authorize,
}

/// The numeric OAuth codes whose meaning is known. Zoom's wording is published for few of them.
const NUMERIC: [(u16, &str); 17] = [
    (4700, "Invalid redirect url"),
    (4702, "Invalid client"),
    (4704, "Invalid client"),
    (4705, "Grant type is not supported"),
    (4706, "Client credential or grant is missing"),
    (4709, "Redirect URI mismatch"),
    (
        4711,
        "Invalid access token, does not contain scopes:[user:read:list_users:admin].",
    ),
    (4717, "The app has been disabled"),
    (4724, "Invalid JWT token"),
    (4732, "The authorization code does not exist"),
    (4733, "The authorization code has expired"),
    (4734, "The authorization code is invalid"),
    (4735, "The owner of the token does not exist"),
    (4737, "The authentication was not found"),
    (4738, "The app has been disabled by the account admin"),
    (4740, "The token id is out of tolerance"),
    (4741, "The token has been revoked"),
];

#[derive(Serialize)]
struct TokenBody<'a> {
    reason: &'a str,
    error: &'a str,
}

#[derive(Serialize)]
struct ApiBody<'a> {
    code: u16,
    message: &'a str,
}

#[derive(Serialize)]
struct AuthorizeBody<'a> {
    status: bool,
    #[serde(rename = "errorCode")]
    code: u16,
    #[serde(rename = "errorMessage")]
    message: &'a str,
    result: Option<()>,
}

// === impl TokenError ===

impl TokenError {
    /// The value of `error`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidRequest => "invalid_request",
        }
    }

    /// The value of `reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::InvalidClient => "Invalid client_id or client_secret",
            Self::InvalidGrant => "Invalid Token!",
            Self::UnsupportedGrantType => "unsupported grant type",
            Self::InvalidRequest => "Bad Request",
        }
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        named(StatusCode::BAD_REQUEST, self, self.reason())
    }
}

// === impl Denied ===

impl Denied {
    /// The name for the counters.
    pub fn name(self) -> String {
        match self {
            Self::Named(error) => error.name().to_owned(),
            Self::CodeRefused => TokenError::InvalidGrant.name().to_owned(),
            Self::Numeric(code) => code.to_string(),
        }
    }
}

impl From<TokenError> for Denied {
    fn from(error: TokenError) -> Self {
        Self::Named(error)
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Named(error) => error.into_response(),
            Self::CodeRefused => json(
                StatusCode::BAD_REQUEST,
                &serde_json::json!({"error": TokenError::InvalidGrant.name()}),
            ),
            Self::Numeric(code) => api(
                StatusCode::BAD_REQUEST,
                code,
                numeric_message(code).unwrap_or_default(),
            ),
        }
    }
}

/// The usual message of a numeric code of the OAuth table.
pub fn numeric_message(code: u16) -> Option<&'static str> {
    NUMERIC
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, message)| *message)
}

/// A token endpoint error with another status or reason than usual.
pub fn named(status: StatusCode, error: TokenError, reason: &str) -> Response {
    json(
        status,
        &TokenBody {
            reason,
            error: error.name(),
        },
    )
}

/// A numeric error in one of the three shapes.
pub fn numeric(status: StatusCode, shape: Shape, code: u16, message: &str) -> Response {
    match shape {
        Shape::Token => json(
            status,
            &TokenBody {
                reason: message,
                error: &code.to_string(),
            },
        ),
        Shape::Api => json(status, &ApiBody { code, message }),
        Shape::Authorize => json(
            status,
            &AuthorizeBody {
                status: false,
                code,
                message,
                result: None,
            },
        ),
    }
}

/// An error of the REST API.
pub fn api(status: StatusCode, code: u16, message: &str) -> Response {
    numeric(status, Shape::Api, code, message)
}

/// A JSON answer with Zoom's content type.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut reply = (status, Json(body)).into_response();
    let kind = HeaderValue::from_static("application/json;charset=UTF-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}
