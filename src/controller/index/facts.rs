//! What the passes over other objects ask of a declared resource.

use kube::{Resource as _, core::DeserializeGuard};

use crate::{
    api::v1alpha1::{AccountClaim, ZoomConnection, ZoomIntegration},
    controller::{
        integration::{hosts::Claim, shared::proven},
        tenancy::Admission,
    },
};

/// What is asked of an integration.
#[derive(Debug)]
pub struct IntegrationFacts {
    /// Whether its last change had no pass yet.
    pub is_new: bool,
    /// `None` if this version cannot read it.
    pub app: Option<AppFacts>,
}

/// What is asked of an integration that can be read.
#[derive(Debug)]
pub struct AppFacts {
    /// The class of its operator.
    pub class: Option<Box<str>>,
    /// The Secret with its credentials.
    pub credentials: Box<str>,
    /// The namespaces that it allows; `None` if only its own.
    pub admission: Option<Box<Admission>>,
    /// Its claim on a host.
    pub claim: Option<Box<Claim>>,
    /// The client id with which Zoom accepted a General app.
    pub client_id: Option<Box<str>>,
    /// Which connection has which account by statement, in the order of accounts.
    pub stated: Box<[AccountClaim]>,
}

/// What is asked of a connection.
#[derive(Debug)]
pub struct ConnectionFacts {
    /// Whether its last change had no pass yet.
    pub is_new: bool,
}

// === impl IntegrationFacts ===

impl IntegrationFacts {
    /// The facts of an integration.
    #[must_use]
    pub fn of(object: &DeserializeGuard<ZoomIntegration>) -> Self {
        let observed = |found: &ZoomIntegration| found.status.as_ref()?.observed_generation;
        Self {
            is_new: object.0.as_ref().ok().and_then(observed) != object.meta().generation,
            app: object.0.as_ref().ok().map(|found| AppFacts {
                class: found.spec.operator_class.as_deref().map(Into::into),
                credentials: found.spec.credentials.secret_ref.name.as_str().into(),
                admission: (found.spec.allowed_namespaces.is_some())
                    .then(|| Box::new(Admission::of(found))),
                claim: Claim::of(found).map(|(_, claim)| Box::new(claim)),
                client_id: proven(found)
                    .filter(|_| found.spec.is_general())
                    .map(Into::into),
                stated: sorted(&found.spec.accounts),
            }),
        }
    }
}

// === impl AppFacts ===

impl AppFacts {
    /// The connections that have an account by statement.
    pub fn stated(&self, account: &str) -> impl Iterator<Item = &AccountClaim> {
        let first = self
            .stated
            .partition_point(|claim| claim.account_id.as_str() < account);
        let claims = self.stated[first..].iter();
        claims.take_while(move |claim| claim.account_id == account)
    }
}

/// The claims of an integration in the order of accounts.
fn sorted(claims: &[AccountClaim]) -> Box<[AccountClaim]> {
    let mut sorted: Box<[AccountClaim]> = claims.into();
    sorted.sort_by(|a, b| a.account_id.cmp(&b.account_id));
    sorted
}

// === impl ConnectionFacts ===

impl ConnectionFacts {
    /// The facts of a connection.
    #[must_use]
    pub fn of(object: &DeserializeGuard<ZoomConnection>) -> Self {
        let observed = |found: &ZoomConnection| found.status.as_ref()?.observed_generation;
        Self {
            is_new: object.0.as_ref().ok().and_then(observed) != object.meta().generation,
        }
    }
}
