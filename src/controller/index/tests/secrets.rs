//! Who is affected by a change of a Secret.

use super::*;

#[test]
fn a_secret_concerns_those_who_read_it_or_write_it() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    index.apply(connection(
        "ada",
        2,
        json!({"spec": {"importSecretRef": {"name": "old"}}}),
    ));
    let readers = |secret| sorted(index.readers("clinics", secret));
    assert_eq!(readers("zoom"), [app("app"), person("ada")]);
    assert_eq!(readers("old"), [person("ada")]);
    assert!(readers("other").is_empty());
    assert!(index.readers("elsewhere", "zoom").is_empty());
    index.apply(integration(
        "app",
        3,
        json!({"spec": {"credentials": {"secretRef": {"name": "new"}}}}),
    ));
    assert!(readers("zoom").is_empty());
    assert_eq!(readers("new"), [app("app"), person("ada")]);
}

#[test]
fn the_event_of_an_own_write_is_no_news_even_before_its_answer() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    let secret = |version: &str| {
        let meta =
            json!({"name": "app-zoom-token", "namespace": "clinics", "resourceVersion": version});
        serde_json::from_value(json!({"metadata": meta})).unwrap()
    };
    index.list_secrets(None);
    index.secrets_listed(None);
    let lacks = || index.lacks_secret("clinics", "app-zoom-token");
    assert!(lacks());
    index.begin_write(&app("app"), "app-zoom-token");
    assert!(index.secret_written(&secret("5")).is_empty());
    assert!(!index.end_write(&app("app"), "app-zoom-token", vec!["5".into()]));
    assert!(!lacks());
    assert_eq!(index.secret_written(&secret("6")), [app("app")]);
    assert_eq!(index.secret_deleted(&secret("7")), [app("app")]);
    assert!(lacks());
    // The API server said that it exists, although the watch does not report it.
    index.begin_write(&app("app"), "app-zoom-token");
    assert!(!index.end_write(&app("app"), "app-zoom-token", vec![]));
    assert!(!lacks());
}

#[test]
fn the_credentials_of_an_app_concern_its_connections_everywhere() {
    let index = Index::default();
    index.apply(allowing(1, &json!({"from": "All"})));
    index.apply(tenant("acme", 2));
    let readers = sorted(index.readers("clinics", "zoom"));
    assert_eq!(readers, [app("app"), Key::connection("acme", "ada")]);
    assert!(index.readers("acme", "zoom").is_empty());
    let deleted = index.delete(&allowing(1, &json!({"from": "All"})));
    assert_eq!(deleted, [Key::connection("acme", "ada")]);
}
