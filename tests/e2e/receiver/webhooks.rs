//! From Zoom through the receiver to the sink.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    UNTIL_MOUNTED, answer, buffer::only_pod, connected, distinct, meeting_ended, pods, taken,
};
use crate::bed::{
    Bed, Case, LIMIT, Options,
    object::{reason, status, text},
    unique, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::event_reaches_the_sink", event),
        Case::new("receiver::url_validation", validation),
        Case::new("receiver::refusals", refusals),
        Case::new("receiver::secret_rotation_without_restart", rotation),
    ]
}

async fn event(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let refs = json!({"externalRefs": {"tenantid": "klinik-7"}});
    let tenant = connected(&bed, &sim, refs).await?;
    let sent = meeting_ended("1234567890");
    taken(&sim, &tenant, json!({"event": sent})).await?;
    let events = sim.events().await?;
    anyhow::ensure!(distinct(&events).len() == 1, "{events:#?}");
    let event = &events[0];
    anyhow::ensure!(event["method"] == "POST" && event["path"] == "/zoom");
    let body = sent.to_string();
    anyhow::ensure!(event["body"] == body.as_str(), "byte for byte");
    let source = format!(
        "/apis/zoom-operator.io/namespaces/{}/zoomintegrations/acme",
        bed.namespace()
    );
    let expected = [
        ("ce-specversion", "1.0"),
        ("ce-type", "us.zoom.meeting.ended"),
        ("ce-source", source.as_str()),
        ("ce-subject", "1234567890"),
        ("ce-time", "2021-07-14T02:44:51.572Z"),
        ("ce-zoomaccountid", "AAAAAABBBB"),
        ("ce-tenantid", "klinik-7"),
    ];
    for (header, value) in expected {
        anyhow::ensure!(event["headers"][header] == value, "{header}: {event:#}");
    }
    anyhow::ensure!(text(event, "/headers/content-type").starts_with("application/json"));
    anyhow::ensure!(!text(event, "/headers/ce-id").is_empty());
    // The same once more: Zoom repeats what it believes lost, and the consumer can tell by the id.
    let order = json!({"event": sent, "timestamp": Timestamp::now().as_second()});
    taken(&sim, &tenant, order).await?;
    anyhow::ensure!(distinct(&sim.events().await?).len() == 1, "another id");
    bed.until("acme", "the event was seen", |object| {
        object["status"]["webhook"]["eventsSeen"] == json!(["meeting.ended"])
    })
    .await?;
    Ok(())
}

async fn validation(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let endpoint = json!({"webhook": {"endpoint": {"host": "hooks.example.com"}}});
    let tenant = connected(&bed, &sim, endpoint).await?;
    let before = bed.integration("acme").await?;
    anyhow::ensure!(status(&before, "EndpointValidated") == "Unknown");
    anyhow::ensure!(text(&before, "/status/webhook/url") == "https://hooks.example.com/");
    let report = sim.validate(&tenant).await?;
    anyhow::ensure!(
        report["ok"] == true && report["status"] == 200,
        "{report:#}"
    );
    let object = bed
        .until("acme", "EndpointValidated", |object| {
            status(object, "EndpointValidated") == "True"
        })
        .await?;
    let validated: Timestamp = text(&object, "/status/webhook/lastValidated").parse()?;
    let age = Timestamp::now().duration_since(validated).as_secs();
    anyhow::ensure!((0..120).contains(&age), "{age} s");
    anyhow::ensure!(status(&object, "Ready") == "True");
    // An Event follows the status that it speaks of.
    wait_for("an Event", LIMIT, || async {
        let events = bed.events("acme").await?;
        let said = events.iter().any(|event| event["reason"] == "Validated");
        Ok(said.then_some(()))
    })
    .await
}

async fn refusals(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, json!({})).await?;
    let event = meeting_ended("1");
    let hour = 3600;
    let now = Timestamp::now().as_second();
    let forged = format!("v0={}", "0".repeat(64));
    let big = format!(
        r#"{{"event":"meeting.ended","x":"{}"}}"#,
        "x".repeat(1_100_000)
    );
    let other_path = format!("{}other", tenant.receiver_url());
    let cases: [(&str, Value, u16); 7] = [
        ("forged", json!({"event": event, "signature": forged}), 401),
        (
            "no signature",
            json!({"event": event, "headers": {"x-zm-signature": null}}),
            401,
        ),
        (
            "too old",
            json!({"event": event, "timestamp": now - 3 * hour}),
            503,
        ),
        (
            "from the future",
            json!({"event": event, "timestamp": now + 3 * hour}),
            503,
        ),
        (
            "another path",
            json!({"event": event, "url": other_path}),
            404,
        ),
        ("too large", json!({"body": big}), 413),
        ("signed, but no event", json!({"body": "[]"}), 204),
    ];
    for (case, order, expected) in cases {
        // A receiver that had no time on a busy machine says 503, too.
        let delivery = wait_for(case, LIMIT, || async {
            let delivery = sim.deliver(&tenant, order.clone()).await?;
            let answer = answer(&delivery);
            Ok((*answer == expected || *answer != 503).then_some(delivery))
        })
        .await?;
        anyhow::ensure!(*answer(&delivery) == expected, "{case}: {delivery:#}");
    }
    let events = sim.events().await?;
    anyhow::ensure!(distinct(&events).len() == 1, "the last one only");
    // Zoom is told 2xx only when the sink took it; at its next attempt it does.
    sim.sink_answers(json!({"status": 500, "times": 1})).await?;
    let order = json!({"event": meeting_ended("2"), "retries": true, "retry_delays_ms": [100]});
    let delivery = sim.deliver(&tenant, order).await?;
    anyhow::ensure!(*answer(&delivery) == 503, "{delivery:#}");
    let path = format!("deliveries/{}", delivery["id"]);
    let delivery = wait_for("the second attempt", LIMIT, || async {
        let delivery = sim.admin("GET", &path, None).await?;
        Ok((delivery["done"] == true).then_some(delivery))
    })
    .await?;
    anyhow::ensure!(delivery["delivered"] == true, "{delivery:#}");
    Ok(())
}

/// Zoom's rotation: a new secret for new requests, the old one for a while beside it.
async fn rotation(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, json!({})).await?;
    let before = pods(&bed).await?;
    let old = tenant.webhook_secret.clone();
    let mut rotated = tenant.clone();
    rotated.webhook_secret = unique("webhook-secret");
    let mut secret = rotated.secret();
    secret["data"]["previous-webhook-secret-token"] =
        tenant.secret()["data"]["webhook-secret-token"].clone();
    bed.apply(&secret).await?;
    sim.patch_app(
        &tenant,
        json!({"webhook_secret_token": rotated.webhook_secret}),
    )
    .await?;
    // The kubelet brings a changed Secret to the Pod's volume once in a minute.
    let pod = only_pod(&bed).await?;
    wait_for("the new secret is taken", UNTIL_MOUNTED, || async {
        bed.look_at_pod(&pod).await?;
        let validation = sim.validate(&tenant).await?;
        Ok((validation["ok"] == true).then_some(()))
    })
    .await?;
    taken(&sim, &tenant, json!({"event": meeting_ended("1")})).await?;
    // What Zoom signed before the rotation still comes in.
    sim.patch_app(&tenant, json!({"webhook_secret_token": old}))
        .await?;
    taken(&sim, &tenant, json!({"event": meeting_ended("2")})).await?;
    let after = pods(&bed).await?;
    anyhow::ensure!(
        after.len() == 1 && after[0]["metadata"]["uid"] == before[0]["metadata"]["uid"]
    );
    anyhow::ensure!(after[0]["status"]["containerStatuses"][0]["restartCount"] == 0);
    let object = bed.integration("acme").await?;
    anyhow::ensure!(reason(&object, "Ready") == "Connected");
    Ok(())
}
