//! What the watches know of all objects, without asking the API server: for counts and comparisons,
//! never for a decision that a stale answer could make wrong.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::FutureExt as _;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{ResourceExt, runtime::reflector::Store};

use super::{
    fleet::{Fleet, Key},
    integration::hosts::Claim,
    reconcile::Guarded,
};
use crate::{
    api::{
        condition::Type,
        label,
        v1alpha1::{ConnectionsStatus, Phase, ZoomConnection, ZoomIntegration},
    },
    setup::known::{self, Read},
};
use zoom::Fault;

/// The connections that there are.
#[derive(Default)]
pub struct Connections {
    stores: Mutex<Vec<Store<Guarded<ZoomConnection>>>>,
    /// The integration of each connection, by UID: once it is gone nobody else knows. And what of its
    /// status that integration's own is made from.
    integrations: Mutex<HashMap<String, (String, Read)>>,
    /// UIDs of connections that are gone, which the stores may not have heard of.
    gone: Mutex<HashSet<String>>,
}

// === impl Connections ===

impl Connections {
    /// Takes a watch's store in.
    pub fn know(&self, store: Store<Guarded<ZoomConnection>>) {
        lock(&self.stores).push(store);
    }

    /// Remembers whose connection it is, for when it is gone. Whether the watch gave it with something
    /// new that the integration's status is made from.
    pub fn remember(&self, connection: &ZoomConnection) -> bool {
        let integration = connection.spec.integration_ref.name.clone();
        let uid = connection.uid().unwrap_or_default();
        let now = (integration, known::read(connection));
        lock(&self.integrations).insert(uid, now.clone()) != Some(now)
    }

    /// A connection is gone: its integration, if that is known.
    pub fn forget(&self, connection: &ObjectMeta) -> Option<String> {
        let uid = connection.uid.clone()?;
        let integration = lock(&self.integrations).remove(&uid);
        let integration = integration.map(|(name, _)| name);
        lock(&self.gone).insert(uid);
        integration
    }

    /// The connections of an integration.
    #[must_use]
    pub fn of(&self, namespace: &str, integration: &str) -> Vec<Arc<Guarded<ZoomConnection>>> {
        let belongs = |cached: &Arc<Guarded<ZoomConnection>>| {
            cached.0.as_ref().is_ok_and(|connection| {
                connection.namespace().as_deref() == Some(namespace)
                    && connection.spec.integration_ref.name == integration
            })
        };
        let known: Vec<_> = lock(&self.stores).iter().flat_map(Store::state).collect();
        let mut gone = lock(&self.gone);
        // Forgotten once the stores have forgotten it.
        gone.retain(|uid| {
            known
                .iter()
                .any(|cached| cached.uid().as_ref() == Some(uid))
        });
        let lives = |cached: &Arc<Guarded<ZoomConnection>>| {
            cached.uid().is_none_or(|uid| !gone.contains(&uid))
        };
        known
            .into_iter()
            .filter(|cached| belongs(cached) && lives(cached))
            .collect()
    }

    /// How many of these there are, and how many are connected. The last pass knows the latter sooner than
    /// the watch.
    #[must_use]
    pub fn count(connections: &[Arc<Guarded<ZoomConnection>>], fleet: &Fleet) -> ConnectionsStatus {
        let phase = |cached: &Guarded<ZoomConnection>| {
            let key = Key::of(cached);
            let said = || cached.0.as_ref().ok()?.status.as_ref()?.phase;
            fleet.phase(&key).or_else(said)
        };
        let connected = connections
            .iter()
            .filter(|cached| phase(cached) == Some(Phase::Connected))
            .count();
        let self_made = connections
            .iter()
            .filter(|cached| cached.labels().contains_key(label::SELF_SERVICE))
            .count();
        let number = |count| i32::try_from(count).unwrap_or(i32::MAX);
        ConnectionsStatus {
            self_service: (self_made > 0).then(|| number(self_made)),
            total: number(connections.len()),
            connected: number(connected),
        }
    }

    /// When Zoom last refused the app's credentials to one of the integration's connections, of those that
    /// are not ready for that.
    #[must_use]
    pub fn rejected(&self, namespace: &str, integration: &str) -> Option<Timestamp> {
        let connections = self.of(namespace, integration);
        let readable = connections.iter().filter_map(|it| it.0.as_ref().ok());
        readable.filter_map(rejected_at).max()
    }

    /// Another connection of the same integration that was connected by this Zoom user before.
    #[must_use]
    pub fn of_user(&self, connection: &ZoomConnection, user_id: &str) -> Option<String> {
        let namespace = connection.namespace().unwrap_or_default();
        let others = self.of(&namespace, &connection.spec.integration_ref.name);
        let mine = held_by(connection, user_id);
        others
            .iter()
            .filter_map(|cached| cached.0.as_ref().ok())
            .filter(|other| other.uid() != connection.uid())
            .find(|other| {
                // Of two that hold a grant of the same user, the one that held it first stays.
                held_by(other, user_id)
                    .is_some_and(|theirs| mine.as_ref().is_none_or(|mine| theirs < *mine))
            })
            .map(ResourceExt::name_any)
    }
}

/// The public hosts that integrations claim.
#[derive(Default)]
pub struct Hosts {
    stores: Mutex<Vec<Store<Guarded<ZoomIntegration>>>>,
    /// Namespace and name of integrations whose host another one has.
    refused: Mutex<HashSet<(String, String)>>,
    /// UIDs of integrations that are gone, which the stores may not have heard of.
    gone: Mutex<HashSet<String>>,
}

// === impl Hosts ===

impl Hosts {
    /// Takes a watch's store in.
    pub fn know(&self, store: Store<Guarded<ZoomIntegration>>) {
        lock(&self.stores).push(store);
    }

    /// The other integrations that claim the same host; `None` as long as a watch has not begun.
    #[must_use]
    pub fn rivals(&self, integration: &ZoomIntegration) -> Option<Vec<Claim>> {
        let Some((host, _)) = Claim::of(integration) else {
            return Some(Vec::new());
        };
        let stores = lock(&self.stores);
        let begun = |store: &Store<Guarded<ZoomIntegration>>| {
            // Known at once or not: nothing is waited for.
            store.wait_until_ready().now_or_never().is_some()
        };
        stores.iter().all(begun).then(|| {
            let known: Vec<_> = stores.iter().flat_map(Store::state).collect();
            let mut gone = lock(&self.gone);
            // Forgotten once the stores have forgotten it.
            gone.retain(|uid| {
                known
                    .iter()
                    .any(|cached| cached.uid().as_ref() == Some(uid))
            });
            let lives = |cached: &Arc<Guarded<ZoomIntegration>>| {
                cached.uid().is_none_or(|uid| !gone.contains(&uid))
            };
            known
                .iter()
                .filter(|cached| cached.uid() != integration.uid() && lives(cached))
                .filter_map(|cached| {
                    let (claimed, claim) = Claim::of(cached.0.as_ref().ok()?)?;
                    (claimed == host).then_some(claim)
                })
                .collect()
        })
    }

    /// An integration is gone, and with it its claim.
    pub fn forget(&self, integration: &ObjectMeta) {
        lock(&self.gone).extend(integration.uid.clone());
        let namespace = integration.namespace.as_deref().unwrap_or_default();
        let name = integration.name.as_deref().unwrap_or_default();
        self.judged(namespace, name, false);
    }

    /// Remembers whether an integration waits for a host.
    pub fn judged(&self, namespace: &str, name: &str, is_refused: bool) {
        let key = (namespace.to_owned(), name.to_owned());
        let mut refused = lock(&self.refused);
        if is_refused {
            refused.insert(key);
        } else {
            refused.remove(&key);
        }
    }

    /// Who has to be judged anew when this integration changed or is gone.
    #[must_use]
    pub fn concerned(&self, namespace: &str, name: &str) -> Vec<(String, String)> {
        let refused = lock(&self.refused);
        let others = refused
            .iter()
            .filter(|(other, its_name)| other != namespace || its_name != name);
        others.cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rejected_at(connection: &ZoomConnection) -> Option<Timestamp> {
    let reason = Fault::CredentialsRejected.as_str();
    let status = connection.status.as_ref()?;
    let ready = Type::Ready.find(&status.conditions)?;
    if ready.status != "False" || ready.reason != reason {
        return None;
    }
    let failure = status.token.as_ref();
    let failure = failure.and_then(|token| token.failure.as_ref());
    let failure = failure.filter(|failure| failure.reason == reason);
    let last = failure.map(|failure| failure.time.0);
    last.max(Some(ready.last_transition_time.0))
}

/// Since when a connection holds a grant of this user, and its UID.
fn held_by(
    connection: &ZoomConnection,
    user_id: &str,
) -> Option<(Option<Timestamp>, Option<String>)> {
    let status = connection.status.as_ref()?;
    let subject = status.subject.as_ref()?;
    let since = status.grant.as_ref().and_then(|grant| grant.since.as_ref());
    (subject.user_id.as_deref() == Some(user_id))
        .then(|| (since.map(|since| since.0), connection.uid()))
}

#[cfg(test)]
mod tests {
    use kube::runtime::{reflector, watcher};
    use serde_json::json;

    use super::*;

    fn connection(name: &str, since: Option<&str>) -> ZoomConnection {
        let mut object = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": name, "namespace": "clinics", "uid": name},
            "spec": {"integrationRef": {"name": "app"}},
        });
        if let Some(since) = since {
            object["status"] = json!({"subject": {"userId": "ada"}, "grant": {"since": since}});
        }
        serde_json::from_value(object).unwrap()
    }

    fn claiming(name: &str, host: &str) -> ZoomIntegration {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": name, "namespace": "clinics", "uid": name},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
                "webhook": {"sink": {"http": {"url": "https://s"}}, "endpoint": {"host": host}},
            },
        }))
        .unwrap()
    }

    #[test]
    fn who_claims_a_host_is_known_once_all_watches_have_begun() {
        let (store, mut writer) = reflector::store();
        let hosts = Hosts::default();
        hosts.know(store);
        let mine = claiming("a", "x.example");
        assert_eq!(hosts.rivals(&mine), None);
        writer.apply_watcher_event(&watcher::Event::Init);
        for (name, host) in [("a", "x.example"), ("b", "x.example"), ("c", "y.example")] {
            let cached = kube::core::DeserializeGuard(Ok(claiming(name, host)));
            writer.apply_watcher_event(&watcher::Event::InitApply(cached));
        }
        writer.apply_watcher_event(&watcher::Event::InitDone);
        let rivals = hosts.rivals(&mine).unwrap();
        assert_eq!(rivals.len(), 1);
        assert_eq!(rivals[0].name, "b");
        // Before the store has heard of it.
        hosts.forget(&claiming("b", "x.example").metadata);
        assert_eq!(hosts.rivals(&mine), Some(vec![]));
    }

    #[test]
    fn who_was_refused_is_concerned_by_a_change_of_another() {
        let hosts = Hosts::default();
        hosts.judged("clinics", "a", true);
        assert_eq!(hosts.concerned("clinics", "a"), []);
        assert_eq!(hosts.concerned("clinics", "b").len(), 1);
        hosts.judged("clinics", "a", false);
        assert_eq!(hosts.concerned("clinics", "b"), []);
    }

    #[test]
    fn of_two_connections_of_one_user_the_first_stays() {
        let (first, second) = ("2026-03-01T10:00:00Z", "2026-03-01T10:00:01Z");
        let (store, mut writer) = reflector::store();
        for (name, since) in [("a", Some(second)), ("b", Some(first)), ("c", None)] {
            let event =
                watcher::Event::Apply(kube::core::DeserializeGuard(Ok(connection(name, since))));
            writer.apply_watcher_event(&event);
        }
        let connections = Connections::default();
        connections.know(store);
        let other = |name, since| connections.of_user(&connection(name, since), "ada");
        assert_eq!(other("b", Some(first)), None);
        assert_eq!(other("a", Some(second)).as_deref(), Some("b"));
        assert!(other("c", None).is_some());
        let cached = connections.of("clinics", "app");
        assert_eq!(cached.len(), 3);
        assert!(connections.of("elsewhere", "app").is_empty());
    }

    #[test]
    fn the_last_refusal_of_the_credentials_is_known() {
        let at = |minute: u32| format!("2026-03-01T10:{minute:02}:00Z");
        let rejected = |status: &str, reason: &str, since, failed: Option<u32>| {
            let mut found = connection("a", None);
            let failure = failed.map(|failed| {
                json!({
                    "reason": reason, "message": "m", "attempts": 2, "time": at(failed),
                    "retryAt": at(59), "credentialsVersion": "c/1",
                })
            });
            found.status = serde_json::from_value(json!({
                "conditions": [{
                    "type": "Ready", "status": status, "reason": reason, "message": "m",
                    "lastTransitionTime": at(since),
                }],
                "token": {"failure": failure},
            }))
            .unwrap();
            rejected_at(&found).map(|at| at.to_string())
        };
        let fault = "CredentialsRejected";
        assert_eq!(rejected("False", fault, 1, None), Some(at(1)));
        assert_eq!(rejected("False", fault, 1, Some(7)), Some(at(7)));
        assert_eq!(rejected("True", fault, 1, Some(7)), None);
        assert_eq!(rejected("False", "GrantRejected", 1, Some(7)), None);
    }

    #[test]
    fn the_integration_is_told_what_is_new_of_a_connection() {
        let connections = Connections::default();
        let mut ada = connection("a", None);
        assert!(connections.remember(&ada));
        assert!(!connections.remember(&ada));
        ada.status = serde_json::from_value(json!({
            "phase": "Ready to install",
            "consent": {"transaction": "t", "outcome": "Failed", "reason": "RedirectMismatch", "message": "m"},
        }))
        .unwrap();
        assert!(connections.remember(&ada));
        // A routine refresh is nothing new.
        let status = ada.status.as_mut().unwrap();
        let expires = json!({"expiresAt": "2026-03-01T10:00:00Z"});
        status.token = serde_json::from_value(expires).unwrap();
        assert!(!connections.remember(&ada));
    }

    #[test]
    fn a_connection_that_is_gone_is_not_counted_although_the_store_has_it_still() {
        let (store, mut writer) = reflector::store();
        let cached = |name| kube::core::DeserializeGuard(Ok(connection(name, None)));
        for name in ["a", "b"] {
            writer.apply_watcher_event(&watcher::Event::Apply(cached(name)));
        }
        let connections = Connections::default();
        connections.know(store);
        connections.remember(&connection("a", None));
        let gone = connection("a", None).metadata;
        assert_eq!(connections.forget(&gone).as_deref(), Some("app"));
        assert_eq!(connections.of("clinics", "app").len(), 1);
        assert_eq!(connections.forget(&gone), None);
        writer.apply_watcher_event(&watcher::Event::Delete(cached("a")));
        assert_eq!(connections.of("clinics", "app").len(), 1);
        assert!(lock(&connections.gone).is_empty());
    }
}
