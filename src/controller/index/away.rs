//! What cannot be watched: namespaces that do not exist or where the operator has no permissions, and routes without the
//! Gateway API.

use std::collections::BTreeMap;

use kube::Resource as _;

use super::{
    coverage::Watch,
    state::{Index, KINDS, NAMESPACES},
};
use crate::controller::integration::resources::HTTPRoute;

impl Index {
    /// Whether a namespace is known to be out of reach, as opposed to not being listed yet.
    #[must_use]
    pub fn is_away(&self, namespace: &str) -> bool {
        let state = self.lock();
        let watches = KINDS.map(|kind| state.coverage.get(namespace, kind.as_str()));
        !watches.contains(&Watch::Pending) && watches.contains(&Watch::Unavailable)
    }

    /// How many kinds cannot be watched, by namespace; `None`: in all of them.
    #[must_use]
    pub fn away(&self) -> BTreeMap<Option<String>, i64> {
        // Not every cluster has the Gateway API, and no permission for labels is needed.
        let optional = [HTTPRoute::kind(&()), NAMESPACES.into()];
        let state = self.lock();
        let mut away = BTreeMap::new();
        for (namespace, kind) in state.coverage.unavailable() {
            if !optional.iter().any(|optional| *optional == kind) {
                *away.entry(namespace.map(ToOwned::to_owned)).or_default() += 1;
            }
        }
        away
    }

    /// Waits until no watch of a scope still lists declared resources for the first time.
    pub async fn declared_listed(&self, scope: Option<&str>) {
        let mut changes = self.lock().coverage.changes();
        while self.is_listing(scope) {
            // The index outlives every waiter.
            let _ = changes.changed().await;
        }
    }

    fn is_listing(&self, scope: Option<&str>) -> bool {
        let state = self.lock();
        let mut kinds = KINDS.iter();
        kinds.any(|kind| state.coverage.is_pending(scope, kind.as_str()))
    }

    /// Whether an integration of a namespace, or of any, declares a Gateway.
    #[must_use]
    pub fn wants_routes(&self, scope: Option<&str>) -> bool {
        self.lock().objects.gateways.are_in(scope)
    }

    /// Waits until an integration of a namespace, or of any, declares a Gateway.
    pub async fn routes_wanted(&self, scope: Option<&str>) {
        let declared = self.lock().objects.gateways.declared(scope);
        declared.await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::json;

    use super::*;
    use crate::{
        api::v1alpha1::ZoomIntegration,
        controller::{
            index::{Guarded, fixture::with_gateway},
            key::Kind,
        },
    };

    fn integration(name: &str, version: u32, is_exposed: bool) -> Guarded<ZoomIntegration> {
        let gateway = is_exposed.then(|| json!({"parentRefs": [{"name": "public"}]}));
        with_gateway(name, version, &json!(gateway))
    }

    #[test]
    fn a_namespace_without_a_role_is_away_until_it_is_listed_again() {
        let index = Index::default();
        let set = |kind: &str, watch| {
            index.set_watch(Some("a"), kind, watch);
        };
        for kind in KINDS {
            set(kind.as_str(), Watch::Pending);
        }
        set(&HTTPRoute::kind(&()), Watch::Unavailable);
        assert!(!index.is_away("a"), "nobody knows yet");
        assert!(index.away().is_empty());
        for kind in KINDS {
            set(kind.as_str(), Watch::Unavailable);
        }
        assert!(index.is_away("a") && !index.is_watched("a"));
        assert_eq!(index.away(), [(Some("a".to_owned()), 2)].into());
        for kind in KINDS {
            set(kind.as_str(), Watch::Complete);
        }
        assert!(!index.is_away("a") && index.is_watched("a"));
        assert!(index.away().is_empty());
    }

    #[tokio::test]
    async fn the_end_of_the_lists_of_a_scope_is_awaited() {
        let index = Index::default();
        let set = |scope, kind: Kind, watch| {
            index.set_watch(scope, kind.as_str(), watch);
        };
        for (scope, kind) in [
            (Some("a"), KINDS[0]),
            (Some("a"), KINDS[1]),
            (None, KINDS[0]),
        ] {
            set(scope, kind, Watch::Pending);
        }
        let mut waiter = Box::pin(index.declared_listed(Some("a")));
        assert!(waiter.as_mut().now_or_never().is_none());
        set(Some("a"), KINDS[0], Watch::Complete);
        assert!(waiter.as_mut().now_or_never().is_none(), "one of two");
        set(Some("a"), KINDS[1], Watch::Unavailable);
        waiter.await;
        assert!(index.declared_listed(None).now_or_never().is_none());
    }

    #[test]
    fn routes_are_wanted_from_the_first_integration_to_the_last() {
        let index = Index::default();
        let wanted = |scope| index.routes_wanted(scope).now_or_never().is_some();
        index.apply(integration("plain", 1, false));
        assert!(!index.wants_routes(None) && !wanted(None));
        for (name, version) in [("one", 2), ("two", 3), ("two", 4)] {
            index.apply(integration(name, version, true));
        }
        for scope in [None, Some("clinics")] {
            assert!(index.wants_routes(scope) && wanted(scope));
        }
        assert!(!index.wants_routes(Some("others")) && !wanted(Some("others")));
        index.apply(integration("one", 5, false));
        assert!(index.wants_routes(None), "the other one does");
        index.delete(&integration("two", 6, true));
        assert!(!index.wants_routes(None) && !wanted(None));
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_first() {
        let index = Index::default();
        let mut waiter = Box::pin(index.routes_wanted(Some("clinics")));
        assert!(waiter.as_mut().now_or_never().is_none());
        index.apply(integration("plain", 1, false));
        assert!(waiter.as_mut().now_or_never().is_none());
        index.apply(integration("one", 2, true));
        waiter.await;
    }
}
