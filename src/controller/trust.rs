//! Uses a changed CA bundle, or another URL of the proxy, for the next request to Zoom, without a restart.

use std::time::Duration;

use runtime::outgoing::egress::Egress;

use super::error::chain;

/// How often the files are read. The kubelet itself needs about a minute to bring a changed `ConfigMap` or Secret.
const EVERY: Duration = Duration::from_secs(30);

/// Follows the file of authorities and that of the proxy. Never returns.
pub async fn follow(zoom: &zoom::Client, egress: &Egress) {
    if egress.bundle().or(egress.proxy_file()).is_none() {
        return std::future::pending().await;
    }
    // A file may have changed since the client was made, so its content counts as new.
    let mut known = None;
    loop {
        let way = egress.renewed(&mut known);
        match way.map(|way| way.map(|way| zoom.reroute(way))) {
            Ok(None) => {}
            Ok(Some(Ok(()))) => tracing::info!("CA bundle and proxy were read"),
            Ok(Some(Err(error))) => tracing::warn!(
                error = chain(&error),
                "CA bundle and proxy stay as they were"
            ),
            // The previous ones stay in force.
            Err(error) => {
                tracing::warn!(error = chain(&error), "CA bundle or proxy cannot be used");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
