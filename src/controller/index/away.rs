//! Namespaces that cannot be watched: they do not exist, or the operator has no permissions there.

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
