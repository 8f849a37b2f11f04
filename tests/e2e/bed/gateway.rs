//! The definitions of Gateway API's standard channel.

use super::{Bed, tools};

/// Makes `GatewayClass`, `Gateway` and `HTTPRoute` known to the cluster, unless it has definitions of its own. They stay.
pub async fn define(bed: &Bed) -> anyhow::Result<()> {
    let known = bed
        .request("GET", "/apis/gateway.networking.k8s.io/v1", None)
        .await;
    if known.is_ok() {
        return Ok(());
    }
    let directory = tools::cluster("build", &["gateway-api"]).await?;
    let directory = directory.trim();
    let filename = format!("--filename={directory}");
    let apply = ["apply", "--server-side", "--force-conflicts", &filename];
    tools::must("kubectl", &apply).await?;
    let wait = [
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        &filename,
    ];
    tools::must("kubectl", &wait).await?;
    Ok(())
}
