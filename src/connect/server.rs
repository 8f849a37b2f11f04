//! The process: two ports, the keys, and the shutdown.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, sync::watch, task::JoinSet, time};
use tracing::info;

use super::{
    args::Config,
    authorize,
    cluster::Cluster,
    headers::Guard,
    keys,
    limits::Limiter,
    metrics::Metrics,
    site::{self, Site},
};
use runtime::{
    admin::{self, Readiness},
    http::{self, Limits},
    listen, metrics,
    shutdown::{self, Shutdown},
};

/// The pages with their bound ports.
pub struct Connect {
    config: Config,
    cluster: Arc<dyn Cluster>,
    pages: TcpListener,
    admin: TcpListener,
    addresses: Addresses,
}

/// The addresses on which it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The pages.
    pub pages: SocketAddr,
    /// Probes and metrics.
    pub admin: SocketAddr,
}

/// A port is taken or not allowed.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {0}")]
pub struct StartError(SocketAddr, #[source] io::Error);

// === impl Connect ===

impl Connect {
    /// Binds the ports; port 0 selects a free one.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind(config: Config, cluster: Arc<dyn Cluster>) -> Result<Self, StartError> {
        let (pages, pages_address) = listen(config.listen).await?;
        let (admin, admin_address) = listen(config.admin_listen).await?;
        let addresses = Addresses {
            pages: pages_address,
            admin: admin_address,
        };
        Ok(Self {
            config,
            cluster,
            pages,
            admin,
            addresses,
        })
    }

    /// The addresses on which it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until shutdown was requested and all running requests are done.
    pub async fn run(self, shutdown: Shutdown) {
        let Self {
            config, cluster, ..
        } = self;
        let tuning = config.tuning;
        let mut registry = metrics::registry();
        let metrics = Metrics::register(&mut registry);
        let readiness = Readiness::default();
        let (serving, has_keys) = (readiness.gate("serving"), readiness.gate("keys"));
        let (sender, keys) = watch::channel(None);
        let endpoint = authorize::endpoint(&config.zoom_oauth_url);
        let site = Site {
            guard: Guard::new(&config.url, &endpoint),
            base: config.url,
            endpoint,
            readiness: readiness.clone(),
            cluster,
            keys,
            limiter: Limiter::new(tuning.rates),
            trusted_proxy_hops: config.trusted_proxy_hops,
            domain_validation: config.domain_validation,
            metrics,
            deadline: tuning.deadline,
            max_body: tuning.max_body,
        };
        let router = site::router(Arc::new(site));
        let admin = admin::router(readiness, Arc::new(registry));

        // The pages stop first, and the probes and metrics after them. If this future is dropped, all stop.
        let (stop, stopped) = shutdown::channel();
        let (end, ended) = shutdown::channel();
        let mut beside = JoinSet::new();
        beside.spawn(http::serve(self.admin, admin, Limits::default(), ended));
        let mut followers = JoinSet::new();
        followers.spawn(keys::follow(
            config.keys,
            tuning.keys_interval,
            sender,
            has_keys,
        ));
        let mut pages = JoinSet::new();
        pages.spawn(http::serve(self.pages, router, tuning.limits, stopped));
        serving.open();
        let Addresses {
            pages: address,
            admin,
        } = self.addresses;
        info!(pages = %address, %admin, "serving");

        shutdown.requested().await;
        serving.close();
        info!(grace_seconds = tuning.drain_grace.as_secs_f64(), "draining");
        time::sleep(tuning.drain_grace).await;
        stop.request();
        pages.join_all().await;
        end.request();
        beside.join_all().await;
        info!("stopped");
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError(address, error);
    let listener = listen::listen(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
