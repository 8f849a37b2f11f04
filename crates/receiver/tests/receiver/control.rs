//! The authenticated port: dead letters and the drain.

use std::{io::Read as _, net::SocketAddr};

use serde_json::{Value, json};

use super::{
    buffer::{body, numbers},
    client::{self, ask, event, eventually},
    fixture::{BODY, Fixture, Running, SECRET, TOKEN},
    process::serving,
    sink::Behaviour,
};

async fn with_dead_letters(count: usize) -> Running {
    let receiver = Fixture::new().await.buffered().start().await;
    receiver.sink.answer(Behaviour::Status(400));
    for n in 0..count {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    receiver.holds(0, count as u64).await;
    receiver
}

async fn list(receiver: &Running, query: &str) -> Value {
    let line = format!("GET /dead-letters{query}");
    let answer = receiver.control(&line, "").await;
    assert_eq!(answer.status, 200, "{query}");
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn nobody_else_learns_anything() {
    let receiver = with_dead_letters(1).await;
    let control = receiver.at.control.unwrap();
    for line in [
        "GET /dead-letters",
        "GET /",
        "PUT /drain",
        "DELETE /dead-letters",
    ] {
        for headers in [
            "",
            "authorization: Bearer wrong\r\n",
            "authorization: Basic eDp4\r\n",
        ] {
            let answer = ask(control, line, headers, r#"{"drain":true}"#).await;
            assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{line}");
        }
    }
    assert_eq!(receiver.buffer().await["deadLetters"], 1);
    assert_eq!(receiver.control("GET /nothing", "").await.status, 404);
    let (_, token) = receiver.config.control.clone().unwrap();
    std::fs::write(token, "another").unwrap();
    assert_eq!(receiver.control("GET /dead-letters", "").await.status, 401);
    let headers = "authorization: Bearer another\r\n";
    let answer = ask(control, "GET /dead-letters", headers, "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn dead_letters_are_listed_page_by_page_and_shown() {
    let receiver = with_dead_letters(5).await;
    let page = list(&receiver, "?limit=2").await;
    assert_eq!(page["total"], 5);
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
        items.iter().map(id).collect()
    };
    let first = ids(&page);
    assert_eq!(first.len(), 2);
    let rest = ids(&list(&receiver, &format!("?after={}", first[1])).await);
    assert_eq!(rest.len(), 3);
    let item = &page["items"][0];
    assert_eq!(item["reason"], "refused: sink answered 400");
    assert_eq!(
        (&item["event"], &item["attempts"]),
        (&json!("meeting.started"), &json!(1))
    );
    assert!(item["receivedAt"].is_string() && item["failedAt"].is_string());
    assert_eq!(item["bytes"], body(0).len());

    let answer = receiver
        .control(&format!("GET /dead-letters/{}", first[0]), "")
        .await;
    let shown: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(shown["body"], body(0));
    assert_eq!(shown["zoom"]["trackingId"], "v=2.0;clid=us05");
    for wrong in ["?limit=0", "?limit=1001", "?after=x", "?other=1"] {
        let line = format!("GET /dead-letters{wrong}");
        assert_eq!(receiver.control(&line, "").await.status, 400, "{wrong}");
    }
    let nobody = "0".repeat(64);
    for line in [
        format!("GET /dead-letters/{nobody}"),
        format!("DELETE /dead-letters/{nobody}"),
        format!("POST /dead-letters/{nobody}/replay"),
        format!("GET /dead-letters?after={nobody}"),
        "GET /dead-letters/x".into(),
    ] {
        assert_eq!(receiver.control(&line, "").await.status, 404, "{line}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_text_is_shown_in_base64() {
    let receiver = Fixture::new().await.buffered().start().await;
    assert_eq!(receiver.status(&event(SECRET, [0xff, 0xfe])).await, 204);
    let page = list(&receiver, "").await;
    let id = page["items"][0]["id"].as_str().unwrap();
    let answer = receiver
        .control(&format!("GET /dead-letters/{id}"), "")
        .await;
    let shown: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(shown["bodyBase64"], "//4=");
    assert_eq!(shown["body"], Value::Null);
}

#[tokio::test]
async fn a_replay_keeps_the_id_and_comes_last() {
    let receiver = with_dead_letters(2).await;
    let page = list(&receiver, "").await;
    let id = page["items"][0]["id"].as_str().unwrap();
    receiver.sink.answer(Behaviour::Status(204));
    let line = format!("POST /dead-letters/{id}/replay");
    assert_eq!(receiver.control(&line, "").await.status, 204);
    receiver.holds(0, 1).await;
    let got = receiver.sink.received();
    assert_eq!(got[2].header("ce-id"), Some(id));
    assert_eq!(got[2].header("ce-id"), got[0].header("ce-id"));
    assert_eq!(got[2].body, got[0].body);
    assert_eq!(receiver.control(&line, "").await.status, 404);

    let line = format!(
        "DELETE /dead-letters/{}",
        page["items"][1]["id"].as_str().unwrap()
    );
    assert_eq!(receiver.control(&line, "").await.status, 204);
    receiver.holds(0, 0).await;
    assert_eq!(receiver.sink.count(), 3);
}

#[tokio::test]
async fn all_can_be_replayed_or_dropped() {
    let receiver = with_dead_letters(300).await;
    receiver.sink.answer(Behaviour::Status(204));
    let answer = receiver.control("POST /dead-letters/replay", "").await;
    assert_eq!(answer.body, r#"{"count":300}"#);
    receiver.holds(0, 0).await;
    assert_eq!(numbers(&receiver)[300..], (0..300).collect::<Vec<_>>());
    assert_eq!(receiver.status(&event(SECRET, "not JSON")).await, 204);
    let answer = receiver.control("DELETE /dead-letters", "").await;
    assert_eq!(answer.body, r#"{"count":1}"#);
    receiver.holds(0, 0).await;
}

#[tokio::test]
async fn a_drain_takes_nothing_new_and_forwards_the_rest() {
    let receiver = Fixture::new().await.buffered().start().await;
    receiver.sink.answer(Behaviour::Status(503));
    assert_eq!(receiver.status(&event(SECRET, body(0))).await, 204);
    let answer = receiver.control("PUT /drain", r#"{"drain":true}"#).await;
    assert_eq!(answer.status, 204);
    receiver.ready(503).await;
    assert_eq!(receiver.status(&event(SECRET, body(1))).await, 503);
    assert_eq!(
        receiver.status(&event(SECRET, body(0))).await,
        204,
        "it is stored"
    );
    let ask = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"t"}}"#;
    assert_eq!(receiver.status(&event(SECRET, ask)).await, 200);
    assert_eq!(receiver.buffer().await["draining"], true);
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    let answer = receiver.control("PUT /drain", r#"{"drain":false}"#).await;
    assert_eq!(answer.status, 204);
    receiver.ready(200).await;
    assert_eq!(receiver.status(&event(SECRET, body(1))).await, 204);
    for wrong in ["", "{}", r#"{"drain":1}"#] {
        assert_eq!(receiver.control("PUT /drain", wrong).await.status, 400);
    }
    let long = format!(r#"{{"drain":true{}}}"#, " ".repeat(2000));
    assert_eq!(receiver.control("PUT /drain", &long).await.status, 413);
}

#[tokio::test]
async fn without_a_buffer_there_is_nothing_to_control() {
    let fixture = Fixture::new().await.buffered();
    let receiver = fixture.with(|config| config.buffer = None).start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    for line in ["GET /dead-letters", "PUT /drain"] {
        assert_eq!(receiver.control(line, "").await.status, 404);
        let headers = format!("authorization: Bearer {TOKEN}x\r\n");
        let answer = ask(receiver.at.control.unwrap(), line, &headers, "").await;
        assert_eq!(answer.status, 401);
    }
}

#[tokio::test]
async fn the_event_that_holds_up_the_others_is_skipped() {
    let receiver = Fixture::new().await.buffered().start().await;
    assert_eq!(receiver.control("POST /skip", "").await.status, 409);
    receiver.sink.answer(Behaviour::Status(503));
    for n in 0..3 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    receiver.sink_has_at_least(1).await;
    eventually("an attempt has failed", || async {
        let answer = receiver.control("POST /skip", "").await;
        let skipped: Value = match answer.status {
            409 => return false,
            _ => serde_json::from_str(&answer.body).unwrap(),
        };
        assert_eq!(skipped["event"], "meeting.started");
        assert_eq!(skipped["bytes"], body(0).len());
        true
    })
    .await;
    receiver.holds(2, 1).await;
    let item = &list(&receiver, "").await["items"][0];
    assert_eq!(
        item["reason"],
        "refused: skipped by a person after: sink answered 503"
    );
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 1).await;
    assert_eq!(numbers(&receiver).last(), Some(&2));
}

/// Of the process, whose log is JSON: who asks for what is written down, and no body and no token is.
#[tokio::test]
async fn access_leaves_an_audit_trail() {
    let fixture = Fixture::new().await.buffered();
    let directory = fixture.config.buffer.clone().unwrap().directory;
    let token = fixture.config.control.clone().unwrap().1;
    let flags = [
        format!("--buffer-dir={}", directory.display()),
        format!("--control-token-file={}", token.display()),
        "--control-listen=127.0.0.1:0".to_owned(),
    ];
    let (mut process, entry, mut log) = serving(&fixture, &flags);
    let at = |key: &str| -> SocketAddr { entry[key].as_str().unwrap().parse().unwrap() };
    eventually("the event is stored", || async {
        let post = event(SECRET, "not JSON: private");
        post.send(at("webhook")).await.status == 204
    })
    .await;
    let ask = async |line: &str, token: &str| {
        let headers = format!("authorization: Bearer {token}\r\n");
        client::ask(at("control"), line, &headers, "").await
    };
    eventually("it is a dead letter", || async {
        let listed = ask("GET /dead-letters", TOKEN).await.body;
        serde_json::from_str::<Value>(&listed).unwrap()["total"] == 1
    })
    .await;
    let listed: Value = serde_json::from_str(&ask("GET /dead-letters", TOKEN).await.body).unwrap();
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    for (line, token) in [
        ("GET /dead-letters".to_owned(), "a-wrong-token"),
        (format!("GET /dead-letters/{id}"), TOKEN),
        (format!("POST /dead-letters/{id}/replay"), TOKEN),
        ("POST /skip".to_owned(), TOKEN),
        ("DELETE /dead-letters".to_owned(), TOKEN),
    ] {
        ask(&line, token).await;
    }
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    let mut lines = String::new();
    log.read_to_string(&mut lines).unwrap();
    let records: Vec<Value> = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["target"] == "audit")
        .collect();
    let said: Vec<[&str; 3]> = records
        .iter()
        .map(|record| ["action", "outcome", "item"].map(|key| record[key].as_str().unwrap_or("")))
        .skip_while(|[action, ..]| *action == "deadletter.list")
        .collect();
    let expected = [
        ["control.access", "refused", ""],
        ["deadletter.show", "done", &id],
        ["deadletter.replay", "done", &id],
        ["deadletter.skip", "failed", "all"],
        ["deadletter.drop", "done", "all"],
    ];
    assert_eq!(said, expected, "{lines}");
    for record in &records {
        assert_eq!(record["kind"], "ZoomIntegration");
        assert_eq!(record["namespace"], "tenant-a");
        assert_eq!(record["name"], "zoom");
    }
    for hidden in [TOKEN, "a-wrong-token", "private", SECRET] {
        assert!(!lines.contains(hidden), "{hidden} in {lines}");
    }
}
