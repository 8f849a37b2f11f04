//! Whose events are a connection's. It is proved, never claimed: by a consent to an admin-managed app that the
//! operator's own pages handed over, or by the platform's statement in `accounts`. Pure.

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::{
    condition::{Status, Type},
    v1alpha1::{AccountClaim, Management, NamespacesFrom, ZoomConnection, ZoomIntegration},
};

/// The accounts of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Those whose events are its own.
    pub own: Vec<String>,
    /// Those that another connection has, although this one claims them too.
    pub lost: Vec<String>,
    /// Those that another connection claims in vain.
    pub contested: Vec<String>,
}

/// What tells which account a connection has: in its status, or in the pass that writes it next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence<'a> {
    /// The account that allowed the app on the operator's own pages.
    pub consented: Option<&'a str>,
    /// The account of a grant that may be used: it is not lost, and its subject is the right one.
    pub granted: Option<&'a str>,
    /// Whether it is in the integration's own namespace.
    pub is_home: bool,
}

/// Whether the integration's receiver tells accounts apart. `has_sinks`: whether a connection of its own
/// namespace has a sink. Of other namespaces this does not matter: another tenant must restart nothing.
#[must_use]
pub fn is_on(integration: &ZoomIntegration, has_sinks: bool) -> bool {
    let spec = &integration.spec;
    let is_shared = spec
        .allowed_namespaces
        .as_ref()
        .is_some_and(|allowed| allowed.from != NamespacesFrom::Same);
    let has_policy = spec
        .webhook
        .as_ref()
        .is_some_and(|webhook| webhook.unclaimed_accounts.is_some());
    spec.is_general() && (is_shared || has_policy || !spec.accounts.is_empty() || has_sinks)
}

/// Whether the connection's status says that its events go to its sink.
#[must_use]
pub fn is_routed(connection: &ZoomConnection) -> bool {
    let status = connection.status.as_ref();
    let stated = status.and_then(|status| Type::EventsRouted.find(&status.conditions));
    // Unknown: the receivers have more to tell than they can.
    stated.is_some_and(|stated| stated.status != Status::False.as_str())
}

/// The accounts that a connection may have: the `proved` one, and those that the integration states.
pub fn claimed<'a>(
    integration: &'a ZoomIntegration,
    connection: &'a ZoomConnection,
    proved: Option<&'a str>,
) -> impl Iterator<Item = &'a str> {
    let claims = integration.spec.accounts.iter();
    let stated = claims.filter(|claim| is_for(claim, connection));
    proved
        .into_iter()
        .chain(stated.map(|claim| claim.account_id.as_str()))
}

/// The accounts of `connection`, to which a consent `proved` one. `all`: the connections of the integration, or
/// of them those that have to do with an account that this one may have.
#[must_use]
pub fn accounts<'a>(
    integration: &ZoomIntegration,
    connection: &ZoomConnection,
    proved: Option<&str>,
    all: impl IntoIterator<Item = &'a ZoomConnection>,
) -> Accounts {
    let others: Vec<&ZoomConnection> = all
        .into_iter()
        .filter(|other| other.uid() != connection.uid())
        .collect();
    let mine = held(integration, connection);
    let is_mine = |claim: &&AccountClaim| is_for(claim, connection);
    let mut found = Accounts::default();
    if let Some(account) = proved {
        let first = others.iter().any(|other| {
            held(integration, other).is_some_and(|theirs| {
                theirs.account == account && mine.as_ref().is_none_or(|mine| theirs < *mine)
            })
        });
        if first {
            found.lost.push(account.to_owned());
        } else {
            found.own.push(account.to_owned());
        }
    }
    for claim in integration.spec.accounts.iter().filter(is_mine) {
        let account = &claim.account_id;
        if proved == Some(account) {
            continue;
        }
        let is_proved_elsewhere = others
            .iter()
            .any(|other| held(integration, other).is_some_and(|held| held.account == account));
        if is_proved_elsewhere {
            found.lost.push(account.clone());
        } else {
            found.own.push(account.clone());
        }
    }
    let is_claimed = |account: &String| {
        let claims = integration.spec.accounts.iter();
        let stated = claims.filter(|claim| claim.account_id == *account);
        stated.clone().any(|claim| !is_for(claim, connection))
            || others
                .iter()
                .any(|other| held(integration, other).is_some_and(|held| held.account == account))
    };
    found.contested = found
        .own
        .iter()
        .filter(|own| is_claimed(own))
        .cloned()
        .collect();
    found
}

/// An account that a consent proved, in the order of who comes first.
#[derive(PartialEq, PartialOrd)]
struct Held<'a> {
    since: Option<Timestamp>,
    uid: Option<String>,
    account: &'a str,
}

/// The account that a connection's status proves.
fn held<'a>(integration: &ZoomIntegration, connection: &'a ZoomConnection) -> Option<Held<'a>> {
    let status = connection.status.as_ref()?;
    let account = Evidence::of(connection).proves(integration)?;
    let proved = status.account.as_ref();
    let of_grant = status.grant.as_ref().and_then(|grant| grant.since.as_ref());
    let since = proved.map(|proved| &proved.since).or(of_grant);
    Some(Held {
        since: since.map(|since| since.0),
        uid: connection.uid(),
        account,
    })
}

// === impl Evidence ===

impl<'a> Evidence<'a> {
    /// What a connection's status says. Only the controller writes a status.
    #[must_use]
    pub fn of(connection: &'a ZoomConnection) -> Self {
        let Some(status) = &connection.status else {
            return Self::default();
        };
        let consented = status.account.as_ref().map(|proved| proved.id.as_str());
        let grant = status.grant.as_ref();
        let verified = Type::SubjectVerified.find(&status.conditions);
        let is_sound = grant.is_some_and(|grant| grant.lost.is_none())
            && verified.is_some_and(|verified| verified.status == Status::True.as_str());
        let subject = status.subject.as_ref().filter(|_| is_sound);
        let (home, _) = connection.integration();
        Self {
            consented,
            granted: subject.and_then(|subject| subject.account_id.as_deref()),
            is_home: connection.metadata.namespace.as_deref() == Some(home),
        }
    }

    /// The account that is proved. A consent proves it until the account removes the app: the grant may be lost
    /// for other reasons. In the app's own namespace, where its credentials lie, a usable grant is as good.
    #[must_use]
    pub fn proves(&self, integration: &ZoomIntegration) -> Option<&'a str> {
        let is_admin = integration.spec.app.management == Some(Management::Admin);
        let of_grant = self.granted.filter(|_| self.is_home);
        let found = self.consented.or(of_grant).filter(|_| is_admin)?;
        (!found.is_empty()).then_some(found)
    }

    /// The accounts that it names.
    pub fn accounts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let [consented, granted] = [self.consented, self.granted.filter(|_| self.is_home)];
        consented.into_iter().chain(granted)
    }
}

fn is_for(claim: &AccountClaim, connection: &ZoomConnection) -> bool {
    Some(&claim.namespace) == connection.metadata.namespace.as_ref()
        && Some(&claim.connection) == connection.metadata.name.as_ref()
}

#[cfg(test)]
mod tests {
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
            json!({"account": {"id": account, "since": since}, "grant": {"since": since}})
        });
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "zoom", "namespace": namespace, "uid": namespace},
            "spec": {"integrationRef": {"name": "app", "namespace": "platform"}},
            "status": status,
        }))
        .unwrap()
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
        let found = accounts(&app, &clinic, Some("a"), &all);
        assert_eq!(of(&found), (vec!["a", "b"], vec![], vec![]));
        let found = accounts(&app, &all[1], None, &all);
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
        let found = accounts(&app, &clinic, Some("a"), &all);
        assert_eq!(of(&found), (vec!["a"], vec![], vec!["a"]));
        let found = accounts(&app, &school, None, &all);
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
        let found = accounts(&app, &first, Some("a"), &all);
        assert_eq!(of(&found), (vec!["a"], vec![], vec!["a"]));
        let found = accounts(&app, &second, Some("a"), &all);
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
            of(&accounts(&app, &clinic, None, &all)),
            (vec!["a"], vec![], vec![])
        );
        assert_eq!(
            of(&accounts(&app, &forger, None, &all)),
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
            let proved = Evidence::of(of_whom).proves(&app);
            assert_eq!(proved, None);
            let found = accounts(&app, of_whom, proved, &all);
            assert_eq!(of(&found), (wanted, vec![], vec![]));
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
        let account = json!({"id": "a", "since": EARLY});
        let usable = json!({"since": EARLY});
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
            (json!({"subject": subject}), false),
            (
                json!({"account": account, "subject": subject, "grant": lost}),
                true,
            ),
        ] {
            let home = with(status.clone());
            // What keeps another from the account is what its own pass routes by.
            let proved = Evidence::of(&home).proves(&app);
            assert_eq!(proved, is_held.then_some("a"), "{status}");
            let all = [home, clinic.clone()];
            let found = accounts(&app, &clinic, None, &all);
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
}
