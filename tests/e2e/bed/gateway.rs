//! The definitions of Gateway API's standard channel.

use tokio::sync::Mutex;

use super::{
    Bed, tools,
    wait::{LIMIT, wait_for},
};

/// Whether this run has made them known. One test at a time does, and the others wait for it.
static DEFINED: Mutex<bool> = Mutex::const_new(false);

/// Makes `GatewayClass`, `Gateway` and `HTTPRoute` known to the cluster, unless it has definitions of its own. They stay.
pub async fn define(bed: &Bed) -> anyhow::Result<()> {
    let mut defined = DEFINED.lock().await;
    if *defined {
        return Ok(());
    }
    if !tools::is_local() {
        let known = bed
            .request("GET", "/apis/gateway.networking.k8s.io/v1", None)
            .await;
        if known.is_ok() {
            return Ok(());
        }
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
    // It fails on a definition that has no conditions yet.
    wait_for("Gateway API's kinds are known", LIMIT, || async {
        tools::must("kubectl", &wait).await.map(Some)
    })
    .await?;
    *defined = true;
    Ok(())
}
