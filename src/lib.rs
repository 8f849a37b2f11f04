//! zoom-operator: Zoom integrations as Kubernetes resources.

pub mod cli;
pub mod ops;
pub mod receiver;
