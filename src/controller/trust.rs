//! Uses a changed CA bundle for the next request to Zoom, without a restart.

use std::time::Duration;

use runtime::outgoing::egress::Egress;

use super::error::chain;

/// How often the file is read. The kubelet itself needs about a minute to bring a changed `ConfigMap`.
const EVERY: Duration = Duration::from_secs(30);

/// Follows the file of authorities. Never returns.
pub async fn follow(zoom: &zoom::Client, egress: &Egress) {
    if egress.bundle().is_none() {
        return std::future::pending().await;
    }
    // The file may have changed since the client was made, so its content counts as new.
    let mut known = None;
    loop {
        let way = egress.renewed(&mut known);
        match way.map(|way| way.map(|way| zoom.reroute(way))) {
            Ok(None) => {}
            Ok(Some(Ok(()))) => tracing::info!("the CA bundle was read"),
            Ok(Some(Err(error))) => tracing::warn!(error = chain(&error), "the CA bundle stays"),
            // The previous authorities stay in force.
            Err(error) => tracing::warn!(error = chain(&error), "the CA bundle cannot be used"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
