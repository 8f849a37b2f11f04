//! The one binary: parse, install the TLS provider, dispatch.

use clap::Parser as _;
use zoom_operator::{
    api::crds,
    cli::{Cli, Command},
    connect, controller, events, receiver,
};

fn main() -> anyhow::Result<()> {
    // Several rustls providers in one process abort at the first handshake; choose before anything connects.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Cli::parse().command {
        Command::Controller(args) => controller::main(*args),
        Command::Receiver(args) => receiver::main(*args),
        Command::Connect(args) => connect::main(*args),
        Command::Events(args) => events::main(*args),
        Command::Crds => {
            for (_, yaml) in crds::all()? {
                print!("---\n{yaml}");
            }
            Ok(())
        }
    }
}
