//! Serves one tenant's Zoom webhooks.

use clap::Parser;
use receiver::Args;

/// Serves one tenant's Zoom webhooks.
#[derive(Debug, Parser)]
#[command(name = "zoom-receiver", version)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn main() -> anyhow::Result<()> {
    // Several rustls providers in one process abort at the first handshake: choose before anything connects.
    let _ = rustls::crypto::ring::default_provider().install_default();
    receiver::main(Cli::parse().args)
}
