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
//! What the processes share is in separate crates without Kubernetes: `zoom`, `grant`, `contract`, `runtime`,
//! and `receiver`, which is also a binary.
//!
//! - [`api`]: the resources, as users write and read them.
//! - [`controller`]: keeps the resources in their declared state.
//! - [`connect`]: the pages on which people authorize a General app, and Zoom's callback.
//! - [`setup`]: what people have to do in Zoom's portal, and the proof that they did it.
//! - [`reach`]: whether a webhook URL leads to its receiver, before Zoom tries it.
//! - [`commands`]: what people run: status, setup, doctor, handout, refresh, events.

pub mod api;
pub mod cli;
pub mod commands;
pub mod connect;
pub mod controller;
pub mod reach;
pub mod setup;
