//! The links that people follow, and the callback that Zoom follows.

use std::fmt;

use url::Url;

/// Whose consent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A connection that exists.
    Connection,
    /// Self service: the connection is made when the person has authorized.
    Integration,
}

/// The link to a start page. The nonce makes it impossible to guess, and a link that was given out can
/// be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose consent it is.
    pub target: Target,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// 22 characters of URL-safe base64: 128 random bits.
    pub nonce: String,
}

// === impl Target ===

impl Target {
    /// The first segment of the path.
    #[must_use]
    pub const fn segment(self) -> &'static str {
        match self {
            Self::Connection => "connections",
            Self::Integration => "integrations",
        }
    }
}

// === impl Link ===

impl Link {
    /// The whole link under `base`, the public address of the pages.
    #[must_use]
    pub fn under(&self, base: &Url) -> String {
        format!("{}{self}", base.as_str().trim_end_matches('/'))
    }
}

/// The path.
impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            namespace,
            name,
            nonce,
        } = self;
        write!(
            formatter,
            "/{}/{namespace}/{name}/{nonce}",
            target.segment()
        )
    }
}

/// Path of the callback of one integration. Each has its own, so that no app's code can be passed off
/// as another's (RFC 9700 section 4.4) and an installation that began in Zoom's Marketplace, which
/// carries no `state`, is known by its app.
#[must_use]
pub fn callback_path(namespace: &str, integration: &str) -> String {
    format!("/callback/{namespace}/{integration}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lies_under_the_base_whatever_its_end() {
        let link = Link {
            target: Target::Connection,
            namespace: "clinics".into(),
            name: "dr-ada".into(),
            nonce: "n".into(),
        };
        for (base, wanted) in [
            (
                "https://connect.example.com",
                "https://connect.example.com/connections/clinics/dr-ada/n",
            ),
            (
                "https://example.com/zoom/",
                "https://example.com/zoom/connections/clinics/dr-ada/n",
            ),
        ] {
            assert_eq!(link.under(&base.parse().unwrap()), wanted);
        }
        assert_eq!(callback_path("clinics", "app"), "/callback/clinics/app");
    }
}
