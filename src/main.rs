//! The one binary: parse, install the TLS provider, dispatch.

use std::process::ExitCode;

use clap::Parser as _;
use zoom_operator::cli::{Cli, Plugin, is_plugin};

fn main() -> anyhow::Result<ExitCode> {
    // Several rustls providers in one process abort at the first handshake; choose before anything connects.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if is_plugin(std::env::args_os().next().as_deref()) {
        return Plugin::parse().tool.run();
    }
    Cli::parse().command.run()
}
