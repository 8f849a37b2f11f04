//! The receiver's identity: it has no permissions and no token.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::names::metadata;
use crate::api::v1alpha1::ZoomIntegration;

pub(super) fn build(integration: &ZoomIntegration) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(integration),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
