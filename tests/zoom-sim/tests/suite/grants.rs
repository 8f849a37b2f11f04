//! Refresh tokens, and what ends a grant.

use serde_json::{Value, json};

use crate::{
    browser::{ADA, APP, GRACE, refreshment, text},
    support::{Endpoint, FORM, Reply, SECRET, Zoom, answer, basic, eventually, hmac_hex, http},
};

const INVALID: &str = r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#;

fn refused(reply: &Reply, body: &str) {
    assert_eq!((reply.status, reply.body.as_str()), (400, body));
}

async fn revoke(zoom: &Zoom, path: &str, body: &str) -> Reply {
    let basic = basic(APP, SECRET);
    let headers = [FORM, ("authorization", basic.as_str())];
    http(zoom.addr, "POST", path, &headers, body).await.unwrap()
}

#[tokio::test]
async fn every_refresh_rotates_without_grace() {
    let zoom = Zoom::with_general(json!({})).await;
    let grant = zoom.grant(GRACE).await;
    let mut token = text(&grant, "refresh_token").to_owned();
    for generation in 1..=3 {
        let reply = zoom.refresh(&token).await;
        assert_eq!(reply.status, 200);
        let next = text(&reply.json(), "refresh_token").to_owned();
        assert_ne!(next, token);
        refused(&zoom.refresh(&token).await, INVALID);
        assert_eq!(
            zoom.get("/v2/users/me", text(&reply.json(), "access_token"))
                .await
                .status,
            200
        );
        let told = zoom.told(&grant).await;
        assert_eq!(
            (&told["generation"], &told["alive"]),
            (&json!(generation), &json!(true))
        );
        token = next;
    }
    // The first access token lives on.
    assert_eq!(
        zoom.get("/v2/users/me", text(&grant, "access_token"))
            .await
            .status,
        200
    );
    let counters = zoom.general_counters().await;
    assert_eq!(
        counters["refresh_requests_by_outcome"],
        json!({"issued": 3, "invalid_grant": 3})
    );
    assert_eq!(counters["spent_again"], 3);
    assert_eq!(
        zoom.told(&grant).await["counters"],
        json!({
            "refresh_requests_by_outcome": {"issued": 3, "invalid_grant": 3},
            "refresh_in_flight_max": 1, "spent_again": 3, "spent_again_after_lost_reply": 0,
        })
    );
}

#[tokio::test]
async fn refresh_tokens_expire_and_belong_to_their_app() {
    let zoom = Zoom::with_general(json!({})).await;
    zoom.put_general("other", json!({})).await;
    let grant = zoom.grant(GRACE).await;
    let token = text(&grant, "refresh_token");
    refused(
        &zoom.exchange("other", &refreshment(token)).await.unwrap(),
        INVALID,
    );
    refused(&zoom.refresh("unknown").await, INVALID);
    assert_eq!(zoom.general_counters().await["unknown_refresh_tokens"], 1);
    let told = zoom.told(&grant).await;
    let expires: jiff::Timestamp = text(&told, "refresh_token_expires_at").parse().unwrap();
    let left = expires.as_second() - jiff::Timestamp::now().as_second();
    assert!((90 * 86_400 - 60..=90 * 86_400).contains(&left), "{left}");
    let path = format!("/apps/{APP}/grants/{}/expire-refresh-token", grant["grant"]);
    zoom.admin("POST", &path, &Value::Null).await;
    refused(&zoom.refresh(token).await, INVALID);
    assert_eq!(zoom.general_counters().await["spent_again"], 0);

    let at_once = json!({"refresh_token_lifetime_seconds": 0});
    zoom.admin("PATCH", &format!("/apps/{APP}"), &at_once).await;
    let grant = zoom.grant(GRACE).await;
    refused(&zoom.refresh(text(&grant, "refresh_token")).await, INVALID);
    let missing = zoom
        .exchange(APP, "grant_type=refresh_token")
        .await
        .unwrap();
    assert_eq!(missing.json()["error"], "invalid_request");
}

#[tokio::test]
async fn a_refresh_leaves_the_former_access_token_unless_the_app_says_otherwise() {
    let zoom = Zoom::with_general(json!({})).await;
    let patch = json!({"voids_former_tokens": true});
    let (first, neighbour) = (zoom.grant(GRACE).await, zoom.grant(ADA).await);
    let status = async |grant: &Value| {
        let token = text(grant, "access_token");
        zoom.get("/v2/users/me", token).await.status
    };
    let second = zoom.refresh(text(&first, "refresh_token")).await.json();
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    zoom.admin("PATCH", &format!("/apps/{APP}"), &patch).await;
    let third = zoom.refresh(text(&second, "refresh_token")).await.json();
    let now = (
        status(&first).await,
        status(&second).await,
        status(&third).await,
    );
    assert_eq!(now, (401, 401, 200));
    assert_eq!(status(&neighbour).await, 200);
}

#[tokio::test]
async fn a_newer_authorization_voids_the_older_of_the_same_user_only() {
    let zoom = Zoom::with_general(json!({})).await;
    zoom.put_general("other", json!({})).await;
    let neighbour = zoom.grant(ADA).await;
    let user = json!({"user": zoom.email(GRACE).await});
    let elsewhere = zoom.admin("POST", "/apps/other/grants", &user).await;
    let older = zoom.grant(GRACE).await;
    let code = zoom.code(GRACE, "").await;
    // Consent alone invalidates nothing.
    assert_eq!(
        zoom.get("/v2/users/me", text(&older, "access_token"))
            .await
            .status,
        200
    );
    let newer = zoom.redeem(&code, "").await.json();

    let revoked = r#"{"code":4741,"message":"The token has been revoked"}"#;
    refused(&zoom.refresh(text(&older, "refresh_token")).await, revoked);
    let reply = zoom.get("/v2/users/me", text(&older, "access_token")).await;
    assert_eq!((reply.status, reply.body.as_str()), (401, revoked));
    assert_eq!(zoom.told(&older).await["dead_because"], "replaced");
    for living in [&newer, &neighbour, &elsewhere] {
        assert_eq!(
            zoom.get("/v2/users/me", text(living, "access_token"))
                .await
                .status,
            200
        );
    }
    assert_eq!(
        zoom.refresh(text(&newer, "refresh_token")).await.status,
        200
    );
    assert_eq!(
        zoom.refresh(text(&neighbour, "refresh_token")).await.status,
        200
    );
}

#[tokio::test]
async fn a_grant_keeps_the_scopes_of_its_consent() {
    let zoom = Zoom::with_general(json!({})).await;
    let grant = zoom.grant(GRACE).await;
    let code = zoom.code(ADA, "").await;
    let scopes = json!({"scopes": ["meeting:read:list_meetings"]});
    zoom.admin("PATCH", &format!("/apps/{APP}"), &scopes).await;
    let old = "user:read:user meeting:read:list_meetings";
    let reply = zoom.refresh(text(&grant, "refresh_token")).await.json();
    assert_eq!(reply["scope"], old);
    assert_eq!(zoom.redeem(&code, "").await.json()["scope"], old);
    let new = zoom.grant(GRACE).await;
    assert_eq!(new["scope"], "meeting:read:list_meetings");
    let reply = zoom.get("/v2/users/me", text(&new, "access_token")).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (
            400,
            r#"{"code":4711,"message":"Invalid access token, does not contain scopes:[user:read:user, user:read:user:admin]."}"#
        )
    );
}

#[tokio::test]
async fn an_app_gives_a_grant_back() {
    let endpoint = Endpoint::start(|_, _| Some(answer(200, ""))).await;
    let zoom = Zoom::with_general(json!({"deauthorization_url": endpoint.url()})).await;
    let neighbour = zoom.grant(ADA).await;
    for in_query in [true, false] {
        let grant = zoom.grant(GRACE).await;
        let unspent = zoom.code(GRACE, "").await;
        let token = text(&grant, "access_token");
        let parameter = format!("token={token}");
        let reply = if in_query {
            revoke(&zoom, &format!("/oauth/revoke?{parameter}"), "").await
        } else {
            revoke(&zoom, "/oauth/revoke", &parameter).await
        };
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, r#"{"status":"success"}"#)
        );
        assert_eq!(zoom.get("/v2/users/me", token).await.json()["code"], 124);
        refused(&zoom.refresh(text(&grant, "refresh_token")).await, INVALID);
        assert_eq!(zoom.told(&grant).await["dead_because"], "revoked");
        refused(
            &zoom.redeem(&unspent, "").await,
            r#"{"error":"invalid_grant"}"#,
        );
    }
    eventually(|| async { (endpoint.got().len() == 2).then_some(()) }).await;
    assert_eq!(
        zoom.refresh(text(&neighbour, "refresh_token")).await.status,
        200
    );
}

#[tokio::test]
async fn revocation_wants_the_apps_own_working_access_token() {
    let zoom = Zoom::with_general(json!({})).await;
    zoom.put_general("other", json!({})).await;
    let user = json!({"user": zoom.email(GRACE).await});
    let elsewhere = zoom.admin("POST", "/apps/other/grants", &user).await;
    let grant = zoom.grant(GRACE).await;
    for token in [
        text(&elsewhere, "access_token"),
        text(&grant, "refresh_token"),
        "unknown",
    ] {
        refused(
            &revoke(&zoom, "/oauth/revoke", &format!("token={token}")).await,
            INVALID,
        );
    }
    assert_eq!(
        revoke(&zoom, "/oauth/revoke", "").await.json()["error"],
        "invalid_request"
    );
    let path = format!("/oauth/revoke?token={}", text(&grant, "access_token"));
    let reply = http(zoom.addr, "POST", &path, &[], "").await.unwrap();
    assert_eq!(reply.json()["error"], "invalid_client");
    assert_eq!(zoom.told(&grant).await["alive"], true);
}

#[tokio::test]
async fn the_notice_of_removal_is_signed() {
    let endpoint =
        Endpoint::start(|number, _| Some(answer(if number == 0 { 503 } else { 200 }, ""))).await;
    let zoom = Zoom::with_general(json!({"deauthorization_url": endpoint.url()})).await;
    let grant = zoom.grant(GRACE).await;
    let path = format!("/apps/{APP}/grants/{}/deauthorize", grant["grant"]);
    let reply = zoom
        .admin("POST", &path, &json!({"retry_delays_ms": [1]}))
        .await;
    assert_eq!(
        (
            &reply["grant"]["alive"],
            &reply["grant"]["dead_because"],
            &reply["delivery"]["attempts"][0]["status"]
        ),
        (&json!(false), &json!("deauthorized"), &json!(503))
    );
    eventually(|| async { (endpoint.got().len() == 2).then_some(()) }).await;
    let got = &endpoint.got()[1];
    let event = got.json();
    assert_eq!(event["event"], "app_deauthorized");
    assert!(
        (event["event_ts"].as_i64().unwrap() - jiff::Timestamp::now().as_millisecond()).abs()
            < 10_000
    );
    let payload = event["payload"].as_object().unwrap();
    let mut keys: Vec<_> = payload.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "account_id",
            "client_id",
            "deauthorization_time",
            "signature",
            "user_data_retention",
            "user_id"
        ]
    );
    assert_eq!(
        (
            &payload["account_id"],
            &payload["client_id"],
            &payload["user_id"],
            &payload["user_data_retention"]
        ),
        (
            &json!("acc-1"),
            &json!(APP),
            &grant["user_id"],
            &Value::Null
        )
    );
    let timestamp = &got.headers["x-zm-request-timestamp"];
    let expected = hmac_hex(&format!("v0:{timestamp}:{}", got.body));
    assert_eq!(got.headers["x-zm-signature"], format!("v0={expected}"));
    refused(&zoom.refresh(text(&grant, "refresh_token")).await, INVALID);
    // Nothing is left to remove.
    let again = zoom.admin("POST", &path, &Value::Null).await;
    assert_eq!(again["delivery"], Value::Null);
    assert_eq!(endpoint.got().len(), 2);
}

#[tokio::test]
async fn a_notice_can_be_forged_and_an_app_can_do_without() {
    let endpoint = Endpoint::start(|_, _| Some(answer(401, ""))).await;
    let zoom = Zoom::with_general(json!({"deauthorization_url": endpoint.url()})).await;
    let grant = zoom.grant(GRACE).await;
    let path = format!("/apps/{APP}/grants/{}/deauthorize", grant["grant"]);
    zoom.admin("POST", &path, &json!({"signature": "v0=bad"}))
        .await;
    assert_eq!(endpoint.got()[0].headers["x-zm-signature"], "v0=bad");
    zoom.put_general(APP, json!({})).await;
    let grant = zoom.grant(GRACE).await;
    let path = format!("/apps/{APP}/grants/{}/deauthorize", grant["grant"]);
    let reply = zoom.admin("POST", &path, &Value::Null).await;
    assert_eq!(
        (&reply["delivery"], &reply["grant"]["alive"]),
        (&Value::Null, &json!(false))
    );
}
