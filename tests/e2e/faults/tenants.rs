//! What people do to their credentials, apps and Secrets, and repair again.

use anyhow::ensure;
use serde_json::json;

use super::{add, connected, failure, make_refresh_due, requests, says, until_failing};
use crate::bed::{
    Bed, Case, Options, Tenant,
    object::{self, text},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("faults::credentials_wrong_then_mended", wrong_credentials),
        Case::new(
            "faults::app_deactivated_then_activated_again",
            deactivated_app,
        ),
        Case::new("faults::token_secret_deleted_by_hand", deleted_secret),
        Case::new(
            "faults::token_secret_of_somebody_else_then_freed",
            foreign_secret,
        ),
    ]
}

async fn wrong_credentials(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    let wrong = Tenant {
        client_secret: Tenant::server_to_server("other").client_secret,
        ..tenant.clone()
    };
    bed.apply(&wrong.secret()).await?;
    bed.apply(&wrong.manifest()).await?;

    let object = bed.until_reason("acme", "CredentialsRejected").await?;
    assert_eq!(object::status(&object, "Ready"), "False");
    assert_eq!(object::status(&object, "Stalled"), "True");
    assert_eq!(object::status(&object, "Reconciling"), "absent");
    assert_eq!(text(&object, "/status/phase"), "Degraded");
    assert!(says(
        &object,
        "CredentialsValid",
        "False",
        "CredentialsRejected"
    ));
    assert!(bed.find("secrets", &tenant.token_secret()).await?.is_none());

    // Passes there may be, but no further request before its time.
    let (_, failed) = until_failing(&bed, "acme", "CredentialsRejected").await?;
    for optional in ["meeting:read:meeting:admin", "user:read:user:admin"] {
        bed.change("acme", &json!({"scopes": {"optional": [optional]}}))
            .await?;
        let object = bed.until_reason("acme", "CredentialsRejected").await?;
        assert_eq!(failure(&object).as_ref(), Some(&failed));
    }
    assert_eq!(sim.token_requests(&tenant).await?, 1);

    bed.apply(&tenant.secret()).await?;
    let object = bed.until_reason("acme", "Connected").await?;
    assert_eq!(object::status(&object, "Stalled"), "absent");
    assert!(says(&object, "CredentialsValid", "True", "Accepted"));
    let asked = requests(&sim, &tenant).await?;
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked[1].at < failed.retry_at,
        "not at once: {asked:?} {failed:?}"
    );
    Ok(())
}

/// The remedy is a click in Zoom, of which nothing here can tell.
async fn deactivated_app(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator, tenant) = connected(&bed, &Options::default()).await?;
    let credentials = bed.get("secrets", &tenant.secret_name()).await?;
    sim.patch_app(&tenant, json!({"active": false})).await?;
    make_refresh_due(&bed, &tenant).await?;

    let object = bed.until_reason("acme", "AccountRejected").await?;
    assert_eq!(object::status(&object, "Ready"), "False");
    assert_eq!(object::status(&object, "Stalled"), "True");
    let message = object::message(&object, "Ready");
    assert!(message.contains("activate the app"), "{message}");
    let (_, failed) = until_failing(&bed, "acme", "AccountRejected").await?;

    sim.patch_app(&tenant, json!({"active": true})).await?;
    let object = bed.until_reason("acme", "Connected").await?;
    assert_eq!(object::status(&object, "Stalled"), "absent");
    let asked = requests(&sim, &tenant).await?;
    assert_eq!(asked.len(), 3, "{asked:?}");
    ensure!(asked[2].at >= failed.retry_at, "{asked:?} {failed:?}");
    let after = bed.get("secrets", &tenant.secret_name()).await?;
    assert_eq!(
        credentials["metadata"]["resourceVersion"],
        after["metadata"]["resourceVersion"]
    );
    Ok(())
}

async fn deleted_secret(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator, tenant) = connected(&bed, &Options::default()).await?;
    let before = bed.get("secrets", &tenant.token_secret()).await?;
    bed.delete("secrets", &tenant.token_secret()).await?;
    let after = super::until_new_token(&bed, &tenant, &before).await?;
    assert_ne!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(
        before["metadata"]["ownerReferences"],
        after["metadata"]["ownerReferences"]
    );
    assert_eq!(sim.token_requests(&tenant).await?, 2);
    Ok(())
}

async fn foreign_secret(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    let theirs = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": tenant.token_secret()},
        "stringData": {"access-token": crate::bed::unique("their-token")},
    });
    let theirs = bed.create(&theirs).await?;
    add(&bed, &sim, &tenant, json!({})).await?;

    let object = bed.until_reason("acme", "SecretConflict").await?;
    assert_eq!(object::status(&object, "Ready"), "False");
    assert_eq!(object::status(&object, "Stalled"), "True");
    assert_eq!(text(&object, "/status/phase"), "Degraded");
    let message = object::message(&object, "Ready");
    assert!(message.contains(&tenant.token_secret()), "{message}");
    let now = bed.get("secrets", &tenant.token_secret()).await?;
    assert_eq!(now, theirs);
    assert_eq!(sim.token_requests(&tenant).await?, 0);

    bed.delete("secrets", &tenant.token_secret()).await?;
    bed.until_reason("acme", "Connected").await?;
    let ours = bed.get("secrets", &tenant.token_secret()).await?;
    assert_eq!(object::key(&ours, "token-type"), "bearer");
    assert_eq!(sim.token_requests(&tenant).await?, 1);
    Ok(())
}
