//! Zoom's token answer (RFC 6749 section 5.1 with Zoom's additions).

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de};
use url::Url;

use super::{Error, Fault};

/// An access token and what Zoom said about it.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token; opaque.
    pub secret: SecretString,
    /// `bearer`.
    pub token_type: String,
    /// When it expires, by our clock, counted from before the request was sent.
    pub expires_at: Timestamp,
    /// When it was requested.
    pub issued_at: Timestamp,
    /// The granted scopes, as Zoom lists them. Empty when Zoom left them out, which happens within
    /// minutes of an app's creation.
    pub scope: String,
    /// The API host for this account, if Zoom named one under the operator's API domain.
    pub api_url: Url,
}

/// What a person's authorization is exchanged for.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: AccessToken,
    /// What the next one is got with, once (RFC 6749 section 6).
    pub refresh: SecretString,
}

/// An answer that must also have a refresh token.
#[derive(Deserialize)]
struct Rotated {
    refresh_token: SecretString,
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(deserialize_with = "seconds")]
    expires_in: u64,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    api_url: Option<String>,
}

// === impl AccessToken ===

impl AccessToken {
    /// Reads a 200 answer to a request that was sent at `issued_at`.
    ///
    /// # Errors
    /// [`Fault::Unintelligible`] when it is not a token answer.
    pub(super) fn from_answer(
        body: &[u8],
        issued_at: Timestamp,
        default_api: &Url,
    ) -> Result<Self, Error> {
        let unintelligible = |what: &str| Error::new(Fault::Unintelligible, what).ambiguous();
        // The parser's own message could quote the body: it is not passed on.
        let answer: Answer = serde_json::from_slice(body)
            .map_err(|_| unintelligible("HTTP 200 without a token answer"))?;
        if answer.access_token.expose_secret().is_empty() || answer.expires_in == 0 {
            return Err(unintelligible("HTTP 200 with an empty or expired token"));
        }
        let expires_at = issued_at
            .checked_add(Duration::from_secs(answer.expires_in))
            .map_err(|_| unintelligible("HTTP 200 with an impossible expires_in"))?;
        Ok(Self {
            secret: answer.access_token,
            token_type: answer.token_type.unwrap_or_else(|| "bearer".into()),
            expires_at,
            issued_at,
            scope: answer.scope.unwrap_or_default(),
            api_url: answer
                .api_url
                .and_then(|url| trusted(&url, default_api))
                .unwrap_or_else(|| default_api.clone()),
        })
    }
}

// === impl Tokens ===

impl Tokens {
    /// Reads a 200 answer to a request that was sent at `issued_at`.
    ///
    /// # Errors
    /// [`Fault::Unintelligible`] when it is not such an answer.
    pub(super) fn from_answer(
        body: &[u8],
        issued_at: Timestamp,
        default_api: &Url,
    ) -> Result<Self, Error> {
        let access = AccessToken::from_answer(body, issued_at, default_api)?;
        match serde_json::from_slice::<Rotated>(body) {
            Ok(Rotated { refresh_token }) if !refresh_token.expose_secret().is_empty() => {
                Ok(Self {
                    access,
                    refresh: refresh_token,
                })
            }
            _ => Err(
                Error::new(Fault::Unintelligible, "HTTP 200 without a refresh token").ambiguous(),
            ),
        }
    }
}

/// Zoom's `api_url` if it stays under the configured API domain: a forged answer must not be able to
/// send the tenant's token elsewhere.
pub(super) fn trusted(api_url: &str, default_api: &Url) -> Option<Url> {
    let url = Url::parse(api_url).ok()?;
    let host = url.host_str()?;
    let configured = default_api.host_str()?;
    // api.zoom.us and api-us.zoom.us are siblings: compare below the first label.
    let domain = configured
        .split_once('.')
        .map(|(_, domain)| domain)
        .filter(|domain| domain.contains('.'));
    let under = domain.is_some_and(|domain| {
        host.strip_suffix(domain)
            .is_some_and(|label| label.is_empty() || label.ends_with('.'))
    });
    let same_way = url.scheme() == default_api.scheme() && url.username().is_empty();
    (same_way && (host == configured || under)).then_some(url)
}

/// Zoom sends a number; a string is accepted too.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(seconds) => Ok(seconds),
        Either::Text(text) => text.parse().map_err(de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<AccessToken, Error> {
        let api = Url::parse("https://api.zoom.us").unwrap();
        AccessToken::from_answer(body.as_bytes(), Timestamp::UNIX_EPOCH, &api)
    }

    #[test]
    fn zooms_answer_is_read() {
        let token = read(r#"{"access_token":"t","token_type":"bearer","expires_in":3599,"scope":"a:b:c d:e:f","api_url":"https://api-us.zoom.us"}"#).unwrap();
        assert_eq!(token.expires_at, Timestamp::from_second(3599).unwrap());
        assert_eq!(token.scope, "a:b:c d:e:f");
        assert_eq!(token.api_url.as_str(), "https://api-us.zoom.us/");
    }

    #[test]
    fn what_zoom_may_leave_out_has_a_default() {
        let token = read(r#"{"access_token":"t","expires_in":"3600"}"#).unwrap();
        assert_eq!(token.token_type, "bearer");
        assert_eq!(token.scope, "");
        assert_eq!(token.api_url.as_str(), "https://api.zoom.us/");
    }

    #[test]
    fn an_api_url_elsewhere_is_not_followed() {
        for api_url in [
            "https://evil.example",
            "https://zoom.us.evil.example",
            "https://evilzoom.us",
            "http://api-us.zoom.us",
            "https://user@api.zoom.us",
            "not a url",
        ] {
            let token = read(&format!(
                r#"{{"access_token":"t","expires_in":10,"api_url":"{api_url}"}}"#
            ))
            .unwrap();
            assert_eq!(token.api_url.as_str(), "https://api.zoom.us/", "{api_url}");
        }
    }

    #[test]
    fn garbage_is_unintelligible_and_not_quoted() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"access_token":"SECRET"}"#,
            r#"{"access_token":"","expires_in":3599}"#,
            r#"{"access_token":"SECRET","expires_in":0}"#,
            r#"{"access_token":"SECRET","expires_in":18446744073709551615}"#,
        ] {
            let error = read(body).unwrap_err();
            assert_eq!(error.fault, Fault::Unintelligible, "{body}");
            assert!(!error.detail.contains("SECRET"));
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = read(r#"{"access_token":"SECRET","expires_in":10}"#).unwrap();
        assert!(!format!("{token:?}").contains("SECRET"));
    }
}
