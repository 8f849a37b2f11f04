//! When URLs are checked.

use std::time::Instant;

use futures::FutureExt as _;
use rustls::RootCertStore;
use serde_json::{Value, json};

use super::*;
use crate::{controller::queue::Limits, reach::Cause};

const HOUR: i64 = 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn spec(change: &Value) -> ZoomIntegrationSpec {
    let mut spec = json!({
        "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": []},
        "webhook": {
            "sink": {"http": {"url": "https://s"}},
            "endpoint": {"host": "hooks.example.com", "path": "/zoom"},
        },
    });
    for (key, value) in change.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn some(path: &str, version: &str) -> Wanted {
    Wanted {
        url: format!("https://hooks.example.com{path}").parse().unwrap(),
        key: b"key".to_vec().into(),
        version: version.into(),
        ready: true,
    }
}

fn found(cause: Cause) -> Finding {
    Finding {
        cause,
        message: String::new(),
    }
}

#[test]
fn what_can_be_tried_and_is_not_proven_is_tried() {
    let key = SecretString::from("key");
    let is_wanted = |change: Value, key: Option<&SecretString>, validated: Option<i64>| {
        let validated = validated.map(at);
        let wanted = wanted(&spec(&change), key, "v", validated, true, at(100 * HOUR));
        wanted.map(|wanted| wanted.url.to_string())
    };
    let url = Some("https://hooks.example.com/zoom".to_owned());
    let nothing = || json!({});
    assert_eq!(is_wanted(nothing(), Some(&key), None), url);
    assert_eq!(is_wanted(nothing(), Some(&key), Some(28 * HOUR)), url);
    assert_eq!(is_wanted(nothing(), Some(&key), Some(28 * HOUR + 1)), None);
    assert_eq!(is_wanted(nothing(), None, None), None);
    for change in [
        json!({"suspend": true}),
        json!({"webhook": null}),
        json!({"webhook": {"sink": {"http": {"url": "https://s"}}}}),
    ] {
        assert_eq!(is_wanted(change, Some(&key), None), None);
    }
}

#[test]
fn the_same_is_looked_for_ever_more_rarely() {
    let wanted = some("/", "v");
    let mut known = Tries::new(&wanted, at(0));
    let mut waits = Vec::new();
    let mut now = at(0);
    for cause in [Cause::NameNotFound; 7]
        .into_iter()
        .chain([Cause::OtherServer])
    {
        assert!(known.begin(true, now));
        assert!(!known.begin(true, now), "one at a time");
        known.end(&wanted, found(cause), now);
        waits.push(known.next.as_second() - now.as_second());
        assert!(!known.begin(true, at(known.next.as_second() - 1)));
        now = known.next;
    }
    assert_eq!(waits, [60, 120, 240, 480, 900, 900, 900, 60]);
}

#[test]
fn without_a_receiver_nothing_is_tried_and_what_is_known_stays() {
    let wanted = some("/", "v");
    let mut known = Tries::new(&wanted, at(0));
    assert!(!known.begin(false, at(0)));
    assert_eq!(known.seen(false).again, None);
    assert!(known.begin(true, at(0)));
    known.end(&wanted, found(Cause::NameNotFound), at(1));
    let seen = known.seen(false);
    assert_eq!(seen.finding, Some(found(Cause::NameNotFound)));
    assert_eq!(seen.again, None);
    assert_eq!(known.seen(true).again, Some(at(61)));
}

#[test]
fn a_change_is_tried_soon_and_not_at_once_again_and_again() {
    let first = some("/", "v");
    let mut known = Tries::new(&first, at(0));
    assert!(known.begin(true, at(0)));
    let other = some("/other", "v");
    known.renew(&other, at(1));
    // One at a time, even if the running one is for an earlier URL; and its finding is ignored.
    assert!(!known.begin(true, at(10)));
    assert_eq!(known.seen(true).again, None);
    known.end(&first, found(Cause::NameNotFound), at(8));
    assert_eq!(known.seen(true).finding, None);
    assert_eq!(known.seen(true).again, Some(at(10)));
    assert!(!known.begin(true, at(9)));
    assert!(known.begin(true, at(10)));
    known.end(&other, found(Cause::Reachable), at(12));
    let same = some("/other", "v");
    known.renew(&same, at(13));
    assert_eq!(known.seen(true).finding, Some(found(Cause::Reachable)));
    // Another secret means another key.
    known.renew(&some("/other", "w"), at(100));
    assert_eq!(known.seen(true).finding, None);
    assert!(known.begin(true, at(100)));
}

#[test]
fn another_address_that_is_refused_is_the_same_trouble() {
    let wanted = some("/", "v");
    let mut known = Tries::new(&wanted, at(0));
    for (address, wait) in [([127, 0, 0, 1], 60), ([127, 0, 0, 2], 120)] {
        let cause = Cause::AddressRefused(IpAddr::from(address));
        known.end(&wanted, found(cause), at(0));
        assert_eq!(known.next, at(wait));
    }
}

#[test]
fn what_was_reachable_is_looked_for_once_its_receiver_is_back() {
    let wanted = some("/", "v");
    let mut known = Tries::new(&wanted, at(0));
    assert!(known.begin(true, at(0)));
    known.end(&wanted, found(Cause::Reachable), at(1));
    known.doubt();
    assert_eq!(known.seen(false).finding, None);
    assert_eq!(known.seen(true).again, Some(at(10)));
}

#[test]
fn what_is_forgotten_meanwhile_begins_no_second_try() {
    let name = ("clinics".to_owned(), "acme".to_owned());
    let reachability = Reachability::new(false, requeue()).unwrap();
    let wanted = some("/", "v");
    let mut known = Tries::new(&wanted, at(0));
    assert!(known.begin(true, at(0)));
    lock(&reachability.known).insert(name.clone(), known);
    reachability.forget(&name);
    let mut all = lock(&reachability.known);
    let mut again = all[&name].clone();
    again.renew(&wanted, at(20));
    assert!(!again.begin(true, at(20)));
    end(&mut all, &name, &wanted, found(Cause::Reachable));
    assert!(all.is_empty());
}

fn requeue() -> Requeue {
    Requeue::new(Limits::new(256))
}

/// Checks that get as many answers from their resolver as there are permits.
fn resolving(permits: &Arc<Semaphore>) -> Reachability {
    let gate = Arc::clone(permits);
    let lookup = Lookup::new(move |_| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            Err(std::io::ErrorKind::NotFound.into())
        }
        .boxed()
    });
    let guard = Guard::new(Policy::cluster(), lookup);
    let options = Options::new(RootCertStore::empty(), guard).unwrap();
    Reachability {
        options: Some(options.with_patience(Duration::from_hours(1))),
        slots: Arc::new(Semaphore::new(AT_ONCE)),
        known: Arc::default(),
        requeue: requeue(),
    }
}

#[tokio::test]
async fn no_pass_waits_and_the_next_one_knows() {
    let gate = Arc::new(Semaphore::new(0));
    let reachability = resolving(&gate);
    let name = ("clinics".to_owned(), "acme".to_owned());
    let started = Instant::now();
    let seen = reachability.look(&name, Some(some("/", "v")), at(0));
    assert!(started.elapsed() < Duration::from_secs(45));
    assert!(seen.tried && seen.finding.is_none() && seen.again.is_none());
    gate.add_permits(1);
    let pass = reachability.requeue.next().await;
    assert_eq!(pass, Key::integration("clinics", "acme"));
    let seen = reachability.look(&name, Some(some("/", "v")), at(1));
    assert_eq!(seen.finding.unwrap().cause, Cause::NameNotFound);
    assert!(seen.again.is_some());
    // Proven, suspended or deleted.
    assert_eq!(reachability.look(&name, None, at(2)), ReachState::default());
    assert!(lock(&reachability.known).is_empty());
}

#[tokio::test]
async fn a_few_are_tried_at_a_time() {
    let gate = Arc::new(Semaphore::new(0));
    let reachability = resolving(&gate);
    for number in 0..3 * AT_ONCE {
        let name = ("clinics".to_owned(), format!("a{number}"));
        reachability.look(&name, Some(some("/", "v")), at(0));
    }
    for left in (0..3 * AT_ONCE).rev() {
        let free = reachability.slots.available_permits();
        assert!(free <= AT_ONCE);
        gate.add_permits(1);
        reachability.requeue.next().await;
        let known = lock(&reachability.known);
        assert_eq!(known.values().filter(|known| known.running).count(), left);
    }
}

#[tokio::test]
async fn switched_off_nothing_is_tried() {
    let reachability = Reachability::new(false, requeue()).unwrap();
    assert!(!reachability.is_on());
    let name = ("clinics".to_owned(), "acme".to_owned());
    let seen = reachability.look(&name, Some(some("/", "v")), at(0));
    assert_eq!(seen, ReachState::default());
}
