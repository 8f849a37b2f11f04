//! The one binary: parse, install the TLS provider, pick the runtime, dispatch.

use clap::Parser as _;
use zoom_operator::cli::{Cli, Command};

fn main() -> anyhow::Result<()> {
    // Several rustls providers in one process abort at the first handshake; choose before anything connects.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Cli::parse().command {
        Command::Receiver(args) => zoom_operator::receiver::main(args),
    }
}
