//! One tenant's webhook server. Knows nothing of Kubernetes.

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
