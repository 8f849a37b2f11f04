//! What the stream gets, and that it gets everything once.

use std::{
    io,
    sync::{Arc, Mutex},
};

use async_nats::{ConnectOptions, jetstream::stream};
use contract::receiver::NatsMessageId;
use futures::{FutureExt as _, future};
use receiver::sink::SinkError;
use tracing::subscriber;

use super::{
    client,
    fixture::{BODY, Fixture, SECRET},
    server::{Server, any_event, event, sink, stream_config},
};

crate::cases![
    an_event_reaches_the_stream_as_it_came,
    what_comes_again_is_stored_once,
    by_choice_the_event_counts_and_not_its_bytes,
    without_a_stream_it_is_tried_again,
    what_is_too_large_is_refused_for_good,
    a_full_stream_is_tried_again,
    many_are_on_their_way_at_once,
    giving_up_harms_nobody,
    a_killed_server_loses_nothing,
    a_server_that_says_nothing_is_given_up,
    a_short_duplicate_window_is_told_once,
];

async fn an_event_reaches_the_stream_as_it_came() {
    let server = Server::start("").await;
    let stream = server.stream().await;
    let receiver = Fixture::new()
        .await
        .with(|config| config.sink = server.args())
        .start()
        .await;
    assert_eq!(receiver.status(&client::event(SECRET, BODY)).await, 204);
    assert_eq!(
        receiver.status(&client::event(SECRET, "not JSON")).await,
        204
    );
    let message = stream.get_raw_message(1).await.unwrap();
    assert_eq!(message.subject.as_str(), "zoom.tenant.meeting.started");
    assert_eq!(message.payload, BODY);
    let header = |name: &str| {
        message
            .headers
            .get(name)
            .map(|value| value.as_str().to_owned())
    };
    let id = header("ce-id").unwrap();
    assert_eq!(header("Nats-Msg-Id"), Some(id));
    for (name, value) in [
        ("content-type", "application/json"),
        ("ce-datacontenttype", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-type", "us.zoom.meeting.started"),
        ("ce-time", "2021-07-14T02:44:51.572Z"),
        ("ce-subject", "1234567890"),
        ("ce-zoomaccountid", "AAAAAABBBB"),
        ("ce-zoomrequestid", "6009d653_d487_445d_8406_42b654974899"),
        ("ce-headorg", "4711"),
    ] {
        assert_eq!(header(name).as_deref(), Some(value), "{name}");
    }
    let message = stream.get_raw_message(2).await.unwrap();
    assert_eq!(message.subject.as_str(), "zoom.tenant.unknown");
}

async fn what_comes_again_is_stored_once() {
    let server = Server::start("").await;
    let mut stream = server.stream().await;
    let event = event(BODY);
    // Two sinks: two replicas, or one that was started again.
    for sink in [sink(&server.args()), sink(&server.args())] {
        assert_eq!(sink.deliver(&event).await, Ok(()));
        assert_eq!(sink.deliver(&event).await, Ok(()));
    }
    assert_eq!(stream.info().await.unwrap().state.messages, 1);
}

async fn by_choice_the_event_counts_and_not_its_bytes() {
    let recording = |link: &str| {
        event(&format!(
            r#"{{"event":"recording.completed","event_ts":1767225600123,"payload":{{"account_id":"A","object":{{"uuid":"U==","topic":"{link}","recording_files":[{{"id":"f1","download_url":"https://z/{link}"}}]}}}}}}"#
        ))
    };
    for (choice, stored) in [(NatsMessageId::Body, 2), (NatsMessageId::EventKey, 1)] {
        let server = Server::start("").await;
        let mut stream = server.stream().await;
        let mut args = server.args();
        args.nats_message_id = choice;
        for link in ["a", "b"] {
            assert_eq!(sink(&args).deliver(&recording(link)).await, Ok(()));
        }
        let messages = stream.info().await.unwrap().state.messages;
        assert_eq!(messages, stored, "{choice:?}");
        // What has no key is told apart by its bytes.
        assert_eq!(sink(&args).deliver(&any_event()).await, Ok(()));
        assert_eq!(sink(&args).deliver(&any_event()).await, Ok(()));
        let messages = stream.info().await.unwrap().state.messages;
        assert_eq!(messages, stored + 2);
    }
}

async fn without_a_stream_it_is_tried_again() {
    let server = Server::start("").await;
    let sink = sink(&server.args());
    let event = any_event();
    assert_eq!(sink.deliver(&event).await, Err(SinkError::NoStream));
    assert!(!SinkError::NoStream.is_final());
    let mut stream = server.stream().await;
    assert_eq!(sink.deliver(&event).await, Ok(()));
    assert_eq!(stream.info().await.unwrap().state.messages, 1);
}

async fn what_is_too_large_is_refused_for_good() {
    let server = Server::start("max_payload: 4096").await;
    let admin = server.admin(ConnectOptions::new()).await;
    let config = stream::Config {
        max_message_size: 2048,
        ..stream_config()
    };
    admin.create_stream(config).await.unwrap();
    let sink = sink(&server.args());
    for bytes in [5000, 4000, 2000] {
        // The headers count as well: the last two are too large with them.
        let event = event(&"x".repeat(bytes));
        let error = sink.deliver(&event).await.unwrap_err();
        assert_eq!(error, SinkError::TooLarge, "{bytes}");
        assert!(error.is_final());
    }
    // On the same connection.
    assert_eq!(sink.deliver(&any_event()).await, Ok(()));
}

async fn a_full_stream_is_tried_again() {
    let server = Server::start("").await;
    let admin = server.admin(ConnectOptions::new()).await;
    let config = stream::Config {
        max_messages: 1,
        discard: stream::DiscardPolicy::New,
        ..stream_config()
    };
    let stream = admin.create_stream(config).await.unwrap();
    let sink = sink(&server.args());
    assert_eq!(sink.deliver(&any_event()).await, Ok(()));
    let event = any_event();
    let error = sink.deliver(&event).await.unwrap_err();
    assert!(matches!(error, SinkError::Stream(_)), "{error}");
    assert!(!error.is_final());
    stream.purge().await.unwrap();
    assert_eq!(sink.deliver(&event).await, Ok(()));
}

async fn many_are_on_their_way_at_once() {
    let server = Server::start("").await;
    let mut stream = server.stream().await;
    let sink = sink(&server.args());
    // The client's queue takes 2048 at once; those that wait for room in it may overtake each other.
    let events: Vec<_> = (0..2000)
        .map(|n| event(&format!("{{\"n\":{n}}}")))
        .collect();
    let results = future::join_all(events.iter().map(|event| sink.deliver(event))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(stream.info().await.unwrap().state.messages, 2000);
    // In the order in which they were handed over.
    for n in [0, 1, 1500, 1999_u64] {
        let message = stream.get_raw_message(n + 1).await.unwrap();
        assert_eq!(message.payload, format!("{{\"n\":{n}}}"));
    }
}

async fn giving_up_harms_nobody() {
    let server = Server::start("").await;
    server.stream().await;
    let sink = sink(&server.args());
    for polls in 0..50 {
        let event = any_event();
        let mut delivery = Box::pin(sink.deliver(&event));
        for _ in 0..polls {
            if (&mut delivery).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(delivery);
        assert_eq!(sink.deliver(&any_event()).await, Ok(()));
    }
}

/// Under load, again and again. What was acknowledged is there, once.
async fn a_killed_server_loses_nothing() {
    let mut server = Server::start("").await;
    server.stream().await;
    let sink = Arc::new(sink(&server.args()));
    let count = 600;
    let delivered = Arc::new(Mutex::new(0));
    let deliveries: Vec<_> = (0..count)
        .map(|n| {
            let (sink, delivered) = (Arc::clone(&sink), Arc::clone(&delivered));
            tokio::spawn(async move {
                let event = event(&format!("{{\"n\":{n}}}"));
                // A few at first, the others while the server comes and goes.
                tokio::time::sleep(std::time::Duration::from_millis(n)).await;
                while let Err(error) = sink.deliver(&event).await {
                    assert!(!error.is_final(), "{error}");
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                *delivered.lock().unwrap() += 1;
            })
        })
        .collect();
    for seen in [50, 250, 450] {
        client::eventually("some deliveries", || async {
            *delivered.lock().unwrap() >= seen
        })
        .await;
        server.kill();
        assert!(sink.deliver(&any_event()).await.is_err());
        server.restart().await;
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let admin = server.admin(ConnectOptions::new()).await;
    let mut stream = admin.get_stream("ZOOM").await.unwrap();
    let mut bodies = Vec::new();
    for sequence in 1..=stream.info().await.unwrap().state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        bodies.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    bodies.retain(|body| body.starts_with("{\"n\""));
    let stored = bodies.len();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), usize::try_from(count).unwrap());
    assert_eq!(stored, bodies.len(), "stored twice");
}

/// The process is stopped: connections stay, answers do not come.
async fn a_server_that_says_nothing_is_given_up() {
    let server = Server::start("").await;
    server.stream().await;
    let mut args = server.args();
    args.timeout = std::time::Duration::from_millis(200);
    let sink = sink(&args);
    sink.comes_to(Ok(())).await;
    server.signal("STOP");
    sink.comes_to(Err(SinkError::TimedOut)).await;
    assert_eq!(sink.deliver(&any_event()).await, Err(SinkError::TimedOut));
    server.signal("CONT");
    sink.comes_to(Ok(())).await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn a_short_duplicate_window_is_told_once() {
    let log = Log::default();
    let writer = log.clone();
    let _guard = subscriber::set_default(
        tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .finish(),
    );
    let told = || {
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.matches("duplicate window is short").count()
    };
    let server = Server::start("").await;
    let admin = server.admin(ConnectOptions::new()).await;
    let config = stream::Config {
        duplicate_window: std::time::Duration::from_mins(2),
        ..stream_config()
    };
    admin.create_stream(config).await.unwrap();
    let sink = sink(&server.args());
    sink.comes_to(Ok(())).await;
    client::eventually("the warning", || async { told() == 1 }).await;
    sink.comes_to(Ok(())).await;
    assert_eq!(told(), 1);
}
