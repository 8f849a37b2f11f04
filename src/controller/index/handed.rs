//! The consents that the pages handed over and that are not over, as the watch says, by the objects that they
//! concern. Most objects have none, and need not ask for any.

use std::collections::{BTreeSet, HashMap};

use crate::controller::key::Key;

/// The consents of each object.
#[derive(Debug, Default)]
pub struct Handed {
    is_complete: bool,
    known: Consents,
    /// Those that a list has named so far, while it is read.
    listing: Option<Consents>,
}

/// Names of Secrets.
type Consents = HashMap<Key, BTreeSet<String>>;

// === impl Handed ===

impl Handed {
    /// The watch starts to list.
    pub fn list(&mut self) {
        self.listing = Some(Consents::new());
    }

    /// The watch has listed all.
    pub fn complete(&mut self) {
        self.known = self.listing.take().unwrap_or_default();
        self.is_complete = true;
    }

    /// A list names this one, or it is new, or changed. What it is about gets a pass, perhaps before the list has
    /// ended.
    pub fn insert(&mut self, consent: &str, subjects: &[Key]) {
        let listing = self.listing.as_mut();
        for consents in [Some(&mut self.known), listing].into_iter().flatten() {
            for key in subjects {
                let of = consents.entry(key.clone()).or_default();
                of.insert(consent.to_owned());
            }
        }
    }

    /// This one is gone.
    pub fn remove(&mut self, consent: &str, subjects: &[Key]) {
        for key in subjects {
            if let Some(consents) = self.known.get_mut(key) {
                consents.remove(consent);
                if consents.is_empty() {
                    self.known.remove(key);
                }
            }
        }
    }

    /// Whether there is none for this object. A watch that does not know all never says so. It may lag behind: a
    /// consent that it reports later leads to a pass.
    #[must_use]
    pub fn lacks(&self, key: &Key) -> bool {
        self.is_complete && !self.known.contains_key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_list_says_that_there_is_none() {
        let (ada, app) = (Key::connection("n", "ada"), Key::integration("n", "app"));
        let both = [app.clone(), ada.clone()];
        let mut handed = Handed::default();
        assert!(!handed.lacks(&ada), "nobody watches");
        handed.list();
        handed.insert("c1", &both);
        assert!(!handed.lacks(&Key::connection("n", "grace")), "it goes on");
        handed.complete();
        assert!(handed.lacks(&Key::connection("n", "grace")));
        assert!(!handed.lacks(&ada) && !handed.lacks(&app));
        handed.insert("c2", &both);
        handed.remove("c1", &both);
        assert!(!handed.lacks(&ada), "another one");
        handed.remove("c2", &both);
        assert!(handed.lacks(&ada) && handed.lacks(&app));
        assert!(handed.known.is_empty(), "nothing stays");
    }

    #[test]
    fn a_new_list_forgets_what_is_gone_and_nothing_that_is_there() {
        let ada = Key::connection("n", "ada");
        let mut handed = Handed::default();
        handed.list();
        handed.insert("gone", std::slice::from_ref(&ada));
        handed.complete();
        handed.list();
        assert!(!handed.lacks(&ada), "not before it has ended");
        handed.complete();
        assert!(handed.lacks(&ada));
        handed.list();
        handed.insert("new", std::slice::from_ref(&ada));
        assert!(!handed.lacks(&ada), "a pass may come before the end");
        handed.complete();
        assert!(!handed.lacks(&ada));
    }
}
