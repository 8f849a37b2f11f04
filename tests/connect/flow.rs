//! From the link to the Secret, and what is seen afterwards.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::consent::{Handoff, Transaction};
use secrecy::ExposeSecret as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    browser::Browser,
    fixture::{ADA, BASE, Begun, CALLBACK, Fixture, OPEN, Running, connection},
};

fn handoff(running: &Running, state: &str) -> Handoff {
    let parcels = running.cluster.parcels.lock().unwrap();
    let parcel = &parcels[&Transaction::of(state).secret_name()];
    Handoff::from_json(&parcel.content).unwrap()
}

fn consent_path(state: &str) -> String {
    format!("/zoom/consents/{}", Transaction::of(state).as_str())
}

#[tokio::test]
async fn a_person_connects() {
    let running = Fixture::new().start().await;
    let mut browser = running.browser();
    let start = browser.get(ADA).await;
    assert_eq!(start.status, 200);
    assert_eq!(start.title(), "Connect Clinic Rooms with Zoom");
    for shown in [
        "clinics / plain",
        "Dr. Ada",
        "a***@example.com",
        "See meetings",
        "Create meetings",
        "See: call logs (phone)",
        "<code>meeting:read:meeting</code>",
        "Added Apps",
        "Continue to Zoom",
    ] {
        assert!(start.body.contains(shown), "{shown}");
    }
    assert!(!start.body.contains("ada@example.com"));
    assert!(browser.cookies.is_empty());

    let mut begun = running.begin_in(browser, ADA).await;
    let url: Url = begun.seen.location().parse().unwrap();
    assert!(
        url.as_str()
            .starts_with("https://zoom.example/oauth/authorize?")
    );
    let names: Vec<_> = url
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    let wanted = "response_type client_id redirect_uri state code_challenge code_challenge_method";
    assert_eq!(names.join(" "), wanted);
    assert_eq!(begun.seen.parameter("response_type"), "code");
    assert_eq!(begun.seen.parameter("client_id"), "client-of-plain");
    assert_eq!(
        begun.seen.parameter("redirect_uri"),
        format!("{BASE}/callback/clinics/plain")
    );
    assert_eq!(begun.seen.parameter("code_challenge_method"), "S256");
    assert_eq!(running.cluster.parcel_count(), 0);

    let seen = begun.returns(CALLBACK, "the-code").await;
    assert_eq!(seen.location(), consent_path(&begun.state));
    let handoff = handoff(&running, &begun.state);
    assert_eq!(handoff.namespace, "clinics");
    assert_eq!(handoff.integration, "plain");
    assert_eq!(handoff.integration_uid, "uid-of-plain");
    assert_eq!(handoff.connection, "ada");
    assert_eq!(handoff.connection_uid.as_deref(), Some("uid-of-ada"));
    assert_eq!(handoff.client_id, "client-of-plain");
    assert_eq!(
        handoff.redirect_url,
        format!("{BASE}/callback/clinics/plain")
    );
    assert_eq!(handoff.code.expose_secret(), "the-code");
    let verifier = handoff.code_verifier.expose_secret();
    assert_eq!(verifier.len(), 43);
    assert_eq!(
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
        begun.challenge
    );
    assert!(handoff.begun <= handoff.authorized);
    let labels = {
        let parcels = running.cluster.parcels.lock().unwrap();
        serde_json::to_value(&parcels.values().next().unwrap().labels).unwrap()
    };
    assert_eq!(
        labels,
        json!({
            "app.kubernetes.io/managed-by": "zoom-operator",
            "zoom-operator.io/use": "consent",
            "zoom-operator.io/integration": "plain",
            "zoom-operator.io/connection": "ada",
            "zoom-operator.io/namespace": "clinics",
        })
    );
    running
        .counted("zoom_operator_consents_total{outcome=\"begun\"} 1")
        .await;
    running
        .counted("zoom_operator_consents_total{outcome=\"handed_over\"} 1")
        .await;
    running
        .counted("zoom_operator_connect_requests_total{route=\"callback\",status=\"3xx\"} 1")
        .await;
}

#[tokio::test]
async fn the_result_is_awaited_and_told() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    begun.returns(CALLBACK, "c").await;
    let path = consent_path(&begun.state);
    let transaction = Transaction::of(&begun.state);

    let pending = begun.browser.get(&path).await;
    assert_eq!((pending.status, pending.title()), (200, "Almost done"));
    assert!(
        pending
            .body
            .contains("<meta http-equiv=\"refresh\" content=\"2\">")
    );
    running
        .cluster
        .spoke("ada", "another", "Succeeded", "Connected");
    assert_eq!(begun.browser.get(&path).await.title(), "Almost done");

    running
        .cluster
        .spoke("ada", transaction.as_str(), "Succeeded", "Connected");
    running.cluster.connection("ada", |ada| {
        ada["status"]["subject"] = json!({"email": "ada.l@example.org"});
    });
    let done = begun.browser.get(&path).await;
    assert_eq!(done.title(), "Connected");
    assert!(done.body.contains("belongs to a***@example.org"));
    assert!(!done.body.contains("http-equiv"));

    running
        .cluster
        .spoke("ada", transaction.as_str(), "Failed", "WrongSubject");
    let failed = begun.browser.get(&path).await;
    assert_eq!(failed.title(), "The connection was not made");
    assert!(
        failed
            .body
            .contains("The Zoom user who authorized is not the one")
    );
    assert!(failed.body.contains(&format!("href=\"{ADA}?lang=en\"")));
    assert!(!failed.body.contains("words"));
    running
        .cluster
        .spoke("ada", transaction.as_str(), "Failed", "SomethingNew");
    let failed = begun.browser.get(&path).await;
    assert!(
        failed
            .body
            .contains("in the controller's &lt;own&gt; words")
    );

    running.cluster.connections.lock().unwrap().clear();
    let gone = begun.browser.get(&path).await;
    assert_eq!(gone.title(), "This connection no longer exists");
}

#[tokio::test]
async fn self_service_names_the_connection_to_be_made() {
    let running = Fixture::new().start().await;
    let mut browser = running.browser();
    let start = browser.get(OPEN).await;
    assert!(start.body.contains("clinics / open") && !start.body.contains("Dr. Ada"));
    let mut begun = running.begin_in(browser, OPEN).await;
    let seen = begun.returns("/zoom/callback/clinics/open", "c").await;
    assert_eq!(seen.location(), consent_path(&begun.state));
    let handoff = handoff(&running, &begun.state);
    let transaction = Transaction::of(&begun.state);
    assert_eq!(handoff.connection, transaction.connection_name("open"));
    assert_eq!(handoff.connection_uid, None);

    let path = consent_path(&begun.state);
    assert_eq!(begun.browser.get(&path).await.title(), "Almost done");
    let made = connection(&handoff.connection, "open");
    let key = format!("clinics/{}", handoff.connection);
    running
        .cluster
        .connections
        .lock()
        .unwrap()
        .insert(key, made);
    running.cluster.spoke(
        &handoff.connection,
        transaction.as_str(),
        "Succeeded",
        "Connected",
    );
    assert_eq!(begun.browser.get(&path).await.title(), "Connected");
}

#[tokio::test]
async fn two_tabs_do_not_disturb_each_other() {
    let running = Fixture::new().start().await;
    let first = running.begin(ADA).await;
    let mut second = running.begin_in(first.browser.clone(), ADA).await;
    assert_eq!(second.browser.cookies.len(), 2);
    assert_ne!(first.challenge, second.challenge);
    second.returns(CALLBACK, "of-the-second").await.location();
    let mut first = Begun {
        browser: second.browser,
        ..first
    };
    first.returns(CALLBACK, "of-the-first").await.location();
    for (begun_state, challenge, code) in [
        (&first.state, &first.challenge, "of-the-first"),
        (&second.state, &second.challenge, "of-the-second"),
    ] {
        let handoff = handoff(&running, begun_state);
        assert_eq!(handoff.code.expose_secret(), code);
        let verifier = handoff.code_verifier.expose_secret();
        assert_eq!(&URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)), challenge);
    }
}

#[tokio::test]
async fn a_replayed_callback_hands_nothing_over_again() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let before = begun.browser.cookies.clone();
    begun.returns(CALLBACK, "first").await;
    let path = consent_path(&begun.state);
    // With the cookie that awaits the result, and with the one from before.
    assert_eq!(begun.returns(CALLBACK, "second").await.location(), path);
    begun.browser.cookies = before;
    assert_eq!(begun.returns(CALLBACK, "third").await.location(), path);
    assert_eq!(running.cluster.parcel_count(), 1);
    assert_eq!(
        handoff(&running, &begun.state).code.expose_secret(),
        "first"
    );
    running
        .counted("zoom_operator_consents_total{outcome=\"replayed\"} 2")
        .await;
    running
        .counted("zoom_operator_consents_total{outcome=\"handed_over\"} 1")
        .await;
}

#[tokio::test]
async fn another_replica_takes_the_callback() {
    let running = Fixture::new().start().await;
    let mut other = Fixture::new();
    other.cluster = Arc::clone(&running.cluster);
    let other = other.start().await;
    let mut begun = running.begin(ADA).await;
    let before = begun.browser.clone();
    begun.browser.at = other.at.pages;
    assert_eq!(
        begun.returns(CALLBACK, "first").await.location(),
        consent_path(&begun.state)
    );
    begun.browser = before;
    assert_eq!(
        begun.returns(CALLBACK, "second").await.location(),
        consent_path(&begun.state)
    );
    assert_eq!(running.cluster.parcel_count(), 1);
}

#[tokio::test]
async fn a_silent_api_server_is_not_waited_for_for_ever() {
    let fixture = Fixture::new().with(|c| c.tuning.deadline = Duration::from_millis(200));
    let running = fixture.start().await;
    let mut begun = running.begin(ADA).await;
    running.cluster.silent.store(true, Ordering::SeqCst);
    let seen = begun.returns(CALLBACK, "still-fresh").await;
    assert_eq!((seen.status, seen.header("connection")), (503, "close"));
    assert!(seen.body.contains("Your permission stays valid"));
    assert!(!seen.body.contains("still-fresh") && !seen.body.contains("?lang="));
}

#[tokio::test]
async fn an_absent_api_server_costs_a_reload_and_no_code() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    running.cluster.set_away(true);
    let seen = begun.returns(CALLBACK, "still-fresh").await;
    assert_eq!(seen.status, 503);
    assert!(
        seen.body
            .contains("<a class=\"button\" href=\"\">Try again</a>")
    );
    assert!(!seen.body.contains("still-fresh") && !seen.body.contains(&begun.state));
    let start = Browser::new(running.at.pages).get(ADA).await;
    assert_eq!(start.status, 503);
    running.cluster.set_away(false);
    begun.returns(CALLBACK, "still-fresh").await.location();
    assert_eq!(
        handoff(&running, &begun.state).code.expose_secret(),
        "still-fresh"
    );
}

#[tokio::test]
async fn a_tenant_connects_to_the_app_of_another_namespace() {
    let running = Fixture::new().start().await;
    let link = "/zoom/connections/tenant/eve/AAAAAAAAAAAAAAAAAAAAAA";
    let allow = |status: &str| {
        let mut eve = connection("eve", "plain");
        eve["metadata"]["namespace"] = json!("tenant");
        eve["spec"]["integrationRef"]["namespace"] = json!("clinics");
        let public = link.trim_start_matches("/zoom");
        eve["status"]["installUrl"] = json!(format!("{BASE}{public}"));
        eve["status"]["conditions"] = json!([{
            "type": "NamespaceAllowed", "status": status, "reason": "R", "message": "m",
            "lastTransitionTime": "2026-03-01T10:00:00Z",
        }]);
        let mut all = running.cluster.connections.lock().unwrap();
        all.insert("tenant/eve".into(), eve);
    };
    // The controller has not allowed it.
    allow("False");
    let refused = running.browser().post(link).await;
    assert_eq!(refused.status, 409);
    allow("True");
    let start = running.browser().get(link).await;
    assert!(start.body.contains("tenant / eve"), "{}", start.body);
    assert!(!start.body.contains("clinics /"), "{}", start.body);
    let mut begun = running.begin(link).await;
    // The redirect URL is the app's, whoever the tenant is.
    assert_eq!(
        begun.seen.parameter("redirect_uri"),
        format!("{BASE}/callback/clinics/plain")
    );
    let seen = begun.returns(CALLBACK, "the-code").await;
    assert_eq!(seen.location(), consent_path(&begun.state));
    let handoff = handoff(&running, &begun.state);
    assert_eq!(
        (handoff.namespace.as_str(), handoff.connection.as_str()),
        ("tenant", "eve")
    );
    assert_eq!(handoff.integration_namespace(), "clinics");
    let parcels = running.cluster.parcels.lock().unwrap();
    let labels = &parcels.values().next().unwrap().labels;
    assert_eq!(labels["zoom-operator.io/namespace"], "tenant");
    assert_eq!(labels["zoom-operator.io/integration-namespace"], "clinics");
}

#[tokio::test]
async fn self_service_names_the_namespace_of_its_template() {
    let running = Fixture::new().start().await;
    running.cluster.integration("open", |object| {
        object["spec"]["oauth"]["consent"]["selfService"]["template"] =
            json!({"namespace": "customers"});
    });
    let mut begun = running.begin(OPEN).await;
    begun
        .returns("/zoom/callback/clinics/open", "the-code")
        .await;
    let handoff = handoff(&running, &begun.state);
    assert_eq!(handoff.namespace, "customers");
    assert_eq!(handoff.integration_namespace(), "clinics");
    assert_eq!(handoff.connection_uid, None);
}
