//! Both listeners of `serve` and the state behind them.

use std::{
    future::{Future, IntoFuture as _},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
    serve::Listener,
};
use reqwest::Client;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    admin, api,
    apps::Apps,
    authorize,
    deliveries::Deliveries,
    faults::Faults,
    front::front,
    names::Names,
    oauth,
    portal::Desks,
    revoke,
    sessions::{self, Sessions},
    webhooks,
    wire::{Line, WireListener},
};

/// How long Zoom waits for the answer to a webhook.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// How long answers under way may take after a stop; held ones would take for ever.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of Zoom itself.
    pub listen: SocketAddr,
    /// Address of the admin API.
    pub admin_listen: SocketAddr,
    /// The `api_url` of every token: where clients reach this Zoom.
    pub public_url: String,
    /// Send webhooks to plain http and to names that are not public.
    pub allow_http_endpoints: bool,
    /// How long to wait for the answer to a webhook; [`WEBHOOK_TIMEOUT`] is Zoom's.
    pub webhook_timeout: Duration,
}

// === impl Options ===

impl Options {
    /// For a test's own process: free ports of loopback, and webhooks that may go anywhere.
    #[must_use]
    pub fn on_loopback() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: any,
            admin_listen: any,
            public_url: "http://api-us.zoom.test".into(),
            allow_http_endpoints: true,
            webhook_timeout: WEBHOOK_TIMEOUT,
        }
    }
}

/// A Zoom that listens already.
pub struct Server {
    zoom: (WireListener, SocketAddr),
    admin: (TcpListener, SocketAddr),
    sim: Arc<Sim>,
}

/// Everything this Zoom knows.
pub struct Sim {
    pub public_url: String,
    pub allow_http_endpoints: bool,
    pub apps: Apps,
    pub sessions: Sessions,
    pub faults: Faults,
    pub deliveries: Deliveries,
    pub desks: Desks,
    pub names: Names,
    pub webhooks: Client,
}

// === impl Server ===

impl Server {
    /// Binds both addresses; [`install_crypto`](crate::install_crypto) must have been called.
    ///
    /// # Errors
    ///
    /// An address that cannot be bound, or a TLS provider that is missing.
    pub async fn bind(options: Options) -> io::Result<Self> {
        let sim = Sim {
            public_url: options.public_url.trim_end_matches('/').to_owned(),
            allow_http_endpoints: options.allow_http_endpoints,
            apps: Apps::default(),
            sessions: Sessions::default(),
            faults: Faults::default(),
            deliveries: Deliveries::default(),
            desks: Desks::default(),
            names: Names::default(),
            webhooks: webhooks::client(options.webhook_timeout).map_err(io::Error::other)?,
        };
        let zoom = TcpListener::bind(options.listen).await?;
        let admin = TcpListener::bind(options.admin_listen).await?;
        let (zoom_addr, admin_addr) = (zoom.local_addr()?, admin.local_addr()?);
        Ok(Self {
            zoom: (WireListener(zoom), zoom_addr),
            admin: (admin, admin_addr),
            sim: Arc::new(sim),
        })
    }

    /// Where Zoom listens.
    #[must_use]
    pub fn zoom_addr(&self) -> SocketAddr {
        self.zoom.1
    }

    /// Where the admin API listens.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.1
    }

    /// Serves until `stop` is ready, and a moment longer for answers under way.
    ///
    /// # Errors
    ///
    /// A failure to accept connections.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let zoom = zoom_router(Arc::clone(&self.sim)).into_make_service_with_connect_info::<Line>();
        let admin = admin::router(self.sim).into_make_service();
        let (stopping, stopped) = watch::channel(());
        let zoom = axum::serve(self.zoom.0, zoom).with_graceful_shutdown(gone(stopped.clone()));
        let admin = axum::serve(self.admin.0, admin).with_graceful_shutdown(gone(stopped));
        until(stop, stopping, zoom.into_future(), admin.into_future()).await
    }
}

/// Serves two routers until `stop` is ready.
pub async fn run_pair<L>(
    first: (L, Router),
    second: (L, Router),
    stop: impl Future<Output = ()>,
) -> io::Result<()>
where
    L: Listener<Addr = SocketAddr>,
{
    let (stopping, stopped) = watch::channel(());
    let first = axum::serve(first.0, first.1).with_graceful_shutdown(gone(stopped.clone()));
    let second = axum::serve(second.0, second.1).with_graceful_shutdown(gone(stopped));
    until(stop, stopping, first.into_future(), second.into_future()).await
}

fn zoom_router(sim: Arc<Sim>) -> Router {
    let consent = get(authorize::ask).post(authorize::decide);
    Router::new()
        .route("/oauth/token", post(oauth::token))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/oauth/authorize", consent.clone())
        .route("/marketplace/install", consent)
        .route("/signin", post(sessions::sign_in))
        .route("/signout", post(sessions::sign_out))
        .route("/v2/users", get(api::list_users))
        .route("/v2/users/{user_id}", get(api::get_user))
        .route("/v2/users/{user_id}/meetings", get(api::list_meetings))
        .fallback(api::unknown)
        .layer(from_fn_with_state(Arc::clone(&sim), front))
        .with_state(sim)
}

/// Ready when the sender is gone.
async fn gone(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

async fn until(
    stop: impl Future<Output = ()>,
    stopping: watch::Sender<()>,
    first: impl Future<Output = io::Result<()>>,
    second: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    let serving = async { tokio::try_join!(first, second).map(|_| ()) };
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result,
        () = stop => drop(stopping),
    }
    tokio::time::timeout(STOP_GRACE, serving)
        .await
        .unwrap_or(Ok(()))
}
