//! Clients that send too much, too slowly, or to the wrong place.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    client::{event, eventually, get, raw, read, read_next},
    fixture::{BODY, Fixture, SECRET},
};

#[tokio::test]
async fn a_wrong_path_or_method_tells_nothing() {
    let receiver = Fixture::new()
        .await
        .with(|config| config.path = "/hook".into());
    let receiver = receiver.start().await;
    let post = event(SECRET, BODY);
    let mut answers = Vec::new();
    for line in [
        "POST / HTTP/1.1",
        "POST /hook/ HTTP/1.1",
        "POST /Hook HTTP/1.1",
        "POST /%68ook HTTP/1.1",
        "GET /hook HTTP/1.1",
        "PUT /hook HTTP/1.1",
        "OPTIONS /hook HTTP/1.1",
        "GET /ready HTTP/1.1",
        "GET /metrics HTTP/1.1",
        "GET /facts HTTP/1.1",
    ] {
        let answer = receiver.send(&post.clone().line(line)).await;
        assert_eq!(answer.status, 404, "{line}");
        assert_eq!(answer.body, "", "{line}");
        let head = answer
            .head
            .lines()
            .filter(|line| !line.starts_with("date:"));
        answers.push(head.collect::<Vec<_>>().join("\n"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert!(!answers[0].contains("allow"), "{}", answers[0]);
    assert_eq!(
        receiver
            .status(&post.clone().line("POST /hook?x=1 HTTP/1.1"))
            .await,
        204
    );
}

#[tokio::test]
async fn http_1_0_is_served() {
    let receiver = Fixture::new().await.start().await;
    let post = event(SECRET, BODY).without("host").line("POST / HTTP/1.0");
    assert_eq!(receiver.status(&post).await, 204);
}

#[tokio::test]
async fn a_declared_oversize_is_refused_unread() {
    let receiver = Fixture::new().await.start().await;
    let fits = event(SECRET, " ".repeat(4096));
    assert_eq!(receiver.status(&fits).await, 204);
    let head = event(SECRET, "").head();
    for expect in ["", "expect: 100-continue\r\n"] {
        let request = format!("{head}{expect}content-length: 4097\r\n\r\n");
        let answer = raw(receiver.at.webhook, request.as_bytes()).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (413, ""));
    }
    // Nobody knows whether it was Zoom; it is counted.
    assert_eq!(receiver.health().await["tooLarge"]["count"], 2);
}

/// A client that writes everything before it reads must find the answer, not a reset.
#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending() {
    let receiver = Fixture::new().await.start().await;
    let large = event(SECRET, " ".repeat(7 * 1024 * 1024));
    let declared = format!(
        "{}content-length: {}\r\n\r\n{}",
        large.head(),
        7 * 1024 * 1024,
        " ".repeat(7 * 1024 * 1024)
    );
    let elsewhere = declared.replacen("POST / ", "POST /elsewhere ", 1);
    for _ in 0..3 {
        for (request, status) in [(&declared, 413), (&elsewhere, 404)] {
            let mut stream = TcpStream::connect(receiver.at.webhook).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_chunked_oversize_is_refused_as_soon_as_it_is_one() {
    let receiver = Fixture::new().await.start().await;
    let head = event(SECRET, "").head();
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    // No end of the body: the answer must not wait for it.
    let request = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{}1\r\n \r\n",
        chunk.repeat(4)
    );
    let answer = raw(receiver.at.webhook, request.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 413);
    let head = event(SECRET, " ".repeat(4096)).head();
    let request = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(4)
    );
    let answer = raw(receiver.at.webhook, request.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn all_bodies_together_are_bounded() {
    let fixture = Fixture::new().await;
    let receiver = fixture
        .with(|config| config.tuning.body_budget = 8000)
        .start()
        .await;
    let large = event(SECRET, " ".repeat(4096));
    let mut slow = TcpStream::connect(receiver.at.webhook).await.unwrap();
    let head = format!(
        "{}content-length: 4096\r\n\r\n{}",
        large.head(),
        " ".repeat(4095)
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    // The first that does not fit is our trouble, until the slow one is gone.
    super::client::eventually("the budget is taken", || async {
        receiver.status(&event("wrong", " ".repeat(1000))).await == 503
    })
    .await;
    slow.write_all(b" ").await.unwrap();
    assert_eq!(read(slow).await.unwrap().status, 204);
    receiver.status(&event("wrong", " ".repeat(1000))).await;
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="signature_changed"} 1"#)
        .await;
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let fixture = Fixture::new().await;
    let brief = Duration::from_millis(200);
    let receiver = fixture.with(|config| config.tuning.limits.head_timeout = brief);
    let receiver = receiver.start().await;
    for bytes in ["", "POST / HTTP/1.1\r\nx-a: b\r\n"] {
        assert_eq!(raw(receiver.at.webhook, bytes.as_bytes()).await, None);
    }
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
}

#[tokio::test]
async fn a_slow_body_is_cut_off() {
    let fixture = Fixture::new().await;
    let brief = Duration::from_millis(50);
    let receiver = fixture
        .with(|config| config.tuning.deadline = brief)
        .start()
        .await;
    let head = format!("{}content-length: 9\r\n\r\n{{", event(SECRET, "").head());
    let answer = raw(receiver.at.webhook, head.as_bytes()).await.unwrap();
    assert_eq!(answer.status, 503);
}

#[tokio::test]
async fn slow_clients_do_not_shut_out_others() {
    let fixture = Fixture::new().await;
    let receiver = fixture.with(|config| {
        config.tuning.limits.connections = 2;
        config.tuning.limits.head_timeout = Duration::from_millis(200);
    });
    let receiver = receiver.start().await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(TcpStream::connect(receiver.at.webhook).await.unwrap());
    }
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
}

/// A proxy keeps idle connections: they must not keep out new ones, nor the probe.
#[tokio::test]
async fn idle_connections_of_zoom_leave_room_for_others() {
    let fixture = Fixture::new().await;
    let receiver = fixture.with(|config| config.tuning.limits.connections = 8);
    let receiver = receiver.start().await;
    let mut idle = Vec::new();
    for n in 1..=9 {
        let post = event(SECRET, format!(r#"{{"event":"e","n":{n}}}"#));
        let mut stream = post.start(receiver.at.webhook).await;
        let answer = read_next(&mut stream).await.unwrap();
        assert_eq!(answer.status, 204);
        let closes = answer.head.contains("connection: close");
        assert_eq!(closes, n > 7, "{n}: {}", answer.head);
        idle.push(stream);
    }
    let probe = get(receiver.at.webhook, "/healthz").await;
    assert_eq!(probe.status, 200);
    // Once one of them has gone, another one may stay.
    drop(idle.remove(0));
    eventually("a connection that stays", || async {
        let post = event(SECRET, BODY);
        let mut stream = post.start(receiver.at.webhook).await;
        let answer = read_next(&mut stream).await.unwrap();
        !answer.head.contains("connection: close")
    })
    .await;
}

/// Anybody can send a head that looks signed, and then nothing.
#[tokio::test]
async fn bodies_that_do_not_come_hold_up_nobody_who_has_the_secret() {
    let fixture = Fixture::new().await;
    let receiver = fixture.with(|config| config.tuning.limits.connections = 4);
    let receiver = receiver.start().await;
    let head = event("wrong", BODY).head();
    let mut silent = Vec::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(receiver.at.webhook).await.unwrap();
        let begun = format!("{head}content-length: 1000\r\n\r\n{{");
        stream.write_all(begun.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    let started = std::time::Instant::now();
    for n in 0..5 {
        let post = event(SECRET, format!(r#"{{"event":"e","n":{n}}}"#));
        assert_eq!(receiver.status(&post).await, 204);
    }
    assert!(started.elapsed() < Duration::from_secs(45));
    drop(silent);
}

#[tokio::test]
async fn a_body_that_pauses_is_given_up_soon() {
    let fixture = Fixture::new().await;
    let receiver = fixture.with(|config| config.tuning.body_idle = Duration::from_millis(100));
    let receiver = receiver.start().await;
    let head = event(SECRET, BODY).head();
    let begun = format!("{head}content-length: 1000\r\n\r\n{{");
    let answer = raw(receiver.at.webhook, begun.as_bytes()).await;
    assert_eq!(answer.map(|answer| answer.status), Some(503));
}

#[tokio::test]
async fn large_heads_are_refused() {
    let receiver = Fixture::new().await.start().await;
    let post = event(SECRET, BODY);
    let long = post.clone().header("x-long", &"x".repeat(17_000));
    assert_eq!(receiver.status(&long).await, 431);
    let many = (0..65).fold(post.clone(), |post, n| post.header(&format!("x-{n}"), ""));
    assert_eq!(receiver.status(&many).await, 431);
    assert_eq!(receiver.status(&post).await, 204);
}

#[tokio::test]
async fn a_broken_body_is_not_an_event() {
    let receiver = Fixture::new().await.start().await;
    let head = event(SECRET, "").head();
    let garbage = format!("{head}transfer-encoding: chunked\r\n\r\nxyz\r\n");
    let both = format!("{head}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n");
    // The second has an empty body, which is signed: an event of an unknown kind.
    for (request, status) in [(garbage, 400), (both, 204)] {
        let answer = raw(receiver.at.webhook, request.as_bytes()).await;
        let found = answer.map(|answer| answer.status);
        assert_eq!(found, Some(status), "{request}");
    }
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    let events = receiver.sink.received();
    let bodies: Vec<_> = events.iter().map(|event| event.body.clone()).collect();
    assert_eq!(bodies, ["", BODY], "nothing of the broken one");
}
