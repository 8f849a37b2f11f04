//! `zoom-operator.io/v1alpha1`: what users write and what they read back.
//!
//! | Question | Where |
//! |---|---|
//! | Which fields does a resource have? | a file for each part of the spec: `integration.rs`, `connection.rs`, `app.rs`, `credentials.rs`, `scopes.rs`, `oauth.rs`, `webhook.rs`, `endpoint.rs`, `token.rs`, `tenancy.rs`, `metadata.rs` |
//! | Where are the CEL rules? | beside the fields that they are about; those that two lists share: `scope_rules.rs`; those across objects: the chart's `admissionpolicies.yaml` |
//! | What does the status contain? | `status.rs`, `setup.rs`, `failure.rs` |

mod app;
mod connection;
mod credentials;
pub mod duration;
mod endpoint;
mod failure;
mod integration;
pub mod metadata;
mod oauth;
mod scope_rules;
mod scopes;
mod setup;
mod status;
mod tenancy;
mod text;
mod token;
mod webhook;

pub use app::{
    App, AppKind, Chatbot, ConfigMapKeyRef, Distribution, DomainValidation, Environment, Listing,
    Management,
};
pub use connection::{
    AccountStatus, ConnectionDeletionPolicy, ConnectionToken, ConsentStatus, EventsStatus,
    GrantStatus, Subject, SubjectStatus, ZoomConnection, ZoomConnectionSpec, ZoomConnectionStatus,
};
pub use credentials::{CredentialKeys, Credentials, LocalRef, Probe};
pub use endpoint::{Endpoint, Gateway, Ingress, ParentRef, PathType};
pub use failure::TokenFailure;
pub use integration::{ReadyWhen, ZoomIntegration, ZoomIntegrationSpec};
pub use oauth::{Consent, ConsentMode, OAuth, SelfService};
pub use scopes::Scopes;
pub use setup::{CredentialsStatus, SameValue, SetupEntry, SetupStep};
pub use status::{
    BufferStatus, ConnectionsStatus, Phase, ScopesStatus, TokenStatus, WebhookStatus,
    ZoomIntegrationStatus, told,
};
pub use tenancy::{
    AccountClaim, AllowedNamespaces, ConnectionSink, IntegrationRef, NamespacesFrom,
    SelfServiceTemplate,
};
pub use token::{DeletionPolicy, Restart, RestartWhen, Token, Workload, WorkloadKind};
pub use webhook::{
    Authentication, AuthenticationType, Buffer, BufferStorage, HttpFormat, HttpSink, NatsMessageId,
    NatsSink, ReceiverKnobs, Resources, ServiceRef, Sink, Spread, Subscription, Toleration,
    UnclaimedAccounts, Webhook, WhenUnsatisfiable,
};
