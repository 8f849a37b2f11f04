//! Which watches have completed their list.

use std::collections::HashMap;

use tokio::sync::watch;

/// The state of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// It has not listed all objects yet.
    Pending,
    /// It knows all objects of its kind.
    Complete,
    /// It cannot list them: its namespace does not exist, or the operator has no permissions there.
    Unavailable,
}

/// The watches.
#[derive(Debug, Default)]
pub struct Coverage {
    /// By their namespace (`None` for all of them) and kind.
    watches: HashMap<(Option<String>, String), Watch>,
    changed: watch::Sender<()>,
}

// === impl Coverage ===

impl Coverage {
    /// Records the state of a watch. Returns the previous one.
    pub fn set(&mut self, scope: Option<&str>, kind: &str, watch: Watch) -> Option<Watch> {
        let before = self.watches.insert(key(scope, kind), watch);
        self.changed.send_replace(());
        before
    }

    /// The state of the watch that covers a kind in a namespace. Without a watch, it is pending.
    #[must_use]
    pub fn get(&self, namespace: &str, kind: &str) -> Watch {
        let own = self.watches.get(&key(Some(namespace), kind));
        let watch = own.or_else(|| self.watches.get(&key(None, kind)));
        watch.copied().unwrap_or(Watch::Unavailable)
    }

    /// Whether the watch of exactly this scope is still listing.
    #[must_use]
    pub fn is_pending(&self, scope: Option<&str>, kind: &str) -> bool {
        self.watches.get(&key(scope, kind)) == Some(&Watch::Pending)
    }

    /// Tells of every later change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Whether there is a watch for a kind in a namespace.
    #[must_use]
    pub fn covers(&self, namespace: &str, kind: &str) -> bool {
        self.watches.contains_key(&key(Some(namespace), kind))
            || self.watches.contains_key(&key(None, kind))
    }

    /// The watches that cannot list their objects: namespace (`None`: all) and kind.
    pub fn unavailable(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let watches = self.watches.iter();
        let unavailable = watches.filter(|(_, watch)| **watch == Watch::Unavailable);
        unavailable.map(|((namespace, kind), _)| (namespace.as_deref(), kind.as_str()))
    }

    /// Whether no watch of a kind is still listing. An unavailable watch does not count.
    #[must_use]
    pub fn is_settled(&self, kind: &str) -> bool {
        let mut watches = self.watches.iter().filter(|((_, of), _)| of == kind);
        watches.all(|(_, watch)| *watch != Watch::Pending)
    }
}

fn key(scope: Option<&str>, kind: &str) -> (Option<String>, String) {
    (scope.map(ToOwned::to_owned), kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_cannot_be_listed_is_not_waited_for() {
        let mut coverage = Coverage::default();
        for (namespace, watch) in [("a", Watch::Complete), ("b", Watch::Pending)] {
            coverage.set(Some(namespace), "K", watch);
        }
        assert!(!coverage.is_settled("K"));
        coverage.set(Some("b"), "K", Watch::Unavailable);
        assert!(coverage.is_settled("K"));
        assert_eq!(coverage.get("a", "K"), Watch::Complete);
        assert_eq!(coverage.get("b", "K"), Watch::Unavailable);
        assert_eq!(coverage.get("c", "K"), Watch::Unavailable);
    }
}
