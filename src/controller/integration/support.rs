//! What this installation cannot do. Said plainly instead of ignored.

use crate::api::v1alpha1::{ConsentMode, ZoomIntegrationSpec};

/// The fields that ask for more than this installation can do, each with the remedy.
#[must_use]
pub fn unsupported(spec: &ZoomIntegrationSpec, has_pages: bool) -> Vec<&'static str> {
    let wants_pages = spec.consent_mode() == Some(ConsentMode::Operator);
    let pages = "oauth.consent.mode: Operator (set the chart's connect.url, or use External)";
    (wants_pages && !has_pages)
        .then_some(pages)
        .into_iter()
        .collect()
}
