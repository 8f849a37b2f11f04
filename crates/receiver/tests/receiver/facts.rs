//! What the controller learns.

use std::fs;

use contract::{
    receiver::routes::Connection,
    routing_facts::{MAX_CONNECTIONS, RoutingFacts},
};
use serde_json::{Value, json};

use super::{
    client::{event, eventually, get},
    fixture::{BODY, Fixture, SECRET},
    tenants::{routed, routes, routing},
};

#[tokio::test]
async fn facts_follow_what_happens() {
    let receiver = Fixture::new().await.start().await;
    let empty = json!({"version": 1, "lastValidated": null, "lastValidatedSecret": null,
        "lastVerified": null, "lastVerifiedSecret": null, "lastRejected": null,
        "eventTypesSeen": [], "removals": []});
    assert_eq!(receiver.facts().await, empty);
    let unsigned = event(SECRET, BODY).without("x-zm-signature");
    assert_eq!(receiver.status(&unsigned).await, 401);
    assert_eq!(receiver.facts().await, empty, "noise is no fact");

    assert_eq!(receiver.status(&event("wrong", BODY)).await, 401);
    let facts = receiver.facts().await;
    assert!(facts["lastRejected"].is_string());
    assert_eq!(facts["lastVerified"], Value::Null);

    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    let ended = event(SECRET, r#"{"event":"meeting.ended"}"#);
    assert_eq!(receiver.status(&ended).await, 204);
    assert_eq!(receiver.status(&event(SECRET, "not JSON")).await, 204);
    let facts = receiver.facts().await;
    assert_eq!(
        facts["eventTypesSeen"],
        json!(["meeting.ended", "meeting.started"])
    );
    assert_eq!(facts["lastVerifiedSecret"], "Current");
    assert_eq!(facts["lastValidated"], Value::Null);
}

#[tokio::test]
async fn who_removed_the_app_is_a_fact() {
    let receiver = Fixture::new().await.start().await;
    let removed = r#"{"event":"app_deauthorized","payload":{"account_id":"a","user_id":"u","client_id":"c"}}"#;
    assert_eq!(receiver.status(&event("wrong", removed)).await, 401);
    assert_eq!(
        receiver.facts().await["removals"],
        json!([]),
        "not from anybody"
    );
    assert_eq!(receiver.status(&event(SECRET, removed)).await, 204);
    let nobody = r#"{"event":"app_deauthorized","payload":{"account_id":"a"}}"#;
    assert_eq!(receiver.status(&event(SECRET, nobody)).await, 204);
    let facts = receiver.facts().await;
    assert_eq!(facts["removals"][0]["userId"], "u");
    assert_eq!(facts["removals"][1], Value::Null);
    let receiver = receiver.stop().await.start().await;
    assert_eq!(receiver.facts().await["removals"], facts["removals"]);
}

#[tokio::test]
async fn facts_survive_a_restart() {
    let receiver = Fixture::new().await.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    let ask = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"t"}}"#;
    assert_eq!(receiver.status(&event(SECRET, ask)).await, 200);
    let before = receiver.facts().await;
    assert!(before["lastValidated"].is_string());
    let receiver = receiver.stop().await.start().await;
    assert_eq!(receiver.facts().await, before);
    let page = get(receiver.at.admin, "/metrics").await.body;
    let never = "zoom_receiver_last_validation_timestamp_seconds 0";
    assert!(!page.lines().any(|line| line == never), "{page}");
}

#[tokio::test]
async fn facts_are_on_disk_without_an_orderly_stop() {
    let receiver = Fixture::new().await.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    let facts = receiver.facts().await;
    let file = receiver.config.state_dir.join("facts.json");
    eventually("facts on disk", || async {
        let text = fs::read_to_string(&file).unwrap_or_default();
        serde_json::from_str::<Value>(&text).is_ok_and(|found| found == facts)
    })
    .await;
    receiver.task.abort();
}

#[tokio::test]
async fn neither_garbage_nor_a_missing_directory_stops_it() {
    let fixture = Fixture::new().await;
    fs::write(
        fixture.config.state_dir.join("facts.json"),
        "{\"version\":9}",
    )
    .unwrap();
    let receiver = fixture.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    let fixture = receiver.stop().await;
    fs::remove_dir_all(&fixture.config.state_dir).unwrap();
    let receiver = fixture.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    assert!(receiver.facts().await["lastVerified"].is_string());
    receiver.stop().await;
}

#[tokio::test]
async fn each_port_serves_its_own_and_nothing_else() {
    let receiver = Fixture::new().await.start().await;
    let (admin, facts) = (receiver.at.admin, receiver.at.facts);
    for (port, path) in [
        (admin, "/facts"),
        (facts, "/metrics"),
        (facts, "/ready"),
        (facts, "/"),
    ] {
        assert_eq!(get(port, path).await.status, 404, "{path}");
    }
    let answer = get(facts, "/facts").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/json"));
}

#[tokio::test]
async fn metrics_count_and_give_nothing_away() {
    let receiver = Fixture::new().await.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    assert_eq!(receiver.status(&event("wrong", BODY)).await, 503);
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="delivered"} 1"#)
        .await;
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="signature_changed"} 1"#)
        .await;
    receiver
        .counted(r#"zoom_receiver_sink_deliveries_total{outcome="delivered"} 1"#)
        .await;
    receiver
        .counted(r#"zoom_receiver_verified_requests_total{secret="current"} 1"#)
        .await;
    let answer = get(receiver.at.admin, "/metrics").await;
    assert!(answer.head.contains("application/openmetrics-text"));
    for hidden in [SECRET, "meeting.started", "AAAAAABBBB", "127.0.0.1"] {
        assert!(!answer.body.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn of_more_connections_than_fit_the_rest_is_told_on_request() {
    let fixture = routed().await;
    let directory = routes(&fixture);
    let count = MAX_CONNECTIONS + 2;
    for n in 0..count {
        let connection = Connection::new("tenants", &format!("c{n:0>4}")).unwrap();
        fs::write(directory.join(connection.route_key()), "").unwrap();
    }
    let receiver = fixture.start().await;
    eventually("routes to be read", || async {
        receiver.facts().await["routing"]["moreConnections"] == 2
    })
    .await;
    let first: RoutingFacts = serde_json::from_value(routing(&receiver).await).unwrap();
    assert_eq!(first.connections.len(), MAX_CONNECTIONS);
    let path = format!("/facts?{}", first.next_query().unwrap());
    let rest = get(receiver.at.facts, &path).await.body;
    let rest: Value = serde_json::from_str(&rest).unwrap();
    let names: Vec<_> = rest["routing"]["connections"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(names, ["tenants/c1000", "tenants/c1001"]);
    assert_eq!(rest["routing"]["moreConnections"], 0);
    assert_eq!(rest["routing"]["last"], Value::Null);
}
