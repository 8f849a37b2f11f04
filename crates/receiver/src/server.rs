//! The process: its ports, the tasks beside them, and the drain.

mod work;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use contract::receiver::Scheme;
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time};
use tracing::{error, info};

use self::work::{finish, intake, is_ephemeral};
use super::{
    authentication::{self, Authentication},
    body::{Budget, OVERHEAD},
    config::Config,
    control, domain_validation, facts,
    lifecycle::Announcer,
    metrics::Metrics,
    recorder::Recorder,
    routes::{self, Webhook},
    secrets::{self, Secrets, SigningSecrets},
    sink::{BuildError, Built, Sink, monitor},
};
use runtime::{
    admin::{self, Gate, Readiness},
    http::{self, Limits},
    listen, metrics,
    shutdown::{self, Shutdown},
};

/// Least time for the buffer to be closed in.
const CLOSE: Duration = Duration::from_secs(3);

/// A receiver whose ports are bound.
#[derive(Debug)]
pub struct Receiver {
    config: Config,
    sink: Option<Built>,
    secrets: (watch::Sender<Arc<SigningSecrets>>, Secrets),
    webhook: TcpListener,
    admin: TcpListener,
    facts: TcpListener,
    control: Option<(TcpListener, PathBuf)>,
    addresses: Addresses,
}

/// Where a receiver listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Webhooks.
    pub webhook: SocketAddr,
    /// Probes and metrics.
    pub admin: SocketAddr,
    /// Facts.
    pub facts: SocketAddr,
    /// Dead letters.
    pub control: Option<SocketAddr>,
}

/// Why a receiver cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken or not allowed.
    #[error("failed to listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The client for the sink cannot be built.
    #[error("failed to set up the sink")]
    Sink(#[from] BuildError),
}

// === impl Receiver ===

impl Receiver {
    /// Binds the ports; port 0 takes a free one.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let secrets = watch::channel(Arc::default());
        let sink = config.sink.build(
            config.integration.clone(),
            config.extensions.clone(),
            secrets.1.clone(),
            config.tuning.secrets_interval,
        )?;
        let (webhook, webhook_address) = listen(config.listen).await?;
        let (admin, admin_address) = listen(config.admin_listen).await?;
        let (facts, facts_address) = listen(config.facts_listen).await?;
        let control = match config.control.clone() {
            Some((address, token)) => {
                let (listener, address) = listen(address).await?;
                Some((listener, address, token))
            }
            None => None,
        };
        let addresses = Addresses {
            webhook: webhook_address,
            admin: admin_address,
            facts: facts_address,
            control: control.as_ref().map(|(_, address, _)| *address),
        };
        Ok(Self {
            config,
            sink,
            secrets,
            webhook,
            admin,
            facts,
            control: control.map(|(listener, _, token)| (listener, token)),
            addresses,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until shutdown was requested and what was under way is done.
    pub async fn run(self, shutdown: Shutdown) {
        let Self { config, sink, .. } = self;
        let tuning = config.tuning.clone();
        let mut registry = metrics::registry();
        let metrics = Metrics::register(&mut registry);
        let recorder = recorder(&config.state_dir, &metrics);
        let readiness = Readiness::default();
        let (serving, has_secret) = (readiness.gate("serving"), readiness.gate("signing-secret"));
        let (sender, secrets) = self.secrets;
        let mut followers = JoinSet::new();
        let sink = sink.map(|built| follow_sink(built, &config, &recorder, &mut followers));
        let is_ephemeral = is_ephemeral(&config);
        let begun = intake(
            &config,
            sink,
            &mut registry,
            (&metrics, &recorder),
            (&readiness, &mut followers),
        )
        .inspect_err(|error| error!(%error, "failed to start the buffer"));
        let Ok((intake, work)) = begun else {
            return; // Whoever starts us does so again.
        };
        let buffer = intake.buffer().cloned();
        let authentication = config
            .authentication
            .map(|files| follow_authentication(files, tuning.secrets_interval, &mut followers));
        let domain_validation = config
            .domain_validation
            .map(|file| follow_domain_validation(file, tuning.secrets_interval, &mut followers));
        let webhook = Webhook {
            path: config.path,
            domain_validation,
            readiness: readiness.clone(),
            deadline: tuning.deadline,
            max_body: config.max_body,
            body_idle: tuning.body_idle,
            budget: Budget::new(tuning.body_budget.max(config.max_body + OVERHEAD)),
            authentication,
            secrets,
            tolerance: config.tolerance,
            suspended: config.suspended,
            filter: config.filter,
            intake: intake.clone(),
            recorder: recorder.clone(),
            metrics,
        };
        let webhook = routes::router(Arc::new(webhook));
        let admin = admin::router(readiness, Arc::new(registry));

        // Webhooks stop first, then what tells about them. Dropped with this future, all stop.
        let (stop, stopped) = shutdown::channel();
        let (end, ended) = shutdown::channel();
        let mut beside = JoinSet::new();
        let inner = Limits::default();
        beside.spawn(http::serve(self.admin, admin, inner, ended.clone()));
        beside.spawn(http::serve(
            self.facts,
            facts::router(&recorder, buffer.clone()),
            inner,
            ended.clone(),
        ));
        if let Some((listener, token)) = self.control {
            let control = control::router(token, buffer, config.integration);
            beside.spawn(http::serve(listener, control, inner, ended.clone()));
        }
        let (state_dir, pause) = (config.state_dir, tuning.facts_pause);
        beside.spawn(async move { recorder.persist(state_dir, pause, ended).await });
        followers.spawn(follow_secrets(
            &config.signing_secrets_dir,
            tuning.secrets_interval,
            sender,
            has_secret,
        ));
        let mut webhooks = JoinSet::new();
        webhooks.spawn(http::serve_closing(
            self.webhook,
            webhook,
            tuning.limits,
            shutdown.clone(),
            stopped,
        ));
        serving.open();
        self.addresses.announce();

        shutdown.requested().await;
        let until = time::Instant::now() + tuning.drain_limit;
        if let Some(buffer) = intake.buffer() {
            buffer.shorten_pauses();
        }
        serving.close();
        info!(grace_seconds = tuning.drain_grace.as_secs_f64(), "draining");
        time::sleep(tuning.drain_grace).await;
        stop.request();
        webhooks.join_all().await;
        let limit = config.sink.timeout.max(CLOSE);
        finish(&intake, work, is_ephemeral.then_some(until), limit).await;
        end.request();
        beside.join_all().await;
        info!("stopped");
    }
}

impl Addresses {
    fn announce(self) {
        let Self {
            webhook,
            admin,
            facts,
            control,
        } = self;
        let control = control.map(tracing::field::display);
        info!(%webhook, %admin, %facts, control, "serving");
    }
}

/// The facts of the receiver before this one, also for the metrics.
fn recorder(state_dir: &Path, metrics: &Metrics) -> Recorder {
    let recorder = Recorder::load(state_dir);
    if let Some(time) = recorder.facts().last_validated {
        metrics.validated(time.as_second());
    }
    recorder
}

/// Keeps the sink's credentials up to date, checks whether it can be reached, and tells it of states.
fn follow_sink(
    Built { sink, follower }: Built,
    config: &Config,
    recorder: &Recorder,
    followers: &mut JoinSet<()>,
) -> Sink {
    followers.spawn(follower);
    if !config.suspended {
        let timeout = config.sink.timeout;
        let first = config.tuning.first_check;
        followers.spawn(monitor::follow(
            sink.clone(),
            first,
            timeout,
            recorder.clone(),
        ));
        if let Some(directory) = config.lifecycle_dir.clone() {
            let announcer = Announcer {
                directory,
                state_dir: config.state_dir.clone(),
                sink: sink.clone(),
                interval: config.tuning.lifecycle_interval,
                backoff: config.tuning.lifecycle_backoff,
            };
            followers.spawn(announcer.run());
        }
    }
    sink
}

fn follow_authentication(
    (scheme, directory): (Scheme, PathBuf),
    interval: Duration,
    followers: &mut JoinSet<()>,
) -> Authentication {
    let (sender, expected) = watch::channel(Arc::default());
    followers.spawn(authentication::follow(
        directory,
        scheme.clone(),
        interval,
        sender,
    ));
    Authentication::new(scheme, expected)
}

fn follow_domain_validation(
    file: PathBuf,
    interval: Duration,
    followers: &mut JoinSet<()>,
) -> domain_validation::Live {
    let (sender, live) = watch::channel(Arc::default());
    followers.spawn(domain_validation::follow(file, interval, sender));
    live
}

fn follow_secrets(
    directory: &Path,
    interval: Duration,
    sender: watch::Sender<Arc<SigningSecrets>>,
    has_secret: Gate,
) -> impl Future<Output = ()> + Send + 'static {
    secrets::follow(directory.to_owned(), interval, sender, move |secrets| {
        has_secret.set(!secrets.is_empty());
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen(address, error);
    let listener = listen::listen(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
