//! The command line: structures only. Every flag has an environment twin.

use clap::{Parser, Subcommand};

use crate::{connect, controller, events, receiver};

/// Manages Zoom integrations as Kubernetes resources.
#[derive(Debug, Parser)]
#[command(name = "zoom-operator", version, propagate_version = true)]
pub struct Cli {
    /// What this process is.
    #[command(subcommand)]
    pub command: Command,
}

/// The processes and tools in this binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep every `ZoomIntegration` as it is declared.
    Controller(Box<controller::Args>),
    /// Serve one tenant's Zoom webhooks.
    Receiver(Box<receiver::Args>),
    /// Serve the pages on which people authorize General apps.
    Connect(Box<connect::Args>),
    /// List, show, replay and drop the events that could not be delivered.
    Events(Box<events::Args>),
    /// Print the `CustomResourceDefinition`s as YAML.
    Crds,
}
