//! `zoom-sim serve` is Zoom, `zoom-sim sink` records webhooks.

use std::{future::Future, net::SocketAddr};

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use zoom_sim::{Options, Server, Sink, WEBHOOK_TIMEOUT, install_crypto};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Filter for the log on standard error
    #[arg(long, env = "LOG_LEVEL", default_value = "info", global = true)]
    log_level: String,
}

#[derive(Subcommand)]
enum Command {
    /// Be Zoom: OAuth, REST and webhooks
    Serve(Serve),
    /// Record what is posted, answer 204
    Sink(Listen),
}

#[derive(Args)]
struct Listen {
    /// Address of the public side
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Address of the admin API
    #[arg(long, env = "ADMIN_LISTEN", default_value = "0.0.0.0:8081")]
    admin_listen: SocketAddr,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    listen: Listen,
    /// Where clients reach this Zoom; the `api_url` of every token
    #[arg(long, env = "PUBLIC_URL")]
    public_url: String,
    /// Send webhooks to plain http and to names that are not public, which Zoom refuses
    #[arg(long, env = "ALLOW_HTTP_ENDPOINTS")]
    allow_http_endpoints: bool,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_new(&cli.log_level)?)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    install_crypto();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(cli.command))
}

async fn run(command: Command) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    match command {
        Command::Serve(serve) => {
            let options = Options {
                listen: serve.listen.listen,
                admin_listen: serve.listen.admin_listen,
                public_url: serve.public_url,
                allow_http_endpoints: serve.allow_http_endpoints,
                webhook_timeout: WEBHOOK_TIMEOUT,
            };
            let server = Server::bind(options).await?;
            tracing::info!(listen = %server.zoom_addr(), admin = %server.admin_addr(), "zoom ready");
            server.run(stop).await?;
        }
        Command::Sink(listen) => {
            let sink = Sink::bind(listen.listen, listen.admin_listen).await?;
            tracing::info!(listen = %sink.addr(), admin = %sink.admin_addr(), "sink ready");
            sink.run(stop).await?;
        }
    }
    Ok(())
}

/// Installed before anything is served: process 1 of a container has no default reaction to these signals.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
