//! The HTTP sink: formats, and what it is shown, which may change at any time.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use contract::receiver::SinkFormat;
use futures::FutureExt as _;
use runtime::outgoing::guard::Lookup;

use super::{
    client::{event, eventually, sign},
    fixture::{BODY, Fixture, Running, SECRET},
    sink::{Behaviour, Sink},
    tls::Authority,
};

const OUTCOME: &str = "zoom_receiver_sink_deliveries_total";

fn credentials(fixture: &Fixture) -> PathBuf {
    let directory = fixture.directory.path().join("credentials");
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// Sends new events until one is answered so.
async fn answers(receiver: &Running, status: u16) {
    let is = || async {
        let body = format!("{{\"now\":\"{}\"}}", jiff::Timestamp::now());
        receiver.status(&event(SECRET, body)).await == status
    };
    eventually("an answer", is).await;
}

fn last_header(receiver: &Running, name: &str) -> Option<String> {
    let requests = receiver.sink.received();
    requests.last()?.header(name).map(str::to_owned)
}

#[tokio::test]
async fn zooms_format_is_verified_by_what_verifies_zoom() {
    let fixture = Fixture::new().await;
    let receiver = fixture
        .with(|config| config.sink.format = SinkFormat::Zoom)
        .start()
        .await;
    let before = jiff::Timestamp::now().as_second();
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    let got = &receiver.sink.received()[0];
    let second: i64 = got
        .header("x-zm-request-timestamp")
        .unwrap()
        .parse()
        .unwrap();
    assert!((before..=jiff::Timestamp::now().as_second()).contains(&second));
    let signature = sign(SECRET, second, BODY.as_bytes());
    assert_eq!(got.header("x-zm-signature"), Some(signature.as_str()));
    assert_eq!(got.body, BODY);
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("user-agent", "Zoom Marketplace/1.0a"),
        ("x-zm-request-id", "6009d653_d487_445d_8406_42b654974899"),
        ("x-zm-trackingid", "v=2.0;clid=us05"),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    assert!(
        !got.headers
            .keys()
            .any(|name| name.as_str().starts_with("ce-"))
    );
}

#[tokio::test]
async fn zooms_format_is_signed_with_the_current_secret() {
    let fixture = Fixture::new().await;
    fixture.secret("previous-webhook-secret-token", "previous");
    let receiver = fixture
        .with(|config| config.sink.format = SinkFormat::Zoom)
        .start()
        .await;
    assert_eq!(receiver.status(&event("previous", BODY)).await, 204);
    let got = receiver.sink.received().remove(0);
    let second = got.header("x-zm-request-timestamp").unwrap();
    let signature = sign(SECRET, second.parse().unwrap(), BODY.as_bytes());
    assert_eq!(got.header("x-zm-signature"), Some(signature.as_str()));
    // Without a secret nothing can be signed.
    fs::remove_file(receiver.secret_file("webhook-secret-token")).unwrap();
    let is = || async {
        let body = format!("{{\"now\":\"{}\"}}", jiff::Timestamp::now());
        receiver.status(&event("previous", body)).await == 503
    };
    eventually("no delivery", is).await;
    receiver
        .counted(&format!("{OUTCOME}{{outcome=\"credentials\"}} 1"))
        .await;
}

/// The kubelet's way, as with signing secrets.
#[tokio::test]
async fn an_authorization_takes_effect_without_a_restart() {
    let fixture = Fixture::new().await;
    let volume = credentials(&fixture);
    let publish = |version: &str, value: Option<&str>| {
        fs::create_dir(volume.join(version)).unwrap();
        if let Some(value) = value {
            fs::write(volume.join(version).join("authorization"), value).unwrap();
        }
        symlink(version, volume.join("..data_tmp")).unwrap();
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    };
    publish("..1", Some("Bearer one\n"));
    symlink("..data/authorization", volume.join("authorization")).unwrap();
    let receiver = fixture
        .with(|config| config.sink.credentials_dir = Some(volume.clone()))
        .start()
        .await;
    let shown = |value: Option<&'static str>| {
        let receiver = &receiver;
        async move {
            let is = || async {
                answers(receiver, 204).await;
                last_header(receiver, "authorization").as_deref() == value
            };
            eventually("the header", is).await;
        }
    };
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    assert_eq!(
        last_header(&receiver, "authorization").as_deref(),
        Some("Bearer one")
    );
    publish("..2", Some("Basic dHdv"));
    shown(Some("Basic dHdv")).await;
    // A value that cannot be a header leaves the old one valid, and so does an empty directory.
    for (version, value) in [("..3", Some("a\nb")), ("..4", None)] {
        publish(version, value);
        for _ in 0..20 {
            answers(&receiver, 204).await;
            assert_eq!(
                last_header(&receiver, "authorization").as_deref(),
                Some("Basic dHdv")
            );
        }
    }
    publish("..5", Some("Bearer three"));
    shown(Some("Bearer three")).await;
}

#[tokio::test]
async fn only_the_given_authorities_are_trusted() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let mut fixture = Fixture::new().await;
    fixture.sink = Sink::start_tls(ours.identity("sink.example")).await;
    let directory = credentials(&fixture);
    let url = format!("https://sink.example:{}/in", fixture.sink.address.port());
    let receiver = fixture.with(|config| {
        config.sink.url = Some(url.parse().unwrap());
        config.sink.credentials_dir = Some(directory.clone());
        config.sink.lookup = Lookup::new(|_| async { Ok(vec![[127, 0, 0, 1].into()]) }.boxed());
    });
    let receiver = receiver.start().await;
    // Without the file: the public ones, which do not know it.
    fs::write(directory.join("authorization"), "Bearer any").unwrap();
    answers(&receiver, 503).await;
    fs::write(directory.join("ca.crt"), ours.pem()).unwrap();
    answers(&receiver, 204).await;
    // A new authority needs a new handshake, although the old connection is still open.
    fs::write(directory.join("ca.crt"), theirs.pem()).unwrap();
    answers(&receiver, 503).await;
    fs::write(
        directory.join("ca.crt"),
        format!("{}{}", theirs.pem(), ours.pem()),
    )
    .unwrap();
    answers(&receiver, 204).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let mut fixture = Fixture::new().await;
    fixture.sink = Sink::start_tls(authority.identity("other.example")).await;
    let directory = credentials(&fixture);
    fs::write(directory.join("ca.crt"), authority.pem()).unwrap();
    let url = format!("https://sink.example:{}/in", fixture.sink.address.port());
    let receiver = fixture.with(|config| {
        config.sink.url = Some(url.parse().unwrap());
        config.sink.credentials_dir = Some(directory);
        config.sink.lookup = Lookup::new(|_| async { Ok(vec![[127, 0, 0, 1].into()]) }.boxed());
    });
    let receiver = receiver.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(receiver.sink.count(), 0);
    receiver
        .counted(&format!("{OUTCOME}{{outcome=\"unreachable\"}} 1"))
        .await;
}

/// Otherwise the public authorities would be trusted instead of the tenant's.
#[tokio::test]
async fn nothing_is_sent_with_credentials_that_cannot_be_read() {
    let fixture = Fixture::new().await;
    let directory = credentials(&fixture);
    fs::write(directory.join("ca.crt"), "not a certificate").unwrap();
    let receiver = fixture
        .with(|config| config.sink.credentials_dir = Some(directory.clone()))
        .start()
        .await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(receiver.sink.count(), 0);
    fs::remove_file(directory.join("ca.crt")).unwrap();
    fs::write(directory.join("Authorization"), "Bearer misspelled").unwrap();
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(receiver.sink.count(), 0);
    fs::write(directory.join("authorization"), "Bearer right").unwrap();
    answers(&receiver, 204).await;
}

#[tokio::test]
async fn a_connection_is_used_again_after_an_answer_with_and_without_a_body() {
    const EVENTS: usize = 20;
    let receiver = Fixture::new().await.start().await;
    for behaviour in [Behaviour::Choke("never"), Behaviour::Status(200)] {
        receiver.sink.answer(behaviour);
        for _ in 0..EVENTS {
            answers(&receiver, 204).await;
        }
    }
    let connections = receiver.sink.connections();
    assert!(connections <= EVENTS / 4, "{connections} connections");
}
