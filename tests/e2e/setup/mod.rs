//! The human to-do list in the status: what turns a step, and what its message says when it was done wrong.

mod domain;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::bed::{
    App, Bed, Case, LIMIT, Operator, Options, SCOPE, Tenant, merge,
    object::{message, reason, status, text},
    unique, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("setup::from_nothing_to_the_goal", whole),
        Case::new("setup::wrong_pair_of_a_general_app", wrong_pair),
        Case::new("setup::connection_proves_the_rest", connection),
        Case::new("setup::wrong_secret_token", wrong_secret_token),
        Case::new("setup::missing_box", missing_box),
        Case::new("setup::webhook_only", webhook_only),
        Case::new("setup::domain_is_validated_at_submit", domain::validated),
    ]
}

/// Each step turns when its proof was seen, and then nothing is written any more.
async fn whole(bed: Bed) -> anyhow::Result<()> {
    let (sim, operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    let endpoint = json!({"webhook": {"endpoint": {"host": "hooks.example.com"}}});
    let mut manifest = tenant.manifest_with_webhook();
    merge(&mut manifest["spec"], &endpoint);
    bed.apply(&manifest).await?;
    let first = bed.until_reason("acme", "AwaitingCredentials").await?;
    ensure!(next(&first) == "Create the Server-to-Server OAuth app");
    ensure!(done(&first).is_empty(), "{first:#}");
    let endpoint = &step(&first, "Endpoint")["entries"][0];
    ensure!(
        *endpoint
            == json!({
                "action": "Paste", "field": "Event notification endpoint URL",
                "value": "https://hooks.example.com/",
            })
    );

    // The app is there, but neither activated nor with its scopes, and the Secret Token was forgotten.
    sim.put_app(&tenant, json!({"active": false, "scopes": []}))
        .await?;
    let mut secret = tenant.secret();
    merge(
        &mut secret,
        &json!({"data": {"webhook-secret-token": null}}),
    );
    bed.apply(&secret).await?;
    bed.until("acme", "it is said what was forgotten", |object| {
        // Zoom does not tell a wrong account id from this.
        step(object, "Activate")["state"] == "Open"
            && done(object) == ["CreateApp"]
            && said(object, "Activate").contains("activate the app")
            && said(object, "SecretToken").contains("has no key webhook-secret-token")
    })
    .await?;

    sim.patch_app(&tenant, json!({"active": true, "scopes": [SCOPE]}))
        .await?;
    bed.apply(&tenant.secret()).await?;
    let object = bed
        .until("acme", "the app is there", |object| {
            done(object) == ["CreateApp", "Credentials", "Scopes", "Activate"]
        })
        .await?;
    ensure!(!step(&object, "CreateApp")["since"].is_null());
    bed.until_reason("acme", "Connected").await?;

    for event in ["meeting.started", "meeting.ended"] {
        let event = json!({"event": event, "event_ts": 1, "payload": {"object": {"id": "1"}}});
        sim.deliver(&tenant, json!({"event": event})).await?;
    }
    let report = sim.validate(&tenant).await?;
    ensure!(report["ok"] == true, "{report:#}");
    for id in ["Events", "SecretToken", "Endpoint"] {
        turned(&bed, id, "Done").await?;
    }
    let object = bed
        .until("acme", "nothing is left", |object| {
            // An event proves the endpoint as well, and may be heard of before the validation.
            object["status"]["nextStep"] == Value::Null
                && status(object, "EndpointValidated") == "True"
        })
        .await?;
    let steps = object["status"]["setup"].as_array();
    ensure!(
        steps.map(Vec::len) == Some(done(&object).len()),
        "{object:#}"
    );
    idle(&bed, &operator).await
}

/// Two passes without news leave the object as it is, to its resourceVersion.
async fn idle(bed: &Bed, operator: &Operator) -> anyhow::Result<()> {
    let passes = async || {
        let sample = "zoom_operator_reconciliations_total{result=\"success\"}";
        Ok::<_, anyhow::Error>(operator.metric(sample).await?.unwrap_or_default())
    };
    // Should there have been news after all, once more.
    wait_for("no write without news", LIMIT, || async {
        let before = bed.integration("acme").await?;
        for _ in 0..2 {
            let count = passes().await?;
            // A change of what belongs to the receiver leads to a pass.
            let poke = json!({"metadata": {"annotations": {"example.com/poke": unique("poke")}}});
            bed.patch("services", "acme-receiver", &poke).await?;
            wait_for("a pass", LIMIT, || async {
                Ok((passes().await? > count).then_some(()))
            })
            .await?;
        }
        let after = bed.integration("acme").await?;
        ensure!(
            after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"],
            "written: {:#}\n{:#}",
            before["status"],
            after["status"]
        );
        Ok(Some(()))
    })
    .await
}

/// Zoom is asked once for each Secret; what it refuses is named, and repaired within seconds.
async fn wrong_pair(bed: Bed) -> anyhow::Result<()> {
    let (sim, operator) = bed.zoom_and_operator(&Options::default()).await?;
    let app = App::general("acme");
    app.register(&sim, json!({})).await?;
    let mut wrong = app.0.clone();
    wrong.client_secret = unique("development-secret");
    bed.apply(&wrong.secret()).await?;
    bed.apply(&app.manifest(&json!({"suspend": true}))).await?;
    bed.until("acme", "suspended", |object| {
        text(object, "/status/phase") == "Suspended"
    })
    .await?;
    ensure!(sim.token_requests(&app.0).await? == 0);

    bed.change("acme", &json!({"suspend": null})).await?;
    let object = bed.until_reason("acme", "CredentialsRejected").await?;
    ensure!(text(&object, "/status/phase") == "Degraded");
    ensure!(status(&object, "Stalled") == "True");
    ensure!(reason(&object, "CredentialsValid") == "CredentialsRejected");
    ensure!(step(&object, "Credentials")["state"] == "Open");
    ensure!(said(&object, "Credentials").contains("copy both from the Production tab"));
    ensure!(next(&object) == "Copy the app's credentials into the Secret");
    ensure!(warns(&object, "Development tab"), "{object:#}");
    // Other passes ask no more before their time.
    for optional in [json!(["user:read:email"]), json!(null)] {
        bed.change("acme", &json!({"scopes": {"optional": optional}}))
            .await?;
        bed.until_reason("acme", "CredentialsRejected").await?;
    }
    ensure!(sim.token_requests(&app.0).await? == 1);

    let secret = bed.apply(&app.0.secret()).await?;
    let object = turned(&bed, "Credentials", "Done").await?;
    ensure!(reason(&object, "Ready") == "ReadyToInstall");
    ensure!(status(&object, "CredentialsValid") == "True");
    ensure!(!warns(&object, "Development tab"), "{object:#}");
    ensure!(object["status"]["credentials"]["failure"] == Value::Null);
    let version = [
        text(&secret, "/metadata/uid"),
        text(&secret, "/metadata/resourceVersion"),
    ];
    ensure!(text(&object, "/status/credentials/acceptedVersion") == version.join("/"));
    // What is known needs no second question, whoever leads.
    operator.restart().await?;
    bed.change(
        "acme",
        &json!({"scopes": {"optional": ["user:read:email"]}}),
    )
    .await?;
    bed.until_reason("acme", "ReadyToInstall").await?;
    let counters = &sim.app(&app.0).await?["counters"];
    ensure!(
        counters["token_requests_by_outcome"] == json!({"invalid_client": 1, "invalid_grant": 1}),
        "{counters:#}"
    );
    Ok(())
}

/// What shows only when somebody authorizes is read from the connections, as soon as they know it.
async fn connection(bed: Bed) -> anyhow::Result<()> {
    let options = Options::default().with_pages();
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    let app = App::general("acme");
    let own = json!({"oauth": {"redirectUrl": null, "consent": {"mode": "Operator"}}});
    app.declare(&bed, &sim, json!({}), &own).await?;
    let object = turned(&bed, "Credentials", "Done").await?;
    ensure!(step(&object, "Redirect")["state"] == "Unknown");
    ensure!(said(&object, "Install").contains("There is no ZoomConnection yet: create one"));
    ensure!(next(&object) == "Open the installation link and authorize the app");

    let person = app.people(&sim).await?.remove(0);
    let minted = app.mint(&sim, &person).await?;
    app.import(&bed, "ada", &minted, &json!({})).await?;
    for id in ["Redirect", "Scopes", "Install"] {
        turned(&bed, id, "Done").await?;
    }
    bed.until("acme", "nothing is left", |object| {
        object["status"]["nextStep"] == Value::Null
            && step(object, "Install")["evidence"] == "1 of 1 connections are connected."
    })
    .await?;
    Ok(())
}

/// Requests come that no key of the Secret has signed.
async fn wrong_secret_token(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(
        &tenant,
        json!({"webhook_secret_token": unique("another-token")}),
    )
    .await?;
    bed.apply(&tenant.secret()).await?;
    bed.apply(&tenant.manifest_with_webhook()).await?;
    bed.until_reason("acme", "Connected").await?;
    ensure!(sim.validate(&tenant).await?["ok"] == false);
    let object = turned(&bed, "SecretToken", "Open").await?;
    let expected = "signature does not match Secret acme-credentials, key webhook-secret-token";
    ensure!(
        said(&object, "SecretToken").contains(expected),
        "{object:#}"
    );
    ensure!(next(&object) == "Copy the Secret Token into the Secret");

    // The one that the Secret has is Zoom's after all.
    sim.patch_app(
        &tenant,
        json!({"webhook_secret_token": tenant.webhook_secret}),
    )
    .await?;
    ensure!(sim.validate(&tenant).await?["ok"] == true);
    let object = turned(&bed, "SecretToken", "Done").await?;
    ensure!(step(&object, "SecretToken")["message"] == Value::Null);
    ensure!(step(&object, "Endpoint")["state"] == "Done");
    Ok(())
}

async fn missing_box(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    bed.apply(&tenant.secret()).await?;
    let wanted = "meeting:read:meeting:admin";
    let scopes = json!({"scopes": {"required": [SCOPE, wanted]}});
    bed.apply(&tenant.manifest_with(&scopes)).await?;
    let object = bed.until_reason("acme", "MissingScopes").await?;
    let tick = "choose Add Scopes and tick meeting:read:meeting:admin";
    for type_ in ["Ready", "ScopesGranted"] {
        ensure!(
            message(&object, type_).contains(tick),
            "{type_}: {object:#}"
        );
        ensure!(message(&object, type_).contains("The next token has them"));
    }
    ensure!(step(&object, "Scopes")["state"] == "Open");
    ensure!(said(&object, "Scopes").contains(wanted));
    ensure!(next(&object) == "Tick the scopes");
    sim.patch_app(&tenant, json!({"scopes": [SCOPE, wanted]}))
        .await?;
    let object = turned(&bed, "Scopes", "Done").await?;
    ensure!(step(&object, "Scopes")["message"] == Value::Null);
    Ok(())
}

/// Waits until a step is in this state; the integration.
async fn turned(bed: &Bed, id: &str, state: &str) -> anyhow::Result<Value> {
    bed.until("acme", &format!("{id} is {state}"), |object| {
        step(object, id)["state"] == state
    })
    .await
}

fn step<'a>(object: &'a Value, id: &str) -> &'a Value {
    static NONE: Value = Value::Null;
    let steps = object["status"]["setup"].as_array();
    steps
        .and_then(|steps| steps.iter().find(|step| step["id"] == id))
        .unwrap_or(&NONE)
}

/// What a step's message says.
fn said<'a>(object: &'a Value, id: &str) -> &'a str {
    text(step(object, id), "/message")
}

fn next(object: &Value) -> &str {
    text(object, "/status/nextStep")
}

/// The steps that are done.
fn done(object: &Value) -> Vec<&str> {
    let steps = object["status"]["setup"].as_array();
    let steps = steps.into_iter().flatten();
    steps
        .filter(|step| step["state"] == "Done")
        .map(|step| text(step, "/id"))
        .collect()
}

fn warns(object: &Value, about: &str) -> bool {
    object["status"]["warnings"].to_string().contains(about)
}

/// An app with a secret token and nothing else: ready once Zoom has validated.
async fn webhook_only(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({"kind": "WebhookOnly", "scopes": []}))
        .await?;
    let mut manifest = tenant.manifest_with_webhook();
    manifest["spec"]["app"] = json!({"kind": "WebhookOnly"});
    merge(&mut manifest["spec"], &json!({"scopes": null}));
    bed.apply(&manifest).await?;
    bed.until_reason("acme", "AwaitingCredentials").await?;
    let mut secret = tenant.secret();
    merge(
        &mut secret,
        &json!({"data": {"client-id": null, "client-secret": null, "account-id": null}}),
    );
    bed.apply(&secret).await?;
    let object = bed.until_reason("acme", "NotValidated").await?;
    ensure!(text(&object, "/status/phase") == "Ready to install");
    ensure!(status(&object, "Ready") == "False" && status(&object, "Reconciling") == "True");
    let report = sim.validate(&tenant).await?;
    ensure!(report["ok"] == true, "{report:#}");
    let object = bed.until_reason("acme", "Validated").await?;
    ensure!(text(&object, "/status/phase") == "Connected", "{object:#}");
    ensure!(status(&object, "Ready") == "True" && status(&object, "CredentialsValid") == "True");
    for absent in ["token", "connections", "clientId", "scopes", "installUrl"] {
        ensure!(object["status"][absent].is_null(), "{absent}: {object:#}");
    }
    let steps = object["status"]["setup"].as_array().into_iter().flatten();
    let ids: Vec<&str> = steps.map(|step| text(step, "/id")).collect();
    ensure!(
        ids == [
            "CreateApp",
            "Information",
            "SecretToken",
            "Events",
            "Endpoint"
        ],
        "{ids:?}"
    );
    let event =
        json!({"event": "meeting.ended", "event_ts": 1, "payload": {"object": {"id": "1"}}});
    sim.deliver(&tenant, json!({"event": event})).await?;
    Ok(())
}
