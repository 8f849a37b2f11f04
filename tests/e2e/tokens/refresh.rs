//! What the Secret holds, and when it is renewed.

use jiff::Timestamp;
use serde_json::json;

use super::{connected, count_now, event_count, token};
use crate::bed::{
    App, Bed, Case, LIMIT, Options, SCOPE, Tenant, keep,
    object::{self, key, status, text},
    unique, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tokens::secret_has_exactly_its_keys", keys),
        Case::new("tokens::refreshed_at_its_own_expiry", own_expiry),
        Case::new("tokens::changed_credentials_at_once", changed_credentials),
        Case::new("tokens::suspend_and_resume", suspend),
        Case::new("tokens::scopes_compared", scopes),
        Case::new("tokens::bots_token", bot),
    ]
}

async fn keys(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, "acme", json!({}), json!({})).await?;
    let integration = bed.integration("acme").await?;
    let secret = bed.get("secrets", &tenant.token_secret()).await?;
    let keys: Vec<&String> = secret["data"].as_object().unwrap().keys().collect();
    anyhow::ensure!(
        keys == [
            "access-token",
            "api-url",
            "expires-at",
            "scope",
            "token-type"
        ],
        "{keys:?}"
    );
    anyhow::ensure!(secret["type"] == "Opaque");
    anyhow::ensure!(key(&secret, "access-token").len() > 20);
    anyhow::ensure!(key(&secret, "token-type") == "bearer");
    anyhow::ensure!(key(&secret, "scope") == SCOPE);
    let api_url = format!("http://zoom-sim.{}.svc", bed.namespace());
    anyhow::ensure!(key(&secret, "api-url") == api_url, "trusted and passed on");
    let expires_at: Timestamp = key(&secret, "expires-at").parse()?;
    anyhow::ensure!(
        expires_at.to_string() == key(&secret, "expires-at"),
        "whole seconds"
    );
    anyhow::ensure!(text(&integration, "/status/token/expiresAt") == expires_at.to_string());
    let left = expires_at.as_second() - Timestamp::now().as_second();
    anyhow::ensure!((3300..=3600).contains(&left), "{left} s");

    let owner = &secret["metadata"]["ownerReferences"][0];
    anyhow::ensure!(
        owner["kind"] == "ZoomIntegration"
            && owner["controller"] == true
            && owner["uid"] == integration["metadata"]["uid"],
        "{owner:#}"
    );
    let labels = &secret["metadata"]["labels"];
    anyhow::ensure!(labels["app.kubernetes.io/managed-by"] == "zoom-operator");
    anyhow::ensure!(labels["zoom-operator.io/integration"] == "acme");
    anyhow::ensure!(integration["status"]["token"]["secretName"] == tenant.token_secret());
    anyhow::ensure!(sim.token_requests(&tenant).await? == 1);
    Ok(())
}

/// A token that lives 16 seconds is replaced after some twelve, again and again, and nobody hears of it.
async fn own_expiry(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let short = json!({"token_lifetime_seconds": 16});
    let tenant = connected(&bed, &sim, "acme", short, json!({})).await?;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let next = wait_for("another token", LIMIT, || async {
            let secret = bed.get("secrets", &tenant.token_secret()).await?;
            Ok((!seen.contains(&key(&secret, "access-token"))).then_some(secret))
        })
        .await?;
        let expires: Timestamp = key(&next, "expires-at").parse()?;
        let refresh = text(&next, "/metadata/annotations/zoom-operator.io~1refresh-at");
        let left = expires.as_second() - refresh.parse::<Timestamp>()?.as_second();
        // 20 to 30 per cent of the life are left, in whole seconds.
        anyhow::ensure!((2..=6).contains(&left), "{refresh} of {expires}");
        keep(&key(&next, "access-token"));
        seen.push(key(&next, "access-token"));
    }
    let log = sim
        .admin("GET", &format!("apps/{}/requests", tenant.client_id), None)
        .await?;
    let times: Vec<Timestamp> = log
        .as_array()
        .into_iter()
        .flatten()
        .map(|request| text(request, "/at").parse())
        .collect::<Result<_, _>>()?;
    let mut expired = false;
    for pair in times.windows(2) {
        let after = pair[1].duration_since(pair[0]).as_secs_f64();
        // On a slow machine it may be late.
        anyhow::ensure!(after >= 10.0, "refreshed after {after} s");
        expired |= after > 14.0;
    }
    let count = event_count(&bed, "acme", "Connected").await?;
    if !expired {
        anyhow::ensure!(count == 1, "{count} times connected");
        anyhow::ensure!(bed.events("acme").await?.len() == 1, "a refresh is no news");
    }
    Ok(())
}

async fn changed_credentials(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    // From one sound pair to another.
    let tenant = connected(&bed, &sim, "acme", json!({}), json!({})).await?;
    let first = token(&bed, &tenant.token_secret()).await?;
    let other = Tenant::server_to_server("acme");
    sim.put_app(&other, json!({})).await?;
    bed.apply(&other.secret()).await?;
    wait_for("a token of the other app", LIMIT, || async {
        Ok((token(&bed, &tenant.token_secret()).await? != first).then_some(()))
    })
    .await?;
    anyhow::ensure!(sim.token_requests(&other).await? == 1);
    bed.until("acme", "the other client id", |object| {
        text(object, "/status/clientId") == other.client_id
    })
    .await?;

    // To a wrong pair: the old token stays until its end, but a person must act.
    let second = token(&bed, &tenant.token_secret()).await?;
    let mut wrong = other.clone();
    wrong.client_secret = unique("wrong-secret");
    bed.apply(&wrong.secret()).await?;
    let object = bed.until_reason("acme", "CredentialsRejected").await?;
    anyhow::ensure!(status(&object, "Stalled") == "True");
    anyhow::ensure!(token(&bed, &tenant.token_secret()).await? == second);
    anyhow::ensure!(object["status"]["token"]["failure"]["attempts"] == 1);

    // Repaired: long before the next attempt would come.
    let retry_at: Timestamp = text(&object, "/status/token/failure/retryAt").parse()?;
    bed.apply(&other.secret()).await?;
    let object = bed.until_reason("acme", "Connected").await?;
    anyhow::ensure!(Timestamp::now() < retry_at, "not at once");
    anyhow::ensure!(status(&object, "CredentialsValid") == "True");
    anyhow::ensure!(object.pointer("/status/token/failure").is_none());
    // The token in hand came from this very pair: there is nothing to ask for.
    anyhow::ensure!(sim.token_requests(&other).await? == 2);
    Ok(())
}

async fn suspend(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let short = json!({"token_lifetime_seconds": 14});
    let tenant = connected(&bed, &sim, "acme", short, json!({})).await?;
    bed.change("acme", &json!({"suspend": true})).await?;
    let object = bed
        .until("acme", "suspended", |object| {
            object::seen(object) && text(object, "/status/phase") == "Suspended"
        })
        .await?;
    let requests = sim.token_requests(&tenant).await?;
    // Its time passes and nothing happens, not even when its Secret goes.
    let expires_at: Timestamp = text(&object, "/status/token/expiresAt").parse()?;
    wait_for("the token expires", LIMIT, || async {
        Ok((Timestamp::now() > expires_at).then_some(()))
    })
    .await?;
    bed.delete("secrets", &tenant.token_secret()).await?;
    let touched = json!({"metadata": {"annotations": {"example.com/touched": "true"}}});
    bed.patch("zoomintegrations", "acme", &touched).await?;
    bed.apply(&tenant.secret()).await?;
    anyhow::ensure!(sim.token_requests(&tenant).await? == requests);

    // One that lasts, so that a slow machine asks for no other.
    sim.patch_app(&tenant, json!({"token_lifetime_seconds": 3600}))
        .await?;
    bed.change("acme", &json!({"suspend": null})).await?;
    bed.until("acme", "connected again", |object| {
        object::seen(object)
            && text(object, "/status/phase") == "Connected"
            && text(object, "/status/token/expiresAt")
                .parse()
                .is_ok_and(|renewed: Timestamp| renewed > expires_at)
    })
    .await?;
    anyhow::ensure!(bed.find("secrets", &tenant.token_secret()).await?.is_some());
    anyhow::ensure!(sim.token_requests(&tenant).await? == requests + 1);
    Ok(())
}

async fn scopes(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let optional = "meeting:read:meeting:admin";
    let excess = "user:write:user:admin";
    let granted = json!({"scopes": [SCOPE, excess]});
    let declared = json!({"scopes": {"optional": [optional]}});
    connected(&bed, &sim, "acme", granted, declared).await?;
    let object = bed.integration("acme").await?;
    anyhow::ensure!(
        object["status"]["scopes"] == json!({"granted": [SCOPE, excess], "excess": [excess]}),
        "{:#}",
        object["status"]["scopes"]
    );
    // Zoom's scope list lags behind for some seconds after an app was made: no false alarm.
    let late = Tenant::server_to_server("late");
    late.declare(
        &bed,
        &sim,
        json!({"scope_lag_requests": 1}),
        &late.manifest(),
    )
    .await?;
    let history = bed.record("late").await?;
    bed.until_reason("late", "Connected").await?;
    for version in history.versions() {
        anyhow::ensure!(status(&version, "Stalled") == "absent", "{version:#}");
    }
    anyhow::ensure!(count_now(&bed, "late", "MissingScopes").await? == 0);
    Ok(())
}

/// A bot's token is got without a person, has its own scope, and is replaced like others.
async fn bot(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let app = App::general("acme");
    let scopes = json!(["imchat:bot", "user:read:user:admin"]);
    let settings = json!({"management": "Admin", "scopes": scopes, "token_lifetime_seconds": 16});
    let spec = json!({
        "app": {"management": "Admin", "chatbot": {}}, "scopes": {"required": scopes},
    });
    app.declare(&bed, &sim, settings, &spec).await?;
    // Team Chat is not turned on yet.
    let refused = bed.until_reason("acme", "WrongAppKind").await?;
    let message = object::message(&refused, "Ready");
    anyhow::ensure!(
        message.contains("turn on Team Chat Subscription"),
        "{message}"
    );
    sim.patch_app(&app.0, json!({"chatbot": true})).await?;
    let now = Timestamp::now().to_string();
    let wish = json!({"metadata": {"annotations": {"zoom-operator.io/refresh-requested-at": now}}});
    bed.patch("zoomintegrations", "acme", &wish).await?;
    let ready = bed.until_reason("acme", "ReadyToInstall").await?;
    anyhow::ensure!(
        status(&ready, "TokenFresh") == "True" && status(&ready, "ScopesGranted") == "True"
    );
    anyhow::ensure!(!text(&ready, "/status/token/expiresAt").is_empty());
    let name = app.0.token_secret();
    let secret = bed.get("secrets", &name).await?;
    anyhow::ensure!(key(&secret, "scope") == "imchat:bot");
    let first = token(&bed, &name).await?;
    wait_for("another token", LIMIT, || async {
        Ok((token(&bed, &name).await? != first).then_some(()))
    })
    .await?;
    // Without the bot nobody needs its token.
    let people = json!({
        "app": {"chatbot": null}, "scopes": {"required": ["user:read:user:admin"]},
    });
    bed.change("acme", &people).await?;
    bed.until_gone("secrets", &name).await?;
    bed.until("acme", "no token", |object| {
        object::seen(object) && object.pointer("/status/token").is_none()
    })
    .await?;
    Ok(())
}
