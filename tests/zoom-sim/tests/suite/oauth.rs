//! The token endpoint.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{FORM, GRANT, Reply, SECRET, Zoom, basic, http};

const INVALID_CLIENT: &str =
    r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#;
const UNSUPPORTED: &str = r#"{"reason":"unsupported grant type","error":"unsupported_grant_type"}"#;
const INVALID_REQUEST: &str = r#"{"reason":"Bad Request","error":"invalid_request"}"#;

fn refused(reply: &Reply, body: &str) {
    assert_eq!((reply.status, reply.body.as_str()), (400, body));
}

async fn ask(zoom: &Zoom, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let basic = basic("app", SECRET);
    let headers = [headers, &[("authorization", &basic)]].concat();
    http(zoom.addr, "POST", path, &headers, body).await.unwrap()
}

#[tokio::test]
async fn issues_a_token_with_zooms_exact_body() {
    let zoom = Zoom::with_app(json!({})).await;
    let reply = zoom.ask().await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.headers["content-type"],
        "application/json;charset=UTF-8"
    );
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let scope = "user:read:list_users:admin meeting:read:list_meetings:admin";
    assert_eq!(
        reply.body,
        format!(
            r#"{{"access_token":"{token}","token_type":"bearer","expires_in":3599,"scope":"{scope}","api_url":"http://zoom.test"}}"#
        )
    );
}

#[tokio::test]
async fn tokens_look_like_zooms_and_are_unique() {
    let zoom = Zoom::with_app(json!({})).await;
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let token = zoom.token().await;
        assert!(token.len() > 400, "{}", token.len());
        let parts: Vec<_> = token
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
            .collect();
        let [header, claims, signature] = parts.as_slice() else {
            panic!("not three parts")
        };
        let (header, claims): (Value, Value) = (
            serde_json::from_slice(header).unwrap(),
            serde_json::from_slice(claims).unwrap(),
        );
        assert_eq!(
            (
                &header["alg"],
                header["v"].is_string(),
                header["kid"].is_string()
            ),
            (&json!("HS512"), true, true)
        );
        assert_eq!(claims["aud"], "https://oauth.zoom.us");
        assert_eq!(claims["iss"], "urn:zoom:connect:clientid:app");
        assert_eq!(claims["accountId"], "acc-1");
        assert_eq!(
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            3599
        );
        assert_eq!(signature.len(), 64);
        assert!(seen.insert(token));
    }
}

#[tokio::test]
async fn takes_parameters_from_query_or_form() {
    let zoom = Zoom::with_app(json!({})).await;
    assert_eq!(
        ask(&zoom, &format!("/oauth/token?{GRANT}"), &[], "")
            .await
            .status,
        200
    );
    assert_eq!(
        ask(&zoom, &format!("/oauth/token?{GRANT}"), &[FORM], "")
            .await
            .status,
        200
    );
    let charset = (
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    assert_eq!(
        ask(&zoom, "/oauth/token", &[charset], GRANT).await.status,
        200
    );
    let split = ask(
        &zoom,
        "/oauth/token?grant_type=account_credentials",
        &[FORM],
        "account_id=acc-1",
    )
    .await;
    assert_eq!(split.status, 200);
}

#[tokio::test]
async fn loses_parameters_of_any_other_content_type() {
    let zoom = Zoom::with_app(json!({})).await;
    let json = ("content-type", "application/json");
    let body = r#"{"grant_type":"account_credentials","account_id":"acc-1"}"#;
    refused(
        &ask(&zoom, "/oauth/token", &[json], body).await,
        UNSUPPORTED,
    );
    refused(
        &ask(&zoom, &format!("/oauth/token?{GRANT}"), &[json], "{}").await,
        UNSUPPORTED,
    );
    refused(
        &ask(
            &zoom,
            "/oauth/token",
            &[("content-type", "text/plain")],
            GRANT,
        )
        .await,
        UNSUPPORTED,
    );
    refused(&ask(&zoom, "/oauth/token", &[], GRANT).await, UNSUPPORTED);
    refused(&ask(&zoom, "/oauth/token", &[FORM], "").await, UNSUPPORTED);
}

#[tokio::test]
async fn wants_the_right_pair_by_basic_only() {
    let zoom = Zoom::with_app(json!({})).await;
    let with_newline = format!("{SECRET}\n");
    for (client_id, secret) in [
        ("app", "wrong"),
        ("other", SECRET),
        ("app", ""),
        ("app", &with_newline),
    ] {
        let basic = basic(client_id, secret);
        let reply = http(
            zoom.addr,
            "POST",
            "/oauth/token",
            &[FORM, ("authorization", &basic)],
            GRANT,
        )
        .await;
        refused(&reply.unwrap(), INVALID_CLIENT);
    }
    let in_form = format!("{GRANT}&client_id=app&client_secret={SECRET}");
    refused(
        &http(zoom.addr, "POST", "/oauth/token", &[FORM], &in_form)
            .await
            .unwrap(),
        INVALID_CLIENT,
    );
    for header in ["Basic !!!", "Bearer abc", "Basic", "Basic YXBw"] {
        let reply = http(
            zoom.addr,
            "POST",
            "/oauth/token",
            &[FORM, ("authorization", header)],
            GRANT,
        )
        .await;
        refused(&reply.unwrap(), INVALID_CLIENT);
    }
}

#[tokio::test]
async fn refuses_other_grants_and_general_apps() {
    let zoom = Zoom::with_app(json!({})).await;
    for grant in [
        "client_credentials",
        "refresh_token",
        "Account_Credentials",
        "",
    ] {
        let body = format!("grant_type={grant}&account_id=acc-1");
        refused(
            &ask(&zoom, "/oauth/token", &[FORM], &body).await,
            UNSUPPORTED,
        );
    }
    zoom.put_app("app", json!({"kind": "General"})).await;
    refused(&zoom.ask().await.unwrap(), UNSUPPORTED);
}

#[tokio::test]
async fn refuses_wrong_accounts_inactive_apps_and_doubled_parameters() {
    let zoom = Zoom::with_app(json!({})).await;
    for account in [
        "&account_id=acc-2",
        "&account_id=",
        "",
        "&account_id=acc-1&account_id=acc-1",
    ] {
        let body = format!("grant_type=account_credentials{account}");
        refused(
            &ask(&zoom, "/oauth/token", &[FORM], &body).await,
            INVALID_REQUEST,
        );
    }
    zoom.admin("PATCH", "/apps/app", &json!({"active": false}))
        .await;
    refused(&zoom.ask().await.unwrap(), INVALID_REQUEST);
    zoom.admin("PATCH", "/apps/app", &json!({"active": true}))
        .await;
    assert_eq!(zoom.ask().await.unwrap().status, 200);
}

#[tokio::test]
async fn takes_post_only() {
    let zoom = Zoom::with_app(json!({})).await;
    let basic = basic("app", SECRET);
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let path = format!("/oauth/token?{GRANT}");
        let reply = http(zoom.addr, method, &path, &[("authorization", &basic)], "")
            .await
            .unwrap();
        assert_eq!(
            (reply.status, reply.headers["allow"].as_str()),
            (405, "POST"),
            "{method}"
        );
    }
    assert_eq!(zoom.counters().await["tokens_issued"], 0);
}

#[tokio::test]
async fn gives_a_chosen_lifetime_verbatim() {
    let zoom = Zoom::with_app(json!({"token_lifetime_seconds": 3600})).await;
    assert_eq!(zoom.ask().await.unwrap().json()["expires_in"], 3600);
}

#[tokio::test]
async fn scopes_lag_after_creation_and_after_a_change() {
    let zoom = Zoom::with_app(json!({"scope_lag_requests": 2})).await;
    let first = zoom.ask().await.unwrap().json();
    assert_eq!(first.get("scope"), None);
    let weak = first["access_token"].as_str().unwrap();
    assert_eq!(zoom.get("/v2/users", weak).await.json()["code"], 4711);
    assert_eq!(
        zoom.ask().await.unwrap().json()["scope"],
        "user:read:list_users:admin"
    );
    let all = "user:read:list_users:admin meeting:read:list_meetings:admin";
    assert_eq!(zoom.ask().await.unwrap().json()["scope"], all);
    zoom.admin(
        "PATCH",
        "/apps/app",
        &json!({"scopes": ["user:read:user:admin"]}),
    )
    .await;
    assert_eq!(zoom.ask().await.unwrap().json().get("scope"), None);
    assert_eq!(zoom.ask().await.unwrap().json()["scope"], "");
    assert_eq!(
        zoom.ask().await.unwrap().json()["scope"],
        "user:read:user:admin"
    );
}

#[tokio::test]
async fn counts_and_logs_without_secrets() {
    let zoom = Zoom::with_app(json!({})).await;
    let token = zoom.token().await;
    let wrong = basic("app", "wrong-secret");
    http(
        zoom.addr,
        "POST",
        "/oauth/token",
        &[FORM, ("authorization", &wrong)],
        GRANT,
    )
    .await
    .unwrap();
    zoom.get("/v2/users", &token).await;
    zoom.admin("POST", "/apps/app/expire-tokens", &Value::Null)
        .await;
    zoom.get("/v2/users", &token).await;
    let app = zoom.app().await;
    assert_eq!(
        app["counters"],
        json!({
            "refresh_requests_by_outcome": {}, "refresh_in_flight_max": 0,
            "spent_again": 0, "spent_again_after_lost_reply": 0,
            "code_requests_by_outcome": {}, "code_in_flight_max": 0,
            "codes_redeemed": 0, "code_replays": 0, "code_replays_after_lost_reply": 0,
            "token_requests": 2, "tokens_issued": 1,
            "token_requests_by_outcome": {"issued": 1, "invalid_client": 1},
            "in_flight": 0, "in_flight_max": 1, "unknown_refresh_tokens": 0, "api_requests": 2, "api_unauthorized": 1,
        })
    );
    let log = zoom.admin("GET", "/apps/app/requests", &Value::Null).await;
    let brief: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (&line["outcome"], &line["status"]))
        .collect();
    assert_eq!(
        brief,
        [
            (&json!("issued"), &json!(200)),
            (&json!("invalid_client"), &json!(400))
        ]
    );
    assert!(
        log[0]["at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok()
    );
    let told = format!("{app}{log}");
    for secret in [
        SECRET,
        "wrong-secret",
        crate::support::WEBHOOK_SECRET,
        &token,
    ] {
        assert!(!told.contains(secret));
    }
}

#[tokio::test]
async fn the_log_keeps_the_last_thousand() {
    let zoom = Zoom::with_app(json!({})).await;
    zoom.fault("token", None, json!({"kind": "status", "status": 503}))
        .await;
    for _ in 0..1001 {
        zoom.ask().await.unwrap();
    }
    let log = zoom.admin("GET", "/apps/app/requests", &Value::Null).await;
    assert_eq!(log.as_array().unwrap().len(), 1000);
    assert_eq!(zoom.counters().await["token_requests"], 1001);
}

#[tokio::test]
async fn the_admin_api_refuses_what_it_does_not_know() {
    let zoom = Zoom::start().await;
    for (method, path, body, status) in [
        ("GET", "/apps/none", "", 404),
        ("DELETE", "/apps/none", "", 404),
        ("PATCH", "/apps/none", "{}", 404),
        ("POST", "/apps/none/expire-tokens", "", 404),
        ("PUT", "/apps/app", r#"{"kind":"ServerToServer"}"#, 400),
        ("PATCH", "/apps/app", r#"{"colour":"red"}"#, 400),
        (
            "PUT",
            "/faults/f",
            r#"{"endpoint":"token","fault":{"kind":"status","status":42}}"#,
            400,
        ),
        (
            "PUT",
            "/faults/f",
            r#"{"endpoint":"token","fault":{"kind":"error","code":4799}}"#,
            400,
        ),
        ("DELETE", "/faults/f", "", 404),
        ("POST", "/faults/f/release", "", 404),
        ("GET", "/deliveries/7", "", 404),
        ("GET", "/live", "", 200),
        ("GET", "/ready", "", 200),
    ] {
        let reply = http(zoom.admin, method, path, &[], body).await.unwrap();
        assert_eq!(reply.status, status, "{method} {path} {}", reply.body);
    }
}
