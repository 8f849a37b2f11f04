//! Measures the receiver beside others, on this machine, in one run.
//!
//! | question | module |
//! |---|---|
//! | What runs against what, and how is each started? | [`contestant`], [`process`] |
//! | What is sent? | [`request`], [`scenario`] |
//! | How is it sent, and what came back? | [`load`], [`tally`] |
//! | What did it cost? | [`measure`]; [`cpu`], [`memory`], [`disk`], [`machine`] |
//! | Where do events go? | [`sink`], [`nats`] |
//! | Does one tenant slow down another? | [`fairness`], [`tenants`] |
//! | What does each accept and refuse? | [`vectors`] |
//! | In which order? | [`run`] |
//! | What is written down, and is it good enough? | [`results`], [`aims`], [`report`] |
//!
//! Shares no code with the product: an error in one is not repeated by the other.

mod aims;
mod contestant;
mod cpu;
mod disk;
mod fairness;
mod load;
mod machine;
mod measure;
mod memory;
mod nats;
mod process;
mod report;
mod request;
mod results;
mod run;
mod scenario;
mod sink;
mod tally;
mod tenants;
mod vectors;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// See benches/README.md.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and write the results and the page.
    Run(run::Args),
    /// Write the page again from the results.
    Report {
        /// Results of a run.
        #[arg(long, default_value = "benches/results.json")]
        results: PathBuf,
        /// Page with the markers.
        #[arg(long, default_value = "docs/benchmarks.md")]
        page: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Report { results, page } => {
            report::write(&results::Results::load(&results)?, &page)
        }
    }
}
