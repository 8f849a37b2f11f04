//! Connections of General apps: one grant for each person, kept alive by the operator alone.

mod imported;
mod removed;

use serde_json::Value;

use crate::bed::{App, Bed, Case, LIMIT, Operator, Options, Sim, object::reason, wait_for};

pub fn cases() -> Vec<Case> {
    [imported::cases(), removed::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// The offline Zoom, an operator, and an app that both know.
async fn with_app(
    bed: &Bed,
    settings: Value,
    spec: &Value,
) -> anyhow::Result<(Sim, Operator, App)> {
    let options = Options {
        // A refresh is sent only while leadership outlasts its request.
        lease_seconds: 15,
        ..Options::default()
    };
    let (sim, operator) = bed.zoom_and_operator(&options).await?;
    let app = App::general("app");
    app.register(&sim, settings).await?;
    bed.apply(&app.0.secret()).await?;
    bed.apply(&app.manifest(spec)).await?;
    Ok((sim, operator, app))
}

/// Waits until the connection's Ready has this reason; the connection.
async fn until(bed: &Bed, name: &str, wanted: &str) -> anyhow::Result<Value> {
    wait_for(&format!("{name} is {wanted}"), LIMIT, || async {
        let connection = bed.get("zoomconnections", name).await?;
        Ok((reason(&connection, "Ready") == wanted).then_some(connection))
    })
    .await
}
