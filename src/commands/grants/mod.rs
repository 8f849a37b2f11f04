//! `grants`: moves grants to another cluster. An exported grant is erased here by a conditional write, so
//! that only one cluster can refresh it.
//!
//! | Question | Where |
//! |---|---|
//! | Which connections are exported, and what is in the file at the end? | `export.rs` |
//! | Is a grant exported? | `verdict.rs` |
//! | How does a grant leave this cluster? | `fence.rs` |
//! | What is imported, and what is refused? | `import.rs` |
//! | How is the file sealed? | `sealed.rs` |
//! | What is in it? | `bundle.rs` |

mod args;
mod bundle;
mod export;
mod fence;
#[cfg(test)]
mod fixture;
mod import;
mod sealed;
mod verdict;

use self::args::{Export, Import};
use super::terminal::{self, Cluster, print};

/// Arguments of `grants`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The cluster and namespace.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// What to do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Take grants out of this cluster into a sealed file. Here their tokens are erased, and nothing refreshes
    /// them any more.
    Export(Export),
    /// Put grants from such a file into this cluster, for connections that are there already.
    Import(Import),
}

/// Runs `grants`. Returns whether everything succeeded.
///
/// # Errors
/// When a request to the cluster fails, or a file cannot be read or written.
pub fn main(args: &Args) -> anyhow::Result<bool> {
    terminal::block_on(async {
        let session = args.cluster.session().await?;
        let lines = match &args.command {
            Command::Export(command) => export::run(&session, command).await?,
            Command::Import(command) => {
                import::run(&session, args.cluster.namespace.as_deref(), command).await?
            }
        };
        for line in &lines {
            print(&line.text)?;
        }
        Ok(lines.iter().all(|line| line.done))
    })
}
