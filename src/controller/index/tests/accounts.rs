//! Accounts that several claim.

use super::*;

/// A connection of a tenant that a consent proved this account.
fn proves(namespace: &str, version: u32, account: &Value) -> Connections {
    let status = json!({"status": {"account": account}});
    let mut found = tenant(namespace, version);
    if let Ok(connection) = &mut found.0 {
        connection.status = serde_json::from_value(status["status"].clone()).unwrap();
    }
    found
}

#[test]
fn who_claims_an_account_gets_a_pass_when_its_holder_changes() {
    let account = json!({"id": "x", "since": "2026-03-01T10:00:00Z"});
    let index = Index::default();
    let mut app_of_both = allowing(
        1,
        &json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}}),
    );
    if let Ok(app) = &mut app_of_both.0 {
        let stated = json!([{"accountId": "x", "namespace": "bond", "connection": "ada"}]);
        app.spec.accounts = serde_json::from_value(stated).unwrap();
    }
    index.apply(app_of_both);
    let yes = || Some([("tenant".to_owned(), "yes".to_owned())].into());
    for namespace in ["acme", "bond", "cats"] {
        index.relabel(namespace, yes());
        index.apply(tenant(namespace, 2));
    }
    let claimant = Key::connection("bond", "ada");
    let other = Key::connection("cats", "ada");
    // It proves the account, loses the proof, has it again, and its namespace is no longer allowed.
    assert!(index.apply(proves("acme", 3, &account)).contains(&claimant));
    assert!(
        !index.apply(proves("acme", 4, &account)).contains(&claimant),
        "nothing new"
    );
    assert!(index.apply(tenant("acme", 5)).contains(&claimant));
    index.apply(proves("acme", 6, &account));
    let affected = index.relabel("acme", None);
    assert!(affected.contains(&claimant) && !affected.contains(&other));
    index.relabel("acme", yes());
    // A second proof, and the end of the first.
    assert!(
        index
            .apply(proves("cats", 7, &account))
            .contains(&Key::connection("acme", "ada"))
    );
    let affected = index.delete(&proves("acme", 8, &account));
    assert!(affected.contains(&claimant) && affected.contains(&other));
    // The claimant itself: the holder says that somebody else claims its account.
    index.set_watch(None, NAMESPACES, Watch::Complete);
    index.relabel("cats", None);
    let of = Connection::new("cats", "ada").unwrap();
    let wanted = Presence::Barred {
        since: None,
        is_claimed: true,
    };
    assert_eq!(index.presence(&app("app"), &of, &[]), wanted);
    assert!(index.delete(&tenant("bond", 9)).contains(&other));
}
