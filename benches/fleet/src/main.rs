//! Measures the controller with thousands of integrations, and beside it, in the same run, a bare client that makes
//! the same writes. `benches/fleet/run` prepares the cluster; `benches/README.md` explains the method.
//!
//! | question | module |
//! |---|---|
//! | What is measured, in which order? | [`phases`] |
//! | Which objects are there? | [`tenants`], [`customers`] with connections, [`hooks`] with receivers |
//! | What does the bare client do? | [`floor`] |
//! | When is an object connected? | [`watched`] |
//! | What does the controller cost? | [`controller`], from the kernel, and [`audit`], from the API server's log |
//! | What does Zoom see? | [`zoom`] |
//! | Who answers for receivers that do not run? | [`stub`] |
//! | What is kept and shown? | [`results`], [`page`], [`picture`] |

mod audit;
mod cluster;
mod controller;
mod customers;
mod floor;
mod hooks;
mod page;
mod phases;
mod picture;
mod results;
mod stub;
mod tenants;
mod watched;
mod zoom;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;

use self::{phases::Phase, results::Results};

/// Measures the controller with thousands of integrations.
#[derive(Parser)]
enum Command {
    /// Measures, and writes the results.
    Run(Run),
    /// Writes the page and the picture from results.
    Report(Report),
}

/// What is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Run {
    /// How many integrations, at least 100.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=50_000))]
    pub objects: u32,
    /// How many connections; without it half as many as integrations.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=50_000))]
    pub connections: Option<u32>,
    /// How many receivers; without it a tenth as many as integrations.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=5_000))]
    pub receivers: Option<u32>,
    /// Only these phases, and what they need.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Phase>,
    /// Requests of the bare client under way at a time.
    #[arg(long, default_value_t = 32)]
    pub in_flight: usize,
    /// For how many seconds nothing is done, to measure that.
    #[arg(long, default_value_t = 60)]
    pub idle: u64,
    /// Where the API server records its requests.
    #[arg(long)]
    pub audit: PathBuf,
    /// Namespace of the operator's release.
    #[arg(long, default_value = "zoom-operator-system")]
    pub namespace: String,
    /// Namespace of the offline Zoom.
    #[arg(long, default_value = "zoom")]
    pub zoom: String,
    /// Where the consent pages are, as the operator knows it.
    #[arg(long)]
    pub pages: String,
    /// The node for receivers that run nothing. Without it they are left out.
    #[arg(long)]
    pub kwok: Option<String>,
    /// Where the results go.
    #[arg(long)]
    pub results: PathBuf,
}

/// What is written.
#[derive(Debug, clap::Args)]
struct Report {
    /// The results.
    #[arg(long)]
    results: PathBuf,
    /// The page.
    #[arg(long)]
    page: PathBuf,
    /// The part of the page that is replaced, and the name of its picture in the folder `images` beside the page.
    #[arg(long)]
    part: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    match Command::parse() {
        Command::Run(run) => {
            let results = phases::all(&run).await?;
            std::fs::write(&run.results, serde_json::to_string_pretty(&results)? + "\n")?;
            if run.only.is_empty() {
                println!("{}", page::markdown(&results, "fleet"));
            } else {
                println!("{}", serde_json::to_string_pretty(&results)?);
            }
        }
        Command::Report(report) => {
            let text = std::fs::read_to_string(&report.results)
                .with_context(|| report.results.display().to_string())?;
            let results: Results = serde_json::from_str(&text)?;
            let Report { page, part, .. } = report;
            let pictures = page.with_file_name("images");
            std::fs::create_dir_all(&pictures)?;
            std::fs::write(pictures.join(format!("{part}.svg")), picture::svg(&results))?;
            page::write(&results, &page, &part)?;
        }
    }
    Ok(())
}
