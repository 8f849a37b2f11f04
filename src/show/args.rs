//! The flags of `status` and `setup`.

use crate::terminal::{self, Cluster, Target};
use contract::Language;

/// Arguments of `status`.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// The integration, or `zconn/NAME`. Without it: all integrations, in a table.
    #[arg(value_name = "NAME")]
    pub target: Option<Target>,
    /// Those of all namespaces.
    #[arg(long, short = 'A', conflicts_with = "target")]
    pub all_namespaces: bool,
    /// Where.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// Arguments of `setup`.
#[derive(Clone, Debug, clap::Args)]
pub struct SetupArgs {
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
