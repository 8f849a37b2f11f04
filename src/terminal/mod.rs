//! What the commands for people share.
//!
//! | question | module |
//! |---|---|
//! | Which cluster and namespace? | [`cluster`] |
//! | Which object, and what if there is none? | [`resources`], [`nearest`] |
//! | Of which kind is the object that was named? | [`target`] |
//! | How do times and tables look? | [`time`], [`table`] |

pub mod cluster;
pub mod nearest;
pub mod resources;
pub mod table;
pub mod target;
pub mod time;

use std::io::Write as _;

use clap::builder::{PossibleValuesParser, TypedValueParser};

pub use self::{
    cluster::{Cluster, Session},
    target::Target,
};
use crate::connect::language::Language;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Prints to the standard output.
///
/// # Errors
/// When nobody reads it any more.
pub fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// Says something beside what is printed.
pub fn note(text: &str) {
    // Whoever closed the standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Runs a command on a runtime of one thread.
///
/// # Errors
/// Those of the command, and when there is no runtime.
pub fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

/// Takes the code of a language.
#[must_use]
pub fn language() -> impl TypedValueParser<Value = Language> {
    PossibleValuesParser::new(Language::ALL.map(Language::code))
        .map(|code| Language::parse(&code).unwrap_or(Language::English))
}

/// Text from a resource, on one line and without control characters: whoever wrote it must not move the
/// cursor.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
