//! Several accounts, their people, and what their admins do.

use serde_json::{Value, json};

use crate::{
    browser::{ADA, APP, Browser, CALLBACK, GRACE, authorize, text},
    support::{Endpoint, Zoom, answer, http},
};

#[tokio::test]
async fn people_of_several_accounts_log_in() {
    let zoom = Zoom::with_general(json!({})).await;
    let unknown = http(zoom.admin, "GET", "/accounts/acc-2/users", &[], "").await;
    assert_eq!(unknown.unwrap().status, 404);
    let account = zoom.admin("PUT", "/accounts/acc-2", &Value::Null).await;
    assert_eq!(account["users"].as_array().unwrap().len(), 5);
    assert_eq!(
        account,
        zoom.admin("GET", "/accounts/acc-2/users", &Value::Null)
            .await
    );
    let other = zoom.email_in("acc-2", GRACE).await;
    assert_ne!(other, zoom.email(GRACE).await);

    let path = authorize(APP, CALLBACK);
    let page = Browser::new(&zoom)
        .answer(&path, &other.to_uppercase(), "allow")
        .await;
    let me = zoom.who_allowed(&page).await;
    assert_eq!(
        (text(&me, "email"), &me["account_id"]),
        (other.as_str(), &json!("acc-2"))
    );
    let grants = zoom
        .admin("GET", &format!("/apps/{APP}/grants"), &Value::Null)
        .await;
    assert_eq!(
        (&grants[0]["user"], &grants[0]["account_id"]),
        (&json!(other), &json!("acc-2"))
    );
}

#[tokio::test]
async fn me_is_told_in_full() {
    let zoom = Zoom::with_general(json!({})).await;
    let account = zoom
        .admin("GET", "/accounts/acc-1/users", &Value::Null)
        .await;
    for (who, index, role) in [(ADA, 0, "Owner"), (GRACE, 4, "Member")] {
        let grant = zoom.grant(who).await;
        let me = zoom
            .get("/v2/users/me", text(&grant, "access_token"))
            .await
            .json();
        for key in [
            "id",
            "email",
            "first_name",
            "last_name",
            "display_name",
            "role_id",
            "pmi",
        ] {
            assert!(!me[key].is_null());
            assert_eq!(me[key], account["users"][index][key], "{key}");
        }
        assert_eq!(
            (&me["role_name"], &me["account_id"]),
            (&json!(role), &json!("acc-1"))
        );
    }
}

#[tokio::test]
async fn user_level_tokens_know_nobody_but_me() {
    let zoom = Zoom::with_general(json!({})).await;
    let grant = zoom.grant(GRACE).await;
    let token = text(&grant, "access_token");
    let meetings = zoom.get("/v2/users/me/meetings", token).await.json();
    assert_eq!(meetings["meetings"][0]["host_id"], grant["user_id"]);
    for path in [
        format!("/v2/users/{}", text(&grant, "user_id")),
        format!("/v2/users/{}/meetings", text(&grant, "user")),
        "/v2/users".to_owned(),
    ] {
        let reply = zoom.get(&path, token).await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (400, &json!(4711)),
            "{path}"
        );
    }
    let admin = json!({"management": "Admin", "scopes": ["user:read:user:admin", "user:read:list_users:admin"]});
    zoom.put_general(APP, admin).await;
    // The level counts, not only the name of the scope.
    let user_level = json!({"management": "User"});
    zoom.admin("PATCH", &format!("/apps/{APP}"), &user_level)
        .await;
    let owner = zoom.grant(ADA).await;
    let token = text(&owner, "access_token");
    assert_eq!(zoom.get("/v2/users", token).await.status, 400);
    assert_eq!(zoom.get("/v2/users/me", token).await.status, 200);
    let admin_level = json!({"management": "Admin"});
    zoom.admin("PATCH", &format!("/apps/{APP}"), &admin_level)
        .await;
    let owner = zoom.grant(ADA).await;
    let token = text(&owner, "access_token");
    for path in [
        "/v2/users/me",
        "/v2/users",
        &format!("/v2/users/{}", text(&grant, "user")),
    ] {
        assert_eq!(zoom.get(path, token).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn any_of_four_scopes_opens_me() {
    let zoom = Zoom::with_general(json!({})).await;
    for (scope, status) in [
        ("user:read", 200),
        ("user:read:user", 200),
        ("user:read:admin", 200),
        ("user:read:user:admin", 200),
        ("user:write", 400),
    ] {
        zoom.admin(
            "PATCH",
            &format!("/apps/{APP}"),
            &json!({"scopes": [scope]}),
        )
        .await;
        let grant = zoom.grant(GRACE).await;
        let reply = zoom.get("/v2/users/me", text(&grant, "access_token")).await;
        assert_eq!(reply.status, status, "{scope}");
    }
}

#[tokio::test]
async fn grants_die_with_their_owner() {
    let zoom = Zoom::with_general(json!({})).await;
    let (gone, neighbour) = (zoom.grant(GRACE).await, zoom.grant(ADA).await);
    let email = zoom.email(GRACE).await;
    let user = format!("/accounts/acc-1/users/{email}");
    let path = authorize(APP, CALLBACK);
    let browser = Browser::new(&zoom);
    assert!(browser.log_in(&path, &email).await.has("allow"));
    zoom.admin("POST", &format!("{user}/deactivate"), &Value::Null)
        .await;
    let reply = zoom.refresh(text(&gone, "refresh_token")).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (
            400,
            r#"{"code":4735,"message":"The owner of the token does not exist"}"#
        )
    );
    assert_eq!(
        zoom.get("/v2/users/me", text(&gone, "access_token"))
            .await
            .status,
        401
    );
    assert_eq!(zoom.told(&gone).await["dead_because"], "owner_gone");
    assert!(browser.get(&path).await.has("sign-in"));
    assert!(
        browser
            .log_in(&path, &email)
            .await
            .error()
            .starts_with("Incorrect")
    );
    assert_eq!(
        zoom.refresh(text(&neighbour, "refresh_token")).await.status,
        200
    );

    zoom.admin("POST", &format!("{user}/activate"), &Value::Null)
        .await;
    assert!(browser.log_in(&path, &email).await.has("allow"));
    assert_eq!(zoom.refresh(text(&gone, "refresh_token")).await.status, 400);
}

#[tokio::test]
async fn a_disabled_app_sleeps_with_its_grants() {
    let zoom = Zoom::with_general(json!({})).await;
    let grant = zoom.grant(GRACE).await;
    let (access, refresh) = (text(&grant, "access_token"), text(&grant, "refresh_token"));
    let policy = format!("/accounts/acc-1/apps/{APP}");
    let told = zoom.admin("PUT", &policy, &json!({"disabled": true})).await;
    assert_eq!(told, json!({"requires_approval": false, "disabled": true}));
    let reply = zoom.refresh(refresh).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (
            400,
            r#"{"code":4738,"message":"The app has been disabled by the account admin"}"#
        )
    );
    assert_eq!(zoom.get("/v2/users/me", access).await.status, 401);
    zoom.admin("PUT", &policy, &json!({})).await;
    assert_eq!(zoom.get("/v2/users/me", access).await.status, 200);

    let app = format!("/apps/{APP}");
    zoom.admin("PATCH", &app, &json!({"active": false})).await;
    let reply = zoom.refresh(refresh).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (
            400,
            r#"{"code":4717,"message":"The app has been disabled"}"#
        )
    );
    assert_eq!(zoom.get("/v2/users/me", access).await.status, 401);
    zoom.admin("PATCH", &app, &json!({"active": true})).await;
    assert_eq!(zoom.get("/v2/users/me", access).await.status, 401);
    // Not spent by the refusals.
    assert_eq!(zoom.refresh(refresh).await.status, 200);
    let counters = zoom.general_counters().await;
    assert_eq!(
        counters["refresh_requests_by_outcome"],
        json!({"4738": 1, "4717": 1, "issued": 1})
    );
}

#[tokio::test]
async fn an_admin_removes_an_app_for_the_account() {
    let endpoint = Endpoint::start(|_, _| Some(answer(200, ""))).await;
    let zoom = Zoom::with_general(json!({"deauthorization_url": endpoint.url()})).await;
    zoom.admin("PUT", "/accounts/acc-2", &Value::Null).await;
    let stranger = json!({"user": zoom.email_in("acc-2", GRACE).await});
    let stranger = zoom
        .admin("POST", &format!("/apps/{APP}/grants"), &stranger)
        .await;
    let grants = [zoom.grant(ADA).await, zoom.grant(GRACE).await];
    let reply = zoom
        .admin(
            "POST",
            &format!("/accounts/acc-1/apps/{APP}/remove"),
            &Value::Null,
        )
        .await;
    assert_eq!(
        reply["removed"],
        json!([grants[0]["grant"], grants[1]["grant"]])
    );
    let told: Vec<_> = endpoint
        .got()
        .iter()
        .map(|got| got.json()["payload"]["user_id"].clone())
        .collect();
    assert_eq!(
        told,
        [grants[0]["user_id"].clone(), grants[1]["user_id"].clone()]
    );
    for grant in &grants {
        assert_eq!(
            zoom.refresh(text(grant, "refresh_token")).await.json()["error"],
            "invalid_grant"
        );
        assert_eq!(zoom.told(grant).await["dead_because"], "removed_by_admin");
    }
    assert_eq!(
        zoom.refresh(text(&stranger, "refresh_token")).await.status,
        200
    );
}

#[tokio::test]
async fn the_admin_api_refuses_what_makes_no_sense() {
    let zoom = Zoom::with_general(json!({})).await;
    zoom.put_app("s2s", json!({})).await;
    let user = json!({"user": zoom.email(GRACE).await}).to_string();
    let grants = format!("/apps/{APP}/grants");
    for (method, path, body, status) in [
        (
            "POST",
            grants.as_str(),
            r#"{"user":"nobody@example.com"}"#,
            404,
        ),
        ("POST", &grants, "{}", 400),
        ("POST", "/apps/s2s/grants", &user, 400),
        ("POST", "/apps/none/grants", &user, 404),
        ("GET", "/apps/none/grants", "", 404),
        ("GET", &format!("{grants}/99"), "", 404),
        ("POST", &format!("{grants}/99/deauthorize"), "", 404),
        (
            "POST",
            &format!("{grants}/99/expire-refresh-token"),
            "",
            404,
        ),
        ("POST", "/accounts/acc-1/users/nobody/deactivate", "", 404),
        ("PUT", "/accounts/none/apps/general", "{}", 404),
        ("PUT", "/accounts/acc-1/apps/none", "{}", 404),
        (
            "PUT",
            "/accounts/acc-1/apps/general",
            r#"{"colour":1}"#,
            400,
        ),
        ("POST", "/accounts/acc-1/apps/none/remove", "", 404),
        (
            "PATCH",
            "/apps/general",
            r#"{"deauthorization_url":"ftp://x"}"#,
            400,
        ),
        ("PATCH", "/apps/general", r#"{"management":"Nobody"}"#, 400),
        (
            "PUT",
            "/faults/f",
            r#"{"endpoint":"token","grant_type":"x","fault":{"kind":"hold"}}"#,
            400,
        ),
    ] {
        let reply = http(zoom.admin, method, path, &[], body).await.unwrap();
        assert_eq!(reply.status, status, "{method} {path} {}", reply.body);
    }
}

#[tokio::test]
async fn an_account_takes_people_with_addresses_of_their_own() {
    let zoom = Zoom::with_general(json!({"management": "Admin"})).await;
    let mail = |name: &str| format!("{name}@clinic.example");
    for (name, admin) in [("Chief", true), ("doctor", false)] {
        let path = format!("/accounts/acc-1/users/{}", mail(name));
        zoom.admin("PUT", &path, &json!({"admin": admin})).await;
    }
    let path = authorize(APP, CALLBACK);
    let page = Browser::new(&zoom).log_in(&path, &mail("doctor")).await;
    assert!(page.error().starts_with("You do not have permission"));
    let page = Browser::new(&zoom)
        .answer(&path, &mail("chief"), "allow")
        .await;
    let me = zoom.who_allowed(&page).await;
    assert_eq!(me["email"], mail("chief"));
    assert_eq!(me["role_name"], "Admin");
}
