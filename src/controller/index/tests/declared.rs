//! Who is affected by a change of a declared resource.

use std::time::Duration;

use super::*;
use crate::controller::removals::Removals;

fn host(host: &str) -> Value {
    json!({"spec": {"webhook": {
        "sink": {"http": {"url": "https://s"}}, "endpoint": {"host": host},
    }}})
}

#[test]
fn a_version_that_is_known_leads_to_no_pass() {
    let index = Index::default();
    assert_eq!(index.apply(integration("app", 5, json!({}))), [app("app")]);
    // Our own write, and then the watch event for it.
    let status = json!({"status": {"phase": "Connected"}});
    assert_eq!(
        index.apply(integration("app", 6, status.clone())),
        [app("app")]
    );
    assert!(index.apply(integration("app", 6, status)).is_empty());
    // And a watch event that lags behind.
    assert!(index.apply(integration("app", 5, json!({}))).is_empty());
    let known = index.get::<Integrations>("clinics", "app").unwrap();
    assert!(known.0.as_ref().unwrap().status.is_some());
}

#[test]
fn a_changed_integration_concerns_its_connections_and_its_status_does_not() {
    let index = Index::default();
    index.apply(connection("ada", 1, json!({})));
    assert_eq!(
        sorted(index.apply(integration("app", 2, json!({})))),
        [app("app"), person("ada")]
    );
    let status = index.apply(integration(
        "app",
        3,
        json!({"status": {"phase": "Connected"}}),
    ));
    assert_eq!(status, [app("app")]);
    let changed = json!({"metadata": {"generation": 2}});
    assert_eq!(
        sorted(index.apply(integration("app", 4, changed.clone()))),
        [app("app"), person("ada")]
    );
    assert_eq!(
        index.delete(&integration("app", 5, changed)),
        [person("ada")]
    );
}

#[test]
fn the_integration_is_told_what_is_new_of_a_connection() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    assert_eq!(
        sorted(index.apply(connection("ada", 2, json!({})))),
        [app("app"), person("ada")]
    );
    let failed = json!({"status": {
        "phase": "Ready to install",
        "consent": {"transaction": "t", "outcome": "Failed", "reason": "RedirectMismatch", "message": "m"},
    }});
    assert_eq!(
        sorted(index.apply(connection("ada", 3, failed.clone()))),
        [app("app"), person("ada")]
    );
    // A routine refresh needs no pass.
    let refreshed = json!({"status": {"token": {"expiresAt": "2026-03-01T10:00:00Z"}}});
    let refreshed = connection("ada", 4, merged(failed, refreshed));
    assert_eq!(index.apply(refreshed.clone()), [person("ada")]);
    assert_eq!(index.connections_of("clinics", "app").len(), 1);
    assert_eq!(index.delete(&refreshed), [app("app")]);
    assert!(index.connections_of("clinics", "app").is_empty());
}

#[test]
fn who_claims_a_host_is_known_once_all_watches_have_begun() {
    let index = Index::default();
    let kind = Kind::Integration.as_str();
    index.set_watch(Some("clinics"), kind, Watch::Pending);
    index.set_watch(Some("gone"), kind, Watch::Pending);
    let mine = integration("a", 1, host("x.example"));
    for object in [
        mine.clone(),
        integration("b", 2, host("x.example")),
        integration("c", 3, host("y.example")),
    ] {
        index.apply(object);
    }
    let mine = mine.0.unwrap();
    let other_claimants = |index: &Index| {
        let other_claimants = index.other_claimants(&mine)?;
        Some(
            other_claimants
                .into_iter()
                .map(|rival| rival.name)
                .collect::<Vec<_>>(),
        )
    };
    index.set_watch(Some("clinics"), kind, Watch::Complete);
    assert_eq!(other_claimants(&index), None);
    // A namespace that does not exist must not delay the others.
    index.set_watch(Some("gone"), kind, Watch::Unavailable);
    assert_eq!(other_claimants(&index), Some(vec!["b".to_owned()]));
    // An integration that waits for the host is affected when the owner moves or is deleted.
    let moved = integration("b", 4, host("y.example"));
    assert_eq!(
        sorted(index.apply(moved.clone())),
        [app("a"), app("b"), app("c")]
    );
    assert_eq!(other_claimants(&index), Some(vec![]));
    assert_eq!(index.delete(&moved), [app("c")]);
}

#[test]
fn a_complete_list_ends_what_it_does_not_name() {
    let index = Index::default();
    index.apply(connection("ada", 1, json!({})));
    index.apply(connection("grace", 2, json!({})));
    let wait = Duration::from_mins(1);
    index.learn_removals(&app("app"), &Removals::default(), None);
    index.passed(person("ada"), None, wait, Timestamp::UNIX_EPOCH);
    let listed = [("clinics".to_owned(), "grace".to_owned())].into();
    let gone = index.retain::<Connections>(Some("clinics"), &listed);
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].1, [app("app")]);
    assert!(index.get::<Connections>("clinics", "ada").is_none());
    assert!(index.get::<Connections>("clinics", "grace").is_some());
    assert!(
        index
            .retain::<Connections>(Some("elsewhere"), &HashSet::new())
            .is_empty()
    );
}

#[test]
fn two_integrations_of_one_app_are_told_once_zoom_accepted_both() {
    let index = Index::default();
    let with = |name: &str, version, accepted: &str, namespace: &str| {
        let more = json!({
            "metadata": {"namespace": namespace},
            "status": {"clientId": "id", "conditions": [{
                "type": "CredentialsValid", "status": accepted, "reason": "Accepted", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        });
        integration(name, version, more)
    };
    let theirs = Key::integration("rival", "theirs");
    index.apply(with("ours", 1, "True", "clinics"));
    // Whoever only writes the id into a Secret learns nothing, and nobody learns of it.
    let guessed = index.apply(with("theirs", 1, "Unknown", "rival"));
    assert_eq!(guessed, std::slice::from_ref(&theirs));
    assert!(index.sharers(&theirs).is_empty());
    assert!(index.sharers(&app("ours")).is_empty());
    // Both are told once both are proven.
    let proven = with("theirs", 2, "True", "rival");
    assert_eq!(
        sorted(index.apply(proven)),
        sorted(vec![app("ours"), theirs.clone()])
    );
    assert_eq!(index.sharers(&theirs), [app("ours")]);
    assert_eq!(index.sharers(&app("ours")), std::slice::from_ref(&theirs));
    assert_eq!(index.sharers_of("id", &theirs), [app("ours")]);
    assert!(index.sharers_of("other", &theirs).is_empty());
    // And again when one goes, or is no longer accepted.
    let rejected = index.apply(with("theirs", 3, "False", "rival"));
    assert!(rejected.contains(&app("ours")));
    assert!(index.sharers(&app("ours")).is_empty());
    index.apply(with("theirs", 4, "True", "rival"));
    assert_eq!(
        index.delete(&with("theirs", 5, "True", "rival")),
        [app("ours")]
    );
    assert!(index.sharers(&app("ours")).is_empty());
}
