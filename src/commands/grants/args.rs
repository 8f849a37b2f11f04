//! The arguments of the two commands.

use std::path::PathBuf;

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
    /// File to write. The file of an interrupted export is continued.
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
