//! Maps paths to pages.

use contract::consent::{Link, Target, Transaction};

/// Length of a link's nonce: 128 bits as URL-safe base64.
const NONCE: usize = 22;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The short page at the root.
    Index,
    /// The style sheet.
    Style,
    /// The file for robots.
    Robots,
    /// The icon, which browsers request by themselves.
    Icon,
    /// The file of Zoom's domain validation.
    DomainValidation,
    /// A start page.
    Start(Link),
    /// Where Zoom sends people back to.
    Callback {
        /// Namespace of the integration.
        namespace: String,
        /// Name of the integration.
        integration: String,
    },
    /// The result of a consent.
    Consent(Transaction),
    /// Not one of our pages.
    Unknown,
}

// === impl Route ===

impl Route {
    /// The values of [`Self::label`].
    pub const LABELS: [&'static str; 6] =
        ["index", "asset", "start", "callback", "consent", "unknown"];

    /// The page at a path below the base.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').skip(1).take(6).collect();
        match segments[..] {
            [""] => Self::Index,
            ["style.css"] => Self::Style,
            ["robots.txt"] => Self::Robots,
            ["favicon.ico"] => Self::Icon,
            ["connections", namespace, name, nonce] => {
                start(Target::Connection, namespace, name, nonce)
            }
            ["integrations", namespace, name, nonce] => {
                start(Target::Integration, namespace, name, nonce)
            }
            ["callback", namespace, name] if is_namespace(namespace) && is_name(name) => {
                Self::Callback {
                    namespace: namespace.to_owned(),
                    integration: name.to_owned(),
                }
            }
            ["consents", digest] => Transaction::parse(digest).map_or(Self::Unknown, Self::Consent),
            _ => Self::Unknown,
        }
    }

    /// The metric's label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Style | Self::Robots | Self::Icon | Self::DomainValidation => "asset",
            Self::Start(_) => "start",
            Self::Callback { .. } => "callback",
            Self::Consent(_) => "consent",
            Self::Unknown => "unknown",
        }
    }
}

fn start(target: Target, namespace: &str, name: &str, nonce: &str) -> Route {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let known = is_namespace(namespace)
        && is_name(name)
        && nonce.len() == NONCE
        && nonce.bytes().all(plain);
    if !known {
        return Route::Unknown;
    }
    Route::Start(Link {
        target,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        nonce: nonce.to_owned(),
    })
}

/// A DNS label (RFC 1123).
fn is_namespace(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether the definitions allow this as `metadata.name`.
fn is_name(text: &str) -> bool {
    is_namespace(text) && text.len() <= 52 && text.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_one_page_or_none() {
        let nonce = "AAAAAAAAAAAAAAAAAAAA-_";
        let link = |path: &str| matches!(Route::of(path), Route::Start(_));
        assert!(link(&format!("/connections/clinics/dr-ada/{nonce}")));
        assert!(link(&format!("/integrations/clinics/kivicare/{nonce}")));
        assert_eq!(Route::of("/"), Route::Index);
        assert!(matches!(
            Route::of("/callback/clinics/app"),
            Route::Callback { .. }
        ));
        assert!(matches!(
            Route::of(&format!("/consents/{}", "a".repeat(32))),
            Route::Consent(_)
        ));
        for unknown in [
            format!("/connections/clinics/dr-ada/{nonce}/"),
            format!("/connections/clinics/dr-ada/{nonce}x"),
            format!("/connections/../dr-ada/{nonce}"),
            format!("/connections/clinics/dr%2fada/{nonce}"),
            format!("/connections/clinics/dr.ada/{nonce}"),
            format!("/connections/-a/ada/{nonce}"),
            format!("/connections//ada/{nonce}"),
            "/callback/clinics".into(),
            "/callback/clinics/app/more".into(),
            "/consents/x".into(),
            "/admin".into(),
            "//".into(),
            String::new(),
        ] {
            assert_eq!(Route::of(&unknown), Route::Unknown, "{unknown}");
        }
    }
}
