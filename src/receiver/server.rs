//! The process: three ports, the tasks beside them, and the drain.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, task::JoinSet, time};
use tracing::{info, warn};

use super::{
    args::Config,
    authentication::{self, Authentication},
    body::Budget,
    dedupe::Dedupe,
    intake::Intake,
    metrics::Metrics,
    passthrough::PassThrough,
    recorder::Recorder,
    routes::{self, Webhook},
    secrets::{self, Secrets, SigningSecrets},
    sink::{BuildError, Built},
};
use crate::ops::{
    admin::{self, Gate, Readiness},
    http::{self, Limits},
    metrics,
    shutdown::{self, Shutdown},
};

/// Zoom's last retry comes after 85 minutes; nothing shorter would recognize it.
const MIN_DEDUPE_WINDOW: Duration = Duration::from_hours(2);

/// A receiver whose ports are bound.
#[derive(Debug)]
pub struct Receiver {
    config: Config,
    sink: Option<Built>,
    secrets: (watch::Sender<Arc<SigningSecrets>>, Secrets),
    webhook: TcpListener,
    admin: TcpListener,
    facts: TcpListener,
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
    /// Binds the three ports; port 0 takes a free one.
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
        let addresses = Addresses {
            webhook: webhook_address,
            admin: admin_address,
            facts: facts_address,
        };
        Ok(Self {
            config,
            sink,
            secrets,
            webhook,
            admin,
            facts,
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
        let tuning = config.tuning;
        let mut registry = metrics::registry();
        let metrics = Metrics::register(&mut registry);
        let recorder = Recorder::load(&config.state_dir);
        if let Some(time) = recorder.facts().last_validated {
            metrics.validated(time.as_second());
        }
        let readiness = Readiness::default();
        let (serving, has_secret) = (readiness.gate("serving"), readiness.gate("signing-secret"));
        let (sender, secrets) = self.secrets;
        let mut followers = JoinSet::new();
        let intake = match sink {
            Some(Built { sink, follower }) => {
                followers.spawn(follower);
                Intake::PassThrough(Arc::new(PassThrough::new(
                    sink,
                    tuning.sink_concurrency,
                    dedupe(config.tolerance, tuning.dedupe_capacity),
                    metrics.clone(),
                )))
            }
            None => Intake::Nobody,
        };
        let mut followers = JoinSet::new();
        let authentication = config.authentication.map(|(scheme, directory)| {
            let (sender, expected) = watch::channel(Arc::default());
            let interval = tuning.secrets_interval;
            followers.spawn(authentication::follow(
                directory,
                scheme.clone(),
                interval,
                sender,
            ));
            Authentication::new(scheme, expected)
        });
        let webhook = Webhook {
            path: config.path,
            deadline: tuning.deadline,
            max_body: config.max_body,
            budget: Budget::new(tuning.body_budget.max(config.max_body)),
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
            recorder.router(),
            inner,
            ended.clone(),
        ));
        beside.spawn({
            let (state_dir, pause) = (config.state_dir, tuning.facts_pause);
            async move { recorder.persist(state_dir, pause, ended).await }
        });
        followers.spawn(follow_secrets(
            &config.signing_secrets_dir,
            tuning.secrets_interval,
            sender,
            has_secret,
        ));
        let mut webhooks = JoinSet::new();
        webhooks.spawn(http::serve(self.webhook, webhook, tuning.limits, stopped));
        serving.open();
        let Addresses {
            webhook,
            admin,
            facts,
        } = self.addresses;
        info!(%webhook, %admin, %facts, "serving");

        shutdown.requested().await;
        serving.close();
        info!(grace_seconds = tuning.drain_grace.as_secs_f64(), "draining");
        time::sleep(tuning.drain_grace).await;
        stop.request();
        webhooks.join_all().await;
        if let Intake::PassThrough(through) = &intake
            && !through.drained(config.sink.timeout).await
        {
            warn!("deliveries cut off");
        }
        end.request();
        beside.join_all().await;
        info!("stopped");
    }
}

/// Twice the tolerance: what is signed at the far end of the window can come from its beginning.
fn dedupe(tolerance: Duration, capacity: usize) -> Dedupe {
    Dedupe::new((2 * tolerance).max(MIN_DEDUPE_WINDOW), capacity)
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
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
