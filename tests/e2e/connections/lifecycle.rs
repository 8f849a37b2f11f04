//! A lost grant is told to the tenant's back end.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use super::{until, with_app};
use crate::{
    bed::{Bed, Case, LIMIT, Minted, wait_for},
    receiver::back_end::BackEnd,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("connections::a_lost_grant_reaches_the_back_end", lost).needs_host()]
}

/// The back end is down when the grant is lost, and told once it is back; the Secret goes with the field.
async fn lost(bed: Bed) -> anyhow::Result<()> {
    let back_end = BackEnd::start(&bed, "back-end").await?;
    back_end.answers(503, Duration::ZERO);
    let webhook = json!({"webhook": {
        "subscriptions": [],
        "sink": {"http": {"serviceRef": {"name": "back-end", "path": "/zoom"}}},
        "lifecycleEvents": {},
    }});
    let (sim, _operator, app) = with_app(&bed, json!({}), &webhook).await?;
    bed.until_deployed("app-receiver").await?;
    let ada = app.people(&sim).await?.remove(0);
    let used_up = Minted {
        refresh_token: "used-up".into(),
        ..app.mint(&sim, &ada).await?
    };
    let refs = json!({"externalRefs": {"userid": "4711"}});
    app.import(&bed, "ada", &used_up, &refs).await?;
    let connection = until(&bed, "ada", "GrantLost").await?;
    wait_for("the back end was asked", LIMIT, || async {
        Ok((back_end.asked() > 0).then_some(()))
    })
    .await?;
    back_end.answers(204, Duration::ZERO);
    let told = wait_for("the back end is told", LIMIT, || async {
        Ok(back_end.last_of("io.zoom-operator.connection.GrantLost"))
    })
    .await?;
    ensure!(told.header("ce-subject") == "zoomconnections/ada");
    ensure!(told.header("ce-userid") == "4711");
    let body: Value = serde_json::from_slice(&told.body)?;
    ensure!(
        body["reason"] == "GrantLost" && body["status"] == "False",
        "{body:#}"
    );
    let link = connection["status"]["installUrl"].as_str();
    let text = String::from_utf8_lossy(&told.body);
    ensure!(link.is_none_or(|link| !text.contains(link)), "{text}");

    let off = json!({"spec": {"webhook": {"lifecycleEvents": null}}});
    bed.patch("zoomintegrations", "app", &off).await?;
    wait_for("the states are taken back", LIMIT, || async {
        let secret = bed.find("secrets", "app-receiver-lifecycle").await?;
        Ok(secret.is_none().then_some(()))
    })
    .await
}
