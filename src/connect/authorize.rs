//! The request to Zoom's authorization endpoint, and the random values that prove the way back.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use url::Url;

/// Number of random bytes in `state` and in the PKCE verifier.
const RANDOM: usize = 32;

/// The system has no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// An unguessable value: 43 characters of URL-safe base64.
///
/// # Errors
/// When the system has no random bytes.
pub fn random() -> Result<String, NoRandomness> {
    let mut bytes = [0; RANDOM];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The challenge for a verifier with method S256 (RFC 7636 section 4.2).
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// The authorization endpoint below Zoom's OAuth address; a trailing `/oauth` is accepted.
#[must_use]
pub fn endpoint(oauth: &Url) -> Url {
    let mut endpoint = oauth.clone();
    let path = oauth.path().trim_end_matches('/');
    let base = path.strip_suffix("/oauth").unwrap_or(path);
    endpoint.set_path(&format!("{base}/oauth/authorize"));
    endpoint.set_query(None);
    endpoint.set_fragment(None);
    endpoint
}

/// The URL to which a person is sent. It has no `scope`: the app's own scopes apply, and Zoom refuses several
/// scopes in this parameter.
#[must_use]
pub fn url(
    endpoint: &Url,
    client_id: &str,
    redirect_url: &str,
    state: &str,
    verifier: &str,
) -> String {
    let mut url = endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_url)
        .append_pair("state", state)
        .append_pair("code_challenge", &challenge(verifier))
        .append_pair("code_challenge_method", "S256");
    url.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_specification() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn random_values_are_long_and_differ() {
        let (one, two) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
    }

    #[test]
    fn the_url_names_no_scope_and_escapes_the_rest() {
        let endpoint = endpoint(&"https://zoom.us/oauth/".parse().unwrap());
        assert_eq!(endpoint.as_str(), "https://zoom.us/oauth/authorize");
        let url = url(&endpoint, "a&b", "https://x.example/c", "s", "v");
        assert!(url.starts_with("https://zoom.us/oauth/authorize?response_type=code&client_id=a%26b&redirect_uri=https%3A%2F%2Fx.example%2Fc&state=s&code_challenge="), "{url}");
        assert!(url.ends_with("&code_challenge_method=S256"), "{url}");
        assert!(!url.contains("scope"), "{url}");
    }
}
