//! The rows in which a person is waited for, and those that a person asked for.

use serde_json::{Value, json};

use super::{Kstatus, Row, STALLED, UNSEEN, USABLE, WAITS_FOR_A_PERSON, judges::judge, tenant};
use crate::bed::{
    Bed, Case, Operator, Options, SCOPE, Sim, Tenant, merge,
    object::{message, reason, seen, status, text},
    secret, unique,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("contract::awaiting_credentials", awaiting_credentials),
        Case::new("contract::waits_for_installation", waits_for_installation),
        Case::new("contract::installable", installable),
        Case::new("contract::installation_proven_by_an_event", proven),
        Case::new("contract::credentials_rejected", credentials_rejected),
        Case::new("contract::missing_scopes", missing_scopes),
        Case::new("contract::secret_conflict", secret_conflict),
        Case::new("contract::suspended_after_ready", suspended_after_ready),
        Case::new("contract::suspended_before_ready", suspended_before_ready),
        Case::new("contract::deleting", deleting),
    ]
}

async fn awaiting_credentials(bed: Bed) -> anyhow::Result<()> {
    Operator::install(&bed, &Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    bed.apply(&tenant.manifest()).await?;
    let object = bed.until_reason("acme", "AwaitingCredentials").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Awaiting credentials");
    anyhow::ensure!(message(&object, "Ready").contains(&tenant.secret_name()));
    judge(&bed, "acme", WAITS_FOR_A_PERSON).await
}

/// A General app whose consent is the tenant's own.
fn general(tenant: &Tenant, ready_when: &str) -> Value {
    tenant.manifest_with(&json!({
        "app": {"kind": "General", "management": "User"},
        "scopes": {"required": ["meeting:read:meeting"]},
        "oauth": {
            "redirectUrl": "https://clinic.example.com/zoom/callback",
            "consent": {"mode": "External"},
        },
        "readyWhen": ready_when,
    }))
}

async fn waits_for_installation(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    // A link with a client id that Zoom has not accepted would show any value of any Secret.
    tenant
        .declare(
            &bed,
            &sim,
            json!({"kind": "General"}),
            &general(&tenant, "Connected"),
        )
        .await?;
    let object = bed.until_reason("acme", "ReadyToInstall").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Ready to install");
    let url = text(&object, "/status/installUrl");
    anyhow::ensure!(url.contains(&tenant.client_id), "{url}");
    anyhow::ensure!(
        url.contains("clinic.example.com%2Fzoom%2Fcallback"),
        "{url}"
    );
    judge(&bed, "acme", WAITS_FOR_A_PERSON).await
}

async fn installable(bed: Bed) -> anyhow::Result<()> {
    Operator::install(&bed, &Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    bed.apply(&tenant.secret()).await?;
    bed.apply(&general(&tenant, "Installable")).await?;
    bed.until_reason("acme", "ReadyToInstall").await?;
    judge(&bed, "acme", USABLE).await
}

/// Whether somebody installed an app with a callback of its own, only its events can tell.
async fn proven(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({"kind": "General"})).await?;
    bed.apply(&tenant.secret()).await?;
    let mut manifest = tenant.manifest_with_webhook();
    merge(
        &mut manifest["spec"],
        &general(&tenant, "Connected")["spec"],
    );
    bed.apply(&manifest).await?;
    bed.until_reason("acme", "ReadyToInstall").await?;
    let event = json!({
        "event": "meeting.ended",
        "event_ts": 1_750_000_000_000_i64,
        "payload": {"account_id": tenant.account_id, "object": {"id": "1"}},
    });
    sim.deliver(&tenant, json!({"event": event})).await?;
    let object = bed.until_reason("acme", "Connected").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Connected");
    judge(&bed, "acme", USABLE).await
}

async fn credentials_rejected(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let mut wrong = tenant(&bed, &sim, json!({})).await?;
    wrong.client_secret = unique("wrong-secret");
    bed.apply(&wrong.secret()).await?;
    bed.apply(&wrong.manifest()).await?;
    let object = bed.until_reason("acme", "CredentialsRejected").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Degraded");
    anyhow::ensure!(status(&object, "CredentialsValid") == "False");
    judge(&bed, "acme", STALLED).await
}

async fn missing_scopes(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    let wanted = "meeting:read:list_meetings:admin";
    let scopes = json!({"scopes": {"required": [SCOPE, wanted]}});
    bed.apply(&tenant.manifest_with(&scopes)).await?;
    let object = bed.until_reason("acme", "MissingScopes").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Missing scopes");
    anyhow::ensure!(object["status"]["scopes"]["missing"] == json!([wanted]));
    anyhow::ensure!(status(&object, "ScopesGranted") == "False");
    anyhow::ensure!(message(&object, "Ready").contains(wanted));
    judge(&bed, "acme", STALLED).await?;
    // The box is ticked.
    sim.patch_app(&tenant, json!({"scopes": [SCOPE, wanted]}))
        .await?;
    bed.until_reason("acme", "Connected").await?;
    judge(&bed, "acme", USABLE).await
}

async fn secret_conflict(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    let theirs = secret(&tenant.token_secret(), &[("password", b"theirs")]);
    bed.apply(&theirs).await?;
    bed.apply(&tenant.manifest()).await?;
    bed.until_reason("acme", "SecretConflict").await?;
    judge(&bed, "acme", STALLED).await?;
    anyhow::ensure!(sim.token_requests(&tenant).await? == 0);
    bed.delete("secrets", &tenant.token_secret()).await?;
    bed.until_reason("acme", "Connected").await?;
    judge(&bed, "acme", USABLE).await
}

async fn suspended(bed: &Bed, sim: &Sim, tenant: &Tenant, row: Row) -> anyhow::Result<Value> {
    let requests = sim.token_requests(tenant).await?;
    let object = bed
        .until("acme", "suspended", |object| {
            text(object, "/status/phase") == "Suspended" && seen(object)
        })
        .await?;
    judge(bed, "acme", row).await?;
    anyhow::ensure!(sim.token_requests(tenant).await? == requests);
    Ok(object)
}

async fn suspended_after_ready(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest()).await?;
    bed.until_reason("acme", "Connected").await?;
    bed.change("acme", &json!({"suspend": true})).await?;
    let row = Row {
        argo: "Suspended",
        ..USABLE
    };
    let object = suspended(&bed, &sim, &tenant, row).await?;
    anyhow::ensure!(reason(&object, "Ready") == "Connected", "the last word");
    bed.change("acme", &json!({"suspend": null})).await?;
    bed.until("acme", "connected", |object| {
        text(object, "/status/phase") == "Connected"
    })
    .await?;
    judge(&bed, "acme", USABLE).await
}

async fn suspended_before_ready(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest_with(&json!({"suspend": true})))
        .await?;
    let row = Row {
        ready: "Unknown",
        argo: "Suspended",
        ..UNSEEN
    };
    suspended(&bed, &sim, &tenant, row).await?;
    anyhow::ensure!(bed.find("secrets", &tenant.token_secret()).await?.is_none());
    bed.change("acme", &json!({"suspend": false})).await?;
    bed.until_reason("acme", "Connected").await?;
    judge(&bed, "acme", USABLE).await
}

async fn deleting(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    let mut manifest = tenant.manifest();
    manifest["metadata"]["finalizers"] = json!(["example.com/not-ours"]);
    bed.apply(&manifest).await?;
    bed.until_reason("acme", "Connected").await?;
    bed.delete("zoomintegrations", "acme").await?;
    // The last status stands; what counts is that it is being deleted.
    let row = Row {
        kstatus: Kstatus::Terminating,
        argo: "Progressing",
        ..USABLE
    };
    judge(&bed, "acme", row).await?;
    let finalizers = json!({"metadata": {"finalizers": null}});
    bed.patch("zoomintegrations", "acme", &finalizers).await?;
    bed.until_gone("zoomintegrations", "acme").await?;
    bed.until_gone("secrets", &tenant.token_secret()).await
}
