//! zoom-operator: Zoom integrations as Kubernetes resources.
//!
//! ```text
//!  ZoomIntegration ──► controller: observe ─► plan ─► apply ─► report ──► status
//!  credentials Secret ─┘                │              │
//!                                  Zoom's OAuth   token Secret, receiver
//!                                                       │
//!  Zoom's webhooks ──────────────────────────► receiver ─► sink (CloudEvents)
//! ```
//!
//! - [`api`]: the resources, as users write and read them.
//! - [`controller`]: keeps them as declared.
//! - [`zoom`]: the client for Zoom; knows nothing of Kubernetes.
//! - [`receiver`]: a tenant's webhook server; knows nothing of Kubernetes.
//! - [`connect`]: the pages on which people authorize a General app, and Zoom's callback.
//! - [`consent`]: what these pages and the controller agree on.
//! - [`scopes`]: what Zoom's scopes are and how they relate.
//! - [`setup`]: what people have to do in Zoom's portal, and what proves that they did.
//! - [`handout`]: the same on paper, for the customer's administrator.
//! - [`reach`]: whether a webhook URL leads to its receiver, before Zoom tries it.
//! - [`show`], [`doctor`], [`refresh`]: how things stand, what is wrong, and another token, for people.
//! - [`events`]: a tenant's dead letters, for people.
//! - [`terminal`]: what the commands for people share.
//! - [`ops`]: what every process shares.

pub mod api;
pub mod cli;
pub mod connect;
pub mod consent;
pub mod controller;
pub mod doctor;
pub mod events;
pub mod grant;
pub mod handout;
pub mod ops;
pub mod reach;
pub mod receiver;
pub mod refresh;
pub mod scopes;
pub mod setup;
pub mod show;
pub mod terminal;
pub mod zoom;
