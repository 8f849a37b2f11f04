//! One tenant's webhook server: takes what Zoom signed, and says so only once the sink has it.
//!
//! Knows nothing of Kubernetes: it faces the internet and holds one tenant's secrets only.

pub mod challenge;
pub mod cloudevent;
pub mod dedupe;
pub mod event;
pub mod facts;
mod hex;
pub mod secrets;
pub mod signature;

/// Arguments of `zoom-operator receiver`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the receiver until it is told to stop.
///
/// # Errors
/// When a port cannot be bound.
pub fn main(_args: Args) -> anyhow::Result<()> {
    Ok(())
}
