//! Problems are counted, returned on request, and survive a restart.

use serde_json::{Value, json};

use super::{
    client::{self, event, event_at, eventually},
    fixture::{BODY, Fixture, SECRET},
    sink::Behaviour,
};

#[tokio::test]
async fn a_signature_that_turns_wrong_is_answered_503_whoever_sent_wrong_ones_before() {
    let receiver = Fixture::new().await.start().await;
    // A secret that was never right is no change of it.
    assert_eq!(receiver.status(&event("new", BODY)).await, 401);
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    for _ in 0..3 {
        assert_eq!(receiver.status(&event("new", BODY)).await, 503);
    }
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="signature_changed"} 3"#)
        .await;
    let run = &receiver.health().await["wrongSignatures"];
    assert_eq!(run["count"], 3);
    assert!(run["since"].is_string() && run["last"].is_string());

    // Over a restart too, and however long strangers have sent wrong ones: the first event signed with a
    // regenerated token comes once they have done so for days.
    let fixture = receiver.stop().await;
    let file = fixture.config.state_dir.join("health.json");
    let days = r#"{"wrongSignatures":{"count":48,"since":"2026-01-01T00:00:00Z","last":"2026-01-03T00:00:00Z"},"setAside":0}"#;
    std::fs::write(file, days).unwrap();
    let receiver = fixture.start().await;
    assert_eq!(receiver.status(&event("new", BODY)).await, 503);
    assert_eq!(receiver.health().await["wrongSignatures"]["count"], 49);

    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    assert_eq!(receiver.health().await["wrongSignatures"], Value::Null);
}

/// A Pod that replaced another one has seen nothing itself.
#[tokio::test]
async fn what_the_controller_knows_of_right_signatures_counts() {
    let receiver = Fixture::new().await.start().await;
    assert_eq!(receiver.status(&event("new", BODY)).await, 401);
    let told = format!("{}: true\r\n", contract::facts::VERIFIED_BEFORE);
    client::ask(receiver.at.facts, "GET /facts?health=1", &told, "").await;
    assert_eq!(receiver.status(&event("new", BODY)).await, 503);
}

#[tokio::test]
async fn json_without_zooms_headers_is_counted() {
    let receiver = Fixture::new().await.start().await;
    let right = event(SECRET, BODY);
    for stripped in [
        right.clone().without("x-zm-signature"),
        right.clone().without("x-zm-request-timestamp"),
        right
            .clone()
            .without("x-zm-signature")
            .without("x-zm-request-timestamp"),
    ] {
        assert_eq!(receiver.status(&stripped).await, 401);
    }
    // Noise of other kinds is not.
    let noise = right
        .clone()
        .without("x-zm-signature")
        .with("content-type", "text/plain");
    assert_eq!(receiver.status(&noise).await, 401);
    assert_eq!(receiver.health().await["missingHeaders"]["count"], 3);
    assert_eq!(receiver.status(&right).await, 204);
    assert_eq!(receiver.health().await["missingHeaders"], Value::Null);
}

#[tokio::test]
async fn an_event_that_is_not_declared_is_recorded() {
    let declared = ["meeting.ended".to_owned()];
    let receiver = Fixture::new()
        .await
        .with(|config| config.filter = receiver::filter::Filter::only(declared))
        .start()
        .await;
    for body in [
        r#"{"event":"meeting.ended"}"#,
        r#"{"event":"user.created"}"#,
        r#"{"event":"user.created","n":1}"#,
    ] {
        assert_eq!(receiver.status(&event(SECRET, body)).await, 204);
    }
    let health = receiver.health().await;
    let undeclared = health["undeclared"].as_object().unwrap();
    assert_eq!(undeclared.keys().collect::<Vec<_>>(), ["user.created"]);
}

#[tokio::test]
async fn what_is_signed_for_another_time_is_repeated_and_recorded() {
    let receiver = Fixture::new().await.start().await;
    let removed = r#"{"event":"app_deauthorized","payload":{"account_id":"A","user_id":"U"}}"#;
    let now = jiff::Timestamp::now().as_second();
    for (nth, second) in [now - 3 * 3600, now + 3 * 3600].into_iter().enumerate() {
        assert_eq!(
            receiver.status(&event_at(SECRET, second, removed)).await,
            503
        );
        let health = receiver.health().await;
        assert_eq!(health["outsideWindow"]["count"], nth + 1, "{health}");
        // Perhaps a replay: a question to Zoom, and no fact.
        assert_eq!(health["unverifiedRemovals"][0]["userId"], "U");
        assert_eq!(receiver.facts().await["removals"], json!([]));
    }
    receiver
        .counted(r#"zoom_receiver_verified_requests_total{secret="current"} 0"#)
        .await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    assert_eq!(receiver.health().await["outsideWindow"], Value::Null);
}

#[tokio::test]
async fn a_removal_with_a_wrong_signature_is_no_fact_and_not_lost() {
    let receiver = Fixture::new().await.start().await;
    let removed = r#"{"event":"app_deauthorized","payload":{"account_id":"A","user_id":"U"}}"#;
    assert_eq!(receiver.status(&event("other", removed)).await, 401);
    assert_eq!(receiver.facts().await["removals"], json!([]));
    let told = receiver.health().await["unverifiedRemovals"].clone();
    assert_eq!(
        (&told[0]["userId"], &told[0]["accountId"]),
        (&json!("U"), &json!("A"))
    );
    assert_eq!(receiver.sink.count(), 0);
    // A removal without a user is not counted.
    let nobody = r#"{"event":"app_deauthorized","payload":{}}"#;
    assert_eq!(receiver.status(&event("other", nobody)).await, 401);
    assert_eq!(
        receiver.health().await["unverifiedRemovals"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_sink_that_accepts_nothing_shows_without_a_buffer() {
    let receiver = Fixture::new().await.start().await;
    receiver.sink.answer(Behaviour::Status(500));
    for _ in 0..2 {
        assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    }
    let health = receiver.health().await;
    assert_eq!(health["sinkFailures"]["count"], 2);
    assert_eq!(health["sinkCause"], "sink answered 500");
    receiver.sink.answer(Behaviour::Status(204));
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    let health = receiver.health().await;
    assert_eq!(health["sinkFailures"], Value::Null);
    assert!(health["lastDelivered"].is_string());
}

#[tokio::test]
async fn a_sink_out_of_reach_shows_before_there_is_an_event() {
    for (url, cause) in [
        ("http://127.0.0.1:1/", "the sink accepts no connection"),
        ("http://10.0.0.1/x", "the sink's address is not allowed"),
    ] {
        let fixture = Fixture::new().await;
        let receiver = fixture
            .with(|config| config.sink.url = url.parse().ok())
            .start()
            .await;
        eventually("the cause", || async {
            receiver.health().await["sinkCause"] == cause
        })
        .await;
    }
}

/// An earlier version of the controller refuses fields that it does not know.
#[tokio::test]
async fn who_does_not_ask_is_told_what_earlier_versions_told() {
    let receiver = Fixture::new().await.start().await;
    assert_eq!(receiver.status(&event("wrong", BODY)).await, 401);
    let facts = receiver.facts().await;
    let mut keys: Vec<_> = facts
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "eventTypesSeen",
            "lastRejected",
            "lastValidated",
            "lastValidatedSecret",
            "lastVerified",
            "lastVerifiedSecret",
            "removals",
            "version",
        ]
    );
}
