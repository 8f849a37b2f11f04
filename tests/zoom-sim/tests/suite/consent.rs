//! Log-in and consent pages, and what is shown there and never redirected.

use serde_json::{Value, json};

use crate::{
    browser::{ADA, ALAN, APP, Browser, CALLBACK, GRACE, authorize},
    support::Zoom,
};

const STATE: &str = "&state=a%20b%2Bc%26d";

#[tokio::test]
async fn a_person_logs_in_and_allows() {
    let zoom = Zoom::with_general(json!({})).await;
    let browser = Browser::new(&zoom);
    let page = browser
        .get(&format!("{}{STATE}", authorize(APP, CALLBACK)))
        .await;
    assert_eq!(page.status, 200);
    assert!(page.has("email") && page.has("password") && !page.has("allow"));

    let wrong = [("email", "nobody@example.com"), ("password", "x")];
    let page = browser.press(&page, "sign-in", &wrong).await;
    assert_eq!(page.error(), "Incorrect email or password");
    assert_eq!(page.set_cookie, None);

    let email = zoom.email(GRACE).await;
    let right = [("email", email.as_str()), ("password", "x")];
    let page = browser.press(&page, "sign-in", &right).await;
    assert!(
        page.html.contains("Notes &amp; &lt;Co&gt;"),
        "{}",
        page.html
    );
    assert!(page.html.contains(&email));
    for scope in ["user:read:user", "meeting:read:list_meetings"] {
        assert!(page.html.contains(&format!("<li>{scope}</li>")));
    }
    assert!(!page.html.contains("<script"));

    let page = browser.press(&page, "allow", &[]).await;
    assert_eq!(page.status, 302);
    let location = page.location.clone().unwrap();
    assert!(
        location.starts_with(&format!("{CALLBACK}?code=")),
        "{location}"
    );
    assert_eq!(page.parameter("state").unwrap(), "a b+c&d");
    let tokens = zoom.redeem(&page.parameter("code").unwrap(), "").await;
    assert_eq!(tokens.status, 200);

    // Still logged in.
    assert!(browser.get(&authorize(APP, CALLBACK)).await.has("allow"));
}

#[tokio::test]
async fn the_session_is_a_cookie_that_scripts_cannot_read() {
    let zoom = Zoom::with_general(json!({})).await;
    let browser = Browser::new(&zoom);
    let login = browser.get(&authorize(APP, CALLBACK)).await;
    // By hand, to see the redirect itself.
    let email = zoom.email(ADA).await;
    let body = format!("email={email}&password=x&next=%2Foauth%2Fauthorize%3Fx%3D1");
    let form = crate::support::FORM;
    let reply = crate::support::http(zoom.addr, "POST", "/signin", &[form], &body)
        .await
        .unwrap();
    assert_eq!(
        (reply.status, reply.headers["location"].as_str()),
        (303, "/oauth/authorize?x=1")
    );
    assert!(reply.headers["set-cookie"].contains("; HttpOnly"));
    // A log-in leads to no other place.
    for next in [
        "https://evil.example.com/",
        "//evil.example.com",
        "/v2/users",
        "",
    ] {
        let body = format!("email={email}&password=x&next={next}");
        let reply = crate::support::http(zoom.addr, "POST", "/signin", &[form], &body)
            .await
            .unwrap();
        assert_eq!(reply.status, 400, "{next}");
        assert!(!reply.headers.contains_key("set-cookie"));
    }
    assert!(login.has("sign-in"));
}

#[tokio::test]
async fn a_person_declines() {
    let zoom = Zoom::with_general(json!({})).await;
    let email = zoom.email(GRACE).await;
    let path = format!("{}{STATE}", authorize(APP, CALLBACK));
    let page = Browser::new(&zoom).answer(&path, &email, "decline").await;
    assert_eq!(page.status, 302);
    assert_eq!(
        page.location.unwrap(),
        format!("{CALLBACK}?error=access_denied&state=a+b%2Bc%26d")
    );
    let grants = zoom
        .admin("GET", &format!("/apps/{APP}/grants"), &Value::Null)
        .await;
    assert_eq!(grants, json!([]));
}

#[tokio::test]
async fn somebody_else_logs_in() {
    let zoom = Zoom::with_general(json!({})).await;
    let (first, second) = (zoom.email(ADA).await, zoom.email(GRACE).await);
    let browser = Browser::new(&zoom);
    let path = authorize(APP, CALLBACK);
    let page = browser.log_in(&path, &first).await;
    assert!(page.html.contains(&first));
    let page = browser.press(&page, "sign-out", &[]).await;
    assert!(page.has("sign-in"));
    let page = browser.log_in(&path, &second).await;
    assert!(page.html.contains(&second) && !page.html.contains(&first));
}

#[tokio::test]
async fn faulty_requests_are_shown_and_never_redirected() {
    let zoom = Zoom::with_general(json!({})).await;
    zoom.put_app("s2s", json!({})).await;
    let good = authorize(APP, CALLBACK);
    let long = "x".repeat(43);
    for (path, error) in [
        (authorize("unknown", CALLBACK), "Invalid client (4702)"),
        (authorize("s2s", CALLBACK), "Invalid client (4702)"),
        (
            "/oauth/authorize?response_type=code".to_owned(),
            "Invalid client (4702)",
        ),
        (
            authorize(APP, "https://evil.example.com/callback"),
            "Invalid redirect url (4700)",
        ),
        (authorize(APP, ""), "Invalid redirect url (4700)"),
        (
            format!("/oauth/authorize?response_type=code&client_id={APP}"),
            "Invalid redirect url (4700)",
        ),
        (
            good.replace("response_type=code", "response_type=token"),
            "Unsupported response type (4700)",
        ),
        (
            good.replace("response_type=code", ""),
            "Unsupported response type (4700)",
        ),
        (
            format!("{good}&scope=user:read:user"),
            "Invalid scope (4700)",
        ),
        (format!("{good}&state=1&state=2"), "Invalid request (4700)"),
        (
            format!("{good}&code_challenge={long}&code_challenge_method=S512"),
            "Invalid code challenge method (4700)",
        ),
        (
            format!("{good}&code_challenge=short"),
            "Invalid code challenge (4700)",
        ),
        (
            format!("{good}&code_challenge_method=S256"),
            "Invalid code challenge (4700)",
        ),
        (
            "/marketplace/install?client_id=unknown".to_owned(),
            "Invalid client (4702)",
        ),
    ] {
        let page = Browser::new(&zoom).get(&path).await;
        assert_eq!((page.status, page.error().as_str()), (400, error), "{path}");
        assert!(!page.has("sign-in"), "{path}");
    }
    zoom.admin("PATCH", &format!("/apps/{APP}"), &json!({"active": false}))
        .await;
    let page = Browser::new(&zoom).get(&good).await;
    assert_eq!(page.error(), "The app has been disabled (4717)");
}

#[tokio::test]
async fn the_allow_list_goes_by_the_letter() {
    let zoom = Zoom::with_general(json!({})).await;
    let base = "https://base.example.com";
    for (entry, strict, url, allowed) in [
        (CALLBACK, false, CALLBACK, true),
        (CALLBACK, false, "https://app.example.com/callback/", false),
        (CALLBACK, false, "https://app.example.com/Callback", false),
        (
            CALLBACK,
            false,
            "https://app.example.com/callback?x=1",
            false,
        ),
        (
            CALLBACK,
            false,
            "https://app.example.com/callback/deeper",
            false,
        ),
        (base, false, "https://base.example.com/any/where?x=1", true),
        (base, false, "https://base.example.com", true),
        (base, true, "https://base.example.com", true),
        (base, true, "https://base.example.com/any", false),
        (
            base,
            false,
            "https://base.example.com.evil.example.com/",
            false,
        ),
        (
            base,
            false,
            "https://base.example.com@evil.example.com/",
            false,
        ),
        (base, false, "https://base.example.com:8443/", false),
        (base, false, "http://base.example.com/", false),
        (base, false, "https://base.example.com/#fragment", false),
        (
            "http://127.0.0.1:9000",
            false,
            "http://127.0.0.1:9000/cb",
            true,
        ),
    ] {
        let patch =
            json!({"redirect_urls": ["https://first.example.com/x", entry], "strict_mode": strict});
        zoom.admin("PATCH", &format!("/apps/{APP}"), &patch).await;
        let page = Browser::new(&zoom).get(&authorize(APP, url)).await;
        assert_eq!(page.has("sign-in"), allowed, "{entry} {strict} {url}");
        assert_eq!(page.status, if allowed { 200 } else { 400 });
    }
}

#[tokio::test]
async fn the_redirect_keeps_the_query_of_the_redirect_url() {
    let zoom = Zoom::with_general(json!({"redirect_urls": ["https://a.example.com/cb?t=1"]})).await;
    let email = zoom.email(GRACE).await;
    let path = authorize(APP, "https://a.example.com/cb?t=1");
    let page = Browser::new(&zoom).answer(&path, &email, "allow").await;
    let location = page.location.clone().unwrap();
    assert!(
        location.starts_with("https://a.example.com/cb?t=1&code="),
        "{location}"
    );
    assert_eq!(page.parameter("state"), None);
}

#[tokio::test]
async fn admin_managed_apps_are_for_owners_and_admins() {
    let zoom = Zoom::with_general(json!({"management": "Admin"})).await;
    let path = authorize(APP, CALLBACK);
    let email = zoom.email(GRACE).await;
    let browser = Browser::new(&zoom);
    let page = browser.log_in(&path, &email).await;
    assert!(page.error().contains("do not have permission"));
    assert!(page.status == 400 && !page.has("allow"));
    let page = browser.press(&page, "sign-out", &[]).await;
    assert!(page.has("sign-in"));
    for who in [ADA, ALAN] {
        let email = zoom.email(who).await;
        let page = Browser::new(&zoom).answer(&path, &email, "allow").await;
        assert!(page.parameter("code").is_some(), "{who}");
    }
}

#[tokio::test]
async fn a_member_cannot_allow_behind_the_pages_back() {
    let zoom = Zoom::with_general(json!({})).await;
    let email = zoom.email(GRACE).await;
    let browser = Browser::new(&zoom);
    let page = browser.log_in(&authorize(APP, CALLBACK), &email).await;
    zoom.admin(
        "PATCH",
        &format!("/apps/{APP}"),
        &json!({"management": "Admin"}),
    )
    .await;
    let page = browser.press(&page, "allow", &[]).await;
    assert!(page.error().contains("do not have permission"));
}

#[tokio::test]
async fn an_account_can_demand_approval_or_disable_an_app() {
    let zoom = Zoom::with_general(json!({})).await;
    let path = authorize(APP, CALLBACK);
    let email = zoom.email(ADA).await;
    let policy = format!("/accounts/acc-1/apps/{APP}");
    for (body, error) in [
        (json!({"requires_approval": true}), "must approve this app"),
        (json!({"disabled": true}), "disabled by the account admin"),
    ] {
        zoom.admin("PUT", &policy, &body).await;
        let page = Browser::new(&zoom).log_in(&path, &email).await;
        assert!(page.error().contains(error) && page.error().contains("(4738)"));
    }
    zoom.admin("PUT", &policy, &json!({})).await;
    assert!(Browser::new(&zoom).log_in(&path, &email).await.has("allow"));
}

#[tokio::test]
async fn an_install_from_the_marketplace_has_no_state() {
    let zoom =
        Zoom::with_general(json!({"redirect_urls": [CALLBACK, "https://second.example.com"]}))
            .await;
    let email = zoom.email(GRACE).await;
    let path = format!("/marketplace/install?client_id={APP}&state=ignored");
    let page = Browser::new(&zoom).answer(&path, &email, "allow").await;
    assert!(
        page.location
            .as_ref()
            .unwrap()
            .starts_with(&format!("{CALLBACK}?code="))
    );
    assert_eq!(page.parameter("state"), None);
    let reply = zoom.redeem(&page.parameter("code").unwrap(), "").await;
    assert_eq!(reply.status, 200);
    zoom.admin(
        "PATCH",
        &format!("/apps/{APP}"),
        &json!({"redirect_urls": []}),
    )
    .await;
    let page = Browser::new(&zoom).get(&path).await;
    assert_eq!(page.error(), "Invalid redirect url (4700)");
}
