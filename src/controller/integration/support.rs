//! What this installation does not support. It says so instead of ignoring the fields.

use crate::api::v1alpha1::{ConsentMode, ZoomIntegrationSpec};

/// The fields that this installation does not support, each with the remedy.
#[must_use]
pub fn unsupported(spec: &ZoomIntegrationSpec, has_pages: bool) -> Vec<&'static str> {
    let wants_pages = spec.consent_mode() == Some(ConsentMode::Operator);
    let pages = "oauth.consent.mode: Operator (set the chart's connect.url, or use External)";
    (wants_pages && !has_pages)
        .then_some(pages)
        .into_iter()
        .collect()
}
