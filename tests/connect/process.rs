//! Start, readiness, logs.

use std::{
    fs,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use contract::consent::Transaction;
use tracing_subscriber::fmt::MakeWriter;

use super::fixture::{ADA, CALLBACK, Fixture, KEY};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn it_is_ready_once_there_is_a_key() {
    let fixture = Fixture::new();
    let key = fixture.directory.path().join("current");
    fs::remove_file(&key).unwrap();
    let running = fixture.bind().await;
    running.ready(503).await;
    let ready = running.admin("/ready").await;
    assert_eq!(ready.body, "not ready: keys\n");
    assert_eq!(running.admin("/live").await.status, 200);
    assert_eq!(running.browser().post(ADA).await.status, 503);
    fs::write(&key, KEY).unwrap();
    running.ready(200).await;
    running.begin(ADA).await;
    // A key that is gone for a moment is not forgotten.
    fs::remove_file(&key).unwrap();
    running.begin(ADA).await;
    assert_eq!(running.admin("/ready").await.status, 200);
    running.stop.request();
    running.task.await.unwrap();
}

/// For the whole process: a subscriber of one thread can miss what other tests have logged before.
#[tokio::test]
async fn logs_and_pages_hold_no_secret() {
    let lines = Lines::default();
    tracing_subscriber::fmt()
        .with_env_filter("trace")
        .with_writer(lines.clone())
        .with_ansi(false)
        .init();
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let (_, cookie) = begun.browser.cookie();
    let mut bodies = vec![begun.returns(CALLBACK, "the-secret-code").await.body];
    let transaction = Transaction::of(&begun.state);
    let path = format!("/zoom/consents/{}", transaction.as_str());
    bodies.push(begun.browser.get(&path).await.body);
    for query in [
        format!(
            "error=access_denied&state={}&code=the-secret-code",
            begun.state
        ),
        format!("state={}&code=the-secret-code&code=x", begun.state),
        "code=the-secret-code".to_owned(),
        "state=unknown&code=the-secret-code".to_owned(),
    ] {
        bodies.push(begun.browser.get(&format!("{CALLBACK}?{query}")).await.body);
    }
    running.stop.request();
    running.task.await.unwrap();
    let verifier = {
        let parcels = running.cluster.parcels.lock().unwrap();
        let content = &parcels[&transaction.secret_name()].content;
        let handoff: serde_json::Value = serde_json::from_slice(content).unwrap();
        handoff["codeVerifier"].as_str().unwrap().to_owned()
    };
    let bytes = lines.0.lock().unwrap().clone();
    let log = String::from_utf8(bytes).unwrap();
    for noted in [
        transaction.as_str(),
        "audit: audit action=\"consent.begin\" outcome=\"done\"",
        "action=\"consent.return\" outcome=\"done\" kind=\"ZoomConnection\" namespace=\"clinics\" name=\"ada\" reason=\"handed_over\"",
        "outcome=\"refused\" kind=\"ZoomIntegration\" namespace=\"clinics\" name=\"plain\" reason=\"not_carried\"",
    ] {
        assert!(log.contains(noted), "{noted}: {log}");
    }
    let nonce = ADA.rsplit_once('/').unwrap().1;
    for secret in [
        &begun.state,
        "the-secret-code",
        &cookie,
        &verifier,
        &begun.challenge,
    ] {
        assert!(!log.contains(secret), "{secret}");
        for body in &bodies {
            assert!(!body.contains(secret), "{secret}");
        }
    }
    assert!(!log.contains(nonce), "{log}");
    // The test's own client notes its connections too, with a question mark and without a query.
    let mut ours = log
        .lines()
        .filter(|line| !line.contains("hyper_util::client"));
    assert!(ours.all(|line| !line.contains('?')), "{log}");
}
