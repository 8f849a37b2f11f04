//! The client for Zoom against the offline Zoom, on real sockets: what each answer and each broken
//! answer becomes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use zoom::{AccessToken, App, Client, Credentials, Endpoints, Error, Fault};
use zoom_sim::{Options, Server};

/// Shorter than a test's patience, longer than any answer that is not held back.
const TIMEOUT: Duration = Duration::from_secs(2);

struct Zoom {
    client: Client,
    admin: String,
    http: reqwest::Client,
}

impl Zoom {
    async fn start() -> Self {
        zoom_sim::install_crypto();
        let server = Server::bind(Options::on_loopback()).await.unwrap();
        let oauth = format!("http://{}", server.zoom_addr()).parse().unwrap();
        let admin = format!("http://{}", server.admin_addr());
        tokio::spawn(server.run(std::future::pending()));
        let endpoints = Endpoints::new(oauth, "http://api.zoom.test/v2".parse().unwrap());
        let zoom = Self {
            client: Client::with_timeout(endpoints, TIMEOUT).unwrap(),
            admin,
            http: reqwest::Client::new(),
        };
        zoom.app("id", json!({})).await;
        zoom
    }

    async fn app(&self, id: &str, change: Value) {
        let mut app = json!({
            "kind": "ServerToServer", "client_secret": "secret", "account_id": "account",
            "scopes": ["user:read:list_users:admin", "meeting:read:meeting:admin"],
        });
        for (key, value) in change.as_object().unwrap() {
            app[key] = value.clone();
        }
        self.put(&format!("/apps/{id}"), &app).await;
    }

    async fn put(&self, path: &str, body: &Value) {
        let answer = self
            .http
            .put(format!("{}{path}", self.admin))
            .json(body)
            .send()
            .await
            .unwrap();
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            answer.text().await.unwrap()
        );
    }

    async fn fault(&self, fault: Value) {
        self.put(
            "/faults/test",
            &json!({"endpoint": "token", "fault": fault}),
        )
        .await;
    }

    async fn token(&self) -> Result<AccessToken, Error> {
        self.token_for("id", "secret", "account").await
    }

    async fn token_for(&self, id: &str, secret: &str, account: &str) -> Result<AccessToken, Error> {
        let credentials = Credentials {
            app: App {
                client_id: id.into(),
                client_secret: secret.to_owned().into(),
            },
            account_id: account.into(),
        };
        self.client
            .account_credentials(&credentials, Timestamp::now())
            .await
    }
}

#[tokio::test]
async fn a_token_comes_with_its_life_scopes_and_api_host() {
    let zoom = Zoom::start().await;
    let token = zoom.token().await.unwrap();
    assert_eq!(token.secret.expose_secret().split('.').count(), 3);
    assert_eq!(
        token.expires_at.duration_since(token.issued_at).as_secs(),
        3599
    );
    assert_eq!(token.token_type, "bearer");
    assert!(token.scope.contains("user:read:list_users:admin"));
    assert_eq!(token.api_url.as_str(), "http://api-us.zoom.test/");
}

#[tokio::test]
async fn what_zoom_refuses_has_its_reason() {
    let zoom = Zoom::start().await;
    zoom.app("general", json!({"kind": "General"})).await;
    zoom.app("inactive", json!({"active": false})).await;
    for (id, secret, account, fault) in [
        ("id", "wrong", "account", Fault::CredentialsRejected),
        ("unknown", "secret", "account", Fault::CredentialsRejected),
        ("id", "secret", "wrong", Fault::AccountRejected),
        ("general", "secret", "account", Fault::WrongAppKind),
        ("inactive", "secret", "account", Fault::AccountRejected),
    ] {
        let error = zoom.token_for(id, secret, account).await.unwrap_err();
        assert_eq!(error.fault, fault, "{id} {secret} {account}: {error}");
    }
}

/// What a code means for a person's grant, `meaning` tests.
#[tokio::test]
async fn every_numeric_code_that_zoom_documents_has_its_reason_for_an_account_token() {
    let zoom = Zoom::start().await;
    for (code, fault) in [
        (4702, Fault::CredentialsRejected),
        (4705, Fault::WrongAppKind),
        (4709, Fault::Refused),
        (4711, Fault::AccountRejected),
        (4717, Fault::AppDisabled),
        (4735, Fault::OwnerGone),
        (4738, Fault::DisabledByAdmin),
        (4741, Fault::AccountRejected),
    ] {
        zoom.fault(json!({"kind": "error", "code": code})).await;
        assert_eq!(zoom.token().await.unwrap_err().fault, fault, "{code}");
    }
}

#[tokio::test]
async fn broken_answers_are_told_apart() {
    let zoom = Zoom::start().await;
    for (fault, expected) in [
        (json!({"kind": "status", "status": 503}), Fault::Unavailable),
        (json!({"kind": "garbage"}), Fault::Unintelligible),
        (
            json!({"kind": "status", "status": 403, "body": "<html>proxy</html>"}),
            Fault::Unintelligible,
        ),
        (
            json!({"kind": "status", "status": 302, "headers": {"location": "http://evil.test"}}),
            Fault::Unintelligible,
        ),
        (json!({"kind": "truncated"}), Fault::Unreachable),
        (json!({"kind": "drop"}), Fault::Unreachable),
        (json!({"kind": "refuse"}), Fault::Unreachable),
        (json!({"kind": "hold"}), Fault::Unreachable),
    ] {
        zoom.fault(fault.clone()).await;
        let error = zoom.token().await.unwrap_err();
        assert_eq!(error.fault, expected, "{fault}: {error}");
    }
}

#[tokio::test]
async fn zooms_own_wait_is_read_in_its_odd_form() {
    let zoom = Zoom::start().await;
    let until = Timestamp::now()
        .checked_add(Duration::from_hours(2))
        .unwrap();
    zoom.fault(json!({"kind": "rate_limit", "per": "day", "retry_after": until.to_string()}))
        .await;
    let error = zoom.token().await.unwrap_err();
    assert_eq!(error.fault, Fault::RateLimited);
    let wait = error.retry_after.unwrap().as_secs();
    assert!((7100..=7200).contains(&wait), "{wait}");

    zoom.fault(json!({"kind": "rate_limit", "per": "second"}))
        .await;
    let error = zoom.token().await.unwrap_err();
    assert_eq!((error.fault, error.retry_after), (Fault::RateLimited, None));
}

#[tokio::test]
async fn no_secret_is_in_any_message() {
    let zoom = Zoom::start().await;
    for fault in [
        json!({"kind": "error", "code": 4702}),
        json!({"kind": "drop"}),
        json!({"kind": "status", "status": 400, "body": "{\"error\":\"x\",\"reason\":\"y\"}"}),
    ] {
        zoom.fault(fault).await;
        let error = zoom
            .token_for("id", "hunter2hunter2", "account")
            .await
            .unwrap_err();
        let said = format!("{error} {error:?} {}", error.message());
        assert!(
            !said.contains("hunter2") && !said.contains("aWQ6"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn only_an_app_with_a_bot_gets_a_token_for_it() {
    let zoom = Zoom::start().await;
    let scopes = json!(["imchat:bot", "user:read:user:admin"]);
    let general = |change: Value| {
        let mut app = json!({"kind": "General", "management": "Admin", "scopes": scopes});
        for (key, value) in change.as_object().unwrap() {
            app[key] = value.clone();
        }
        app
    };
    zoom.app("bot", general(json!({"chatbot": true}))).await;
    zoom.app("plain", general(json!({}))).await;
    zoom.app("unticked", general(json!({"chatbot": true, "scopes": []})))
        .await;
    zoom.app("off", general(json!({"chatbot": true, "active": false})))
        .await;
    let ask = async |id: &str, secret: &str| {
        let app = App {
            client_id: id.into(),
            client_secret: secret.to_owned().into(),
        };
        zoom.client.client_credentials(&app, Timestamp::now()).await
    };
    let token = ask("bot", "secret").await.unwrap();
    assert_eq!(token.scope, "imchat:bot");
    for (id, secret, fault) in [
        ("bot", "wrong", Fault::CredentialsRejected),
        ("plain", "secret", Fault::WrongAppKind),
        ("unticked", "secret", Fault::WrongAppKind),
        ("id", "secret", Fault::WrongAppKind),
        ("off", "secret", Fault::AppDisabled),
    ] {
        let error = ask(id, secret).await.unwrap_err();
        assert_eq!(error.fault, fault, "{id} {secret}: {error}");
    }
}

/// Of a process that sleeps, as in a paused virtual machine, the time is up when it wakes up. What arrived meanwhile is
/// read all the same: nobody else would ever have it.
#[tokio::test(flavor = "current_thread")]
async fn a_reply_that_came_during_a_sleep_is_read() {
    zoom_sim::install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let oauth = format!("http://{}", listener.local_addr().unwrap());
    let (read, is_read) = tokio::sync::oneshot::channel();
    let zoom = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"spent") {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..length]);
        }
        read.send(()).unwrap();
        // The other thread sleeps by then.
        std::thread::sleep(Duration::from_millis(200));
        let body = r#"{"access_token":"a","token_type":"bearer","refresh_token":"next","expires_in":3600,"scope":"s"}"#;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        stream
    });
    let endpoints = Endpoints::new(
        oauth.parse().unwrap(),
        "http://api.zoom.test".parse().unwrap(),
    );
    let client = Client::with_timeout(endpoints, Duration::from_secs(1)).unwrap();
    let app = App {
        client_id: "id".into(),
        client_secret: "secret".to_owned().into(),
    };
    let token = "spent".to_owned().into();
    let sleep = async {
        is_read.await.unwrap();
        std::thread::sleep(Duration::from_millis(1500));
    };
    let (answer, ()) = tokio::join!(client.refresh_token(&app, &token, Timestamp::now()), sleep);
    assert_eq!(answer.unwrap().refresh.expose_secret(), "next");
    drop(zoom.join());
}
