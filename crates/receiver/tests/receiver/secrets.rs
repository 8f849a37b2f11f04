//! Signing secrets come, change and go without a restart.

use std::{fs, os::unix::fs::symlink};

use serde_json::Value;

use super::{
    client::{event, eventually, get, sign},
    fixture::{BODY, Fixture, Running, SECRET},
};

async fn answers(receiver: &Running, secret: &str, status: u16) {
    let is = || async { receiver.status(&event(secret, BODY)).await == status };
    eventually("an answer", is).await;
}

#[tokio::test]
async fn without_a_secret_nothing_is_judged() {
    let fixture = Fixture::new().await;
    fixture.secret("webhook-secret-token", "\n");
    let receiver = fixture.bind().await;
    eventually("serving", || async {
        get(receiver.at.admin, "/ready").await.body == "not ready: signing-secret\n"
    })
    .await;
    assert_eq!(get(receiver.at.admin, "/live").await.status, 200);
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(receiver.status(&event("wrong", BODY)).await, 503);
    assert_eq!(
        receiver
            .status(&event(SECRET, BODY).line("GET / HTTP/1.1"))
            .await,
        404
    );

    fs::write(
        receiver.secret_file("webhook-secret-token"),
        format!("{SECRET}\n"),
    )
    .unwrap();
    receiver.ready(200).await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);

    fs::remove_file(receiver.secret_file("webhook-secret-token")).unwrap();
    receiver.ready(503).await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
}

/// The kubelet's way: files are links through `..data`, which is swapped for another directory.
#[tokio::test]
async fn a_rotation_takes_effect_without_a_restart() {
    let fixture = Fixture::new().await;
    let volume = fixture.config.signing_secrets_dir.clone();
    fs::remove_dir_all(&volume).unwrap();
    let publish = |version: &str, files: &[(&str, &str)]| {
        fs::create_dir_all(volume.join(version)).unwrap();
        for (name, value) in files {
            fs::write(volume.join(version).join(name), value).unwrap();
        }
        symlink(version, volume.join("..data_tmp")).unwrap();
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    };
    let (current, previous) = ("webhook-secret-token", "previous-webhook-secret-token");
    publish("..1", &[(current, "old")]);
    for name in [current, previous] {
        symlink(format!("..data/{name}"), volume.join(name)).unwrap();
    }
    let receiver = fixture.start().await;
    answers(&receiver, "new", 401).await;

    // Announced: Zoom may change before we do, and a 4xx would lose what it signs with the new one.
    publish("..announced", &[(current, "old"), (previous, "old")]);
    answers(&receiver, "new", 503).await;
    answers(&receiver, "old", 204).await;

    publish("..2", &[(current, "new"), (previous, "old")]);
    answers(&receiver, "new", 204).await;
    answers(&receiver, "old", 204).await;
    assert_eq!(receiver.facts().await["lastVerifiedSecret"], "Previous");

    publish("..3", &[(current, "new")]);
    answers(&receiver, "old", 503).await;
    answers(&receiver, "new", 204).await;
    receiver.ready(200).await;
}

#[tokio::test]
async fn what_was_read_last_stays_while_the_files_cannot_be_read() {
    let receiver = Fixture::new().await.start().await;
    let (file, moved) = (
        receiver.secret_file("webhook-secret-token"),
        receiver.secret_file("moved"),
    );
    fs::rename(&file, &moved).unwrap();
    receiver.ready(503).await;
    fs::rename(&moved, &file).unwrap();
    receiver.ready(200).await;
    // Too large to be a secret: an error, other than an absent file.
    fs::write(
        receiver.secret_file("previous-webhook-secret-token"),
        [b'x'; 9000],
    )
    .unwrap();
    fs::write(&file, "new").unwrap();
    for n in 0..100 {
        let post = event(SECRET, format!("{{\"n\":{n}}}"));
        assert_eq!(receiver.status(&post).await, 204);
    }
    fs::remove_file(receiver.secret_file("previous-webhook-secret-token")).unwrap();
    answers(&receiver, "new", 204).await;
}

#[tokio::test]
async fn authentication_is_asked_for_beside_the_signature() {
    let fixture = Fixture::new().await;
    let files = fixture.directory.path().join("authentication");
    fs::create_dir(&files).unwrap();
    let scheme = "header:tenant-key".parse().unwrap();
    let receiver = fixture
        .with(|config| config.authentication = Some((scheme, files.clone())))
        .start()
        .await;
    let right = event(SECRET, r#"{"event":"e"}"#).header("x-tenant-key", "known");
    // Our own trouble, so Zoom is to come again.
    assert_eq!(receiver.status(&right).await, 503);
    fs::write(files.join("webhook-header-value"), "known").unwrap();
    let is_taken = || async { receiver.status(&right).await == 204 };
    eventually("the value of the header", is_taken).await;
    let forged = right.clone().with("x-zm-signature", &sign("other", 1, b""));
    for wrong in [forged.clone(), forged.without("x-tenant-key")] {
        assert_eq!(receiver.status(&wrong).await, 503);
        let health = receiver.health().await;
        assert_eq!(health["wrongAuthentication"], Value::Null, "{health}");
    }
    let validation = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"t"}}"#;
    // Signed by Zoom: it is to come again, and a person is to hear of it.
    for (nth, wrong) in [
        right.clone().with("x-tenant-key", "other"),
        right.clone().without("x-tenant-key"),
        event(SECRET, validation),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(receiver.status(wrong).await, 503);
        let health = receiver.health().await;
        assert_eq!(health["wrongAuthentication"]["count"], nth + 1, "{health}");
        assert_eq!(health["wrongSignatures"], Value::Null, "{health}");
    }
    assert_eq!(receiver.health().await["withoutAuthentication"], 2);
    assert_eq!(receiver.facts().await["lastValidated"], Value::Null);
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="unauthenticated"} 3"#)
        .await;
    receiver
        .counted(r#"zoom_receiver_verified_requests_total{secret="current"} 1"#)
        .await;
    assert_eq!(receiver.status(&right).await, 204);
    assert_eq!(receiver.health().await["wrongAuthentication"], Value::Null);
}
