//! zoom-operator: Zoom integrations as Kubernetes resources.

pub mod api;
pub mod cli;
pub mod ops;
pub mod receiver;
pub mod zoom;
