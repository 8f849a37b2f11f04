//! The command line of a receiver: [`Flags`] parses it, [`Flags::to_args`] writes it.
//!
//! Receivers of the version before read what this version writes, and the reverse: a flag that a receiver can
//! do without is written only when its value is not the default, and no default ever changes.

use std::{fmt::Display, net::SocketAddr, path::PathBuf, time::Duration};

use clap::ValueEnum;

use super::{
    files::{SIGNING_DIR, STATE_DIR},
    ports::{ADMIN, CONTROL, FACTS, HTTP, everywhere},
    routing_flags::RoutingFlags,
    seconds,
    sink_flags::{SERVICE_ADDRESSES, SinkFlags},
    values::{Attribute, Integration, Scheme},
};

/// How long an event may wait for the sink unless stated: a week.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_hours(7 * 24);
/// Attempts at an event while the sink takes others, unless stated: about eight minutes.
pub const DEFAULT_ATTEMPTS: u32 = 10;
/// Most bytes of stored events unless stated.
const DEFAULT_SIZE: u64 = 256 << 20;
/// Most bytes of a body unless stated.
const DEFAULT_BODY: u32 = 1 << 20;

/// What a receiver is told on its command line.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Flags {
    /// Where webhooks arrive.
    #[arg(long, env = "LISTEN", default_value_t = everywhere(HTTP))]
    pub listen: SocketAddr,
    /// Where `/live`, `/ready` and `/metrics` are.
    #[arg(long, env = "ADMIN_LISTEN", default_value_t = everywhere(ADMIN))]
    pub admin_listen: SocketAddr,
    /// Where `/facts` is, for the controller.
    #[arg(long, env = "FACTS_LISTEN", default_value_t = everywhere(FACTS))]
    pub facts_listen: SocketAddr,
    /// The only path that takes webhooks.
    #[arg(long, env = "WEBHOOK_PATH", default_value = "/", value_parser = path)]
    pub path: String,
    /// The integration as `namespace/name`: the source of the events.
    #[arg(long, env = "INTEGRATION")]
    pub integration: Integration,
    /// Directory with the files `webhook-secret-token` and `previous-webhook-secret-token`.
    #[arg(long, env = "SIGNING_SECRETS_DIR", default_value = SIGNING_DIR)]
    pub signing_secrets_dir: PathBuf,
    /// What is asked for beside the signature: `basic` or `header:<name>`.
    #[arg(long, env = "AUTHENTICATION", requires = "authentication_dir")]
    pub authentication: Option<Scheme>,
    /// Directory with the files `webhook-username` and `webhook-password`, or `webhook-header-value`.
    #[arg(long, env = "AUTHENTICATION_DIR")]
    pub authentication_dir: Option<PathBuf>,
    /// File for Zoom's domain validation, answered at `/zoomverify/verifyzoom.html`.
    #[arg(long, env = "DOMAIN_VALIDATION_FILE")]
    pub domain_validation_file: Option<PathBuf>,
    /// Directory that outlives the container, for `facts.json`.
    #[arg(long, env = "STATE_DIR", default_value = STATE_DIR)]
    pub state_dir: PathBuf,
    /// Where events go.
    #[command(flatten)]
    pub sink: SinkFlags,
    /// How events of many accounts are told apart.
    #[command(flatten)]
    pub routing: RoutingFlags,
    /// A fact about the tenant, `key=value`, sent with every event; can be repeated.
    #[arg(long = "attribute", value_name = "KEY=VALUE")]
    pub attribute: Vec<Attribute>,
    /// Several such facts, separated by commas.
    #[arg(
        long,
        env = "ATTRIBUTES",
        value_delimiter = ',',
        value_name = "KEY=VALUE,..."
    )]
    pub attributes: Vec<Attribute>,
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
    #[arg(long, env = "BUFFER_SIZE", default_value_t = DEFAULT_SIZE)]
    pub buffer_size: u64,
    /// Seconds that an event may wait for the sink before it becomes a dead letter.
    #[arg(long, env = "BUFFER_MAX_AGE", default_value = "604800", value_parser = seconds::parse)]
    pub buffer_max_age: Duration,
    /// Attempts at an event while the sink takes others, before it becomes a dead letter.
    #[arg(
        long,
        env = "BUFFER_ATTEMPTS",
        default_value_t = DEFAULT_ATTEMPTS,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub buffer_attempts: u32,
    /// The buffer's directory goes with the Pod: forward what it holds before the process ends.
    #[arg(long, env = "BUFFER_EPHEMERAL")]
    pub buffer_ephemeral: bool,
    /// Where dead letters are looked after.
    #[arg(long, env = "CONTROL_LISTEN", default_value_t = everywhere(CONTROL))]
    pub control_listen: SocketAddr,
    /// File with the token of that port. Without it there is no such port.
    #[arg(long, env = "CONTROL_TOKEN_FILE")]
    pub control_token_file: Option<PathBuf>,
    /// Directory with the states of the integration that the sink is told of. Without it the sink gets Zoom's
    /// events only.
    #[arg(long, env = "LIFECYCLE_DIR")]
    pub lifecycle_dir: Option<PathBuf>,
    /// Answer Zoom's URL validation only; events are kept in the buffer, or answered 503 without one.
    #[arg(long, env = "SUSPENDED")]
    pub suspended: bool,
    /// Most bytes of a body.
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = DEFAULT_BODY)]
    pub max_body_bytes: u32,
    /// Seconds by which the signed time may differ from ours. Zoom retries for 85 minutes.
    #[arg(long, env = "TIMESTAMP_TOLERANCE", default_value = "7200", value_parser = seconds::parse)]
    pub timestamp_tolerance: Duration,
    /// Seconds to go on accepting after SIGTERM, until no proxy sends here any more.
    #[arg(long, env = "DRAIN_GRACE", default_value = "5", value_parser = seconds::parse)]
    pub drain_grace: Duration,
    /// Seconds after SIGTERM that the Pod has, for an ephemeral buffer to become empty.
    #[arg(long, env = "DRAIN_LIMIT", default_value = "25", value_parser = seconds::parse)]
    pub drain_limit: Duration,
}

/// A command line that is being written.
struct Line(Vec<String>);

// === impl Flags ===

impl Flags {
    /// The flags of this integration's receiver, with every default.
    #[must_use]
    pub fn new(integration: Integration) -> Self {
        Self {
            listen: everywhere(HTTP),
            admin_listen: everywhere(ADMIN),
            facts_listen: everywhere(FACTS),
            path: "/".into(),
            integration,
            signing_secrets_dir: SIGNING_DIR.into(),
            authentication: None,
            authentication_dir: None,
            domain_validation_file: None,
            state_dir: STATE_DIR.into(),
            sink: SinkFlags::default(),
            routing: RoutingFlags::default(),
            attribute: Vec::new(),
            attributes: Vec::new(),
            filter: false,
            event: Vec::new(),
            buffer_dir: None,
            buffer_size: DEFAULT_SIZE,
            buffer_max_age: DEFAULT_MAX_AGE,
            buffer_attempts: DEFAULT_ATTEMPTS,
            buffer_ephemeral: false,
            control_listen: everywhere(CONTROL),
            control_token_file: None,
            lifecycle_dir: None,
            suspended: false,
            max_body_bytes: DEFAULT_BODY,
            timestamp_tolerance: Duration::from_hours(2),
            drain_grace: Duration::from_secs(5),
            drain_limit: Duration::from_secs(25),
        }
    }

    /// The arguments that say this, in the order of the fields. What every receiver has, its place and its
    /// directories, is written even where it is the default, for those who read a Pod.
    #[must_use]
    pub fn to_args(&self) -> Vec<String> {
        let default = Self::new(self.integration.clone());
        let mut line = Line(Vec::new());
        line.unless("listen", &self.listen, &default.listen);
        line.unless("admin-listen", &self.admin_listen, &default.admin_listen);
        line.unless("facts-listen", &self.facts_listen, &default.facts_listen);
        line.put("integration", &self.integration);
        line.put("path", &self.path);
        line.put("signing-secrets-dir", self.signing_secrets_dir.display());
        line.put("state-dir", self.state_dir.display());
        line.switch("filter", self.filter);
        line.each("event", &self.event);
        line.each(
            "authentication-dir",
            self.authentication_dir.iter().map(|dir| dir.display()),
        );
        line.each("authentication", &self.authentication);
        let file = self.domain_validation_file.iter();
        line.each("domain-validation-file", file.map(|file| file.display()));
        self.sink.write(&mut line);
        self.routing.write(&mut line);
        if let Some(directory) = &self.buffer_dir {
            line.put("buffer-dir", directory.display());
            line.put("buffer-size", self.buffer_size);
            line.put("buffer-max-age", seconds::write(self.buffer_max_age));
            line.put("control-listen", self.control_listen);
        }
        line.each(
            "control-token-file",
            self.control_token_file.iter().map(|file| file.display()),
        );
        line.unless(
            "buffer-attempts",
            &self.buffer_attempts,
            &default.buffer_attempts,
        );
        line.switch("buffer-ephemeral", self.buffer_ephemeral);
        line.time(
            "timestamp-tolerance",
            self.timestamp_tolerance,
            default.timestamp_tolerance,
        );
        line.time("drain-grace", self.drain_grace, default.drain_grace);
        line.time("drain-limit", self.drain_limit, default.drain_limit);
        line.unless(
            "max-body-bytes",
            &self.max_body_bytes,
            &default.max_body_bytes,
        );
        line.each(
            "lifecycle-dir",
            self.lifecycle_dir.iter().map(|dir| dir.display()),
        );
        line.switch("suspended", self.suspended);
        line.each("attribute", self.attributes.iter().chain(&self.attribute));
        line.0
    }

    /// The variables that say the rest: what a receiver of an earlier version may not know.
    #[must_use]
    pub fn to_env(&self) -> Vec<(&'static str, String)> {
        let addresses = self.sink.service_addresses.iter();
        addresses
            .map(|addresses| (SERVICE_ADDRESSES, addresses.to_string()))
            .collect()
    }
}

// === impl SinkFlags ===

impl SinkFlags {
    fn write(&self, line: &mut Line) {
        line.each("sink-url", &self.url);
        line.each("sink-service", &self.service);
        line.each("sink-format", self.format.iter().map(value));
        line.each("sink-nats", &self.nats);
        line.each("sink-nats-subject", &self.nats_subject);
        line.each(
            "sink-nats-message-id",
            self.nats_message_id.iter().map(value),
        );
        line.each(
            "sink-credentials-dir",
            self.credentials_dir.iter().map(|dir| dir.display()),
        );
        line.each("sink-timeout", self.timeout.map(seconds::write));
        line.each("sink-allow-network", &self.allow_networks);
        line.each("sink-refuse-network", &self.refuse_networks);
    }
}

// === impl RoutingFlags ===

impl RoutingFlags {
    fn write(&self, line: &mut Line) {
        let default = Self::default();
        line.each("routes-dir", self.dir.iter().map(|dir| dir.display()));
        if self.unclaimed != default.unclaimed {
            line.put("unclaimed-accounts", value(&self.unclaimed));
        }
        line.unless("account-share", &self.account_share, &default.account_share);
    }
}

// === impl Line ===

impl Line {
    fn put(&mut self, flag: &str, value: impl Display) {
        self.0.push(format!("--{flag}={value}"));
    }

    fn each(&mut self, flag: &str, values: impl IntoIterator<Item = impl Display>) {
        for value in values {
            self.put(flag, value);
        }
    }

    fn switch(&mut self, flag: &str, on: bool) {
        self.0.extend(on.then(|| format!("--{flag}")));
    }

    fn unless<T: Display + PartialEq>(&mut self, flag: &str, value: &T, default: &T) {
        if value != default {
            self.put(flag, value);
        }
    }

    fn time(&mut self, flag: &str, time: Duration, default: Duration) {
        if time != default {
            self.put(flag, seconds::write(time));
        }
    }
}

/// The text of an enumeration's value.
fn value(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

fn path(text: &str) -> Result<String, &'static str> {
    let is_path = text.starts_with('/')
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains(['?', '#']);
    is_path.then(|| text.to_owned()).ok_or("expected /...")
}

#[cfg(test)]
mod tests;
