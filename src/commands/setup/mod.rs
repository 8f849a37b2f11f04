//! `setup`: what people have to do in Zoom, with the exact texts to paste, on a terminal. Reads
//! `ZoomIntegration`s and `ZoomConnection`s, and nothing else.

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
    /// Show also what to enter in steps that are done.
    #[arg(long)]
    pub all: bool,
    /// In which language.
    #[arg(long, value_parser = terminal::language(), default_value = "en")]
    pub language: Language,
    /// Where.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// Carries out `setup`.
///
/// # Errors
/// When the cluster cannot be asked, there is nothing of that name, or the operator has not seen it.
pub fn main(args: &Args) -> anyhow::Result<()> {
    terminal::block_on(async {
        let session = args.cluster.session().await?;
        let handout = handout::command::read(&session, &args.integration).await?;
        print(&list::render(&handout, args.language, args.all)?)
    })
}

#[cfg(test)]
mod tests;
