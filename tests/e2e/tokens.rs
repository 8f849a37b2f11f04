//! The life of an access token: from the Secret with the credentials to the Secret that consumers mount.

use serde_json::json;

use crate::bed::{Bed, Case, Options, Tenant};

pub fn cases() -> Vec<Case> {
    vec![Case::new("tokens::secret_has_exactly_its_keys", keys)]
}

async fn keys(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    bed.apply(&tenant.secret()).await?;
    bed.apply(&tenant.manifest()).await?;
    bed.until_reason("acme", "Connected").await?;
    Ok(())
}
