//! Who a token belongs to, as Zoom says.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Error, Fault};
use crate::scopes::message;

/// A Zoom user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Zoom's id of the user.
    #[serde(rename = "id")]
    pub user_id: String,
    /// Zoom's id of the account.
    #[serde(default)]
    pub account_id: String,
    /// The mail address that Zoom has verified; empty without one.
    #[serde(default)]
    pub email: String,
}

/// Reads the answer to `GET /users/me`; `None` when the token's scopes do not allow to ask. The code of
/// that refusal differs from product to product, its text does not.
pub(super) fn from_answer(
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
) -> Result<Option<Identity>, Error> {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let refusal = value.get("message").and_then(Value::as_str);
    if let Some(refusal) = refusal.filter(|refusal| message::is_about_scopes(refusal)) {
        tracing::info!(missing = ?message::named_as_missing(refusal), "zoom does not tell who authorized");
        return Ok(None);
    }
    if status != 200 {
        return Err(Error::from_answer(status, body, retry_after));
    }
    // Some endpoints report failure with HTTP 200: such a body has no id.
    let verified = is_verified(&value);
    match serde_json::from_value::<Identity>(value) {
        Ok(identity) if !identity.user_id.is_empty() => Ok(Some(Identity {
            // Anybody can enter somebody else's address.
            email: if verified {
                identity.email
            } else {
                String::new()
            },
            ..identity
        })),
        _ => Err(Error::new(
            Fault::Unintelligible,
            "an answer to users/me without an id",
        )),
    }
}

/// `verified` is 1 once the user has confirmed the address.
fn is_verified(user: &Value) -> bool {
    let verified = user.get("verified");
    verified.is_some_and(|verified| *verified == 1 || *verified == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_told_from_a_refusal() {
        let read = |status, body: &str| from_answer(status, body.as_bytes(), None);
        let user = read(
            200,
            r#"{"id":"u","account_id":"a","email":"ada@example.com","verified":1}"#,
        );
        assert_eq!(user.unwrap().unwrap().email, "ada@example.com");
        for verified in [
            "",
            r#","verified":0"#,
            r#","verified":null"#,
            r#","verified":"1""#,
        ] {
            let body = format!(r#"{{"id":"u","email":"ada@example.com"{verified}}}"#);
            let user = read(200, &body).unwrap().unwrap();
            assert_eq!(
                (user.user_id.as_str(), user.email.as_str()),
                ("u", ""),
                "{body}"
            );
        }
        for body in [
            r#"{"code":4711,"message":"Invalid access token, does not contain scopes:[user:read:user]."}"#,
            r#"{"code":104,"message":"Invalid access token, does not contain scopes: [user:read]."}"#,
        ] {
            assert_eq!(read(400, body).unwrap(), None, "{body}");
        }
        for (status, body, fault) in [
            (
                200,
                r#"{"code":1010,"message":"User does not belong"}"#,
                Fault::Unintelligible,
            ),
            (429, "{}", Fault::RateLimited),
            (503, "", Fault::Unavailable),
        ] {
            assert_eq!(read(status, body).unwrap_err().fault, fault, "{body}");
        }
    }
}
