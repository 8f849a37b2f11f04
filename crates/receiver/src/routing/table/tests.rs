#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::time::{Duration, Instant};

use contract::receiver::routes::{Destination, Private, RouteCredentials, RouteSink};
use secrecy::SecretSlice;

use super::*;
use crate::{routing::sinks::Sinks, sink::SinkConfig};

fn sinks() -> Sinks {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = SinkConfig {
        timeout: Duration::from_secs(2),
        ..SinkConfig::default()
    };
    Sinks::new(config, "ns/app".parse().unwrap(), Vec::new())
}

fn connection(name: &str) -> Connection {
    Connection::new("tenants", name).unwrap()
}

fn route(name: &str, accounts: &[&str], url: &str) -> Route {
    Route {
        connection: connection(name),
        accounts: accounts.iter().map(|id| (*id).to_owned()).collect(),
        sink: Some(RouteSink {
            destination: Destination::Internet {
                url: contract::receiver::SinkUrl(url.into()),
            },
            format: contract::receiver::SinkFormat::CloudEvents,
            timeout_seconds: None,
            message_id: contract::receiver::NatsMessageId::Body,
            credentials: RouteCredentials {
                authorization: Some(Private::new("Bearer s3cret")),
                ..RouteCredentials::default()
            },
        }),
        external_refs: BTreeMap::new(),
    }
}

fn file(name: &str, text: &str) -> File {
    File {
        connection: connection(name),
        text: Ok(SecretSlice::from(text.as_bytes().to_vec())),
    }
}

fn good(name: &str, accounts: &[&str], url: &str) -> File {
    file(name, &route(name, accounts, url).to_json().unwrap())
}

fn next(previous: &Table, files: &[File]) -> Table {
    Table::next(previous, files, make)
}

fn make(route: Route) -> Result<Tenant, String> {
    Tenant::new(route, Duration::from_secs(2))
}

fn owner(table: &Table, account: &str) -> Option<String> {
    table
        .tenant(account)
        .map(|tenant| tenant.connection.name.clone())
}

#[test]
fn a_wrong_file_harms_only_its_own_route_which_stays_as_it_was() {
    let first = next(
        &Table::default(),
        &[
            good("a", &["1"], "https://a"),
            good("b", &["2"], "https://b"),
        ],
    );
    assert_eq!(first.len(), 2);
    for (text, problem) in [
        ("{", "the route is malformed"),
        (
            &*route("a", &["1"], "ftp://a?key=s3cret").to_json().unwrap(),
            "url: expected an http or https URL without user name, password and fragment",
        ),
        (
            &*route("b", &["1"], "https://a").to_json().unwrap(),
            "the route is another connection's",
        ),
    ] {
        let files = [file("a", text), good("b", &["2"], "https://b")];
        let second = next(&first, &files);
        assert_eq!(second.problem(&connection("a")), Some(problem));
        assert!(Arc::ptr_eq(
            second.tenant("1").unwrap(),
            first.tenant("1").unwrap()
        ));
        assert!(Arc::ptr_eq(
            second.tenant("2").unwrap(),
            first.tenant("2").unwrap()
        ));
        // The same file again has the same problem; a right one has none.
        let third = next(&second, &files);
        assert_eq!(third, second);
        let fourth = next(&third, &[good("a", &["1", "3"], "https://a")]);
        assert_eq!(fourth.problems().count(), 0);
        assert_eq!(owner(&fourth, "3"), Some("a".into()));
        assert_eq!(owner(&fourth, "2"), None, "its file has gone");
        let mut facts = RoutingFacts::default();
        second.tell(&mut facts);
        assert_eq!(facts.routes, 2);
        assert_eq!(facts.connections.len(), 1);
        assert!(!format!("{second:?}{facts:?}").contains("s3cret"));
    }
}

#[test]
fn an_account_that_two_claim_stays_with_the_first() {
    let b = || good("b", &["1", "2"], "https://b");
    let first = next(&Table::default(), &[b()]);
    let second = next(&first, &[good("a", &["1"], "https://a"), b()]);
    assert_eq!(owner(&second, "1"), Some("b".into()));
    let problems: Vec<_> = second.problems().collect();
    assert_eq!(problems, [(&connection("a"), CONTESTED)]);
    // Nobody had it: the first by name has.
    let fresh = next(&Table::default(), &[good("a", &["1"], "https://a"), b()]);
    assert_eq!(owner(&fresh, "1"), Some("a".into()));
    assert_eq!(owner(&fresh, "2"), Some("b".into()));
    // The other one leaves.
    let third = next(&second, &[good("a", &["1"], "https://a")]);
    assert_eq!(owner(&third, "1"), Some("a".into()));
    assert_eq!(third.problems().count(), 0);
}

#[test]
fn the_sink_that_was_not_used_for_the_longest_time_goes_first() {
    let files: Vec<File> = (0..258)
        .map(|n| {
            good(
                &format!("c{n}"),
                &[&format!("account-{n}")],
                "https://sink.example/in",
            )
        })
        .collect();
    let table = next(&Table::default(), &files);
    let tenant = |n: usize| table.tenant(&format!("account-{n}")).unwrap();
    let is_built = |n: usize| tenant(n).live.lock().unwrap().is_some();
    let sinks = sinks();
    for n in 0..256 {
        sinks.get(tenant(n)).unwrap();
    }
    sinks.get(tenant(0)).unwrap();
    for n in 256..258 {
        sinks.get(tenant(n)).unwrap();
    }
    let gone: Vec<usize> = (0..258).filter(|n| !is_built(*n)).collect();
    assert_eq!((gone, sinks.live()), (vec![1, 2], 256));
    // Those of routes that have gone are forgotten.
    let before = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
    drop(table);
    sinks.drop_idle(before);
    assert_eq!(sinks.live(), 0);
}

/// Not an assertion on time: it prints what many routes cost.
#[test]
fn thousands_of_routes_are_read_once() {
    const ROUTES: usize = 2000;
    let files: Vec<File> = (0..ROUTES)
        .map(|n| {
            let account = format!("account-{n}");
            good(&format!("c{n}"), &[&account], "https://sink.example/in")
        })
        .collect();
    let sinks = sinks();
    let before = resident();
    let started = Instant::now();
    let table = Table::next(&Table::default(), &files, make);
    let first = started.elapsed();
    let read = resident().saturating_sub(before);
    let started = Instant::now();
    let again = Table::next(&table, &files, make);
    let second = started.elapsed();
    assert_eq!(again, table);
    assert_eq!(again.len(), ROUTES);
    let started = Instant::now();
    let built: Vec<_> = again
        .tenants()
        .map(|tenant| sinks.get(tenant).unwrap())
        .collect();
    let sink = started.elapsed();
    assert!(sinks.live() <= 256, "{}", sinks.live());
    println!(
        "{ROUTES} routes: read in {first:?}, unchanged in {second:?}, {read} KiB; {} sinks built in {sink:?}, all: {} KiB",
        built.len(),
        resident().saturating_sub(before),
    );
    sinks.drop_idle(Instant::now());
    assert_eq!(sinks.live(), 0);
}

/// Resident memory of the process, KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    number.unwrap_or(0)
}
