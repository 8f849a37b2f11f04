//! The file by which Zoom validates a domain: at one path, as it is, and only where it is set up.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{
    client::{Answer, PATIENCE, event, raw},
    fixture::{BODY, Fixture, Running, SECRET},
};

const PATH: &str = "/zoomverify/verifyzoom.html";

async fn ask(receiver: &Running, method: &str, path: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
    raw(receiver.at.webhook, request.as_bytes())
        .await
        .expect("an answer")
}

/// A receiver that is told of this file.
async fn with_file(content: Option<&str>) -> Running {
    let fixture = Fixture::new().await;
    let file = fixture.directory.path().join("verifyzoom.html");
    if let Some(content) = content {
        fs::write(&file, content).unwrap();
    }
    let set = |config: &mut receiver::Config| config.domain_validation = Some(file);
    fixture.with(set).start().await
}

async fn until(receiver: &Running, status: u16) -> Answer {
    let limit = Instant::now() + PATIENCE;
    loop {
        let answer = ask(receiver, "GET", PATH).await;
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < limit, "{PATH} is not answered {status}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

#[tokio::test]
async fn zoom_reads_the_file_at_its_own_path_only() {
    let receiver = with_file(Some("4f6a0d9c-code\n")).await;
    let answer = until(&receiver, 200).await;
    assert_eq!(answer.body, "4f6a0d9c-code");
    for header in [
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
        "sandbox",
    ] {
        assert!(answer.head.contains(header), "{header}: {}", answer.head);
    }
    assert_eq!(ask(&receiver, "POST", PATH).await.status, 404);
    for other in [
        "/zoomverify",
        "/zoomverify/",
        "/zoomverify/other.html",
        "/verifyzoom.html",
    ] {
        assert_eq!(ask(&receiver, "GET", other).await.status, 404, "{other}");
    }
    // Events come as ever.
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
}

#[tokio::test]
async fn the_file_may_come_later_and_go() {
    let receiver = with_file(None).await;
    until(&receiver, 404).await;
    let file = receiver.directory.path().join("verifyzoom.html");
    fs::write(&file, "<meta name=\"ZOOM_verify\" content=\"x\">").unwrap();
    let answer = until(&receiver, 200).await;
    assert_eq!(answer.body, "<meta name=\"ZOOM_verify\" content=\"x\">");
    fs::remove_file(&file).unwrap();
    until(&receiver, 404).await;
}

#[tokio::test]
async fn without_it_there_is_nothing_at_that_path() {
    let receiver = Fixture::new().await.start().await;
    assert_eq!(ask(&receiver, "GET", PATH).await.status, 404);
}
