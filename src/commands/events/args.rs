//! The commands and their flags.

use clap::Subcommand;
use contract::receiver::routes::Connection;

use crate::commands::terminal::{Cluster, Output};

/// Arguments of `zoom-operator events`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The cluster and namespace.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// Manages dead letters (events that the sink refused for good or did not accept in time, and signed bodies
/// that cannot be read), and events that are about to become dead letters.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List the dead letters, oldest first.
    List {
        /// The integration.
        integration: String,
        /// Only those of this connection: events that followed its route.
        #[arg(long, value_name = "NAMESPACE/NAME")]
        connection: Option<Connection>,
        /// How to print them.
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// Print one as JSON, with its body.
    Show {
        /// The integration.
        integration: String,
        /// The event's id, or its beginning.
        #[arg(value_parser = id)]
        id: String,
    },
    /// Send events to the sink again, with the ids that they have.
    Replay {
        /// The integration.
        integration: String,
        /// The events.
        #[command(flatten)]
        which: Which,
    },
    /// Turn the event that blocks the others into a dead letter: the first one in the buffer that the sink
    /// has not accepted.
    Skip {
        /// The integration.
        integration: String,
        /// The receiver's Pod. By default every one that has such an event.
        #[arg(long)]
        pod: Option<String>,
        /// Only an event of this connection.
        #[arg(long, value_name = "NAMESPACE/NAME")]
        connection: Option<Connection>,
    },
    /// Drop dead letters permanently.
    Drop {
        /// The integration.
        integration: String,
        /// The events.
        #[command(flatten)]
        which: Which,
    },
}

/// The events to act on.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Ids of events, or their beginnings.
    #[arg(value_parser = id)]
    pub ids: Vec<String>,
    /// All of them.
    #[arg(long)]
    pub all: bool,
    /// All of this connection: events that followed its route.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub connection: Option<Connection>,
}

// === impl Command ===

impl Command {
    /// Name of the integration.
    #[must_use]
    pub fn integration(&self) -> &str {
        match self {
            Self::List { integration, .. }
            | Self::Show { integration, .. }
            | Self::Replay { integration, .. }
            | Self::Skip { integration, .. }
            | Self::Drop { integration, .. } => integration,
        }
    }
}

fn id(text: &str) -> Result<String, &'static str> {
    let is_hex = text
        .bytes()
        .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    let is_id = is_hex && (4..=64).contains(&text.len());
    is_id
        .then(|| text.to_owned())
        .ok_or("expected 4 to 64 lower-case hex digits, as `list` prints them")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Cli::try_parse_from(std::iter::once("events").chain(line.split(' '))).map(|cli| cli.args)
    }

    #[test]
    fn some_or_all_but_not_both_and_not_none() {
        for line in [
            "list zoom",
            "list zoom -n a -o json",
            "show zoom 0a1b",
            "replay zoom 0a1b ffff",
            "replay zoom --all",
            "list zoom --connection clinic-a/zoom",
            "replay zoom --connection clinic-a/zoom",
            "skip zoom --connection clinic-a/zoom",
            "skip zoom",
            "skip zoom -n a --pod zoom-receiver-0",
            "drop -n a --context b zoom --all",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line));
        }
        for line in [
            "list",
            "show zoom",
            "show zoom 0A1B",
            "show zoom 0a1",
            "show zoom ../x",
            "replay zoom",
            "skip",
            "skip zoom 0a1b",
            "drop zoom 0a1b --all",
            "drop zoom --all --connection clinic-a/zoom",
            "list zoom --connection clinic-a",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
