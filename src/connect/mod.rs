//! The pages on which a person authorizes a General app, and the callback that Zoom sends them to.
//!
//! ```text
//! link -> start page -> POST: cookie, 303 to Zoom -> person allows -> callback: checks, a Secret is
//! created -> result page, which waits for the controller
//! ```
//!
//! Stateless: what a replica must remember is in the browser's cookie, encrypted. The process cannot read any
//! Secret and never calls Zoom; the controller redeems the code.
//!
//! | question | module |
//! |---|---|
//! | Which page is requested? | [`route`], and the way through in [`site`] |
//! | What happens on it? | [`start`]; [`callback`] with [`arrival`] and [`refusal`]; [`result`] |
//! | What does the browser carry? | [`ticket`], encrypted by [`keys`] |
//! | What goes to Zoom? | [`authorize`] |
//! | What does a person read? | [`pages`], with the texts in [`texts`] |
//! | What is requested from Kubernetes? | [`cluster`] |
//! | Which requests are refused? | [`limits`], [`headers`] |
//! | How does it start and stop? | [`server`], [`args`] |

pub mod answer;
pub mod args;
pub mod arrival;
pub mod authorize;
pub mod base;
pub mod callback;
pub mod client;
pub mod cluster;
pub mod headers;
pub mod keys;
pub mod limits;
pub mod metrics;
pub mod outcome;
pub mod pages;
pub mod query;
pub mod refusal;
pub mod result;
pub mod route;
pub mod scopes;
pub mod server;
pub mod site;
pub mod start;
pub mod texts;
pub mod ticket;
pub mod verdict;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;

use self::cluster::Kubernetes;
pub use self::{
    args::{Args, Config},
    server::Connect,
};
use runtime::shutdown;

/// Time limit for one answer of the API server.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves the pages until asked to stop.
///
/// # Errors
/// When logging cannot be set up, the cluster's configuration cannot be found, or a port cannot be
/// bound.
pub fn main(args: Args) -> anyhow::Result<()> {
    args.log.init()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = shutdown::on_signal()?;
        let config = Config::from(args);
        let cluster = Kubernetes::infer(&config.namespace, CLUSTER_TIMEOUT)
            .await
            .context("failed to find the cluster's configuration")?;
        let connect = Connect::bind(config, Arc::new(cluster)).await?;
        connect.run(shutdown).await;
        Ok(())
    })
}
