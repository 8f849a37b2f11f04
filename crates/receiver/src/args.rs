//! The flags of `zoom-operator receiver`, and the configuration that they make.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use jiff::SignedDuration;

use super::{
    authentication::Scheme,
    buffer::{self, backoff::Backoff},
    cloudevent::{Extension, Integration},
    filter::Filter,
    seconds::seconds,
    sink::SinkArgs,
};
use runtime::{http::Limits, telemetry::LogArgs};

/// Arguments of `zoom-operator receiver`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where webhooks arrive.
    #[arg(long, env = "LISTEN", default_value = "[::]:8080")]
    pub listen: SocketAddr,
    /// Where `/live`, `/ready` and `/metrics` are.
    #[arg(long, env = "ADMIN_LISTEN", default_value = "[::]:8081")]
    pub admin_listen: SocketAddr,
    /// Where `/facts` is, for the controller.
    #[arg(long, env = "FACTS_LISTEN", default_value = "[::]:8082")]
    pub facts_listen: SocketAddr,
    /// The only path that takes webhooks.
    #[arg(long, env = "WEBHOOK_PATH", default_value = "/", value_parser = path)]
    pub path: String,
    /// The integration as `namespace/name`: the source of the events.
    #[arg(long, env = "INTEGRATION")]
    pub integration: Integration,
    /// Directory with the files `webhook-secret-token` and `previous-webhook-secret-token`.
    #[arg(
        long,
        env = "SIGNING_SECRETS_DIR",
        default_value = "/etc/zoom-operator/signing"
    )]
    pub signing_secrets_dir: PathBuf,
    /// What is asked for beside the signature: `basic` or `header:<name>`.
    #[arg(long, env = "AUTHENTICATION", requires = "authentication_dir")]
    pub authentication: Option<Scheme>,
    /// Directory with the files `webhook-username` and `webhook-password`, or `webhook-header-value`.
    #[arg(long, env = "AUTHENTICATION_DIR")]
    pub authentication_dir: Option<PathBuf>,
    /// Directory that outlives the container, for `facts.json`.
    #[arg(long, env = "STATE_DIR", default_value = "/var/lib/zoom-operator")]
    pub state_dir: PathBuf,
    /// Where events go.
    #[command(flatten)]
    pub sink: SinkArgs,
    /// A fact about the tenant, `key=value`, sent with every event; can be repeated.
    #[arg(long = "attribute", value_name = "KEY=VALUE")]
    pub attribute: Vec<Extension>,
    /// Several such facts, separated by commas.
    #[arg(
        long,
        env = "ATTRIBUTES",
        value_delimiter = ',',
        value_name = "KEY=VALUE,..."
    )]
    pub attributes: Vec<Extension>,
    /// Pass on only the events named by --event, and `app_deauthorized`; acknowledge the others.
    #[arg(long, env = "FILTER")]
    pub filter: bool,
    /// An event to pass on; can be repeated.
    #[arg(long = "event", value_name = "NAME")]
    pub event: Vec<String>,
    /// Directory of the durable buffer. Without it the sink has to take an event while Zoom waits.
    #[arg(long, env = "BUFFER_DIR")]
    pub buffer_dir: Option<PathBuf>,
    /// Most bytes of stored events, counted in whole pages of the disk.
    #[arg(long, env = "BUFFER_SIZE", default_value_t = 268_435_456)]
    pub buffer_size: u64,
    /// Seconds that an event may wait for the sink before it becomes a dead letter.
    #[arg(long, env = "BUFFER_MAX_AGE", default_value = "604800", value_parser = seconds)]
    pub buffer_max_age: Duration,
    /// Attempts at an event while the sink takes others, before it becomes a dead letter.
    #[arg(
        long,
        env = "BUFFER_ATTEMPTS",
        default_value_t = buffer::ATTEMPTS,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub buffer_attempts: u32,
    /// The buffer's directory goes with the Pod: forward what it holds before the process ends.
    #[arg(long, env = "BUFFER_EPHEMERAL")]
    pub buffer_ephemeral: bool,
    /// Where dead letters are looked after.
    #[arg(long, env = "CONTROL_LISTEN", default_value = "[::]:8083")]
    pub control_listen: SocketAddr,
    /// File with the token of that port. Without it there is no such port.
    #[arg(long, env = "CONTROL_TOKEN_FILE")]
    pub control_token_file: Option<PathBuf>,
    /// Answer Zoom's URL validation only; events are kept in the buffer, or answered 503 without one.
    #[arg(long, env = "SUSPENDED")]
    pub suspended: bool,
    /// Most bytes of a body.
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 1_048_576)]
    pub max_body_bytes: u32,
    /// Seconds by which the signed time may differ from ours. Zoom retries for 85 minutes.
    #[arg(long, env = "TIMESTAMP_TOLERANCE", default_value = "7200", value_parser = seconds)]
    pub timestamp_tolerance: Duration,
    /// Seconds to go on accepting after SIGTERM, until no proxy sends here any more.
    #[arg(long, env = "DRAIN_GRACE", default_value = "5", value_parser = seconds)]
    pub drain_grace: Duration,
    /// Seconds after SIGTERM that the Pod has, for an ephemeral buffer to become empty.
    #[arg(long, env = "DRAIN_LIMIT", default_value = "25", value_parser = seconds)]
    pub drain_limit: Duration,
    /// Logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What a receiver is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where webhooks arrive.
    pub listen: SocketAddr,
    /// Where `/live`, `/ready` and `/metrics` are.
    pub admin_listen: SocketAddr,
    /// Where `/facts` is.
    pub facts_listen: SocketAddr,
    /// The only path that takes webhooks.
    pub path: String,
    /// The source of the events.
    pub integration: Integration,
    /// Facts about the tenant.
    pub extensions: Vec<Extension>,
    /// Directory of the signing secrets.
    pub signing_secrets_dir: PathBuf,
    /// What is asked for beside the signature, and the directory of its files.
    pub authentication: Option<(Scheme, PathBuf)>,
    /// Directory of the facts.
    pub state_dir: PathBuf,
    /// Where events go.
    pub sink: SinkArgs,
    /// Which events go on.
    pub filter: Filter,
    /// The durable buffer.
    pub buffer: Option<buffer::Settings>,
    /// Where dead letters are looked after, and the file with the token.
    pub control: Option<(SocketAddr, PathBuf)>,
    /// Answer URL validations only, and forward nothing.
    pub suspended: bool,
    /// Most bytes of a body.
    pub max_body: usize,
    /// Largest difference between the signed time and ours.
    pub tolerance: Duration,
    /// What has no flag.
    pub tuning: Tuning,
}

/// What has no flag: figures that follow from Zoom's rules and from the size of a receiver.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Time for a request from its head to the answer.
    pub deadline: Duration,
    /// Between two looks at the signing secrets, and at the sink's credentials.
    pub secrets_interval: Duration,
    /// For how long wrong signatures are answered 503 after right ones: Zoom sends those events again, up to
    /// 85 minutes later, and a person may correct the secret meanwhile.
    pub signature_patience: SignedDuration,
    /// How long ordinary facts wait for others before they are written.
    pub facts_pause: Duration,
    /// How long to go on accepting after the signal.
    pub drain_grace: Duration,
    /// Time from the signal until an ephemeral buffer has to be empty.
    pub drain_limit: Duration,
    /// Deliveries to the sink at a time.
    pub sink_concurrency: u32,
    /// Most events that are remembered, of about 100 bytes each.
    pub dedupe_capacity: usize,
    /// Most bytes of all bodies under way.
    pub body_budget: usize,
    /// Longest pause within a body on a connection that has not proven itself.
    pub body_idle: Duration,
    /// Limits of the webhook port.
    pub limits: Limits,
}

// === impl Config ===

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        Self {
            listen: args.listen,
            admin_listen: args.admin_listen,
            facts_listen: args.facts_listen,
            path: args.path,
            integration: args.integration,
            extensions: [args.attributes, args.attribute].concat(),
            signing_secrets_dir: args.signing_secrets_dir,
            authentication: args.authentication.zip(args.authentication_dir),
            state_dir: args.state_dir,
            filter: if args.filter {
                Filter::only(args.event)
            } else {
                Filter::default()
            },
            sink: args.sink,
            buffer: args.buffer_dir.map(|directory| buffer::Settings {
                directory,
                size: args.buffer_size,
                max_age: args.buffer_max_age,
                ephemeral: args.buffer_ephemeral,
                backoff: Backoff::default(),
                attempts: args.buffer_attempts,
                patience: buffer::PATIENCE,
                most_ids: buffer::most_ids(args.buffer_size),
            }),
            control: args
                .control_token_file
                .map(|file| (args.control_listen, file)),
            suspended: args.suspended,
            max_body: args.max_body_bytes as usize,
            tolerance: args.timestamp_tolerance,
            tuning: Tuning {
                drain_grace: args.drain_grace,
                drain_limit: args.drain_limit,
                ..Tuning::default()
            },
        }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            // Leaves Zoom's three seconds some time for the way.
            deadline: Duration::from_millis(2800),
            secrets_interval: Duration::from_secs(1),
            signature_patience: SignedDuration::from_hours(24),
            facts_pause: Duration::from_secs(5),
            drain_grace: Duration::from_secs(5),
            drain_limit: Duration::from_secs(25),
            sink_concurrency: 64,
            dedupe_capacity: 65_536,
            body_budget: 16 * 1024 * 1024,
            body_idle: Duration::from_millis(750),
            limits: Limits {
                connections: 512,
                keep_alive: true,
                head_timeout: Duration::from_secs(3),
                // Longer than common proxies keep a connection that nobody uses (nginx: 60 s): who
                // closes last never closes on a request.
                idle_timeout: Duration::from_secs(75),
                max_age: Duration::from_mins(15),
                // Anybody can hold a connection open for a while; those of Zoom are not to wait.
                sheds_unproven: true,
                ..Limits::default()
            },
        }
    }
}

fn path(text: &str) -> Result<String, &'static str> {
    let is_path = text.starts_with('/')
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains(['?', '#']);
    is_path.then(|| text.to_owned()).ok_or("expected /...")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(flags: &[&str]) -> Result<Config, clap::Error> {
        let line = ["receiver", "--integration=ns/name"].iter().chain(flags);
        Cli::try_parse_from(line).map(|cli| cli.args.into())
    }

    #[test]
    fn the_defaults_suffice() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.sink.timeout, Duration::from_millis(2500));
        assert!(config.tuning.deadline < Duration::from_secs(3));
        assert!(config.tuning.deadline > config.sink.timeout);
        assert!(config.tuning.body_budget > config.max_body);
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
            parse(&flags).unwrap().extensions,
            expected.map(|(name, value)| Extension::new(name, value).unwrap())
        );
    }

    #[test]
    fn wrong_flags_are_refused() {
        for flag in [
            "--sink-timeout=-1",
            "--sink-timeout=NaN",
            "--timestamp-tolerance=1e9",
            "--path=hook",
            "--path=/a?b",
            "--sink-url=ftp://a",
            "--attribute=id=1",
            "--integration=name",
        ] {
            assert!(parse(&[flag]).is_err(), "{flag}");
        }
    }
}
