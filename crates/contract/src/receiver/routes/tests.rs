#![allow(clippy::unwrap_used, reason = "a test may stop")]

use super::*;

fn route() -> Route {
    Route {
        connection: "clinic-a/zoom".parse().unwrap(),
        accounts: vec!["AbC_1-2".into()],
        sink: None,
        external_refs: BTreeMap::new(),
    }
}

fn sink(destination: Destination) -> RouteSink {
    RouteSink {
        destination,
        format: SinkFormat::default(),
        timeout_seconds: None,
        message_id: NatsMessageId::default(),
        credentials: RouteCredentials::default(),
    }
}

#[test]
fn the_text_is_the_agreed_one() {
    let mut route = route();
    let text = r#"{"connection":"clinic-a/zoom","accounts":["AbC_1-2"]}"#;
    assert_eq!(route.to_json().unwrap(), text);
    route.external_refs = [("clinic".into(), "7".into())].into();
    route.sink = Some(RouteSink {
        format: SinkFormat::Zoom,
        timeout_seconds: Some(2.5),
        credentials: RouteCredentials {
            secret_token: Some(Private::new("s3cret")),
            ..RouteCredentials::default()
        },
        ..sink(Destination::Service {
            url: SinkUrl("http://back.clinic-a.svc/in?key=s3cret".into()),
            addresses: Some(vec!["10.0.0.7".parse().unwrap()]),
        })
    });
    let text = concat!(
        r#"{"connection":"clinic-a/zoom","accounts":["AbC_1-2"],"sink":{"destination":{"service":"#,
        r#"{"url":"http://back.clinic-a.svc/in?key=s3cret","addresses":["10.0.0.7"]}},"format":"Zoom","#,
        r#""timeoutSeconds":2.5,"messageId":"Body","credentials":{"secretToken":"s3cret"}},"#,
        r#""externalRefs":{"clinic":"7"}}"#
    );
    assert_eq!(route.to_json().unwrap(), text);
    assert_eq!(Route::from_json(text.as_bytes()), Ok(route.clone()));
    assert!(!format!("{route:?}").contains("s3cret"));
}

#[test]
fn fields_of_a_later_controller_are_ignored_and_those_of_an_earlier_absent() {
    let nats = sink(Destination::Nats {
        url: SinkUrl("tls://nats".into()),
        subject: "zoom.a".into(),
    });
    let text = concat!(
        r#"{"connection":"clinic-a/zoom","accounts":["AbC_1-2"],"later":{},"#,
        r#""sink":{"later":1,"destination":{"nats":{"url":"tls://nats","subject":"zoom.a"}}}}"#
    );
    let read = Route::from_json(text.as_bytes()).unwrap();
    assert_eq!(read.sink, Some(nats));
}

#[test]
fn a_wrong_route_is_refused_when_written_and_when_read() {
    let many = (0..=MAX_ACCOUNTS).map(|n| n.to_string()).collect();
    for accounts in [vec![], vec!["a b".into()], vec![String::new()], many] {
        let route = Route {
            accounts,
            ..route()
        };
        assert_eq!(route.to_json(), Err(RouteError::Accounts));
    }
    let unsigned = Route {
        sink: Some(RouteSink {
            format: SinkFormat::Zoom,
            ..sink(Destination::Internet {
                url: SinkUrl("https://a".into()),
            })
        }),
        ..route()
    };
    assert_eq!(unsigned.to_json(), Err(RouteError::Unsigned));
    for text in ["", "[]", "{}", r#"{"connection":"a","accounts":["a"]}"#] {
        let read = Route::from_json(text.as_bytes());
        assert_eq!(read, Err(RouteError::Malformed), "{text}");
    }
    let large = " ".repeat(MAX_BYTES + 1);
    assert_eq!(
        Route::from_json(large.as_bytes()),
        Err(RouteError::TooLarge)
    );
}

#[test]
fn a_key_is_of_one_connection() {
    let connection: Connection = "clinic-a/zoom-7".parse().unwrap();
    assert_eq!(connection.route_key(), "clinic-a.zoom-7.json");
    let read = Connection::of_route_key(&connection.route_key());
    assert_eq!(read, Some(connection));
    for key in [
        "..data",
        "a.json",
        "a.b",
        "a.b.c.json",
        "A.b.json",
        ".a.json",
    ] {
        assert_eq!(Connection::of_route_key(key), None, "{key}");
    }
    assert_eq!(secret_name("app", 7), "app-receiver-routes-7");
}

#[test]
fn the_shard_of_a_connection_never_changes() {
    let shard = |n| Connection::new("ns", &format!("c{n}")).unwrap().shard();
    assert_eq!([0, 1, 2, 3].map(shard), [5, 3, 7, 7]);
    let used: std::collections::BTreeSet<_> = (0..200).map(shard).collect();
    assert_eq!(used.len(), SHARDS);
}
