//! The REST API and what tokens are worth there.

use serde_json::{Value, json};

use crate::support::{Reply, Zoom, http};

const INVALID: &str = r#"{"code":124,"message":"Invalid access token."}"#;
const EXPIRED: &str = r#"{"code":124,"message":"Access token is expired."}"#;

fn unauthorized(reply: &Reply, body: &str) {
    assert_eq!((reply.status, reply.body.as_str()), (401, body));
}

#[tokio::test]
async fn lists_users_in_pages() {
    let zoom = Zoom::with_app(json!({})).await;
    let token = zoom.token().await;
    let all = zoom.get("/v2/users", &token).await.json();
    assert_eq!(
        (
            &all["total_records"],
            &all["page_size"],
            &all["page_number"],
            &all["next_page_token"]
        ),
        (&json!(5), &json!(30), &json!(1), &json!(""))
    );
    let numbers: std::collections::HashSet<_> = all["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["pmi"].as_u64().unwrap())
        .collect();
    assert!(numbers.len() == 5 && numbers.iter().all(|pmi| pmi.to_string().len() == 10));
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = zoom
            .get(
                &format!("/v2/users?page_size=2&next_page_token={next}"),
                &token,
            )
            .await
            .json();
        seen.extend(page["users"].as_array().unwrap().clone());
        next = page["next_page_token"].as_str().unwrap().to_owned();
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(json!(seen), all["users"]);
    for query in [
        "page_size=0",
        "page_size=301",
        "page_size=x",
        "next_page_token=nonsense",
    ] {
        let reply = zoom.get(&format!("/v2/users?{query}"), &token).await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (400, &json!(300)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn finds_users_but_never_me() {
    let scopes = json!([
        "user:read:list_users:admin",
        "user:read:user:admin",
        "meeting:read:list_meetings:admin"
    ]);
    let zoom = Zoom::with_app(json!({"scopes": scopes})).await;
    let token = zoom.token().await;
    let user = zoom.get("/v2/users?page_size=1", &token).await.json()["users"][0].clone();
    for key in ["id", "email"] {
        let found = zoom
            .get(
                &format!("/v2/users/{}", user[key].as_str().unwrap()),
                &token,
            )
            .await;
        let mut in_full = user.clone();
        in_full["account_id"] = json!("acc-1");
        in_full["role_name"] = json!("Owner");
        assert_eq!((found.status, found.json()), (200, in_full));
    }
    let path = format!("/v2/users/{}/meetings", user["id"].as_str().unwrap());
    assert_eq!(
        zoom.get(&path, &token).await.json()["meetings"][0]["host_id"],
        user["id"]
    );
    for path in ["/v2/users/me", "/v2/users/me/meetings"] {
        let reply = zoom.get(path, &token).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (404, r#"{"code":1001,"message":"User does not exist: me."}"#)
        );
    }
}

#[tokio::test]
async fn names_missing_scopes() {
    let zoom =
        Zoom::with_app(json!({"scopes": ["user:read:user", "meeting:read:list_meetings"]})).await;
    let token = zoom.token().await;
    for (path, scopes) in [
        ("/v2/users", "user:read:list_users:admin"),
        ("/v2/users/x", "user:read:user, user:read:user:admin"),
        (
            "/v2/users/x/meetings",
            "meeting:read:list_meetings, meeting:read:list_meetings:admin",
        ),
    ] {
        let reply = zoom.get(path, &token).await;
        let body = format!(
            r#"{{"code":4711,"message":"Invalid access token, does not contain scopes:[{scopes}]."}}"#
        );
        assert_eq!((reply.status, reply.body), (400, body));
    }
}

#[tokio::test]
async fn new_scopes_come_with_new_tokens_only() {
    let zoom = Zoom::with_app(json!({"scopes": []})).await;
    let old = zoom.token().await;
    zoom.admin(
        "PATCH",
        "/apps/app",
        &json!({"scopes": ["user:read:list_users:admin"]}),
    )
    .await;
    assert_eq!(zoom.get("/v2/users", &old).await.status, 400);
    assert_eq!(zoom.get("/v2/users", &zoom.token().await).await.status, 200);
}

#[tokio::test]
async fn takes_tokens_from_the_bearer_header_only() {
    let zoom = Zoom::with_app(json!({})).await;
    let token = zoom.token().await;
    let in_query = format!("/v2/users?access_token={token}");
    unauthorized(
        &http(zoom.addr, "GET", &in_query, &[], "").await.unwrap(),
        INVALID,
    );
    unauthorized(&zoom.get(&in_query, &token).await, INVALID);
    unauthorized(
        &http(zoom.addr, "GET", "/v2/users", &[], "").await.unwrap(),
        INVALID,
    );
    let basic = format!("Basic {token}");
    unauthorized(
        &http(
            zoom.addr,
            "GET",
            "/v2/users",
            &[("authorization", &basic)],
            "",
        )
        .await
        .unwrap(),
        INVALID,
    );
    unauthorized(&zoom.get("/v2/users", "eyJ.nobodys.token").await, INVALID);
}

#[tokio::test]
async fn several_tokens_live_side_by_side() {
    let zoom = Zoom::with_app(json!({})).await;
    let tokens = [zoom.token().await, zoom.token().await, zoom.token().await];
    for token in tokens {
        assert_eq!(zoom.get("/v2/users", &token).await.status, 200);
    }
}

#[tokio::test]
async fn tokens_die_of_age_deactivation_and_removal() {
    let zoom = Zoom::with_app(json!({})).await;
    let token = zoom.token().await;
    zoom.admin("POST", "/apps/app/expire-tokens", &Value::Null)
        .await;
    unauthorized(&zoom.get("/v2/users", &token).await, EXPIRED);

    let token = zoom.token().await;
    zoom.admin("PATCH", "/apps/app", &json!({"active": false}))
        .await;
    unauthorized(&zoom.get("/v2/users", &token).await, INVALID);
    zoom.admin("PATCH", "/apps/app", &json!({"active": true}))
        .await;
    unauthorized(&zoom.get("/v2/users", &token).await, INVALID);

    let token = zoom.token().await;
    zoom.admin("DELETE", "/apps/app", &Value::Null).await;
    unauthorized(&zoom.get("/v2/users", &token).await, INVALID);

    zoom.put_app("app", json!({"token_lifetime_seconds": 0}))
        .await;
    unauthorized(&zoom.get("/v2/users", &zoom.token().await).await, EXPIRED);
}

#[tokio::test]
async fn every_answer_has_a_tracking_id_of_its_own() {
    let zoom = Zoom::with_app(json!({})).await;
    let token = zoom.token().await;
    let mut replies = vec![
        zoom.ask().await.unwrap(),
        zoom.get("/v2/users", &token).await,
    ];
    replies.push(zoom.get("/v2/users", "wrong").await);
    replies.push(zoom.get("/v2/nothing", &token).await);
    replies.push(
        http(zoom.addr, "DELETE", "/oauth/token", &[], "")
            .await
            .unwrap(),
    );
    zoom.fault("any", None, json!({"kind": "status", "status": 503}))
        .await;
    replies.push(zoom.get("/v2/users", &token).await);
    let count = replies.len();
    let ids: std::collections::HashSet<_> = replies
        .into_iter()
        .map(|reply| reply.headers["x-zm-trackingid"].clone())
        .collect();
    assert_eq!(ids.len(), count);
}
