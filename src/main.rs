//! The binary: parses the command line, installs the TLS provider, and runs the command.

use std::process::ExitCode;

use clap::Parser as _;
use zoom_operator::cli::{Cli, Plugin, is_plugin};

fn main() -> anyhow::Result<ExitCode> {
    // With several rustls providers, a process aborts at the first handshake. Choose one before anything
    // connects.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if is_plugin(std::env::args_os().next().as_deref()) {
        return Plugin::parse().tool.run();
    }
    Cli::parse().command.run()
}
