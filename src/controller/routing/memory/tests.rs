use super::*;

#[test]
fn what_is_missing_for_long_is_looked_for_less_often() {
    let routes = Routes::default();
    let connection = Connection::new("clinic", "a").unwrap();
    let pause = |second| {
        let now = Timestamp::from_second(second).unwrap();
        routes.pause(&connection, now).as_secs()
    };
    assert_eq!([0, 30, 60, 600, 90_000].map(pause), [30, 30, 30, 300, 600]);
    routes.settled(&connection);
    assert_eq!(pause(90_000), 30);
}

#[test]
fn a_namespace_counts_by_secret() {
    let routes = Routes::default();
    let app = Key::integration("platform", "app");
    let of = |namespace: &str, n: usize| Connection::new(namespace, &format!("c{n}")).unwrap();
    for n in 0..64 {
        routes.wrote(&app, of("clinic", n), "0123456789");
        routes.wrote(&app, of("clinics", n), "0123456789");
    }
    let beside = |n: usize| routes.bytes_beside(&app, &of("clinic", n));
    let all: usize = (0..64)
        .filter(|n| of("clinic", *n).shard() == of("clinic", 0).shard())
        .count();
    assert_eq!(beside(0), 10 * (all - 1));
    let own = of("clinic", 64);
    let same = (0..64)
        .filter(|n| of("clinic", *n).shard() == own.shard())
        .count();
    assert_eq!(beside(64), 10 * same);
    assert_eq!(
        routes.bytes_beside(&Key::integration("platform", "b"), &own),
        0
    );
}

#[test]
fn what_is_written_is_known_and_what_is_absent_only_after_a_look() {
    let routes = Routes::default();
    let app = Key::integration("platform", "app");
    let connection = |name: &str| Connection::new("clinic", name).unwrap();
    assert!(!routes.is_absent(&app, &connection("a")));
    assert_eq!(routes.all(&app), None);
    routes.wrote(&app, connection("a"), "{}");
    assert!(routes.is_written(&app, &connection("a"), "{}"));
    assert!(!routes.is_written(&app, &connection("a"), "[]"));
    routes.found(&app, &[(connection("a"), b"old"), (connection("b"), b"[]")]);
    assert!(routes.is_written(&app, &connection("a"), "{}"));
    assert!(routes.is_written(&app, &connection("b"), "[]"));
    assert!(routes.is_known(&app, &connection("b")) && !routes.is_known(&app, &connection("c")));
    assert!(routes.is_absent(&app, &connection("c")));
    routes.erased(&app, &connection("b"));
    assert_eq!(routes.all(&app), Some(vec![connection("a")]));
    routes.held(&app, connection("a"), "held");
    assert!(
        routes.is_held(&app, &connection("a")) && !routes.is_written(&app, &connection("a"), "{}")
    );
    routes.wrote(&app, connection("a"), "{}");
    assert!(!routes.is_held(&app, &connection("a")));
    routes.forget(&app);
    assert!(!routes.is_written(&app, &connection("a"), "{}"));
}
