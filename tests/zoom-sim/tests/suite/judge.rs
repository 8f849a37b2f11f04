//! Whether the counters tell the truth about refresh tokens and codes that are sent twice.

use std::{io, sync::Arc};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    browser::{APP, GRACE, redemption, text},
    support::{Reply, Zoom, eventually},
};

async fn strike(zoom: &Zoom, name: &str, more: Value, fault: Value) {
    let mut rule = json!({"endpoint": "token", "fault": fault});
    let more = more.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(more);
    zoom.admin("PUT", &format!("/faults/{name}"), &rule).await;
}

fn ask(zoom: &Arc<Zoom>, body: String) -> JoinHandle<io::Result<Reply>> {
    let zoom = Arc::clone(zoom);
    tokio::spawn(async move { zoom.exchange(APP, &body).await })
}

fn refreshing(zoom: &Arc<Zoom>, grant: &Value) -> JoinHandle<io::Result<Reply>> {
    let token = text(grant, "refresh_token");
    ask(zoom, crate::browser::refreshment(token))
}

async fn held(zoom: &Zoom, count: u64) {
    eventually(|| async {
        let faults = zoom.admin("GET", "/faults", &Value::Null).await;
        (faults["f"]["held"] == count).then_some(())
    })
    .await;
}

async fn in_flight(zoom: &Zoom, count: u64) {
    eventually(|| async { (zoom.general_counters().await["in_flight"] == count).then_some(()) })
        .await;
}

/// in flight at most, again after a written answer, again after a lost one
async fn judged(zoom: &Zoom) -> [u64; 3] {
    let counters = zoom.general_counters().await;
    [
        "refresh_in_flight_max",
        "spent_again",
        "spent_again_after_lost_reply",
    ]
    .map(|name| counters[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_written_answer_is_known_at_once() {
    let zoom = Zoom::with_general(json!({})).await;
    let mut token = text(&zoom.grant(GRACE).await, "refresh_token").to_owned();
    for round in 1..=200 {
        let reply = zoom.refresh(&token).await;
        // At once: the answer is there, so this cannot be anything but spent again.
        assert_eq!(zoom.refresh(&token).await.status, 400);
        assert_eq!(judged(&zoom).await, [1, round, 0]);
        token = text(&reply.json(), "refresh_token").to_owned();
    }
}

#[tokio::test]
async fn a_connection_that_is_kept_tells_its_answers_apart() {
    let zoom = Zoom::with_general(json!({})).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let mut token = text(&zoom.grant(GRACE).await, "refresh_token").to_owned();
    let ask = async |token: &str| {
        let url = format!("http://{}/oauth/token", zoom.addr);
        let request = client
            .post(url)
            .basic_auth(APP, Some(crate::support::SECRET));
        let (name, value) = crate::support::FORM;
        let request = request
            .header(name, value)
            .body(crate::browser::refreshment(token));
        request.send().await?.json::<Value>().await
    };
    for round in 1..=20 {
        let lost = if round % 2 == 0 {
            round / 2
        } else {
            (round - 1) / 2
        };
        if round % 2 == 0 {
            strike(&zoom, "f", json!({"times": 1}), json!({"kind": "drop"})).await;
            assert!(ask(&token).await.is_err());
            assert_eq!(ask(&token).await.unwrap()["error"], "invalid_grant");
            token = text(&zoom.grant(GRACE).await, "refresh_token").to_owned();
        } else {
            let next = text(&ask(&token).await.unwrap(), "refresh_token").to_owned();
            assert_eq!(ask(&token).await.unwrap()["error"], "invalid_grant");
            token = next;
        }
        assert_eq!(judged(&zoom).await, [1, round - lost, lost]);
        assert_eq!(zoom.general_counters().await["in_flight"], 0);
    }
}

#[tokio::test]
async fn faults_that_lose_the_answer_excuse_the_second_try() {
    let zoom = Zoom::with_general(json!({})).await;
    let mut expected = 0;
    for fault in [
        json!({"kind": "drop"}),
        json!({"kind": "truncated"}),
        json!({"kind": "status", "status": 502, "processed": true}),
        json!({"kind": "garbage", "processed": true}),
    ] {
        let grant = zoom.grant(GRACE).await;
        let token = text(&grant, "refresh_token");
        strike(&zoom, "f", json!({"times": 1}), fault.clone()).await;
        let first = zoom
            .exchange(APP, &crate::browser::refreshment(token))
            .await;
        assert!(first.map_or(true, |reply| reply.status == 502
            || reply.body.contains("html")));
        assert_eq!(zoom.told(&grant).await["generation"], 1, "{fault}");
        assert_eq!(zoom.refresh(token).await.json()["error"], "invalid_grant");
        expected += 1;
        assert_eq!(judged(&zoom).await, [1, 0, expected], "{fault}");
    }
}

#[tokio::test]
async fn what_was_not_processed_is_not_spent() {
    let zoom = Zoom::with_general(json!({})).await;
    let grant = zoom.grant(GRACE).await;
    let token = text(&grant, "refresh_token");
    for fault in [
        json!({"kind": "refuse"}),
        json!({"kind": "status", "status": 503}),
        json!({"kind": "garbage"}),
        json!({"kind": "rate_limit", "per": "second"}),
        json!({"kind": "error", "code": "invalid_grant"}),
    ] {
        strike(&zoom, "f", json!({"times": 1}), fault).await;
        let _ = zoom
            .exchange(APP, &crate::browser::refreshment(token))
            .await;
    }
    assert_eq!(zoom.told(&grant).await["generation"], 0);
    assert_eq!(zoom.refresh(token).await.status, 200);
    assert_eq!(judged(&zoom).await, [1, 0, 0]);
    let outcomes = json!({
        "fault_refuse": 1, "fault_status": 1, "fault_garbage": 1, "fault_rate_limit": 1, "fault_error": 1, "issued": 1,
    });
    let told = zoom.told(&grant).await;
    assert_eq!(told["counters"]["refresh_requests_by_outcome"], outcomes);
    assert_eq!(
        zoom.general_counters().await["refresh_requests_by_outcome"],
        outcomes
    );
}

#[tokio::test]
async fn held_answers_are_in_flight_until_they_are_out() {
    let zoom = Arc::new(Zoom::with_general(json!({})).await);
    let grant = zoom.grant(GRACE).await;
    strike(&zoom, "f", json!({}), json!({"kind": "hold"})).await;
    let first = refreshing(&zoom, &grant);
    held(&zoom, 1).await;
    let second = refreshing(&zoom, &grant);
    held(&zoom, 2).await;
    // Spent, but the answer is under way: two at once, and nobody could know better.
    assert_eq!(judged(&zoom).await, [2, 0, 0]);
    assert_eq!(
        zoom.told(&grant).await["counters"]["refresh_in_flight_max"],
        2
    );
    zoom.admin("DELETE", "/faults/f", &Value::Null).await;
    assert_eq!(first.await.unwrap().unwrap().status, 200);
    assert_eq!(second.await.unwrap().unwrap().status, 400);
    assert_eq!(zoom.general_counters().await["in_flight"], 0);
    assert_eq!(
        zoom.refresh(text(&grant, "refresh_token")).await.status,
        400
    );
    assert_eq!(judged(&zoom).await, [2, 1, 0]);
}

#[tokio::test]
async fn other_tokens_are_not_in_flight_with_this_one() {
    let zoom = Arc::new(Zoom::with_general(json!({})).await);
    let grants = [
        zoom.grant(GRACE).await,
        zoom.grant(crate::browser::ADA).await,
    ];
    strike(&zoom, "f", json!({}), json!({"kind": "hold"})).await;
    let asked = grants.each_ref().map(|grant| refreshing(&zoom, grant));
    held(&zoom, 2).await;
    let counters = zoom.general_counters().await;
    assert_eq!(
        (&counters["in_flight"], &counters["refresh_in_flight_max"]),
        (&json!(2), &json!(1))
    );
    zoom.admin("DELETE", "/faults/f", &Value::Null).await;
    for asked in asked {
        assert_eq!(asked.await.unwrap().unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_client_that_leaves_loses_the_answer() {
    let zoom = Arc::new(Zoom::with_general(json!({})).await);
    let grant = zoom.grant(GRACE).await;
    strike(&zoom, "f", json!({}), json!({"kind": "hold"})).await;
    let impatient = refreshing(&zoom, &grant);
    held(&zoom, 1).await;
    impatient.abort();
    in_flight(&zoom, 0).await;
    zoom.admin("DELETE", "/faults/f", &Value::Null).await;
    assert_eq!(
        zoom.refresh(text(&grant, "refresh_token")).await.status,
        400
    );
    assert_eq!(judged(&zoom).await, [1, 0, 1]);
}

#[tokio::test]
async fn hold_before_processes_after_the_release() {
    let zoom = Arc::new(Zoom::with_general(json!({})).await);
    let grant = zoom.grant(GRACE).await;
    strike(&zoom, "f", json!({}), json!({"kind": "hold_before"})).await;
    let asked = refreshing(&zoom, &grant);
    held(&zoom, 1).await;
    assert_eq!(zoom.told(&grant).await["generation"], 0);
    assert_eq!(zoom.general_counters().await["in_flight"], 1);
    zoom.admin("POST", "/faults/f/release", &Value::Null).await;
    assert_eq!(asked.await.unwrap().unwrap().status, 200);
    assert_eq!(zoom.told(&grant).await["generation"], 1);
    assert_eq!(zoom.general_counters().await["in_flight"], 0);
    assert_eq!(judged(&zoom).await, [1, 0, 0]);
}

#[tokio::test]
async fn hold_before_processes_for_a_client_that_is_gone() {
    let zoom = Arc::new(Zoom::with_general(json!({})).await);
    let grant = zoom.grant(GRACE).await;
    let rule = json!({"times": 1});
    strike(&zoom, "f", rule, json!({"kind": "hold_before"})).await;
    let impatient = refreshing(&zoom, &grant);
    held(&zoom, 1).await;
    impatient.abort();
    in_flight(&zoom, 0).await;
    held(&zoom, 1).await;
    assert_eq!(zoom.told(&grant).await["generation"], 0);
    zoom.admin("POST", "/faults/f/release", &Value::Null).await;
    eventually(|| async { (zoom.told(&grant).await["generation"] == 1).then_some(()) }).await;
    assert_eq!(
        zoom.refresh(text(&grant, "refresh_token")).await.status,
        400
    );
    assert_eq!(judged(&zoom).await, [1, 0, 1]);
}

#[tokio::test]
async fn codes_are_judged_alike() {
    let zoom = Arc::new(Zoom::with_general(json!({})).await);
    let judged = async || {
        let counters = zoom.general_counters().await;
        [
            "code_in_flight_max",
            "codes_redeemed",
            "code_replays",
            "code_replays_after_lost_reply",
        ]
        .map(|name| counters[name].as_u64().unwrap())
    };
    let code = zoom.code(GRACE, "").await;
    strike(&zoom, "f", json!({"times": 1}), json!({"kind": "drop"})).await;
    assert!(zoom.exchange(APP, &redemption(&code, "")).await.is_err());
    assert_eq!(zoom.redeem(&code, "").await.status, 400);
    assert_eq!(judged().await, [1, 1, 0, 1]);

    let code = zoom.code(GRACE, "").await;
    strike(&zoom, "f", json!({}), json!({"kind": "hold"})).await;
    let first = ask(&zoom, redemption(&code, ""));
    held(&zoom, 1).await;
    let second = ask(&zoom, redemption(&code, ""));
    held(&zoom, 2).await;
    assert_eq!(judged().await, [2, 2, 0, 1]);
    zoom.admin("DELETE", "/faults/f", &Value::Null).await;
    assert_eq!(first.await.unwrap().unwrap().status, 200);
    assert_eq!(second.await.unwrap().unwrap().status, 400);
    assert_eq!(zoom.redeem(&code, "").await.status, 400);
    assert_eq!(judged().await, [2, 2, 1, 1]);
}

#[tokio::test]
async fn faults_keep_to_their_grant_type() {
    let zoom = Zoom::with_general(json!({})).await;
    zoom.put_app("app", json!({})).await;
    let grant = zoom.grant(GRACE).await;
    let busy = json!({"kind": "status", "status": 503});
    let only = |grant_type: &str| json!({"grant_type": grant_type});
    strike(&zoom, "f", only("refresh_token"), busy.clone()).await;
    assert_eq!(zoom.ask().await.unwrap().status, 200);
    assert_eq!(zoom.redeem("unknown", "").await.status, 400);
    assert_eq!(
        zoom.refresh(text(&grant, "refresh_token")).await.status,
        503
    );
    strike(&zoom, "f", only("authorization_code"), busy.clone()).await;
    assert_eq!(zoom.ask().await.unwrap().status, 200);
    assert_eq!(zoom.redeem("unknown", "").await.status, 503);
    strike(
        &zoom,
        "f",
        json!({"grant_type": "account_credentials", "endpoint": "any"}),
        busy,
    )
    .await;
    assert_eq!(zoom.ask().await.unwrap().status, 503);
    assert_eq!(
        zoom.refresh(text(&grant, "refresh_token")).await.status,
        200
    );
    assert_eq!(
        zoom.get("/v2/users/me", text(&grant, "access_token"))
            .await
            .status,
        200
    );
    let log = zoom
        .admin("GET", &format!("/apps/{APP}/requests"), &Value::Null)
        .await;
    let types: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["grant_type"].clone())
        .collect();
    assert_eq!(
        types,
        [
            "authorization_code",
            "refresh_token",
            "authorization_code",
            "refresh_token"
        ]
    );
}
