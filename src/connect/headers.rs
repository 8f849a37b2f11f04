//! The security headers of every answer: a page can neither be framed, nor run scripts, nor load anything
//! from elsewhere.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use url::{Host, Url};

use super::base::Base;

/// The headers of all answers.
#[derive(Clone, Debug)]
pub struct Guard(Vec<(HeaderName, HeaderValue)>);

/// The headers that are the same for every answer.
const FIXED: [(HeaderName, &str); 6] = [
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    ),
];

// === impl Guard ===

impl Guard {
    /// The headers for pages at `base` that redirect to Zoom's `endpoint`.
    #[must_use]
    pub fn new(base: &Base, endpoint: &Url) -> Self {
        let mut headers: Vec<_> = FIXED
            .into_iter()
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect();
        if let Ok(policy) = HeaderValue::try_from(policy(endpoint)) {
            headers.push((header::CONTENT_SECURITY_POLICY, policy));
        }
        if base.is_https() {
            headers.push((
                header::STRICT_TRANSPORT_SECURITY,
                HeaderValue::from_static("max-age=31536000"),
            ));
        }
        Self(headers)
    }

    /// Sets the headers, and prevents caching unless the answer allows it.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name, value.clone());
        }
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

/// Chromium applies `form-action` to every redirect after the form, and Zoom's authorization endpoint
/// redirects to another host of Zoom's domain.
fn policy(endpoint: &Url) -> String {
    let origin = endpoint.origin().ascii_serialization();
    let others = match endpoint.host() {
        Some(Host::Domain(host)) if endpoint.scheme() == "https" && host.contains('.') => {
            format!(" https://*.{host}")
        }
        _ => String::new(),
    };
    format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {origin}{others}; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn forms_lead_to_us_and_to_zoom() {
        for (endpoint, wanted) in [
            (
                "https://zoom.us/oauth/authorize",
                "form-action 'self' https://zoom.us https://*.zoom.us;",
            ),
            (
                "http://127.0.0.1:9/oauth/authorize",
                "form-action 'self' http://127.0.0.1:9;",
            ),
        ] {
            let policy = policy(&endpoint.parse().unwrap());
            assert!(policy.contains(wanted), "{policy}");
        }
    }
}
