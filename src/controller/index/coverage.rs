//! Which watches have listed what there is.

use std::collections::HashMap;

/// Where a watch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// It has not listed everything yet.
    Pending,
    /// It knows all objects of its kind.
    Complete,
    /// It cannot list them: its namespace is gone, or the operator has no permission there.
    Unavailable,
}

/// The watches by their namespace (`None` for all of them) and kind.
#[derive(Debug, Default)]
pub struct Coverage(HashMap<(Option<String>, String), Watch>);

// === impl Coverage ===

impl Coverage {
    /// Takes note of where a watch stands; where it stood before.
    pub fn set(&mut self, scope: Option<&str>, kind: &str, watch: Watch) -> Option<Watch> {
        self.0.insert(key(scope, kind), watch)
    }

    /// Where the watch of a kind stands that covers a namespace. Without one, nothing is known.
    #[must_use]
    pub fn get(&self, namespace: &str, kind: &str) -> Watch {
        let own = self.0.get(&key(Some(namespace), kind));
        let watch = own.or_else(|| self.0.get(&key(None, kind)));
        watch.copied().unwrap_or(Watch::Unavailable)
    }

    /// Whether no watch of a kind is still listing. One that is unavailable is not waited for.
    #[must_use]
    pub fn is_settled(&self, kind: &str) -> bool {
        let mut watches = self.0.iter().filter(|((_, of), _)| of == kind);
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
