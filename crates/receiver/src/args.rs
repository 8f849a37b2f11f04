//! From the command line to a configuration.
//!
//! [`Flags`] is the grammar, which the controller shares. What a value means is judged here, so that a wrong one is
//! named with its flag.

use std::{fmt::Display, str::FromStr};

use contract::receiver::{Flags, SinkFlags};

use super::{
    buffer::{self, backoff::Backoff},
    cloudevent::Extension,
    config::{Config, Tuning},
    filter::Filter,
    routing,
    sink::{SinkConfig, config::DEFAULT_TIMEOUT},
};
use runtime::telemetry::LogArgs;

/// Arguments of `zoom-receiver`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to receive, and where it goes.
    #[command(flatten)]
    pub flags: Flags,
    /// Logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The value of a flag is not one. Does not show the value, which may hold a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: {problem}")]
pub struct FlagError {
    flag: &'static str,
    problem: String,
}

// === impl Config ===

impl TryFrom<Flags> for Config {
    type Error = FlagError;

    fn try_from(flags: Flags) -> Result<Self, FlagError> {
        let tuning = Tuning {
            drain_grace: flags.drain_grace,
            drain_limit: flags.drain_limit,
            ..Tuning::default()
        };
        Ok(Self {
            listen: flags.listen,
            admin_listen: flags.admin_listen,
            facts_listen: flags.facts_listen,
            path: flags.path,
            integration: flags.integration,
            extensions: flags
                .attributes
                .iter()
                .chain(&flags.attribute)
                .map(|attribute| Extension::new(&attribute.key, &attribute.value))
                .collect::<Result<_, _>>()
                .map_err(|error| FlagError::new("attribute", error))?,
            signing_secrets_dir: flags.signing_secrets_dir,
            authentication: flags.authentication.zip(flags.authentication_dir),
            domain_validation: flags.domain_validation_file,
            state_dir: flags.state_dir,
            filter: if flags.filter {
                Filter::only(flags.event)
            } else {
                Filter::default()
            },
            sink: flags.sink.try_into()?,
            buffer: flags.buffer_dir.map(|directory| buffer::Settings {
                directory,
                size: flags.buffer_size,
                max_age: flags.buffer_max_age,
                ephemeral: flags.buffer_ephemeral,
                backoff: Backoff::default(),
                attempts: flags.buffer_attempts,
                patience: buffer::PATIENCE,
                most_ids: buffer::most_ids(flags.buffer_size),
            }),
            control: flags
                .control_token_file
                .map(|file| (flags.control_listen, file)),
            lifecycle_dir: flags.lifecycle_dir,
            suspended: flags.suspended,
            max_body: flags.max_body_bytes as usize,
            tolerance: flags.timestamp_tolerance,
            routing: flags.routing.dir.map(|directory| routing::Settings {
                directory,
                unclaimed: flags.routing.unclaimed,
                share: flags.routing.account_share,
                grace: routing::GRACE,
                interval: tuning.secrets_interval,
            }),
            tuning,
        })
    }
}

// === impl SinkConfig ===

impl TryFrom<SinkFlags> for SinkConfig {
    type Error = FlagError;

    fn try_from(flags: SinkFlags) -> Result<Self, FlagError> {
        Ok(Self {
            url: parse("sink-url", flags.url)?,
            service: parse("sink-service", flags.service)?,
            nats: parse("sink-nats", flags.nats)?,
            nats_subject: parse("sink-nats-subject", flags.nats_subject)?,
            nats_message_id: flags.nats_message_id.unwrap_or_default(),
            format: flags.format.unwrap_or_default(),
            credentials_dir: flags.credentials_dir,
            timeout: flags.timeout.unwrap_or(DEFAULT_TIMEOUT),
            allow_networks: flags.allow_networks,
            refuse_networks: flags.refuse_networks,
            service_addresses: flags.service_addresses.map(|judged| judged.0),
            ..Self::default()
        })
    }
}

// === impl FlagError ===

impl FlagError {
    fn new(flag: &'static str, problem: impl Display) -> Self {
        let problem = problem.to_string();
        Self { flag, problem }
    }
}

fn parse<T>(flag: &'static str, value: Option<impl Display>) -> Result<Option<T>, FlagError>
where
    T: FromStr<Err: Display>,
{
    value
        .map(|value| value.to_string().parse())
        .transpose()
        .map_err(|problem| FlagError::new(flag, problem))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::time::Duration;

    use clap::Parser;
    use contract::receiver::SinkFormat;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn configure(flags: &[&str]) -> Result<Config, FlagError> {
        let line = ["receiver", "--integration=ns/name"].iter().chain(flags);
        Cli::try_parse_from(line).unwrap().args.flags.try_into()
    }

    #[test]
    fn the_defaults_suffice() {
        let config = configure(&[]).unwrap();
        assert!(config.sink.url.is_none() && config.sink.service.is_none());
        assert_eq!(config.sink.timeout, SinkConfig::default().timeout);
        assert!(config.tuning.deadline < Duration::from_secs(3));
        assert!(config.tuning.deadline > config.sink.timeout);
        assert!(config.tuning.body_budget > config.max_body);
    }

    #[test]
    fn flags_are_read() {
        let config = configure(&[
            "--sink-url=https://sink.example/in",
            "--sink-format=Zoom",
            "--sink-allow-network=10.0.0.0/8,fd00::/8",
            "--sink-allow-network=127.0.0.1/32",
        ]);
        let sink = config.unwrap().sink;
        assert_eq!(sink.format, SinkFormat::Zoom);
        assert_eq!(sink.allow_networks.len(), 3);
    }

    #[test]
    fn facts_may_be_listed_or_repeated() {
        let flags = [
            "--attributes=a=1,b=2",
            "--attribute=c=3,4",
            "--attribute=d=5",
        ];
        let expected = [("a", "1"), ("b", "2"), ("c", "3,4"), ("d", "5")];
        assert_eq!(
            configure(&flags).unwrap().extensions,
            expected.map(|(name, value)| Extension::new(name, value).unwrap())
        );
    }

    #[test]
    fn a_wrong_value_is_named_by_its_flag_and_not_shown() {
        for (flags, named) in [
            (&["--sink-url=ftp://a?key=s3cret"][..], "--sink-url: "),
            (&["--sink-service=a"], "--sink-service: "),
            (
                &["--sink-nats=http://b", "--sink-nats-subject=c"],
                "--sink-nats: ",
            ),
            (
                &["--sink-nats=nats://b", "--sink-nats-subject=c.>"],
                "--sink-nats-subject: ",
            ),
            (&["--attribute=id=1"], "--attribute: "),
        ] {
            let error = configure(flags).unwrap_err().to_string();
            assert!(error.starts_with(named), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
