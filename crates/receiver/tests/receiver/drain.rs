//! Connections that are kept, and how they end.

use std::time::Duration;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    client::{Post, event, read_next},
    fixture::{BODY, Fixture, SECRET},
};

async fn send(stream: &mut TcpStream, secret: &str, body: &str) -> String {
    post(stream, &event(secret, body), body).await
}

async fn post(stream: &mut TcpStream, post: &Post, body: &str) -> String {
    let request = format!(
        "{}content-length: {}\r\n\r\n{body}",
        post.head(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    read_next(stream).await.unwrap().head
}

#[tokio::test]
async fn a_connection_stays_open_after_a_valid_signature() {
    let receiver = Fixture::new().await.start().await;
    let mut stream = TcpStream::connect(receiver.at.webhook).await.unwrap();
    for n in 0..3 {
        let head = send(&mut stream, SECRET, &format!("{BODY}{}", " ".repeat(n))).await;
        assert!(head.starts_with("http/1.1 204"), "{head}");
        assert!(!head.contains("connection: close"), "{head}");
    }
    let head = post(
        &mut stream,
        &event(SECRET, BODY).without("x-zm-signature"),
        BODY,
    )
    .await;
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(read_next(&mut stream).await, None);
}

#[tokio::test]
async fn a_connection_survives_a_few_wrong_signatures() {
    let receiver = Fixture::new().await.start().await;
    for (is_proven, refused) in [(false, "http/1.1 401"), (true, "http/1.1 503")] {
        let mut stream = TcpStream::connect(receiver.at.webhook).await.unwrap();
        if is_proven {
            send(&mut stream, SECRET, BODY).await;
        }
        for n in 1..=9 {
            let head = send(&mut stream, "wrong", BODY).await;
            assert!(head.starts_with(refused), "{head}");
            assert_eq!(head.contains("connection: close"), n == 9, "{n}: {head}");
        }
        assert_eq!(read_next(&mut stream).await, None);
    }
}

#[tokio::test]
async fn from_the_signal_on_answers_close_their_connections() {
    let fixture = Fixture::new().await;
    let fixture = fixture.with(|config| config.tuning.drain_grace = Duration::from_hours(1));
    let receiver = fixture.start().await;
    let mut kept = TcpStream::connect(receiver.at.webhook).await.unwrap();
    let head = send(&mut kept, SECRET, BODY).await;
    assert!(!head.contains("connection: close"), "{head}");
    receiver.stop.request();
    receiver.ready(503).await;
    let mut fresh = TcpStream::connect(receiver.at.webhook).await.unwrap();
    for stream in [&mut kept, &mut fresh] {
        let head = send(stream, SECRET, BODY).await;
        assert!(head.starts_with("http/1.1 204"), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        assert_eq!(read_next(stream).await, None);
    }
    receiver.task.abort();
}

#[tokio::test]
async fn an_old_connection_is_closed_with_an_answer() {
    let fixture = Fixture::new().await;
    let fixture = fixture.with(|config| config.tuning.limits.max_age = Duration::ZERO);
    let receiver = fixture.start().await;
    let mut stream = TcpStream::connect(receiver.at.webhook).await.unwrap();
    let head = send(&mut stream, SECRET, BODY).await;
    assert!(head.contains("connection: close"), "{head}");
}
