//! One app in two integrations: both are told, nobody learns a stranger's name, and a client id alone tells nothing.

use anyhow::ensure;
use serde_json::{Value, json};

use super::connected;
use crate::bed::{
    Bed, Case, Options, Tenant,
    object::{message, reason, status},
    unique,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("tokens::app_in_two_integrations", shared)]
}

async fn shared(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["there"], async |[there]| {
        told_on_both_sides(&bed, there).await
    })
    .await
}

async fn told_on_both_sides(bed: &Bed, there: &Bed) -> anyhow::Result<()> {
    let options = Options::default().serving(&[bed, there]);
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    let tenant = connected(bed, &sim, "acme", json!({}), json!({})).await?;

    // Somebody knows the client id and not the secret: neither side learns of the other.
    let mut stranger = Tenant {
        name: "secret-project".to_owned(),
        client_secret: unique("guessed-secret"),
        ..tenant.clone()
    };
    there.apply(&stranger.secret()).await?;
    there.apply(&stranger.manifest()).await?;
    let object = there
        .until_reason("secret-project", "CredentialsRejected")
        .await?;
    ensure!(status(&object, "AppExclusive") == "absent", "{object:#}");
    // A pass later, too.
    bed.change(
        "acme",
        &json!({"scopes": {"optional": ["user:read:user:admin"]}}),
    )
    .await?;
    let object = bed.until_reason("acme", "Connected").await?;
    ensure!(status(&object, "AppExclusive") == "absent", "{object:#}");

    // The pair that Zoom accepts.
    stranger.client_secret.clone_from(&tenant.client_secret);
    there.apply(&stranger.secret()).await?;
    for (bed, name, strangers) in [
        (bed, "acme", ["secret-project", there.namespace()]),
        (there, "secret-project", ["acme", "ZoomIntegration "]),
    ] {
        let object = until_shared(bed, name, "another namespace").await?;
        let told = message(&object, "AppExclusive");
        for stranger in strangers {
            ensure!(!told.contains(stranger), "{name}: {told}");
        }
        // It works all the same.
        ensure!(status(&object, "Ready") == "True", "{object:#}");
    }

    // A neighbour in the namespace is named.
    let copy = Tenant {
        name: "copy".to_owned(),
        ..tenant.clone()
    };
    bed.apply(&copy.secret()).await?;
    bed.apply(&copy.manifest()).await?;
    until_shared(
        bed,
        "acme",
        "ZoomIntegration copy and an integration in another",
    )
    .await?;
    until_shared(
        bed,
        "copy",
        "ZoomIntegration acme and an integration in another",
    )
    .await?;

    // Whoever is left alone hears no more of it.
    bed.delete("zoomintegrations", "copy").await?;
    there.delete("zoomintegrations", "secret-project").await?;
    bed.until("acme", "it has its app for itself", |object| {
        status(object, "AppExclusive") == "absent"
    })
    .await?;
    Ok(())
}

async fn until_shared(bed: &Bed, name: &str, with: &str) -> anyhow::Result<Value> {
    bed.until(name, with, |object| {
        status(object, "AppExclusive") == "False"
            && reason(object, "AppExclusive") == "AppShared"
            && message(object, "AppExclusive").contains(with)
    })
    .await
}
