//! Answers that are none: each has its reason, and none holds up another integration.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{add, failure, requests, until_failing, until_held};
use crate::bed::{
    Bed, Case, Options, Sim, Tenant,
    object::{self, text},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("faults::every_bad_answer_has_its_reason", bad_answers),
        Case::new(
            "faults::silence_holds_up_nobody_else",
            silence_holds_up_nobody,
        ),
    ]
}

async fn bad_answers(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let faults = [
        ("garbage", json!({"kind": "garbage"}), "ZoomUnintelligible"),
        (
            "no-token",
            json!({"kind": "status", "status": 200, "body": "{\"scope\":\"\"}"}),
            "ZoomUnintelligible",
        ),
        (
            "redirect",
            json!({"kind": "status", "status": 302, "headers": {"location": "http://sink/"}}),
            "ZoomUnintelligible",
        ),
        ("truncated", json!({"kind": "truncated"}), "ZoomUnreachable"),
        ("dropped", json!({"kind": "drop"}), "ZoomUnreachable"),
        ("refused", json!({"kind": "refuse"}), "ZoomUnreachable"),
        (
            "broken",
            json!({"kind": "status", "status": 500, "body": "oops"}),
            "ZoomUnavailable",
        ),
        (
            "gateway",
            json!({"kind": "status", "status": 502, "body": "<html></html>"}),
            "ZoomUnavailable",
        ),
    ];
    let mut tenants = Vec::new();
    for (name, fault, reason) in faults {
        let tenant = Tenant::server_to_server(name);
        strike(&sim, &tenant, fault).await?;
        add(&bed, &sim, &tenant, json!({})).await?;
        tenants.push((tenant, reason));
    }
    for (tenant, reason) in &tenants {
        let (object, failed) = until_failing(&bed, &tenant.name, reason).await?;
        assert_eq!(object::reason(&object, "Ready"), *reason);
        assert_eq!(object::status(&object, "Ready"), "Unknown");
        assert_eq!(object::status(&object, "Reconciling"), "True");
        assert_eq!(text(&object, "/status/phase"), "Connecting");
        let asked = requests(&sim, tenant).await?;
        ensure!(
            asked.len() <= usize::try_from(failed.attempts)? + 1,
            "more requests than attempts: {failed:?} {asked:?}"
        );
        sim.clear_fault(&tenant.name).await?;
    }
    for (tenant, _) in &tenants {
        let object = bed.until_reason(&tenant.name, "Connected").await?;
        assert_eq!(failure(&object), None);
    }
    assert!(sim.events().await?.is_empty(), "a redirect was followed");
    Ok(())
}

/// One request gets no answer at all; another tenant is connected meanwhile.
async fn silence_holds_up_nobody(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let silent = Tenant::server_to_server("silent");
    strike(&sim, &silent, json!({"kind": "hold"})).await?;
    add(&bed, &sim, &silent, json!({})).await?;
    until_held(&sim, "silent").await?;

    let healthy = Tenant::server_to_server("healthy");
    add(&bed, &sim, &healthy, json!({})).await?;
    let object = bed.until_reason("healthy", "Connected").await?;
    let connected_at = transition(&object);

    // The request is given up after a while, not waited for for ever.
    let (object, _) = until_failing(&bed, "silent", "ZoomUnreachable").await?;
    let message = object::message(&object, "Ready");
    assert!(message.contains("timed out"), "{message}");
    let given_up = text(&object, "/status/token/failure/time");
    assert!(
        connected_at.as_str() < given_up,
        "{connected_at} {given_up}"
    );
    sim.clear_fault("silent").await?;
    bed.until_reason("silent", "Connected").await?;
    Ok(())
}

/// When `Ready` changed last, RFC 3339 in whole seconds.
fn transition(object: &Value) -> String {
    let ready = object::condition(object, "Ready");
    ready.map_or_else(String::new, |ready| {
        text(ready, "/lastTransitionTime").to_owned()
    })
}

async fn strike(sim: &Sim, tenant: &Tenant, fault: Value) -> anyhow::Result<()> {
    let rule = json!({"endpoint": "token", "client_id": tenant.client_id, "fault": fault});
    sim.put_fault(&tenant.name, rule).await
}
