//! Logs: one line per event on standard error, JSON for machines or text for people.

use std::io;

use clap::{Args, ValueEnum};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::ParseError, fmt::format::JsonFields, layer::SubscriberExt as _,
    util::SubscriberInitExt as _, util::TryInitError,
};

use crate::flat_json::FlatJson;

/// The flags about logs; flatten into the arguments of a process.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// How log lines are written.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,zoom_operator=debug`.
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_parser = filter)]
    pub log_level: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For a terminal.
    Text,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is not in the syntax of `tracing-subscriber`.
    #[error("invalid log filter")]
    Filter(#[from] ParseError),
    /// The process has a subscriber already.
    #[error("failed to install the log subscriber")]
    Install(#[from] TryInitError),
}

// === impl LogArgs ===

impl LogArgs {
    /// Installs the process's subscriber. Call once, before anything logs.
    ///
    /// # Errors
    /// When the filter is invalid or a subscriber was installed before.
    pub fn init(&self) -> Result<(), InitError> {
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        let lines = match self.log_format {
            LogFormat::Json => lines
                .fmt_fields(JsonFields::new())
                .event_format(FlatJson)
                .boxed(),
            LogFormat::Text => lines.boxed(),
        };
        let filter = EnvFilter::try_new(&self.log_level)?;
        tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .try_init()?;
        Ok(())
    }
}

fn filter(text: &str) -> Result<String, ParseError> {
    EnvFilter::try_new(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_refused_on_the_command_line() {
        assert!(filter("info,zoom_operator=debug").is_ok());
        assert!(filter("zoom_operator=loud").is_err());
    }
}
