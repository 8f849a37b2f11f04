//! The portal for developers: an app made by form, step by step.

mod kinds;
mod refusals;

use crate::{
    browser::{ADA, Browser, GRACE, authorize},
    support::{Endpoint, FORM, Reply, Zoom, answer, basic, hmac_hex_by, http},
};
use serde_json::{Value, json};

const HOST: &str = "hooks.example.com";

const CALLBACK: &str = "https://app.example.com/callback";

/// One entry of a step.
pub fn entry(action: &str, field: &str, value: &str) -> Value {
    json!({"action": action, "field": field, "value": value})
}

/// A step as the status has it.
pub fn step(place: &str, entries: &[Value]) -> Value {
    json!({
        "id": "Any", "title": "any", "where": place, "state": "Open", "evidence": "", "careful": ["slowly"],
        "entries": entries, "since": "2026-11-22T12:00:00Z",
    })
}

pub fn create(management: &str, tab: &str) -> Value {
    step(
        "Zoom App Marketplace > Develop > Build App",
        &[
            entry("Choose", "Build App", "General App"),
            entry("Paste", "App name", "Notes"),
            entry("Choose", "Management", management),
            entry("Choose", "Development / Production", tab),
        ],
    )
}

pub fn credentials() -> Value {
    step(
        "Basic Information > App Credentials",
        &[
            entry("Copy", "Client ID", "notes-zoom/client-id"),
            entry("Copy", "Client Secret", "notes-zoom/client-secret"),
        ],
    )
}

pub fn redirect(url: &str, allowed: &str) -> Value {
    step(
        "Basic Information > OAuth Information",
        &[
            entry("Paste", "OAuth Redirect URL", url),
            entry("Paste", "OAuth Allow Lists", allowed),
        ],
    )
}

pub fn subscription(name: &str, events: &[&str]) -> Value {
    let mut entries = vec![
        entry("Choose", "Method", "Webhook"),
        entry("Paste", "Subscription name", name),
    ];
    entries.extend(
        events
            .iter()
            .map(|event| entry("Tick", "Add Events", event)),
    );
    step("Features > Access > Event Subscription", &entries)
}

pub fn endpoint(url: &str) -> Value {
    let entries = [entry("Paste", "Event notification endpoint URL", url)];
    step("Features > Access > Event Subscription", &entries)
}

pub fn scopes(names: &[&str]) -> Value {
    let boxes: Vec<Value> = names
        .iter()
        .map(|name| entry("Tick", "Add Scopes", name))
        .collect();
    step("Scopes > Add Scopes", &boxes)
}

impl Zoom {
    /// An empty desk in the account `acc-1`.
    pub async fn desk(&self) {
        let opening = json!({"account_id": "acc-1"});
        self.admin("PUT", "/portal/desk", &opening).await;
    }

    /// A desk with an app.
    pub async fn with_desk(management: &str, tab: &str) -> Self {
        let zoom = Self::start().await;
        zoom.desk().await;
        zoom.does(&create(management, tab)).await;
        zoom
    }

    pub async fn step(&self, step: &Value) -> Reply {
        let body = step.to_string();
        http(self.admin, "POST", "/portal/desk/steps", &[], &body)
            .await
            .unwrap()
    }

    /// A step that the portal takes.
    pub async fn does(&self, step: &Value) -> Value {
        let reply = self.step(step).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    }

    /// A step that the portal refuses; its words.
    pub async fn refuses(&self, step: &Value) -> String {
        let reply = self.step(step).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        reply.json()["error"].as_str().unwrap().to_owned()
    }

    async fn happens(&self, event: &str) -> Vec<Value> {
        let event = json!({"event": event, "event_ts": 1, "payload": {"account_id": "acc-1"}});
        let happened = self.admin("POST", "/portal/desk/events", &event).await;
        happened["deliveries"].as_array().unwrap().clone()
    }

    /// Client id and secret as the open tab shows them.
    async fn pair(&self) -> (String, String) {
        let report = self.does(&credentials()).await;
        let text = |key: &str| {
            report["copied"]["notes-zoom"][key]
                .as_str()
                .unwrap()
                .to_owned()
        };
        (text("client-id"), text("client-secret"))
    }

    async fn tab(&self, tab: &str) {
        let entries = [entry("Choose", "Development / Production", tab)];
        self.does(&step("Basic Information > App Credentials", &entries))
            .await;
    }
}

#[tokio::test]
async fn an_app_made_by_form_is_one_that_people_authorize() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    let (client_id, secret) = zoom.pair().await;
    zoom.does(&redirect(CALLBACK, CALLBACK)).await;
    zoom.does(&scopes(&["meeting:read:meeting", "user:read:user"]))
        .await;
    let email = zoom.email(GRACE).await;
    let page = Browser::new(&zoom)
        .answer(&authorize(&client_id, CALLBACK), &email, "allow")
        .await;
    let code = page.parameter("code").unwrap();
    let body = format!("grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}");
    let headers = [FORM, ("authorization", &basic(&client_id, &secret))];
    let reply = http(zoom.addr, "POST", "/oauth/token", &headers, &body)
        .await
        .unwrap();
    assert_eq!(
        reply.json()["scope"],
        "meeting:read:meeting user:read:user",
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn a_general_app_has_two_pairs_that_do_not_mix() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    let production = zoom.pair().await;
    zoom.tab("Development").await;
    let development = zoom.pair().await;
    assert!(production.0 != development.0 && production.1 != development.1);
    for (id, secret, error) in [
        (&production.0, &production.1, "invalid_grant"),
        (&development.0, &development.1, "invalid_grant"),
        (&production.0, &development.1, "invalid_client"),
        (&development.0, &production.1, "invalid_client"),
    ] {
        let headers = [FORM, ("authorization", &basic(id, secret))];
        let body = "grant_type=refresh_token&refresh_token=none";
        let reply = http(zoom.addr, "POST", "/oauth/token", &headers, body)
            .await
            .unwrap();
        assert_eq!(reply.json()["error"], error);
    }
}

#[tokio::test]
async fn to_outsiders_an_app_exists_once_it_is_submitted() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    zoom.admin("PUT", "/accounts/acc-2", &Value::Null).await;
    let stranger = zoom.email_in("acc-2", ADA).await;
    zoom.does(&redirect(CALLBACK, CALLBACK)).await;
    zoom.does(&scopes(&["user:read:user"])).await;
    let (client_id, _) = zoom.pair().await;
    let path = authorize(&client_id, CALLBACK);
    let page = Browser::new(&zoom).log_in(&path, &stranger).await;
    assert_eq!(page.error(), "Application not found");
    let submit = step("Release Notes > Submit", &[]);
    let words = zoom.refuses(&submit).await;
    assert!(
        words.contains("field Privacy policy URL is empty"),
        "{words}"
    );
    let links = ["Privacy policy URL", "Terms of use URL", "Support URL"]
        .map(|field| entry("Paste", field, "https://app.example.com/"));
    zoom.does(&step("App Listing", &links)).await;
    zoom.does(&submit).await;
    let page = Browser::new(&zoom).log_in(&path, &stranger).await;
    assert!(page.has("allow"), "{}", page.html);
    zoom.tab("Development").await;
    let path = authorize(&zoom.pair().await.0, CALLBACK);
    let page = Browser::new(&zoom).log_in(&path, &stranger).await;
    assert_eq!(page.error(), "Application not found");
}

#[tokio::test]
async fn submit_reads_the_files_of_the_domain_validation() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    zoom.does(&redirect(CALLBACK, CALLBACK)).await;
    zoom.does(&scopes(&["user:read:user"])).await;
    let links = ["Privacy policy URL", "Terms of use URL", "Support URL"]
        .map(|field| entry("Paste", field, "https://app.example.com/"));
    zoom.does(&step("App Listing", &links)).await;
    let url = format!("https://{HOST}/zoomverify/verifyzoom.html");
    let entries = [
        entry("Copy", "Verification code", "domain/verifyzoom.html"),
        entry("Open", "verifyzoom.html", &url),
    ];
    let report = zoom
        .does(&step("Release Notes > Domain Validation", &entries))
        .await;
    let code = report["copied"]["domain"]["verifyzoom.html"]
        .as_str()
        .unwrap()
        .to_owned();
    let host = Endpoint::start(move |number, _| {
        Some(match number {
            0 => answer(404, ""),
            1 => answer(302, &code),
            2 => answer(200, "another code"),
            _ => answer(200, &format!("{code}\n")),
        })
    })
    .await;
    let target = json!({"url": format!("http://{}", host.addr)});
    zoom.admin("PUT", &format!("/names/{HOST}"), &target).await;
    let submit = step("Release Notes > Submit", &[]);
    for why in [
        "the status is 404",
        "the status is 302",
        "the file does not hold the verification code",
    ] {
        let words = zoom.refuses(&submit).await;
        assert!(words.ends_with(why), "{words}");
    }
    zoom.does(&submit).await;
    let asked = host.got();
    assert!(
        asked[0]
            .start
            .starts_with("GET /zoomverify/verifyzoom.html"),
        "{}",
        asked[0].start
    );
    assert_eq!(asked[0].headers["host"], HOST);
}

#[tokio::test]
async fn only_a_validated_endpoint_gets_the_events_that_were_ticked() {
    let zoom = Zoom::with_desk("User-managed", "Production").await;
    let token = [entry(
        "Copy",
        "Secret Token",
        "notes-zoom/webhook-secret-token",
    )];
    let report = zoom.does(&step("Features > Access > Token", &token)).await;
    let secret = report["copied"]["notes-zoom"]["webhook-secret-token"]
        .as_str()
        .unwrap()
        .to_owned();
    let listener = Endpoint::start(move |number, request| {
        if number == 0 {
            return Some(answer(401, "{}"));
        }
        let plain = request.json()["payload"]["plainToken"]
            .as_str()
            .map(|plain| {
                json!({"plainToken": plain, "encryptedToken": hmac_hex_by(&secret, plain)})
                    .to_string()
            });
        Some(answer(200, &plain.unwrap_or_default()))
    })
    .await;
    let target = json!({"url": format!("http://{}", listener.addr)});
    zoom.admin("PUT", &format!("/names/{HOST}"), &target).await;
    zoom.does(&subscription("Ended", &["meeting.ended"])).await;
    assert!(zoom.happens("meeting.ended").await.is_empty());
    let url = format!("https://{HOST}/zoom/event");
    let words = zoom.refuses(&endpoint(&url)).await;
    assert_eq!(
        words,
        "page Features > Access > Event Subscription: URL validation failed. Try again later."
    );
    assert!(zoom.happens("meeting.ended").await.is_empty());
    zoom.does(&endpoint(&url)).await;
    assert!(zoom.happens("meeting.started").await.is_empty());
    let deliveries = zoom.happens("meeting.ended").await;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0]["delivered"], true);
    let got = listener.got();
    assert_eq!(got.len(), 3);
    for request in &got {
        assert_eq!(request.headers["host"], HOST);
        assert!(request.start.starts_with("POST /zoom/event "));
    }
}
