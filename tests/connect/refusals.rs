//! What leads to no Secret: each with its page, and none with a hint for who tries.

use contract::consent::Transaction;
use reqwest::Method;
use serde_json::json;

use super::{
    browser::Seen,
    fixture::{ADA, Begun, CALLBACK, Fixture, OPEN, Running},
};

type Change = Box<dyn Fn(&mut serde_json::Value)>;

const AGAIN: &str = "Please start again";
const UNUSABLE: &str = "This link from Zoom cannot be used";

async fn refused(running: &Running, seen: &Seen, status: u16, title: &str, outcome: &str) {
    assert_eq!((seen.status, seen.title()), (status, title));
    assert_eq!(running.cluster.parcel_count(), 0);
    let line = format!("zoom_operator_consents_total{{outcome=\"{outcome}\"}} 1");
    running.counted(&line).await;
}

#[tokio::test]
async fn an_installation_begun_in_the_marketplace_begins_here_once_more() {
    let running = Fixture::new().start().await;
    let mut browser = running.browser();
    let seen = browser
        .get(&format!("{CALLBACK}?code=of-the-marketplace"))
        .await;
    refused(&running, &seen, 200, "One more step", "marketplace").await;
    assert!(!seen.body.contains("<form") && !seen.body.contains("of-the-marketplace"));
    assert!(
        seen.body
            .contains("the link that your administrator sent you")
    );

    let path = "/zoom/callback/clinics/open?code=of-the-marketplace&state=";
    let seen = browser.get(path).await;
    let form = format!("<form class=\"actions\" method=\"post\" action=\"{OPEN}?lang=en\">");
    assert!(seen.body.contains(&form), "{}", seen.body);
    // Also for one that began with us in this browser.
    let mut begun = running.begin(ADA).await;
    let seen = begun.browser.get(&format!("{CALLBACK}?code=c")).await;
    assert_eq!((seen.status, seen.title()), (200, "One more step"));
    assert_eq!(running.cluster.parcel_count(), 0);
}

#[tokio::test]
async fn parameters_that_zoom_would_not_send() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let state = begun.state.clone();
    let long = "c".repeat(2049);
    for query in [
        format!("state={state}&code={long}"),
        format!("state={state}&code=a&code=b"),
        format!("state={state}&state={state}&code=a"),
        format!("state={state}&code=a%00b"),
        format!("state={state}&code=%E6%97%A5"),
        format!("state={state}"),
    ] {
        let seen = begun.browser.get(&format!("{CALLBACK}?{query}")).await;
        assert_eq!((seen.status, seen.title()), (400, UNUSABLE), "{query}");
        assert!(!seen.body.contains(&state));
    }
    assert_eq!(running.cluster.parcel_count(), 0);
    begun.returns(CALLBACK, &"c".repeat(2048)).await.location();
}

#[tokio::test]
async fn another_browser() {
    let running = Fixture::new().start().await;
    let begun = running.begin(ADA).await;
    let mut other = Begun {
        browser: running.browser(),
        ..begun
    };
    let seen = other.returns(CALLBACK, "c").await;
    refused(&running, &seen, 400, AGAIN, "not_carried").await;
    let transaction = Transaction::of(&other.state);
    let path = format!("/zoom/consents/{}", transaction.as_str());
    let seen = other.browser.get(&path).await;
    // The code may have been handed over long ago.
    let title = "The result cannot be shown any more";
    assert_eq!((seen.status, seen.title()), (400, title));
    assert!(!seen.body.contains("Nothing was stored"));
}

#[tokio::test]
async fn another_state_than_the_browser_carries() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    begun.state = running.begin(ADA).await.state;
    let seen = begun.returns(CALLBACK, "c").await;
    refused(&running, &seen, 400, AGAIN, "not_carried").await;
}

#[tokio::test]
async fn the_callback_of_another_integration() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let seen = begun.returns("/zoom/callback/clinics/other", "c").await;
    let title = "This link from Zoom belongs to another app";
    refused(&running, &seen, 400, title, "other_integration").await;
    let seen = begun.returns("/zoom/callback/elsewhere/plain", "c").await;
    assert_eq!(seen.title(), title);
    assert_eq!(running.cluster.parcel_count(), 0);
}

#[tokio::test]
async fn a_person_declines() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let path = format!("{CALLBACK}?error=access_denied&state={}", begun.state);
    let seen = begun.browser.get(&path).await;
    refused(&running, &seen, 200, "You declined", "declined").await;
    assert!(seen.body.contains(&format!("href=\"{ADA}?lang=en\"")));
    assert!(!seen.body.contains(&begun.state));
    // The same page in the other language is not another step.
    let (_, rest) = seen.body.split_once("href=\"?").unwrap();
    let query = rest.split_once('"').unwrap().0.replace("&amp;", "&");
    let seen = begun.browser.get(&format!("{CALLBACK}?{query}")).await;
    assert_eq!(seen.title(), "許可されませんでした");
    assert!(seen.body.contains(&format!("href=\"{ADA}?lang=ja\"")));
    running
        .counted("zoom_operator_consents_total{outcome=\"declined\"} 1")
        .await;
}

#[tokio::test]
async fn who_began_with_a_replaced_link_is_not_told_the_new_one() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    running.cluster.connection("ada", |ada| {
        let link =
            "https://connect.example.com/zoom/connections/clinics/ada/NNNNNNNNNNNNNNNNNNNNNN";
        ada["status"]["installUrl"] = json!(link);
    });
    let path = format!("{CALLBACK}?error=access_denied&state={}", begun.state);
    let seen = begun.browser.get(&path).await;
    assert_eq!(seen.title(), "You declined");
    assert!(!seen.body.contains("NNNN") && !seen.body.contains("Start again"));
}

#[tokio::test]
async fn zoom_names_another_error() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let mut with = async |error: &str| {
        let path = format!("{CALLBACK}?error={error}&code=c&state={}", begun.state);
        begun.browser.get(&path).await
    };
    let seen = with("invalid_scope").await;
    let title = "Zoom reported a problem";
    refused(&running, &seen, 400, title, "zoom_error").await;
    assert!(seen.body.contains("invalid_scope") && seen.body.contains("must be corrected"));
    assert!(
        with("server_error")
            .await
            .body
            .contains("This is a problem at Zoom")
    );
    let seen = with("%3Cscript%3E").await;
    assert_eq!(seen.title(), title);
    assert!(!seen.body.contains("script"));
}

#[tokio::test]
async fn a_post_from_another_site() {
    let running = Fixture::new().start().await;
    let origin = "https://connect.example.com";
    for (name, value, status) in [
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("x-nothing", "x", 403),
        ("sec-fetch-site", "none", 303),
        ("origin", origin, 303),
    ] {
        let mut browser = running.browser();
        let seen = browser.send(Method::POST, ADA, &[(name, value)]).await;
        assert_eq!(seen.status, status, "{name}: {value}");
        assert_eq!(browser.cookies.len(), usize::from(status == 303));
    }
    let both = [("sec-fetch-site", "cross-site"), ("origin", origin)];
    let seen = running.browser().send(Method::POST, ADA, &both).await;
    assert_eq!(
        (seen.status, seen.title()),
        (403, "Please begin on this site")
    );
}

#[tokio::test]
async fn a_link_to_nothing_tells_nothing() {
    let running = Fixture::new().start().await;
    let mut browser = running.browser();
    let wanted = browser.get("/zoom/nothing").await;
    assert_eq!(wanted.status, 404);
    let other_nonce = ADA.replace("AA", "AB");
    for path in [
        other_nonce.as_str(),
        "/zoom/connections/clinics/bob/AAAAAAAAAAAAAAAAAAAAAA",
        "/zoom/connections/elsewhere/ada/AAAAAAAAAAAAAAAAAAAAAA",
        "/zoom/integrations/clinics/none/BBBBBBBBBBBBBBBBBBBBBB",
        // Without self-service, though the link is the one in its status.
        "/zoom/integrations/clinics/plain/BBBBBBBBBBBBBBBBBBBBBB",
        "/connections/clinics/ada/AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let seen = browser.get(path).await;
        assert_eq!((seen.status, &seen.body), (404, &wanted.body), "{path}");
        let status = browser.post(path).await.status;
        assert!(status == 404 || status == 405, "{path}: {status}");
    }
    running.cluster.integration("plain", |object| {
        object["status"]["installUrl"] = json!(
            "https://connect.example.com/zoom/integrations/clinics/plain/BBBBBBBBBBBBBBBBBBBBBB"
        );
    });
    let path = "/zoom/integrations/clinics/plain/BBBBBBBBBBBBBBBBBBBBBB";
    assert_eq!(browser.get(path).await.body, wanted.body);
    running.cluster.connection("ada", |ada| {
        ada["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    });
    assert_eq!(browser.get(ADA).await.body, wanted.body);
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn what_is_not_prepared_cannot_be_begun() {
    let gone = |object: &mut serde_json::Value, field: &str| {
        object["status"].as_object_mut().unwrap().remove(field);
    };
    let changes: [Change; 5] = [
        Box::new(|object| object["spec"]["suspend"] = json!(true)),
        Box::new(move |object| gone(object, "clientId")),
        Box::new(move |object| gone(object, "redirectUrl")),
        Box::new(|object| {
            object["status"]["redirectUrl"] =
                json!("https://connect.example.com/zoom/callback/clinics/other");
        }),
        Box::new(|object| {
            object["spec"]["oauth"] = json!({
                "redirectUrl": "https://x.example/cb", "consent": {"mode": "External"},
            });
        }),
    ];
    for change in changes {
        let running = Fixture::new().start().await;
        running.cluster.integration("plain", change);
        let mut browser = running.browser();
        for seen in [browser.get(ADA).await, browser.post(ADA).await] {
            assert_eq!(
                (seen.status, seen.title()),
                (409, "This app is not ready yet")
            );
        }
        assert!(browser.cookies.is_empty());
    }
    let running = Fixture::new().start().await;
    running.cluster.integrations.lock().unwrap().clear();
    assert_eq!(running.browser().get(ADA).await.status, 409);
}

#[tokio::test]
async fn self_service_that_is_full() {
    let running = Fixture::new().start().await;
    let mut browser = running.browser();
    assert_eq!(browser.get(OPEN).await.status, 200);
    running.cluster.integration("open", |object| {
        // Those that were declared do not count.
        object["status"]["connections"] = json!({"total": 9, "connected": 0, "selfService": 2});
    });
    for seen in [browser.get(OPEN).await, browser.post(OPEN).await] {
        assert_eq!(
            (seen.status, seen.title()),
            (409, "No more connections can be made")
        );
        assert!(!seen.body.contains("<form"));
    }
    // A connection that exists already is not counted against it.
    running.cluster.connection("ada", |ada| {
        ada["spec"]["integrationRef"]["name"] = json!("open");
    });
    assert_eq!(browser.get(ADA).await.status, 200);
}
