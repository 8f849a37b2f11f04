//! The public address of the pages.

use std::{fmt, str::FromStr};

use url::Url;

use contract::consent::{Link, Target, callback_path};

/// The public address of the pages: https, or http on this machine, with an optional path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    url: Url,
    /// The path, without a slash at the end.
    prefix: String,
}

/// Why an address cannot be used for the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected https://host or https://host/path without user, query and fragment; http only for localhost"
)]
pub struct Invalid;

// === impl Base ===

impl Base {
    /// Converts a public path to one of ours; `None` if it is outside the base.
    #[must_use]
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(&self.prefix)?;
        match rest {
            "" => Some("/"),
            _ => rest.starts_with('/').then_some(rest),
        }
    }

    /// Converts one of our paths, which begins with a slash, to a public path.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The full URL of a link.
    #[must_use]
    pub fn link(&self, link: &Link) -> String {
        link.under(&self.url)
    }

    /// The redirect URL of an integration.
    #[must_use]
    pub fn redirect_url(&self, namespace: &str, integration: &str) -> String {
        let path = callback_path(namespace, integration);
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    /// The path of a link in an object's status, if it leads to our start page for this object.
    #[must_use]
    pub fn start_path(
        &self,
        shown: Option<&str>,
        target: Target,
        namespace: &str,
        name: &str,
    ) -> Option<String> {
        let root = format!(
            "{}/{}/{namespace}/{name}/",
            self.url.as_str().trim_end_matches('/'),
            target.segment()
        );
        let nonce = shown?.strip_prefix(&root)?;
        let plain = nonce
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        plain.then(|| self.path(&format!("/{}/{namespace}/{name}/{nonce}", target.segment())))
    }

    /// The origin, in the format of browsers.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether it uses TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

impl FromStr for Base {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let url: Url = text.parse().map_err(|_| Invalid)?;
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
        let scheme = match url.scheme() {
            "https" => true,
            "http" => local,
            _ => false,
        };
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !scheme || !plain || url.host().is_none() {
            return Err(Invalid);
        }
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { url, prefix })
    }
}

impl fmt::Display for Base {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn paths_lie_under_the_prefix() {
        let base: Base = "https://example.com/zoom/".parse().unwrap();
        assert_eq!(base.strip("/zoom"), Some("/"));
        assert_eq!(base.strip("/zoom/x"), Some("/x"));
        assert_eq!(base.strip("/zoomx"), None);
        assert_eq!(base.strip("/x"), None);
        assert_eq!(base.path("/x"), "/zoom/x");
        assert_eq!(
            base.redirect_url("a", "b"),
            "https://example.com/zoom/callback/a/b"
        );
        let root: Base = "https://example.com".parse().unwrap();
        assert_eq!(root.strip("/x"), Some("/x"));
        assert_eq!(root.path("/x"), "/x");
    }

    #[test]
    fn only_safe_addresses_are_taken() {
        for good in [
            "https://a.example",
            "http://localhost:8080",
            "http://127.0.0.1:1/x",
        ] {
            assert!(good.parse::<Base>().is_ok(), "{good}");
        }
        for bad in [
            "http://a.example",
            "https://u@a.example",
            "https://a.example?x",
            "https://a.example#x",
            "ftp://localhost",
            "a",
        ] {
            assert!(bad.parse::<Base>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_our_own_start_link_is_offered() {
        let base: Base = "https://a.example/p".parse().unwrap();
        let path = |shown| base.start_path(Some(shown), Target::Integration, "n", "i");
        assert_eq!(
            path("https://a.example/p/integrations/n/i/abc").as_deref(),
            Some("/p/integrations/n/i/abc")
        );
        for other in [
            "https://b.example/p/integrations/n/i/abc",
            "https://a.example/p/integrations/n/j/abc",
            "https://a.example/p/integrations/n/i/a?b",
        ] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
