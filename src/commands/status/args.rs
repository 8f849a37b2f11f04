//! The flags of `status`.

use crate::commands::terminal::{Cluster, Target};

/// Arguments of `status`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
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
