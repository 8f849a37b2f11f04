//! What the portal does not have or does not take, in its words.

use serde_json::{Value, json};

use super::{CALLBACK, create, credentials, endpoint, entry, redirect, scopes, step, subscription};
use crate::support::Zoom;

#[tokio::test]
async fn before_there_is_an_app_there_is_nothing_else() {
    let zoom = Zoom::start().await;
    zoom.desk().await;
    let words = zoom.refuses(&credentials()).await;
    assert_eq!(
        words,
        "page Basic Information > App Credentials: there is no app yet"
    );
    let build = "Zoom App Marketplace > Develop > Build App";
    let name = [entry("Paste", "App name", "Notes")];
    let words = zoom.refuses(&step(build, &name)).await;
    assert!(words.ends_with("in the field Build App first"), "{words}");
    let kind = [entry("Choose", "Build App", "Chatbot App")];
    let words = zoom.refuses(&step(build, &kind)).await;
    assert!(
        words.ends_with("field Build App has no choice Chatbot App"),
        "{words}"
    );
}

#[tokio::test]
async fn pages_and_fields_are_known_by_their_names() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    let place = "Basic Information > App Credentials";
    for (step, words) in [
        (
            step("Basic Information", &[]),
            "page Basic Information: there is no such page",
        ),
        (
            step("Activation", &[]),
            "page Activation: there is no such page",
        ),
        (
            step(place, &[entry("Copy", "Client Id", "s/k")]),
            "page Basic Information > App Credentials: there is no field Client Id",
        ),
        (
            step(place, &[entry("Copy", "Account ID", "s/k")]),
            "page Basic Information > App Credentials: there is no field Account ID",
        ),
        (
            step(place, &[entry("Paste", "Client ID", "mine")]),
            "page Basic Information > App Credentials: field Client ID is copied, not filled in",
        ),
        (
            step(place, &[entry("Copy", "Client ID", "nowhere")]),
            "page Basic Information > App Credentials: nowhere names no key of a Secret",
        ),
    ] {
        assert_eq!(zoom.refuses(&step).await, words);
    }
}

#[tokio::test]
async fn a_step_is_done_whole_or_not_at_all() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    zoom.refuses(&scopes(&["user:read:user", "user:read:usr"]))
        .await;
    let form = zoom.admin("GET", "/portal/desk", &Value::Null).await;
    assert_eq!(form["app"]["scopes"], json!([]));
    zoom.does(&scopes(&["user:read:user", "meeting:read:meeting"]))
        .await;
    let form = zoom.admin("GET", "/portal/desk", &Value::Null).await;
    assert_eq!(form["app"]["scopes"][1]["scope"], "meeting:read:meeting");
    let text = form.to_string();
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn scopes_have_the_level_of_the_management() {
    let user = Zoom::with_desk("User-managed", "Production").await;
    let admin = Zoom::with_desk("Admin-managed", "Production").await;
    let words = user.refuses(&scopes(&["meeting:read:meeting:admin"])).await;
    assert!(
        words.ends_with("no scope meeting:read:meeting:admin for a user-managed app"),
        "{words}"
    );
    let words = admin.refuses(&scopes(&["meeting:read:meeting"])).await;
    assert!(
        words.ends_with("no scope meeting:read:meeting for an admin-managed app"),
        "{words}"
    );
    let words = user.refuses(&scopes(&["meeting:read"])).await;
    assert!(words.ends_with("there is no scope meeting:read"), "{words}");
    let optional = [entry("Tick", "Add Scopes (optional)", "user:read:user")];
    let words = user.refuses(&step("Scopes > Add Scopes", &optional)).await;
    assert!(words.ends_with("Select at least one scope"), "{words}");
    let opening = json!({"account_id": "acc-1", "classic": true});
    user.admin("PUT", "/portal/desk", &opening).await;
    user.does(&create("User-managed", "Production")).await;
    user.does(&scopes(&["meeting:read"])).await;
    user.refuses(&scopes(&["meeting:read:meeting"])).await;
}

#[tokio::test]
async fn an_app_stays_what_it_is() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    zoom.does(&create("User-managed", "Development")).await;
    let words = zoom.refuses(&create("Admin-managed", "Development")).await;
    assert!(
        words.ends_with("the app is managed otherwise, and its scopes with it"),
        "{words}"
    );
    let build = "Zoom App Marketplace > Develop > Build App";
    let kind = [entry("Choose", "Build App", "Server-to-Server OAuth App")];
    zoom.refuses(&step(build, &kind)).await;
    let name = [entry("Paste", "App name", &"n".repeat(50))];
    let words = zoom.refuses(&step(build, &name)).await;
    assert!(
        words.ends_with("App name has more than 49 characters"),
        "{words}"
    );
}

#[tokio::test]
async fn a_redirect_url_is_https_and_covered() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    for (url, allowed, fits) in [
        (CALLBACK, CALLBACK, true),
        (CALLBACK, "https://app.example.com", true),
        (CALLBACK, "https://app.example.com/", true),
        (CALLBACK, "https://app.example.com/call", false),
        (CALLBACK, "https://app.example.co", false),
        (CALLBACK, "http://app.example.com", false),
        (
            "http://app.example.com/callback",
            "https://app.example.com",
            false,
        ),
    ] {
        zoom.desk().await;
        zoom.does(&create("User-managed", "Production")).await;
        let reply = zoom.step(&redirect(url, allowed)).await;
        assert_eq!(reply.status == 200, fits, "{url} {allowed}: {}", reply.body);
    }
    let local = "http://localhost:8480/callback";
    for (tab, fits) in [("Development", true), ("Production", false)] {
        zoom.desk().await;
        zoom.does(&create("User-managed", tab)).await;
        let reply = zoom.step(&redirect(local, local)).await;
        assert_eq!(reply.status == 200, fits, "{tab}: {}", reply.body);
    }
    zoom.desk().await;
    zoom.does(&create("User-managed", "Production")).await;
    let strict = |allowed: &str| {
        let mut step = redirect(CALLBACK, allowed);
        let strict = entry("Tick", "Use Strict Mode for Redirect URLs", "on");
        step["entries"].as_array_mut().unwrap().push(strict);
        step
    };
    let words = zoom.refuses(&strict("https://app.example.com")).await;
    assert!(words.ends_with("/callback to the letter"), "{words}");
    zoom.does(&strict(CALLBACK)).await;
}

#[tokio::test]
async fn events_belong_to_a_subscription_and_endpoints_to_events() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    let place = "Features > Access > Event Subscription";
    let lone = [entry("Tick", "Add Events", "meeting.ended")];
    let words = zoom.refuses(&step(place, &lone)).await;
    assert!(words.ends_with("without an event subscription"), "{words}");
    let words = zoom.refuses(&endpoint("https://hooks.example.com/")).await;
    assert!(words.ends_with("without an event subscription"), "{words}");
    let words = zoom.refuses(&subscription("Ended", &["meeting.end"])).await;
    assert!(words.ends_with("there is no event meeting.end"), "{words}");
    zoom.does(&subscription("Ended", &[])).await;
    let words = zoom.refuses(&endpoint("https://hooks.example.com/")).await;
    assert!(
        words.ends_with("subscription Ended has no events"),
        "{words}"
    );
    zoom.does(&subscription("Ended", &["meeting.ended"])).await;
    for (url, why) in [
        ("http://hooks.example.com/", "the endpoint must be https"),
        ("https://hooks/", "the endpoint needs a full domain name"),
        (
            "https://hooks.invalid/",
            "URL validation failed. Try again later.",
        ),
    ] {
        let words = zoom.refuses(&endpoint(url)).await;
        assert_eq!(words, format!("page {place}: {why}"));
    }
    for number in 2..=20 {
        zoom.does(&subscription(&number.to_string(), &["meeting.ended"]))
            .await;
    }
    let words = zoom.refuses(&subscription("21", &["meeting.ended"])).await;
    assert!(words.ends_with("at most 20 subscriptions"), "{words}");
    zoom.does(&subscription("Ended", &["meeting.started"]))
        .await;
}

#[tokio::test]
async fn links_are_for_a_browser() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    let link = "https://zoom.us/oauth/authorize";
    let open = [entry("Open", "Installation URL", link)];
    let report = zoom.does(&step("a browser", &open)).await;
    assert_eq!(report["opened"], json!([link]));
    let nothing = zoom.refuses(&step("a browser", &[])).await;
    assert_eq!(nothing, "page a browser: there is no such page");
}
