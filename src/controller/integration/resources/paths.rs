//! The paths of the host that lead to a receiver.

use contract::domain_validation;

use crate::api::v1alpha1::{Webhook, ZoomIntegration};

/// The path for events, and the path of Zoom's domain validation if its file is declared.
pub(super) fn paths<'a>(integration: &ZoomIntegration, webhook: &'a Webhook) -> Vec<&'a str> {
    let file = integration.spec.app.domain_validation.as_ref();
    let file = file.map(|_| domain_validation::PATH);
    [webhook.path()].into_iter().chain(file).collect()
}
