//! What every page has, and how it reads.

use std::num::NonZeroU32;

use contract::consent::Transaction;
use reqwest::Method;
use serde_json::json;

use super::fixture::{ADA, CALLBACK, Fixture, OPEN};

const POLICY: &str = "default-src 'none'; style-src 'self'; \
    form-action 'self' https://zoom.example https://*.zoom.example; \
    base-uri 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn every_answer_is_guarded() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    begun.returns(CALLBACK, "c").await.location();
    let consent = format!("/zoom/consents/{}", Transaction::of(&begun.state).as_str());
    let mut browser = begun.browser;
    let declined = format!("{CALLBACK}?error=access_denied&state={}", begun.state);
    let replayed = format!("{CALLBACK}?code=c&state={}", begun.state);
    for (method, path, status) in [
        (Method::GET, "/zoom", 200),
        (Method::GET, "/zoom/", 200),
        (Method::GET, "/zoom/robots.txt", 200),
        (Method::GET, "/zoom/style.css", 200),
        (Method::GET, "/zoom/favicon.ico", 200),
        (Method::GET, "/", 404),
        (Method::GET, ADA, 200),
        (Method::GET, OPEN, 200),
        (Method::POST, ADA, 403),
        (Method::DELETE, ADA, 405),
        (Method::POST, CALLBACK, 405),
        (Method::GET, CALLBACK, 400),
        (Method::GET, &declined, 200),
        (Method::GET, &replayed, 303),
        (Method::GET, &format!("{CALLBACK}?code=c"), 200),
        (Method::GET, &consent, 200),
        (
            Method::GET,
            &format!("/zoom/consents/{}", "0".repeat(32)),
            400,
        ),
        (Method::HEAD, ADA, 200),
    ] {
        let seen = browser.send(method.clone(), path, &[]).await;
        assert_eq!(seen.status, status, "{method} {path}");
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(seen.header(name), value, "{method} {path}: {name}");
        }
        assert!(seen.header("permissions-policy").contains("camera=()"));
        let asset = ["/zoom/style.css", "/zoom/robots.txt", "/zoom/favicon.ico"].contains(&path);
        assert_eq!(seen.header("cache-control") == "no-store", !asset, "{path}");
        if seen.header("content-type").starts_with("text/html") && !seen.body.is_empty() {
            seen.title();
            for never in ["<script", "style=", "javascript:", "onclick", "src="] {
                assert!(!seen.body.contains(never), "{path}: {never}");
            }
            assert_eq!(
                seen.body.matches("http").count(),
                seen.body.matches("http-equiv").count()
            );
            assert!(seen.body.contains("<main aria-labelledby=\"title\">"));
        }
    }
}

#[tokio::test]
async fn without_tls_browsers_are_not_told_to_insist_on_it() {
    let local =
        |c: &mut zoom_operator::connect::Config| c.url = "http://localhost/zoom".parse().unwrap();
    let running = Fixture::new().with(local).start().await;
    let seen = running.browser().get("/zoom/").await;
    assert_eq!(
        (seen.status, seen.header("strict-transport-security")),
        (200, "")
    );
}

#[tokio::test]
async fn methods_and_bodies() {
    let running = Fixture::new()
        .with(|c| c.tuning.max_body = 100)
        .start()
        .await;
    let mut browser = running.browser();
    let head = browser.send(Method::HEAD, ADA, &[]).await;
    let get = browser.get(ADA).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    let seen = browser.send(Method::PUT, ADA, &[]).await;
    assert_eq!(seen.header("allow"), "GET, HEAD, POST");
    let seen = browser.send(Method::POST, "/zoom/", &[]).await;
    assert_eq!((seen.status, seen.header("allow")), (405, "GET, HEAD"));
    let robots = browser.get("/zoom/robots.txt").await;
    assert_eq!(robots.body, "User-agent: *\nDisallow: /\n");
    let icon = browser.get("/zoom/favicon.ico").await;
    assert_eq!(icon.header("content-type"), "image/svg+xml");
    assert!(icon.body.starts_with("<svg xmlns="), "{}", icon.body);
    let style = browser.get("/zoom/style.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    let response = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap()
        .post(format!("http://{}{ADA}", running.at.pages))
        .header("sec-fetch-site", "same-origin")
        .body("x".repeat(101))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn a_hostile_name_stays_text() {
    let running = Fixture::new().start().await;
    let hostile = "<script>alert(1)</script>\"'&";
    running.cluster.integration("plain", |object| {
        object["spec"]["app"]["displayName"] = json!(hostile);
        object["spec"]["scopes"]["required"] = json!(["<b>:read:<i>", "<u>"]);
    });
    running.cluster.connection("ada", |ada| {
        ada["spec"]["subject"] = json!({"displayName": hostile, "email": "<@<img>.example"});
    });
    let seen = running.browser().get(ADA).await;
    assert_eq!(seen.status, 200);
    for tag in ["<script", "<b>", "<i>", "<u>", "<img"] {
        assert!(!seen.body.contains(tag), "{tag}");
    }
    // Title, heading, introduction, list of facts, twice the person.
    assert_eq!(
        seen.body
            .matches("&lt;script&gt;alert(1)&lt;/script&gt;")
            .count(),
        6
    );
}

#[tokio::test]
async fn people_read_their_language() {
    let running = Fixture::new().start().await;
    let mut browser = running.browser();
    let japanese = [("accept-language", "ja,en;q=0.5")];
    let seen = browser.send(Method::GET, ADA, &japanese).await;
    assert_eq!(seen.title(), "Clinic Rooms を Zoom に接続");
    assert!(seen.body.contains("<html lang=\"ja\">") && seen.body.contains("ミーティングの表示"));
    assert!(
        seen.body
            .contains("<a href=\"?lang=en\" lang=\"en\" hreflang=\"en\">English</a>")
    );
    let english = format!("{ADA}?lang=en");
    let seen = browser.send(Method::GET, &english, &japanese).await;
    assert!(seen.body.contains("<html lang=\"en\">"));
    assert!(seen.body.contains("action=\"?lang=en\""));
    assert_eq!(
        browser.get(&format!("{ADA}?lang=xx")).await.title(),
        "Connect Clinic Rooms with Zoom"
    );

    // The cookie remembers it while the person is at Zoom.
    let mut begun = running.begin(&format!("{ADA}?lang=ja")).await;
    let path = begun.returns(CALLBACK, "c").await.location().to_owned();
    assert_eq!(begun.browser.get(&path).await.title(), "まもなく完了します");
    let seen = begun.browser.get(&format!("{path}?lang=en")).await;
    assert_eq!(seen.title(), "Almost done");
}

#[tokio::test]
async fn what_is_connected_may_be_authorized_again() {
    let running = Fixture::new().start().await;
    running.cluster.connection("ada", |ada| {
        ada["status"]["phase"] = json!("Connected");
        ada["status"]["subject"] = json!({"email": "zoe@example.org"});
    });
    let seen = running.browser().get(ADA).await;
    assert!(
        seen.body
            .contains("exists and works, for z***@example.org.")
    );
    assert!(seen.body.contains(">Authorize again</button>"));
    running.begin(ADA).await;
}

#[tokio::test]
async fn one_page_in_demand_leaves_the_others_open() {
    let two = NonZeroU32::new(4).unwrap();
    let running = Fixture::new()
        .with(|c| c.tuning.rates.each = two)
        .start()
        .await;
    let mut browser = running.browser();
    let mut begun = running.begin(ADA).await;
    assert_eq!(browser.get(ADA).await.status, 200);
    let seen = browser.get(ADA).await;
    assert_eq!((seen.status, seen.title()), (429, "Too many requests"));
    assert_eq!(seen.header("retry-after"), "10");
    assert_eq!(browser.get(OPEN).await.status, 200);
    // Strangers at the callback do not use up the turn of who carries a ticket.
    for _ in 0..2 {
        assert_eq!(browser.get(CALLBACK).await.status, 400);
    }
    let seen = browser.get(&format!("{CALLBACK}?code=c")).await;
    assert_eq!(seen.status, 429);
    // The other language would lose the code.
    assert!(!seen.body.contains("?lang="));
    begun.returns(CALLBACK, "c").await.location();
    running
        .counted("zoom_operator_consents_total{outcome=\"rate_limited\"} 2")
        .await;
}

/// Each consent costs the controller a Secret to read, and a request to Zoom.
#[tokio::test]
async fn one_persons_link_starts_a_few_consents_only() {
    let running = Fixture::new()
        .with(|c| c.tuning.rates.begun = NonZeroU32::new(2).unwrap())
        .start()
        .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(running.browser().post(ADA).await.status);
    }
    assert_eq!(statuses, [303, 303, 429]);
    assert_eq!(running.browser().get(ADA).await.status, 200);
    // What leads to nothing starts nothing, and uses up nothing.
    let unknown = format!("{}B", ADA.strip_suffix('A').unwrap());
    for _ in 0..4 {
        assert_eq!(running.browser().post(&unknown).await.status, 404);
    }
    for _ in 0..3 {
        running.begin(OPEN).await;
    }
}

#[tokio::test]
async fn all_together_are_held_off_too() {
    let one = NonZeroU32::MIN;
    let running = Fixture::new()
        .with(|c| c.tuning.rates.overall = one)
        .start()
        .await;
    let mut browser = running.browser();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(browser.get("/zoom/").await.status);
    }
    assert!(
        statuses.contains(&200) && statuses.contains(&429),
        "{statuses:?}"
    );
    assert_eq!(browser.get("/zoom/style.css").await.status, 200);
}

/// Whoever asks for pages that are not there, or for many, does not stop people who come back from Zoom.
#[tokio::test]
async fn a_flood_of_strangers_stops_no_callback() {
    let one = NonZeroU32::MIN;
    let running = Fixture::new()
        .with(|c| {
            c.tuning.rates.overall = NonZeroU32::new(2).unwrap();
            c.tuning.rates.strangers = one;
        })
        .start()
        .await;
    let mut begun = running.begin(ADA).await;
    let mut browser = running.browser();
    let mut missing = Vec::new();
    for _ in 0..5 {
        missing.push(browser.get("/zoom/nothing").await.status);
    }
    assert!(
        missing.contains(&404) && missing.contains(&429),
        "{missing:?}"
    );
    // Not even when the pages themselves are in demand.
    while browser.get("/zoom/").await.status != 429 {}
    begun.returns(CALLBACK, "c").await.location();
}

/// Zoom reads it at the root of the host, whatever path the pages have.
#[tokio::test]
async fn zooms_domain_validation_is_answered_where_it_is_set() {
    const PATH: &str = "/zoomverify/verifyzoom.html";
    let running = Fixture::new().start().await;
    let mut browser = running.begin(ADA).await.browser;
    assert_eq!(browser.send(Method::GET, PATH, &[]).await.status, 404);
    let mut fixture = Fixture::new();
    fixture.config.domain_validation = Some("4f6a0d9c-code".into());
    let running = fixture.start().await;
    let mut browser = running.begin(ADA).await.browser;
    let seen = browser.send(Method::GET, PATH, &[]).await;
    assert_eq!((seen.status, seen.body.as_str()), (200, "4f6a0d9c-code"));
    assert_eq!(seen.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(seen.header("content-security-policy"), POLICY);
    let below = format!("/zoom{PATH}");
    assert_eq!(browser.send(Method::GET, &below, &[]).await.status, 404);
    assert_eq!(browser.send(Method::POST, PATH, &[]).await.status, 405);
}

/// A load balancer asks the port of the pages, at the host's root and more often than people do.
#[tokio::test]
async fn a_load_balancer_sees_whether_the_pod_is_ready() {
    const PATH: &str = "/healthz";
    let fixture = Fixture::new();
    let key = fixture.directory.path().join("current");
    std::fs::remove_file(&key).unwrap();
    let one = NonZeroU32::new(1).unwrap();
    let fixture = fixture.with(|config| {
        config.tuning.rates.overall = one;
        config.tuning.rates.strangers = one;
    });
    let running = fixture.bind().await;
    let mut balancer = running.browser();
    let seen = balancer.get(PATH).await;
    assert_eq!((seen.status, seen.body.as_str()), (503, ""));
    std::fs::write(key, super::fixture::KEY).unwrap();
    running.ready(200).await;
    for _ in 0..5 {
        let seen = balancer.get(PATH).await;
        assert_eq!((seen.status, seen.body.as_str()), (200, ""));
    }
    assert_eq!(balancer.send(Method::HEAD, PATH, &[]).await.status, 200);
    assert_eq!(balancer.send(Method::POST, PATH, &[]).await.status, 405);
    assert_eq!(balancer.get("/zoom/healthz").await.status, 404);
}
