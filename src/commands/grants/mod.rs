//! `grants`: moves grants to another cluster. What is exported is erased here by a conditional write, so that
//! only one cluster can refresh it.
//!
//! | Question | Where |
//! |---|---|
//! | What is taken out, and how is it fenced? | `export.rs` |
//! | What is put in, and what is refused? | `import.rs` |
//! | How is the file sealed? | `sealed.rs` |

mod export;
mod import;
mod sealed;

use std::{collections::BTreeMap, path::PathBuf};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde::{Deserialize, Serialize};

use super::terminal::{self, Cluster, print};
use crate::controller::grants::secret::{self, StoredGrant};

/// Arguments of `grants`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where.
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

/// Arguments of `grants export`.
#[derive(Clone, Debug, clap::Args)]
pub struct Export {
    /// Connections of the namespace.
    #[arg(value_name = "CONNECTION", required_unless_present = "all")]
    pub names: Vec<String>,
    /// All connections of the namespace.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// File with the key, at least 32 bytes: `openssl rand -base64 32 > FILE`.
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// File to write. The one of an export that was interrupted is continued.
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

/// Arguments of `grants import`.
#[derive(Clone, Debug, clap::Args)]
pub struct Import {
    /// The file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// File with the key that it was exported with.
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
}

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// Whether every grant in it was erased where it came from.
    pub complete: bool,
    /// The grants.
    pub entries: Vec<Entry>,
}

/// A grant on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Namespace of the connection.
    pub namespace: String,
    /// Name of the connection.
    pub name: String,
    /// The data of the grant's Secret.
    pub data: BTreeMap<String, ByteString>,
}

// === impl Entry ===

impl Entry {
    /// The grant; `None` when it cannot be read.
    #[must_use]
    pub fn grant(&self) -> Option<StoredGrant> {
        secret::get(&Secret {
            data: Some(self.data.clone()),
            ..Secret::default()
        })
    }
}

/// Carries out `grants`. Whether all that was asked for was done.
///
/// # Errors
/// When the cluster cannot be asked, or a file cannot be read or written.
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

/// What became of one connection, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    done: bool,
    text: String,
}

// === impl Line ===

impl Line {
    fn done(connection: &str, what: &str) -> Self {
        Self {
            done: true,
            text: format!("zconn/{connection}  {what}\n"),
        }
    }

    fn refused(connection: &str, why: &str) -> Self {
        Self {
            done: false,
            text: format!("zconn/{connection}  refused: {why}\n"),
        }
    }
}
