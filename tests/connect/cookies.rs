//! What the browser carries.

use std::{fs, time::Duration};

use contract::{Language, consent::Transaction};
use cookie::Key;
use jiff::{SignedDuration, Timestamp};
use zoom_operator::connect::{
    keys::Keys,
    ticket::{self, Ticket},
};

use super::fixture::{ADA, BASE, Begun, CALLBACK, Fixture, KEY, Running, eventually};

const AGAIN: &str = "Please start again";

fn keys(byte: u8) -> Keys {
    Keys {
        current: Key::from(&[byte; 64]),
        previous: None,
        since: None,
        spread: Duration::ZERO,
    }
}

/// A ticket as the pages make it, begun so many seconds ago.
fn ticket(state: &str, ago: i64) -> Ticket {
    let begun = Timestamp::now() - SignedDuration::from_secs(ago);
    Ticket {
        state: state.into(),
        verifier: "v".into(),
        start: "/connections/clinics/ada/AAAAAAAAAAAAAAAAAAAAAA".into(),
        namespace: "clinics".into(),
        integration_namespace: None,
        integration: "plain".into(),
        integration_uid: "uid-of-plain".into(),
        connection: "ada".into(),
        connection_uid: Some("uid-of-ada".into()),
        client_id: "client-of-plain".into(),
        redirect_url: format!("{BASE}/callback/clinics/plain"),
        begun,
        authorized: None,
        expires: ticket::expiry(begun),
        language: Language::English,
    }
}

/// A browser that carries this ticket, sealed under this key.
fn carrying(running: &Running, ticket: &Ticket, key: u8) -> Begun {
    let mut browser = running.browser();
    browser.keep(&ticket.seal(&keys(key)).unwrap());
    Begun {
        browser,
        state: "s".into(),
        challenge: String::new(),
        seen: super::browser::Seen {
            status: 0,
            headers: reqwest::header::HeaderMap::new(),
            body: String::new(),
        },
    }
}

/// What the browser's only cookie holds.
fn opened(begun: &Begun, key: u8) -> serde_json::Value {
    let (name, value) = begun.browser.cookie();
    let mut jar = cookie::CookieJar::new();
    jar.add_original(cookie::Cookie::new(name.clone(), value));
    let plain = jar.private(&Key::from(&[key; 64])).get(&name).unwrap();
    serde_json::from_str(plain.value()).unwrap()
}

#[tokio::test]
async fn it_is_bound_to_host_transaction_and_time_and_says_nothing() {
    let running = Fixture::new().start().await;
    let begun = running.begin(ADA).await;
    let header = begun.seen.header("set-cookie");
    let (name, value) = begun.browser.cookie();
    let transaction = Transaction::of(&begun.state);
    assert_eq!(name, format!("__Host-zoom-{}", &transaction.as_str()[..16]));
    let mut attributes: Vec<_> = header.split("; ").skip(1).collect();
    attributes.sort_unstable();
    assert_eq!(
        attributes,
        [
            "HttpOnly",
            "Max-Age=600",
            "Path=/",
            "SameSite=Lax",
            "Secure"
        ]
    );
    for hidden in [begun.state.as_str(), "clinics", "plain"] {
        assert!(!value.contains(hidden), "{hidden}");
    }
    assert_eq!(opened(&begun, 7)["state"], begun.state.as_str());
}

#[tokio::test]
async fn a_changed_byte_is_noticed_wherever_it_is() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let (name, value) = begun.browser.cookie();
    for at in [0, value.len() / 2, value.len() - 4] {
        let mut bytes = value.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        begun.browser.cookies.insert(name.clone(), changed);
        let seen = begun.returns(CALLBACK, "c").await;
        assert_eq!((seen.status, seen.title()), (400, AGAIN), "{at}");
    }
    assert_eq!(running.cluster.parcel_count(), 0);
    begun.browser.cookies.insert(name, value);
    begun.returns(CALLBACK, "c").await.location();
}

#[tokio::test]
async fn another_transactions_value_is_no_use() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let (name, _) = begun.browser.cookie();
    let (_, value) = running.begin(ADA).await.browser.cookie();
    begun.browser.cookies.insert(name, value);
    assert_eq!(begun.returns(CALLBACK, "c").await.title(), AGAIN);
}

#[tokio::test]
async fn a_ticket_counts_only_for_the_state_in_it() {
    let running = Fixture::new().start().await;
    let mut begun = carrying(&running, &ticket("s", 0), 7);
    let content = opened(&begun, 7).to_string();
    // As if the beginnings of two digests were the same.
    let mut jar = cookie::CookieJar::new();
    let name = ticket::name(&Transaction::of("t"));
    jar.private_mut(&Key::from(&KEY))
        .add((name.clone(), content));
    let value = jar.get(&name).unwrap().value().to_owned();
    begun.browser.cookies.insert(name, value);
    begun.state = "t".into();
    assert_eq!(begun.returns(CALLBACK, "c").await.title(), AGAIN);
    begun.state = "s".into();
    begun.returns(CALLBACK, "c").await.location();
}

#[tokio::test]
async fn a_key_that_was_replaced_reads_on_and_a_foreign_one_never() {
    let running = Fixture::new().start().await;
    let mut begun = running.begin(ADA).await;
    let mut late = running.begin(ADA).await;
    let write =
        |name, byte: u8| fs::write(running.directory.path().join(name), [byte; 64]).unwrap();
    write("previous", 7);
    write("current", 8);
    eventually("the new key", || async {
        let mut probe = carrying(&running, &ticket("s", 0), 8);
        probe.returns(CALLBACK, "c").await.status == 303
    })
    .await;
    running.cluster.parcels.lock().unwrap().clear();
    // Another replica may not have it yet.
    let state = &opened(&running.begin(ADA).await, 7)["state"];
    assert!(state.is_string(), "{state}");
    begun.returns(CALLBACK, "c").await.location();
    assert_eq!(running.cluster.parcel_count(), 1);

    write("previous", 9);
    eventually("the key is gone", || async {
        let mut probe = carrying(&running, &ticket("s", 0), 7);
        probe.returns(CALLBACK, "c").await.status == 400
    })
    .await;
    let seen = late.returns(CALLBACK, "c").await;
    assert_eq!((seen.status, seen.title()), (400, AGAIN));
}

#[tokio::test]
async fn a_foreign_key_makes_no_ticket() {
    let running = Fixture::new().start().await;
    let mut own = carrying(&running, &ticket("s", 0), 7);
    own.returns(CALLBACK, "c").await.location();
    running.cluster.parcels.lock().unwrap().clear();
    let mut foreign = carrying(&running, &ticket("s", 0), 6);
    assert_eq!(foreign.returns(CALLBACK, "c").await.title(), AGAIN);
    assert_eq!(running.cluster.parcel_count(), 0);
}

#[tokio::test]
async fn it_expires_by_our_clock() {
    let running = Fixture::new().start().await;
    let mut old = carrying(&running, &ticket("s", 601), 7);
    let seen = old.returns(CALLBACK, "c").await;
    assert_eq!((seen.status, seen.title()), (400, AGAIN));
    assert_eq!(running.cluster.parcel_count(), 0);
    let mut young = carrying(&running, &ticket("s", 570), 7);
    young.returns(CALLBACK, "c").await.location();
    // The result can be awaited beyond these ten minutes.
    let transaction = Transaction::of("s");
    let path = format!("/zoom/consents/{}", transaction.as_str());
    assert_eq!(young.browser.get(&path).await.title(), "Almost done");
    let awaiting = opened(&young, 7);
    let expires: Timestamp = awaiting["expires"].as_str().unwrap().parse().unwrap();
    assert!(expires > Timestamp::now() + SignedDuration::from_secs(500));
    assert_eq!(awaiting["verifier"], "");
}

/// Zoom may ask to wait until the next day.
#[tokio::test]
async fn whoever_waits_in_front_of_the_page_sees_the_result() {
    let running = Fixture::new().start().await;
    let mut handed = ticket("s", 900);
    handed.authorized = Some(Timestamp::now() - SignedDuration::from_secs(590));
    handed.expires = Timestamp::now() + SignedDuration::from_secs(5);
    let mut waits = carrying(&running, &handed, 7);
    let path = format!("/zoom/consents/{}", Transaction::of("s").as_str());
    waits.browser.get(&path).await;
    let expires = &opened(&waits, 7)["expires"];
    let expires: Timestamp = expires.as_str().unwrap().parse().unwrap();
    assert!(expires > Timestamp::now() + SignedDuration::from_secs(500));
    // Somebody who is still at Zoom has no more time than before.
    let mut begun = ticket("s", 500);
    begun.authorized = None;
    let mut at_zoom = carrying(&running, &begun, 7);
    let before = at_zoom.browser.cookie();
    at_zoom.browser.get(&path).await;
    assert_eq!(at_zoom.browser.cookie(), before);
}

#[tokio::test]
async fn waiting_for_long_is_said() {
    let running = Fixture::new().start().await;
    let path = format!("/zoom/consents/{}", Transaction::of("s").as_str());
    let mut ticket = ticket("s", 300);
    ticket.authorized = Some(Timestamp::now() - SignedDuration::from_secs(61));
    let seen = carrying(&running, &ticket, 7).browser.get(&path).await;
    assert_eq!(seen.title(), "This takes longer than usual");
    assert!(
        seen.body
            .contains("<meta http-equiv=\"refresh\" content=\"5\">")
    );
    assert!(!seen.body.contains("a limit or a rule"));
    ticket.connection_uid = None;
    ticket.connection = "not-made".into();
    let seen = carrying(&running, &ticket, 7).browser.get(&path).await;
    assert!(seen.body.contains("a limit or a rule"));
}

#[tokio::test]
async fn one_browser_carries_ten_at_most_the_newest() {
    let running = Fixture::new().start().await;
    let mut browser = running.browser();
    browser.keep("__Host-zoom-0123456789abcdef=rubbish; Secure; Path=/");
    browser.keep("__Host-other=kept; Secure; Path=/");
    let mut states = Vec::new();
    for _ in 0..14 {
        let begun = running.begin_in(browser, ADA).await;
        browser = begun.browser;
        states.push(begun.state);
        // What cannot be read goes at once, however few there are.
        assert!(!browser.cookies.contains_key("__Host-zoom-0123456789abcdef"));
        let bytes: usize = browser
            .cookies
            .iter()
            .map(|(n, v)| n.len() + v.len() + 3)
            .sum();
        assert!(bytes < 7 * 1024, "{bytes}");
    }
    assert!(browser.cookies.contains_key("__Host-other"));
    let kept = |state: &String| {
        browser
            .cookies
            .contains_key(&ticket::name(&Transaction::of(state)))
    };
    let count = states.iter().filter(|state| kept(state)).count();
    assert!((5..=10).contains(&count), "{count}");
    assert!(states[states.len() - count..].iter().all(kept));
}
