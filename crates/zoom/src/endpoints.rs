//! Where Zoom is.

use url::Url;

/// Where Zoom is. Operator configuration, never a tenant's: whoever chooses the host receives the
/// client secrets.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Base of the OAuth endpoints, `https://zoom.us`.
    pub oauth: Url,
    /// Base of the REST API, `https://api.zoom.us`.
    pub api: Url,
}

// === impl Endpoints ===

impl Endpoints {
    /// Endpoints from base URLs; a trailing `/oauth` or `/v2` is understood.
    #[must_use]
    pub fn new(mut oauth: Url, mut api: Url) -> Self {
        for (url, suffix) in [(&mut oauth, "/oauth"), (&mut api, "/v2")] {
            let path = url.path().trim_end_matches('/');
            let base = path.strip_suffix(suffix).unwrap_or(path).to_owned();
            url.set_path(&base);
        }
        Self { oauth, api }
    }

    /// The token endpoint.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}/oauth/token", self.oauth.as_str().trim_end_matches('/'))
    }

    pub(crate) fn revoke(&self) -> String {
        format!("{}/oauth/revoke", self.oauth.as_str().trim_end_matches('/'))
    }

    /// The authorization endpoint.
    #[must_use]
    pub fn authorize(&self) -> String {
        format!(
            "{}/oauth/authorize",
            self.oauth.as_str().trim_end_matches('/')
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_understood_with_and_without_their_suffix() {
        for (oauth, api) in [
            ("https://zoom.us", "https://api.zoom.us"),
            ("https://zoom.us/", "https://api.zoom.us/v2/"),
            ("https://zoom.us/oauth", "https://api.zoom.us/v2"),
        ] {
            let endpoints = Endpoints::new(oauth.parse().unwrap(), api.parse().unwrap());
            assert_eq!(endpoints.token(), "https://zoom.us/oauth/token");
            assert_eq!(endpoints.authorize(), "https://zoom.us/oauth/authorize");
            assert_eq!(endpoints.api.as_str(), "https://api.zoom.us/");
        }
    }
}
