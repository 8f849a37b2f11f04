//! Logging in, TLS, and what is permitted.

use std::fs;

use async_nats::ConnectOptions;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use receiver::sink::{SinkConfig, SinkError};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    client::eventually,
    server::{Server, any_event, leading_to, sink, stream_config},
    tls::Authority,
};

crate::cases![
    an_nkey_opens_and_may_come_later,
    connections_do_not_pile_up,
    a_credentials_file_opens,
    a_subject_that_is_not_permitted_is_told_at_once,
    only_the_given_authority_is_trusted,
    a_certificate_for_another_name_is_refused,
    nothing_is_said_without_tls,
];

fn credentials(server: &Server, file: &str, content: &str) -> SinkConfig {
    let directory = server.directory.path().join("credentials");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(file), content).unwrap();
    SinkConfig {
        credentials_dir: Some(directory),
        ..server.args()
    }
}

async fn an_nkey_opens_and_may_come_later() {
    let user = KeyPair::new_user();
    let (public, seed) = (user.public_key(), user.seed().unwrap());
    let settings = format!("authorization {{ users: [ {{ nkey: {public} }} ] }}");
    let server = Server::start(&settings).await;
    let admin = server.admin(ConnectOptions::with_nkey(seed.clone())).await;
    admin.create_stream(stream_config()).await.unwrap();

    let denied = sink(&server.args());
    assert_eq!(denied.deliver(&any_event()).await, Err(SinkError::Denied));
    let stranger = KeyPair::new_user().seed().unwrap();
    let sink = sink(&credentials(&server, "nkey-seed", &stranger));
    assert_eq!(sink.deliver(&any_event()).await, Err(SinkError::Denied));
    credentials(&server, "nkey-seed", "no seed");
    sink.comes_to(Err(SinkError::Credentials)).await;
    credentials(&server, "nkey-seed", &format!("{seed}\n"));
    sink.comes_to(Ok(())).await;
    // Who is logged in already has to show the new one.
    credentials(&server, "nkey-seed", &stranger);
    sink.comes_to(Err(SinkError::Denied)).await;
}

/// New credentials are a new connection, and the end of the one before.
async fn connections_do_not_pile_up() {
    let users = [KeyPair::new_user(), KeyPair::new_user()];
    let [one, two] = users.each_ref().map(KeyPair::public_key);
    let seeds = users.each_ref().map(|user| user.seed().unwrap());
    let settings = format!(
        "http: \"127.0.0.1:-1\"\nauthorization {{ users: [ {{ nkey: {one} }}, {{ nkey: {two} }} ] }}"
    );
    let server = Server::start(&settings).await;
    let sink = sink(&credentials(&server, "nkey-seed", &seeds[0]));
    let connections = async |field: &str| {
        let url = format!("http://{}/varz", server.monitoring.unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer: Value = client.get(url).send().await.unwrap().json().await.unwrap();
        answer[field].as_u64().unwrap()
    };
    for n in 1..=10 {
        credentials(&server, "nkey-seed", &seeds[n % 2]);
        eventually("another connection", || async {
            sink.comes_to(Err(SinkError::NoStream)).await;
            connections("total_connections").await > n as u64
        })
        .await;
    }
    eventually("the end of the others", || async {
        connections("connections").await == 1
    })
    .await;
}

/// A token as NATS has them (nats-server, JWT version 2).
fn jwt(issuer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "jti": "test", "iat": 1_700_000_000, "name": "test",
        "iss": issuer.public_key(), "sub": subject.public_key(), "nats": nats,
    });
    let signed = format!(
        "{}.{}",
        part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})),
        part(&claims)
    );
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

async fn a_credentials_file_opens() {
    let (operator, system, account, user) = (
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_account(),
        KeyPair::new_user(),
    );
    let limits = json!({
        "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1,
        "wildcards": true, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let plain = json!({
        "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1,
        "wildcards": true,
    });
    let token = |subject, limits: &Value| {
        jwt(
            &operator,
            subject,
            &json!({"type": "account", "version": 2, "limits": limits}),
        )
    };
    let settings = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}: {}\n{}: {}\n}}",
        jwt(
            &operator,
            &operator,
            &json!({"type": "operator", "version": 2})
        ),
        system.public_key(),
        system.public_key(),
        token(&system, &plain),
        account.public_key(),
        token(&account, &limits),
    );
    let server = Server::start(&settings).await;
    let login = jwt(
        &account,
        &user,
        &json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}),
    );
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{login}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    let admin = ConnectOptions::with_credentials(&creds).unwrap();
    let admin = server.admin(admin).await;
    admin.create_stream(stream_config()).await.unwrap();

    let sink = sink(&credentials(&server, "nats.creds", "nonsense"));
    assert_eq!(
        sink.deliver(&any_event()).await,
        Err(SinkError::Credentials)
    );
    credentials(&server, "nats.creds", &creds);
    sink.comes_to(Ok(())).await;
}

/// The server says so on the side, and never acknowledges; nobody waits for that.
async fn a_subject_that_is_not_permitted_is_told_at_once() {
    let user = KeyPair::new_user();
    let settings = format!(
        "authorization {{ users: [ {{ nkey: {}, permissions: {{ publish: \"other.>\", \
         subscribe: \"_INBOX.>\" }} }} ] }}",
        user.public_key()
    );
    let server = Server::start(&settings).await;
    // Patience is the sink's limit: it would fail otherwise.
    let sink = sink(&credentials(&server, "nkey-seed", &user.seed().unwrap()));
    for _ in 0..3 {
        assert_eq!(sink.deliver(&any_event()).await, Err(SinkError::Denied));
    }
}

fn tls_settings(directory: &TempDir, authority: &Authority, name: &str) -> String {
    let identity = authority.identity(name);
    let at = |file: &str| directory.path().join(file);
    let write = |file: &str, text: &str| fs::write(at(file), text).unwrap();
    write("tls.crt", &identity.certificate);
    write("tls.key", &identity.key);
    let shown = |file: &str| at(file).display().to_string();
    format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\" }}",
        shown("tls.crt"),
        shown("tls.key")
    )
}

fn by_name(server: &Server, args: SinkConfig) -> SinkConfig {
    SinkConfig {
        nats: format!("tls://nats.example:{}", server.port).parse().ok(),
        lookup: leading_to(&[[127, 0, 0, 1]]),
        ..args
    }
}

/// Makes the stream before the server wants TLS.
async fn with_stream(authority: &Authority, name: &str) -> Server {
    let mut plain = Server::start("").await;
    plain.stream().await;
    let settings = tls_settings(&plain.directory, authority, name);
    plain.kill();
    plain.settings = settings;
    plain.restart().await;
    plain
}

async fn only_the_given_authority_is_trusted() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = with_stream(&ours, "nats.example").await;
    let public = sink(&by_name(&server, server.args()));
    assert_eq!(
        public.deliver(&any_event()).await,
        Err(SinkError::Unreachable)
    );
    let sink = sink(&by_name(
        &server,
        credentials(&server, "ca.crt", &theirs.pem()),
    ));
    assert_eq!(
        sink.deliver(&any_event()).await,
        Err(SinkError::Unreachable)
    );
    credentials(&server, "ca.crt", &ours.pem());
    sink.comes_to(Ok(())).await;
    credentials(&server, "ca.crt", &theirs.pem());
    sink.comes_to(Err(SinkError::Unreachable)).await;
}

async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    // Not even one for the address that is connected to.
    for name in ["other.example", "127.0.0.1"] {
        let server = with_stream(&authority, name).await;
        let sink = sink(&by_name(
            &server,
            credentials(&server, "ca.crt", &authority.pem()),
        ));
        assert_eq!(
            sink.deliver(&any_event()).await,
            Err(SinkError::Unreachable),
            "{name}"
        );
        // Nor when it is the server that asks for TLS.
        let url = format!("nats://nats.example:{}", server.port);
        let args = SinkConfig {
            nats: url.parse().ok(),
            ..by_name(&server, credentials(&server, "ca.crt", &authority.pem()))
        };
        let sink = self::sink(&args);
        assert_eq!(
            sink.deliver(&any_event()).await,
            Err(SinkError::Unreachable),
            "{name}"
        );
    }
}

async fn nothing_is_said_without_tls() {
    let server = Server::start("").await;
    server.stream().await;
    let sink = sink(&by_name(&server, server.args()));
    assert_eq!(
        sink.deliver(&any_event()).await,
        Err(SinkError::Unreachable)
    );
}
