//! The flags of `status`.

use crate::commands::terminal::{Cluster, Target};

/// Arguments of `status`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The integration, or `zconn/NAME`. Without it: all integrations, in a table.
    #[arg(value_name = "NAME")]
    pub target: Option<Target>,
    /// The integrations of all namespaces.
    #[arg(long, short = 'A', conflicts_with = "target")]
    pub all_namespaces: bool,
    /// The cluster and namespace.
    #[command(flatten)]
    pub cluster: Cluster,
}
