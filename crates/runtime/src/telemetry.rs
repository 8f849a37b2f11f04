//! Logs: one line per event on standard error, JSON for machines or text for people.

use std::io;

use clap::{Args, ValueEnum};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{LevelFilter, ParseError, Targets},
    fmt::format::JsonFields,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
    util::TryInitError,
};

use crate::{audit, flat_json::FlatJson};

/// The flags about logs; flatten into the arguments of a process.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// How log lines are written.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,zoom_operator=debug`. Records of the audit trail are
    /// written at every level, unless a directive names them: `warn,audit=off`.
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_parser = checked)]
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
        let directives = directives(&self.log_level);
        let lines = match targets(&directives) {
            Some(targets) => lines.with_filter(targets).boxed(),
            None => lines.with_filter(EnvFilter::try_new(directives)?).boxed(),
        };
        tracing_subscriber::registry().with(lines).try_init()?;
        Ok(())
    }
}

/// The audit trail does not end because somebody wants fewer log lines.
fn directives(text: &str) -> String {
    let names_audit = text
        .split(',')
        .any(|directive| directive.split('=').next() == Some(audit::TARGET));
    if names_audit {
        text.to_owned()
    } else {
        format!("{text},{}=info", audit::TARGET)
    }
}

/// The same filter where all directives are levels, some of them for a target: reading it takes no regular expressions, and
/// so half a megabyte of memory less.
fn targets(directives: &str) -> Option<Targets> {
    let is_target = |text: &str| {
        let is_plain = |symbol: char| symbol.is_ascii_alphanumeric() || "_:".contains(symbol);
        !text.is_empty() && text.chars().all(is_plain)
    };
    let mut targets = Targets::new();
    for directive in directives.split(',') {
        let (target, level) = directive.rsplit_once('=').unwrap_or(("", directive));
        // An empty one would be an error's level.
        let level: LevelFilter = Some(level)
            .filter(|level| !level.is_empty())?
            .parse()
            .ok()?;
        targets = match target {
            "" if !directive.contains('=') => targets.with_default(level),
            target if is_target(target) => targets.with_target(target, level),
            _ => return None,
        };
    }
    Some(targets)
}

fn checked(text: &str) -> Result<String, ParseError> {
    if targets(text).is_none() {
        EnvFilter::try_new(text)?;
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_refused_on_the_command_line() {
        assert!(checked("info,zoom_operator=debug").is_ok());
        assert!(checked("zoom_operator=loud").is_err());
    }

    #[test]
    fn levels_need_no_regular_expressions() {
        use tracing::Level;

        let targets = targets("info,zoom_operator::setup=debug,audit=off").unwrap();
        for (target, level, is_logged) in [
            ("receiver", Level::INFO, true),
            ("receiver", Level::DEBUG, false),
            ("zoom_operator::setup::steps", Level::DEBUG, true),
            ("zoom_operator", Level::DEBUG, false),
            ("audit", Level::ERROR, false),
        ] {
            assert_eq!(targets.would_enable(target, &level), is_logged, "{target}");
        }
        for text in [
            "",
            "info,",
            "receiver",
            "a[b]=info",
            "a[{b=1}]=info",
            " info",
        ] {
            assert!(super::targets(text).is_none(), "{text}");
            assert!(checked(text).is_ok(), "{text}");
        }
        for text in ["=info", "a=b=info", "receiver=loud"] {
            assert!(super::targets(text).is_none(), "{text}");
            assert!(checked(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_audit_trail_stays_at_every_level_unless_it_is_named() {
        for (text, expected) in [
            ("warn", "warn,audit=info"),
            (
                "off,zoom_operator=debug",
                "off,zoom_operator=debug,audit=info",
            ),
            ("warn,audit=off", "warn,audit=off"),
        ] {
            assert_eq!(directives(text), expected);
            assert!(EnvFilter::try_new(expected).is_ok());
        }
    }
}
