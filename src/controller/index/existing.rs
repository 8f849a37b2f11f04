//! Which Secrets exist, as the watches say: a Secret that does not exist need not be asked for. Only a hash of each
//! name is kept. Two names with the same hash cost one more request, or a write that is refused.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
};

/// The Secrets of each watch: that of a namespace, or of all with `None`.
#[derive(Debug, Default)]
pub struct Existing {
    watches: HashMap<Option<String>, Listed>,
    hasher: RandomState,
}

/// The Secrets of one watch.
#[derive(Debug, Default)]
struct Listed {
    is_complete: bool,
    known: HashSet<u64>,
    /// Those that a list has named so far, while it is read.
    listing: Option<HashSet<u64>>,
}

// === impl Existing ===

impl Existing {
    /// A watch starts to list.
    pub fn list(&mut self, scope: Option<&str>) {
        let watch = self.watches.entry(scope.map(ToOwned::to_owned));
        watch.or_default().listing = Some(HashSet::new());
    }

    /// A list names this one.
    pub fn listed(&mut self, namespace: &str, name: &str) {
        let hash = self.hash(namespace, name);
        if let Some(listing) = self.watch_of(namespace).and_then(|it| it.listing.as_mut()) {
            listing.insert(hash);
        }
    }

    /// A watch has listed all.
    pub fn complete(&mut self, scope: Option<&str>) {
        if let Some(watch) = self.watches.get_mut(&scope.map(ToOwned::to_owned)) {
            watch.known = watch.listing.take().unwrap_or_default();
            watch.is_complete = true;
        }
    }

    /// This one exists, or may exist.
    pub fn insert(&mut self, namespace: &str, name: &str) {
        let hash = self.hash(namespace, name);
        if let Some(watch) = self.watch_of(namespace) {
            watch.known.insert(hash);
            // What is written while a list is read may be missing in it.
            if let Some(listing) = &mut watch.listing {
                listing.insert(hash);
            }
        }
    }

    /// This one is gone.
    pub fn remove(&mut self, namespace: &str, name: &str) {
        let hash = self.hash(namespace, name);
        if let Some(watch) = self.watch_of(namespace) {
            watch.known.remove(&hash);
        }
    }

    /// Whether there is none of this name. A watch that does not know all never says so.
    #[must_use]
    pub fn lacks(&mut self, namespace: &str, name: &str) -> bool {
        let hash = self.hash(namespace, name);
        self.watch_of(namespace)
            .is_some_and(|watch| watch.is_complete && !watch.known.contains(&hash))
    }

    fn hash(&self, namespace: &str, name: &str) -> u64 {
        self.hasher.hash_one((namespace, name))
    }

    fn watch_of(&mut self, namespace: &str) -> Option<&mut Listed> {
        let own = Some(namespace.to_owned());
        let scope = if self.watches.contains_key(&own) {
            own
        } else {
            None
        };
        self.watches.get_mut(&scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_complete_list_names_does_not_exist() {
        let mut existing = Existing::default();
        assert!(!existing.lacks("n", "a"), "nobody watches");
        existing.list(None);
        existing.listed("n", "a");
        assert!(!existing.lacks("n", "b"), "the list may go on");
        existing.complete(None);
        assert!(!existing.lacks("n", "a"));
        assert!(existing.lacks("n", "b"));
        assert!(existing.lacks("m", "a"), "of another namespace");
        existing.insert("n", "b");
        existing.remove("n", "a");
        assert!(existing.lacks("n", "a") && !existing.lacks("n", "b"));
    }

    #[test]
    fn what_a_new_list_does_not_name_is_gone() {
        let mut existing = Existing::default();
        existing.list(Some("n"));
        existing.listed("n", "a");
        existing.complete(Some("n"));
        assert!(!existing.lacks("m", "a"), "that namespace is not watched");
        existing.list(Some("n"));
        assert!(!existing.lacks("n", "a"), "until the list is read");
        existing.insert("n", "written");
        existing.complete(Some("n"));
        assert!(existing.lacks("n", "a"));
        assert!(!existing.lacks("n", "written"), "while the list was read");
    }
}
