//! Whether a connection may use its integration, as far as the operator sees. Pure.

use kube::ResourceExt as _;

use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::{
        config::Args,
        connection::model::{AppAccess, Unseen},
        tenancy,
    },
};

/// What the operator watches.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// The namespace of the integration.
    pub home: bool,
    /// The labels of namespaces.
    pub labels: bool,
}

// === impl Sight ===

impl Sight {
    /// What an operator with this configuration watches, for an integration of the namespace `home`.
    pub fn of(config: &Args, home: &str) -> Self {
        let watched = config.scope.namespaces();
        let all = watched.as_ref();
        Self {
            home: all.is_none_or(|all| all.iter().any(|watched| watched == home)),
            labels: all.is_none(),
        }
    }
}

/// Whether a connection, in a namespace with these labels, may use the integration that was found. What the operator does
/// not watch says nothing against a connection that was allowed before, and nothing for any other.
pub fn access(
    connection: &ZoomConnection,
    found: Option<&ZoomIntegration>,
    labels: &tenancy::Labels,
    sight: Sight,
) -> AppAccess {
    let own = connection.namespace().unwrap_or_default();
    if !connection.spec.integration_ref.is_foreign(&own) {
        return AppAccess::Own;
    }
    let admits = |labels| found.is_some_and(|found| tenancy::admits(found, &own, labels));
    let was_admitted = tenancy::was_admitted(connection);
    match sight {
        Sight { home: false, .. } if was_admitted => AppAccess::Unseen(Unseen::Integration),
        _ if admits(Some(labels).filter(|_| sight.labels)) => AppAccess::Allowed,
        // A pass reads the labels, but no change of them leads to a pass.
        _ if was_admitted && admits(Some(labels)) => AppAccess::Unseen(Unseen::Labels),
        _ => AppAccess::Refused(tenancy::barred_since(connection)),
    }
}
