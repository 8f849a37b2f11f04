//! How a receiver is set up.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use contract::receiver::{Integration, Scheme};

use super::{
    buffer::{self, backoff::Backoff},
    cloudevent::Extension,
    filter::Filter,
    routing,
    sink::SinkConfig,
};
use runtime::http::Limits;

/// How a receiver is set up.
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
    /// File for Zoom's domain validation.
    pub domain_validation: Option<PathBuf>,
    /// Directory of the facts.
    pub state_dir: PathBuf,
    /// Where events go.
    pub sink: SinkConfig,
    /// Which events go on.
    pub filter: Filter,
    /// The durable buffer.
    pub buffer: Option<buffer::Settings>,
    /// Where the events of an account go; only with a buffer.
    pub routing: Option<routing::Settings>,
    /// Where dead letters are looked after, and the file with the token.
    pub control: Option<(SocketAddr, PathBuf)>,
    /// Directory of the states that the sink is told of.
    pub lifecycle_dir: Option<PathBuf>,
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
    /// How long ordinary facts wait for others before they are written.
    pub facts_pause: Duration,
    /// Pause between two looks at the states that the sink is told of.
    pub lifecycle_interval: Duration,
    /// Pauses after a state could not be sent.
    pub lifecycle_backoff: Backoff,
    /// How long to go on accepting after the signal.
    pub drain_grace: Duration,
    /// Time from the signal until an ephemeral buffer has to be empty.
    pub drain_limit: Duration,
    /// Until the first check whether the sink can be reached.
    pub first_check: Duration,
    /// Deliveries to the sink at a time.
    pub sink_concurrency: u32,
    /// Most events that are remembered, of about 100 bytes each.
    pub dedupe_capacity: usize,
    /// Most bytes of all bodies in memory.
    pub body_budget: usize,
    /// Longest pause within a body on a connection that has not proven itself.
    pub body_idle: Duration,
    /// Limits of the webhook port.
    pub limits: Limits,
}

// === impl Tuning ===

impl Default for Tuning {
    fn default() -> Self {
        Self {
            // Leaves some of Zoom's three seconds for the network.
            deadline: Duration::from_millis(2800),
            secrets_interval: Duration::from_secs(1),
            facts_pause: Duration::from_secs(5),
            lifecycle_interval: Duration::from_secs(10),
            lifecycle_backoff: Backoff::default(),
            drain_grace: Duration::from_secs(5),
            drain_limit: Duration::from_secs(25),
            // The sink's credentials are read by then.
            first_check: Duration::from_secs(3),
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
