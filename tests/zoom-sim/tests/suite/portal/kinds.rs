//! Apps of the other kinds: Server-to-Server, webhook only, and with a Team Chat bot.

use super::*;

#[tokio::test]
async fn a_server_to_server_app_works_once_it_is_activated() {
    let zoom = Zoom::start().await;
    zoom.desk().await;
    let build = "Zoom App Marketplace > Develop > Build App";
    let kind = [entry("Choose", "Build App", "Server-to-Server OAuth App")];
    zoom.does(&step(build, &kind)).await;
    let fields = ["Account ID", "Client ID", "Client Secret"]
        .map(|field| entry("Copy", field, &format!("s/{field}")));
    let report = zoom.does(&step("App Credentials", &fields)).await;
    let copied = |field: &str| report["copied"]["s"][field].as_str().unwrap().to_owned();
    let body = format!(
        "grant_type=account_credentials&account_id={}",
        copied("Account ID")
    );
    let basic = basic(&copied("Client ID"), &copied("Client Secret"));
    let ask = || async {
        let headers = [FORM, ("authorization", basic.as_str())];
        let reply = http(zoom.addr, "POST", "/oauth/token", &headers, &body);
        reply.await.unwrap().json()
    };
    assert_eq!(ask().await["error"], "invalid_request");
    let activate = step("Activation", &[]);
    let words = zoom.refuses(&activate).await;
    assert!(words.contains("field Company name is empty"), "{words}");
    let contact =
        ["Company name", "Contact name", "Contact email"].map(|field| entry("Paste", field, "Ada"));
    zoom.does(&step("Information", &contact)).await;
    let words = zoom.refuses(&activate).await;
    assert!(words.ends_with("Select at least one scope"), "{words}");
    zoom.does(&scopes(&["user:read:list_users:admin"])).await;
    zoom.does(&activate).await;
    assert_eq!(ask().await["scope"], "user:read:list_users:admin");
}

/// It is made by another menu, has a secret token and events, and neither scopes nor a client.
#[tokio::test]
async fn an_app_that_only_receives_events() {
    let zoom = Zoom::start().await;
    zoom.desk().await;
    let name = entry("Paste", "App name", "Notes");
    let kind = |field: &str, value: &str| [entry("Choose", field, value), name.clone()];
    let why = zoom
        .refuses(&step(
            "Zoom App Marketplace > Develop > Build App",
            &kind("Build App", "Webhook Only"),
        ))
        .await;
    assert!(
        why.contains("field Build App has no choice Webhook Only"),
        "{why}"
    );
    let place = "Zoom App Marketplace > Develop > Build Legacy App";
    let why = zoom
        .refuses(&step(place, &kind("Build Legacy App", "General App")))
        .await;
    assert!(why.contains("has no choice General App"), "{why}");
    zoom.does(&step(place, &kind("Build Legacy App", "Webhook Only")))
        .await;

    zoom.does(&step(
        "Information",
        &[entry("Paste", "Company name", "Acme")],
    ))
    .await;
    let copied = zoom
        .does(&step(
            "Feature > Token",
            &[entry(
                "Copy",
                "Secret Token",
                "notes-zoom/webhook-secret-token",
            )],
        ))
        .await;
    assert!(copied["copied"]["notes-zoom"]["webhook-secret-token"].is_string());
    let mut events = subscription("Meetings", &["meeting.ended"]);
    events["where"] = json!("Feature > Event Subscriptions");
    zoom.does(&events).await;
    for (place, entries) in [
        (
            "Scopes > Add Scopes",
            vec![entry("Tick", "Add Scopes", "meeting:read:meeting:admin")],
        ),
        (
            "App Credentials",
            vec![entry("Copy", "Client ID", "notes-zoom/client-id")],
        ),
        (
            "Basic Information > OAuth Information",
            vec![entry("Paste", "OAuth Redirect URL", CALLBACK)],
        ),
        ("Activation", Vec::new()),
    ] {
        let why = zoom.refuses(&step(place, &entries)).await;
        assert!(why.contains("there is no such page"), "{place}: {why}");
    }
}

/// Team Chat is turned on by its page; then the app gets tokens for the bot, and the bot its events.
#[tokio::test]
async fn a_team_chat_bot() {
    let zoom = Zoom::with_desk("Admin-managed", "Production").await;
    let pair = zoom.does(&credentials()).await;
    let of = |key: &str| {
        let value = &pair["copied"]["notes-zoom"][key];
        value.as_str().unwrap().to_owned()
    };
    let header = basic(&of("client-id"), &of("client-secret"));
    let grant = async || {
        let headers = [FORM, ("authorization", header.as_str())];
        http(
            zoom.addr,
            "POST",
            "/oauth/token",
            &headers,
            "grant_type=client_credentials",
        )
        .await
        .unwrap()
    };
    zoom.does(&scopes(&["imchat:bot"])).await;
    assert_eq!(grant().await.status, 400);
    let place = "Features > Surface > Team Chat Subscription";
    let url = |value: &str| entry("Paste", "Bot endpoint URL", value);
    let why = zoom
        .refuses(&step(place, &[entry("Paste", "Slash Command", "acme")]))
        .await;
    assert!(why.contains("begins with a slash"), "{why}");
    zoom.refuses(&step(place, &[url("http://hooks.example.com/")]))
        .await;
    let command = entry("Paste", "Slash Command", "/acme");
    zoom.does(&step(place, &[command, url("https://hooks.example.com/")]))
        .await;
    let token = grant().await;
    assert_eq!(token.status, 200, "{}", token.body);
    assert_eq!(token.json()["scope"], "imchat:bot");
    assert_eq!(token.json()["refresh_token"], Value::Null);
}
