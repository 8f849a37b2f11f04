//! What the schema already has and this version cannot do yet. Said plainly instead of ignored.

use crate::api::v1alpha1::{ConsentMode, ProvisioningMode, ZoomIntegrationSpec};

/// The fields that ask for more than this version, or this installation, can do, each with the remedy.
#[must_use]
pub fn unsupported(spec: &ZoomIntegrationSpec, has_pages: bool) -> Vec<&'static str> {
    let provisioning = spec.app.provisioning.as_ref();
    [
        (
            spec.consent_mode() == Some(ConsentMode::Operator) && !has_pages,
            "oauth.consent.mode: Operator (set the chart's connect.url, or use External)",
        ),
        (
            provisioning.is_some_and(|p| p.mode != ProvisioningMode::Manual),
            "app.provisioning (use mode: Manual)",
        ),
    ]
    .into_iter()
    .filter_map(|(asked, field)| asked.then_some(field))
    .collect()
}
