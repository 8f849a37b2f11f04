//! The sink is told of states of the integration, each once, whatever stops in between.

use std::{collections::BTreeMap, fs, path::PathBuf};

use contract::lifecycle::{Data, FILE, Kind, State, States};

use super::{
    client::{event, eventually},
    fixture::{BODY, Fixture, Running, SECRET},
    sink::Behaviour,
};

fn state(reason: &str, second: i64) -> State {
    let data = Data {
        kind: Kind::Connection,
        namespace: "tenant-a".into(),
        name: "ada".into(),
        condition: "Ready".into(),
        status: "False".into(),
        reason: reason.into(),
        since: jiff::Timestamp::from_second(second).unwrap(),
        meaning: "lost".into(),
        actor: Some("person who authorizes".into()),
        action: Some("Open the link.".into()),
    };
    let refs = [("userid".to_owned(), "5".to_owned())];
    State::new("uid", data, BTreeMap::from(refs))
}

fn publish(directory: &std::path::Path, states: Vec<State>) {
    let (text, _) = States::to_json(states);
    fs::write(directory.join("new"), text).unwrap();
    fs::rename(directory.join("new"), directory.join(FILE)).unwrap();
}

fn announcing(fixture: Fixture) -> (Fixture, PathBuf) {
    let directory = fixture.directory.path().join("lifecycle");
    fs::create_dir_all(&directory).unwrap();
    let kept = directory.clone();
    (
        fixture.with(|config| config.lifecycle_dir = Some(directory)),
        kept,
    )
}

fn types(receiver: &Running) -> Vec<String> {
    let requests = receiver.sink.received();
    let types = requests.iter().filter_map(|got| got.header("ce-type"));
    types.map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_state_is_a_cloud_event_and_sent_once() {
    let (fixture, directory) = announcing(Fixture::new().await);
    let lost = state("GrantLost", 1_767_225_600);
    publish(&directory, vec![lost.clone()]);
    let receiver = fixture.start().await;
    receiver.sink_has(1).await;
    let got = receiver.sink.received().remove(0);
    for (name, value) in [
        ("ce-id", lost.id.as_str()),
        ("ce-type", "io.zoom-operator.connection.GrantLost"),
        (
            "ce-source",
            "/apis/zoom-operator.io/namespaces/tenant-a/zoomintegrations/zoom",
        ),
        ("ce-subject", "zoomconnections/ada"),
        ("ce-time", "2026-01-01T00:00:00Z"),
        ("ce-headorg", "4711"),
        ("ce-userid", "5"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    let body: Data = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(body, lost.data);
    // One more: the first is not sent again, neither now nor by the next process of the Pod.
    publish(
        &directory,
        vec![lost.clone(), state("OwnerGone", 1_767_225_700)],
    );
    receiver.sink_has(2).await;
    let sent = receiver.config.state_dir.join("lifecycle-sent.json");
    eventually("both are remembered", || async {
        let sent: Vec<String> =
            serde_json::from_slice(&fs::read(&sent).unwrap_or_default()).unwrap_or_default();
        sent.len() == 2
    })
    .await;
    let fixture = receiver.stop().await;
    let third = state("WrongSubject", 1_767_225_800);
    publish(
        &directory,
        vec![lost, state("OwnerGone", 1_767_225_700), third],
    );
    let receiver = fixture.start().await;
    receiver.sink_has(3).await;
    let told = ["GrantLost", "OwnerGone", "WrongSubject"];
    let told = told.map(|reason| format!("io.zoom-operator.connection.{reason}"));
    assert_eq!(types(&receiver), told);
}

#[tokio::test]
async fn a_sink_that_is_down_gets_it_later_and_events_do_not_wait() {
    let (fixture, directory) = announcing(Fixture::new().await.buffered());
    fixture.sink.answer(Behaviour::Choke("GrantLost"));
    let receiver = fixture.start().await;
    publish(
        &directory,
        vec![state("GrantLost", 5), state("OwnerGone", 6)],
    );
    receiver.sink_has_at_least(2).await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    eventually("the event", || async {
        types(&receiver)
            .iter()
            .any(|name| name.starts_with("us.zoom."))
    })
    .await;
    receiver.sink.answer(Behaviour::Status(204));
    eventually("the other state", || async {
        let types = types(&receiver);
        types.last().is_some_and(|last| last.ends_with("OwnerGone"))
    })
    .await;
}

/// What can never be accepted holds up nothing.
#[tokio::test]
async fn a_state_that_the_sink_rejects_is_given_up() {
    let (fixture, directory) = announcing(Fixture::new().await);
    fixture.sink.answer(Behaviour::Status(422));
    publish(&directory, vec![state("GrantLost", 5)]);
    let receiver = fixture.start().await;
    receiver.sink_has(1).await;
    receiver.sink.answer(Behaviour::Status(204));
    publish(
        &directory,
        vec![state("GrantLost", 5), state("OwnerGone", 6)],
    );
    receiver.sink_has(2).await;
}

#[tokio::test]
async fn a_suspended_receiver_tells_nothing() {
    let (fixture, directory) = announcing(Fixture::new().await);
    publish(&directory, vec![state("GrantLost", 5)]);
    let receiver = fixture.with(|config| config.suspended = true).start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(receiver.sink.count(), 0);
}
