//! Connections of the same person, or of the same account.

use contract::facts::Removal;

use super::*;
use crate::{api::v1alpha1::Management, controller::removals::Removals};

#[test]
fn another_connection_of_the_same_person_takes_over_at_once() {
    let index = Index::default();
    let of = |user: &str| json!({"status": {"subject": {"userId": user}}});
    let first = connection("first", 1, of("ada"));
    index.apply(first.clone());
    index.apply(connection("second", 2, of("ada")));
    index.apply(connection("other", 3, of("grace")));
    assert_eq!(sorted(index.delete(&first)), [app("app"), person("second")]);
}

#[test]
fn new_removals_concern_the_connections_of_these_people_once() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    let subject = |user: &str, account: &str| json!({"status": {"subject": {"userId": user, "accountId": account}}});
    index.apply(connection("ada", 2, subject("ada", "a")));
    index.apply(connection("grace", 3, subject("grace", "a")));
    index.apply(connection("bob", 4, subject("bob", "b")));
    // What a consent proved of another one is no grant of this user.
    let proved = json!({"status": {"account": {"id": "a", "userId": "ada", "since": "2026-03-01T10:00:00Z"}}});
    index.apply(connection("other", 5, proved));
    let removal = |second, user: &str| Removal {
        at: Timestamp::from_second(second).unwrap(),
        user_id: user.into(),
        account_id: "a".into(),
    };
    let told = |verified: &[Removal], unverified: &[Removal], management| {
        let removals = Removals {
            verified: verified.to_vec(),
            unverified: unverified.to_vec(),
        };
        let concerned = index.learn_removals(&app("app"), &removals, management);
        concerned.into_iter().collect::<Vec<_>>()
    };
    let claimed = [removal(1, "ada")];
    assert_eq!(told(&[], &claimed, None), [person("ada")]);
    assert_eq!(told(&[], &claimed, None), []);
    // The same, and now it is Zoom who says so.
    let signed = [removal(1, "ada"), removal(2, "grace")];
    let both = [person("ada"), person("grace")];
    assert_eq!(told(&signed, &claimed, Some(Management::User)), both);
    let known = index.removals(&app("app"));
    assert_eq!(
        (&*known.verified, &*known.unverified),
        (&signed[..], &claimed[..])
    );
    // Any administrator can remove an account's app.
    let by_another = [removal(3, "barbara")];
    assert_eq!(told(&by_another, &[], Some(Management::User)), []);
    let again = [removal(4, "barbara")];
    assert_eq!(told(&again, &[], Some(Management::Admin)), both);
}

#[test]
fn who_has_to_do_with_a_subject_is_found_where_the_app_allows_it() {
    let index = Index::default();
    let of = |user: &str| {
        json!({"status": {
            "subject": {"userId": user}, "account": {"id": "a", "since": "2026-03-01T10:00:00Z"},
        }})
    };
    let there = json!({
        "metadata": {"namespace": "acme", "uid": "acme"},
        "spec": {"integrationRef": {"namespace": "clinics"}, "sink": {"http": {"url": "https://s"}}},
    });
    index.apply(allowing(1, &json!({"from": "All"})));
    index.apply(connection("ada", 2, merged(of("u"), there)));
    index.apply(connection("bob", 3, of("v")));
    let key = app("app");
    let found = |index: &Index| {
        [
            index.connections_of_user(&key, "u").len(),
            index.connections_of_user(&key, "v").len(),
            index.connections_of_account(&key, "a").len(),
        ]
    };
    assert_eq!(found(&index), [1, 1, 2]);
    assert!(index.connections_of_user(&app("other"), "u").is_empty());
    // The sinks of other namespaces do not count.
    assert!(!index.have_sinks(&key));
    let sink = json!({"spec": {"sink": {"http": {"url": "https://s"}}}});
    index.apply(connection("bob", 4, merged(of("w"), sink)));
    assert!(index.have_sinks(&key));
    assert_eq!(found(&index), [1, 0, 2]);
    index.apply(allowing(5, &json!({"from": "Same"})));
    assert_eq!(found(&index), [0, 0, 1]);
    index.apply(connection("bob", 6, json!({})));
    assert!(!index.have_sinks(&key));
    assert_eq!(found(&index), [0, 0, 0]);
}
