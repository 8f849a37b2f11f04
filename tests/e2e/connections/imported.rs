//! Grants that somebody else got, taken over without a new consent.

use serde_json::json;

use super::{until, with_app};
use crate::bed::{
    Bed, Case,
    object::{key, text},
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("connections::imported_and_connected", connected)]
}

async fn connected(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator, app) = with_app(&bed, json!({}), &json!({})).await?;
    let ada = app.people(&sim).await?.remove(0);
    let minted = app.mint(&sim, &ada).await?;
    app.import(&bed, "ada", &minted, &json!({"subject": {"email": ada}}))
        .await?;
    let connection = until(&bed, "ada", "Connected").await?;
    anyhow::ensure!(text(&connection, "/status/phase") == "Connected");
    anyhow::ensure!(text(&connection, "/status/subject/email") == ada);
    let secret = bed.get("secrets", "ada-zoom-token").await?;
    anyhow::ensure!(key(&secret, "access-token").len() > 20);
    let keys: Vec<&String> = secret["data"].as_object().unwrap().keys().collect();
    anyhow::ensure!(
        keys == [
            "access-token",
            "api-url",
            "expires-at",
            "scope",
            "token-type"
        ],
        "{keys:?}"
    );
    let grant = app.grant(&sim, minted.id).await?;
    anyhow::ensure!(
        grant["alive"] == true && grant["generation"] == 1,
        "{grant:#}"
    );
    let counted = json!({"total": 1, "connected": 1});
    bed.until("app", "its connections counted", |object| {
        object["status"]["connections"] == counted
    })
    .await?;
    Ok(())
}
