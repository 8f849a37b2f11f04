//! Whose events are a connection's.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ampersands"
)]

use serde_json::{Value, json};

use super::*;

fn integration(change: Value) -> ZoomIntegration {
    let mut spec = json!({
        "app": {"kind": "General", "management": "Admin"},
        "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": ["user:read:user:admin"]},
    });
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "app", "namespace": "platform"}, "spec": spec,
    }))
    .unwrap()
}

fn connection(namespace: &str, proved: Option<(&str, &str)>) -> ZoomConnection {
    let status = proved.map_or(json!({}), |(account, since)| {
        let of = json!({"id": account, "since": since, "clientId": "id", "management": "Admin"});
        json!({"account": of, "grant": {"since": since}})
    });
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "zoom", "namespace": namespace, "uid": namespace},
        "spec": {"integrationRef": {"name": "app", "namespace": "platform"}},
        "status": status,
    }))
    .unwrap()
}

fn id_of(app: &ZoomIntegration) -> AppId<'_> {
    AppId {
        client_id: Some("id"),
        management: app.spec.app.management,
    }
}

fn claim(account: &str, namespace: &str) -> Value {
    json!({"accountId": account, "namespace": namespace, "connection": "zoom"})
}

const EARLY: &str = "2026-03-01T10:00:00Z";
const LATE: &str = "2026-03-02T10:00:00Z";

fn of(found: &Accounts) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
    fn texts(list: &[String]) -> Vec<&str> {
        list.iter().map(String::as_str).collect()
    }
    (
        texts(&found.own),
        texts(&found.lost),
        texts(&found.contested),
    )
}

#[test]
fn an_account_is_whose_consent_or_whose_statement_says_so() {
    let app = integration(json!({"accounts": [claim("b", "clinic"), claim("c", "school")]}));
    let clinic = connection("clinic", Some(("a", EARLY)));
    let all = [clinic.clone(), connection("school", None)];
    let found = accounts(&app, id_of(&app), &clinic, Some("a"), &all);
    assert_eq!(of(&found), (vec!["a", "b"], vec![], vec![]));
    let found = accounts(&app, id_of(&app), &all[1], None, &all);
    assert_eq!(of(&found), (vec!["c"], vec![], vec![]));
}

#[test]
fn a_proof_goes_before_a_statement_and_both_are_told() {
    let app = integration(json!({"accounts": [claim("a", "school")]}));
    let (clinic, school) = (
        connection("clinic", Some(("a", LATE))),
        connection("school", None),
    );
    let all = [clinic.clone(), school.clone()];
    let found = accounts(&app, id_of(&app), &clinic, Some("a"), &all);
    assert_eq!(of(&found), (vec!["a"], vec![], vec!["a"]));
    let found = accounts(&app, id_of(&app), &school, None, &all);
    assert_eq!(of(&found), (vec![], vec!["a"], vec![]));
}

#[test]
fn of_two_proofs_the_first_counts_and_both_are_told() {
    let app = integration(json!({}));
    let (first, second) = (
        connection("clinic", Some(("a", EARLY))),
        connection("school", Some(("a", LATE))),
    );
    let all = [second.clone(), first.clone()];
    let found = accounts(&app, id_of(&app), &first, Some("a"), &all);
    assert_eq!(of(&found), (vec!["a"], vec![], vec!["a"]));
    let found = accounts(&app, id_of(&app), &second, Some("a"), &all);
    assert_eq!(of(&found), (vec![], vec!["a"], vec![]));
}

#[test]
fn a_tenants_own_word_about_its_account_counts_for_nothing() {
    // What the grant's Secret says lies in the tenant's namespace, and so does what follows from it.
    let app = integration(json!({"accounts": [claim("a", "clinic")]}));
    let mut forger = connection("school", None);
    forger.status = serde_json::from_value(json!({
        "subject": {"userId": "u", "accountId": "a"}, "grant": {"since": EARLY},
    }))
    .unwrap();
    let clinic = connection("clinic", None);
    let all = [forger.clone(), clinic.clone()];
    assert_eq!(
        of(&accounts(&app, id_of(&app), &clinic, None, &all)),
        (vec!["a"], vec![], vec![])
    );
    assert_eq!(
        of(&accounts(&app, id_of(&app), &forger, None, &all)),
        (vec![], vec![], vec![])
    );
}

#[test]
fn a_plain_users_consent_by_another_tenants_link_takes_no_account() {
    let user_managed = json!({
        "app": {"kind": "General", "management": "User"},
        "accounts": [claim("a", "clinic")],
    });
    let app = integration(user_managed);
    // A user of the clinic's account allowed the app by the school's link, before the clinic did.
    let (clinic, school) = (
        connection("clinic", Some(("a", LATE))),
        connection("school", Some(("a", EARLY))),
    );
    let all = [clinic.clone(), school.clone()];
    for (of_whom, wanted) in [(&clinic, vec!["a"]), (&school, vec![])] {
        let proved = Evidence::of(of_whom).proves(id_of(&app));
        assert_eq!(proved, None);
        let found = accounts(&app, id_of(&app), of_whom, proved, &all);
        assert_eq!(of(&found), (wanted, vec![], vec![]));
    }
    // Nor does it once an admin-managed app has taken the place of that one, whose consent of the clinic counts.
    let app = integration(json!({}));
    let mut school = school;
    let account = school.status.as_mut().unwrap().account.as_mut().unwrap();
    account.client_id = Some("of-the-users".into());
    account.management = Some(Management::User);
    let mut earlier = school.clone();
    let account = earlier.status.as_mut().unwrap().account.as_mut().unwrap();
    (account.client_id, account.management) = (None, None);
    for school in [school, earlier] {
        let all = [clinic.clone(), school.clone()];
        for (of_whom, wanted) in [(&clinic, Some("a")), (&school, None)] {
            let proved = Evidence::of(of_whom).proves(id_of(&app));
            assert_eq!(proved, wanted);
            let found = accounts(&app, id_of(&app), of_whom, proved, &all);
            assert_eq!(of(&found), (wanted.into_iter().collect(), vec![], vec![]));
        }
    }
}

#[test]
fn a_lost_grant_keeps_nobody_from_the_account_unless_a_consent_proved_it() {
    let app = integration(json!({"accounts": [claim("a", "clinic")]}));
    let clinic = connection("clinic", None);
    let with = |status: Value| {
        let mut home = connection("platform", None);
        home.status = serde_json::from_value(status).unwrap();
        home
    };
    let verified = |status: &str| {
        json!([{
            "type": "SubjectVerified", "status": status, "reason": "Verified", "message": "m",
            "lastTransitionTime": EARLY,
        }])
    };
    let subject = json!({"userId": "u", "accountId": "a"});
    let account = json!({"id": "a", "since": EARLY, "clientId": "id", "management": "Admin"});
    let usable = json!({"since": EARLY});
    let mut of_other_client = verified("True");
    of_other_client.as_array_mut().unwrap().push(json!({
        "type": "TokenFresh", "status": "False", "reason": "ClientIdChanged", "message": "m",
        "lastTransitionTime": EARLY,
    }));
    let lost = json!({"since": EARLY, "lost": "GrantLost"});
    for (status, is_held) in [
        (
            json!({"subject": subject, "grant": usable, "conditions": verified("True")}),
            true,
        ),
        (
            json!({"subject": subject, "grant": lost, "conditions": verified("True")}),
            false,
        ),
        (
            json!({"subject": subject, "grant": usable, "conditions": verified("False")}),
            false,
        ),
        (
            json!({"subject": subject, "grant": usable, "conditions": of_other_client}),
            false,
        ),
        (json!({"subject": subject}), false),
        (
            json!({"account": account, "subject": subject, "grant": lost}),
            true,
        ),
    ] {
        let home = with(status.clone());
        // What keeps another from the account is what its own pass routes by.
        let proved = Evidence::of(&home).proves(id_of(&app));
        assert_eq!(proved, is_held.then_some("a"), "{status}");
        let all = [home, clinic.clone()];
        let found = accounts(&app, id_of(&app), &clinic, None, &all);
        let wanted = if is_held {
            (vec![], vec!["a"], vec![])
        } else {
            (vec!["a"], vec![], vec![])
        };
        assert_eq!(of(&found), wanted, "{status}");
    }
}

#[test]
fn accounts_are_told_apart_only_where_somebody_asks_for_it() {
    assert!(!is_on(&integration(json!({})), false));
    assert!(is_on(&integration(json!({})), true));
    for change in [
        json!({"allowedNamespaces": {"from": "All"}}),
        json!({"accounts": [claim("a", "clinic")]}),
        json!({"webhook": {"sink": {}, "unclaimedAccounts": "Sink"}}),
    ] {
        assert!(is_on(&integration(change.clone()), false), "{change}");
    }
    assert!(!is_on(
        &integration(json!({"allowedNamespaces": {"from": "Same"}})),
        false
    ));
}
