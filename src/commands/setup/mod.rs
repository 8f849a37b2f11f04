//! `setup`: what people have to do in Zoom, with the exact texts to paste, on a terminal. Reads only
//! `ZoomIntegration`s and `ZoomConnection`s.

mod list;

use super::{
    handout,
    terminal::{self, Cluster, print},
};
use contract::Language;

/// Arguments of `setup`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The integration.
    #[arg(value_name = "NAME")]
    pub integration: String,
    /// Also show what to enter in steps that are done.
    #[arg(long)]
    pub all: bool,
    /// The language.
    #[arg(long, value_parser = terminal::language(), default_value = "en")]
    pub language: Language,
    /// The cluster and namespace.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// Runs `setup`.
///
/// # Errors
/// When a request to the cluster fails, there is no integration with this name, or the operator has not
/// observed it yet.
pub fn main(args: &Args) -> anyhow::Result<()> {
    terminal::block_on(async {
        let session = args.cluster.session().await?;
        let handout = handout::command::read(&session, &args.integration).await?;
        print(&list::render(&handout, args.language, args.all)?)
    })
}

#[cfg(test)]
mod tests;
