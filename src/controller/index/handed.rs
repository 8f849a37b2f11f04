//! The consents that the pages handed over and that are not over, as the watch says, by the objects that they
//! concern. Most objects have none, and need not ask for any; the others read what they have by name.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::controller::key::Key;

/// The consents of each object.
#[derive(Debug, Default)]
pub struct Handed {
    is_complete: bool,
    known: Consents,
    /// Those that a list has named so far, while it is read.
    listing: Option<Consents>,
}

/// Names of Secrets by connection and by integration; by `None` those that name neither.
type Consents = HashMap<Option<Key>, BTreeMap<String, Consent>>;

/// What is known of a consent.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// When its Secret was created.
    pub created: Option<Timestamp>,
    /// Whether its code was redeemed.
    pub is_redeemed: bool,
    /// Until when it waits, if it does.
    pub rests_until: Option<Timestamp>,
    /// The connection that it is about.
    pub connection: Option<Key>,
}

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
    pub fn insert(&mut self, name: &str, consent: &Consent, integration: Option<&Key>) {
        let listing = self.listing.as_mut();
        for consents in [Some(&mut self.known), listing].into_iter().flatten() {
            for key in concerned(consent.connection.as_ref(), integration) {
                let of = consents.entry(key).or_default();
                of.insert(name.to_owned(), consent.clone());
            }
        }
    }

    /// This one is gone.
    pub fn remove(&mut self, consent: &str, connection: Option<&Key>, integration: Option<&Key>) {
        for key in concerned(connection, integration) {
            if let Some(consents) = self.known.get_mut(&key) {
                consents.remove(consent);
                if consents.is_empty() {
                    self.known.remove(&key);
                }
            }
        }
    }

    /// The consents of this object, the oldest first; `None` while the watch does not know all. Those of an integration whose
    /// connection is there already are the connection's. The watch may lag behind: a consent that it reports later
    /// leads to a pass.
    #[must_use]
    pub fn of(&self, key: &Key, is_there: impl Fn(&Key) -> bool) -> Option<Vec<String>> {
        if !self.is_complete {
            return None;
        }
        let own = self.own(key, is_there);
        let mut own: Vec<_> = own.map(|(name, known)| (known.created, name)).collect();
        own.sort_unstable();
        Some(own.into_iter().map(|(_, name)| name.clone()).collect())
    }

    /// Those of them whose grant waits at `now`, and until when. No pass can do anything with these before.
    #[must_use]
    pub fn resting(
        &self,
        key: &Key,
        is_there: impl Fn(&Key) -> bool,
        now: Timestamp,
    ) -> BTreeMap<String, Timestamp> {
        let own = self
            .own(key, is_there)
            .filter(|(_, known)| known.is_redeemed);
        own.filter_map(|(name, known)| {
            let until = known.rests_until.filter(|until| *until > now)?;
            Some((name.clone(), until))
        })
        .collect()
    }

    fn own(
        &self,
        key: &Key,
        is_there: impl Fn(&Key) -> bool,
    ) -> impl Iterator<Item = (&String, &Consent)> {
        let consents = self.known.get(&Some(key.clone())).into_iter().flatten();
        let is_others = move |connection: Option<&Key>| {
            connection.is_some_and(|connection| connection != key && is_there(connection))
        };
        consents.filter(move |(_, known)| !is_others(known.connection.as_ref()))
    }

    /// Whether there may be a consent like this: one is known, or the watch does not know all.
    #[must_use]
    pub fn may_have(&self, like: impl Fn(&Consent) -> bool) -> bool {
        !self.is_complete || self.known.values().flat_map(BTreeMap::values).any(like)
    }
}

/// What a consent is filed under.
fn concerned(connection: Option<&Key>, integration: Option<&Key>) -> Vec<Option<Key>> {
    let keys = [connection, integration].into_iter().flatten();
    let keys: Vec<_> = keys.cloned().map(Some).collect();
    if keys.is_empty() { vec![None] } else { keys }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(connection: Option<&Key>) -> Consent {
        Consent {
            connection: connection.cloned(),
            ..Consent::default()
        }
    }

    fn of(handed: &Handed, key: &Key) -> Option<Vec<String>> {
        handed.of(key, |_| false)
    }

    const NONE: Option<Vec<String>> = Some(Vec::new());

    #[test]
    fn only_a_complete_list_says_which_there_are() {
        let (ada, app) = (Key::connection("n", "ada"), Key::integration("n", "app"));
        let grace = Key::connection("n", "grace");
        let mut handed = Handed::default();
        assert_eq!(of(&handed, &ada), None, "nobody watches");
        handed.list();
        handed.insert("c1", &about(Some(&ada)), Some(&app));
        assert_eq!(of(&handed, &grace), None, "it goes on");
        handed.complete();
        assert_eq!(of(&handed, &grace), NONE);
        assert_eq!(of(&handed, &ada), Some(vec!["c1".into()]));
        assert_eq!(of(&handed, &app), Some(vec!["c1".into()]));
        handed.insert("c2", &about(Some(&ada)), Some(&app));
        handed.remove("c1", Some(&ada), Some(&app));
        assert_eq!(of(&handed, &ada), Some(vec!["c2".into()]), "another one");
        handed.remove("c2", Some(&ada), Some(&app));
        assert_eq!((of(&handed, &ada), of(&handed, &app)), (NONE, NONE));
        assert!(!handed.may_have(|_| true), "nothing stays");
    }

    #[test]
    fn a_consent_that_may_exist_is_not_overlooked() {
        let (ada, app) = (Key::connection("n", "ada"), Key::integration("n", "app"));
        let redeemed = |handed: &Handed| handed.may_have(|consent| consent.is_redeemed);
        let mut handed = Handed::default();
        handed.list();
        assert!(redeemed(&handed), "the list may name one");
        handed.insert("c1", &about(Some(&ada)), Some(&app));
        handed.complete();
        assert!(!redeemed(&handed) && handed.may_have(|_| true));
        let consent = Consent {
            is_redeemed: true,
            ..about(None)
        };
        handed.insert("c2", &consent, None);
        assert!(redeemed(&handed), "its labels name nobody");
        assert_eq!(of(&handed, &app), Some(vec!["c1".into()]));
        handed.remove("c2", None, None);
        assert!(!redeemed(&handed));
    }

    #[test]
    fn the_oldest_comes_first_whatever_its_name() {
        let ada = Key::connection("n", "ada");
        let mut handed = Handed::default();
        handed.list();
        handed.complete();
        for (name, created) in [("a", 30), ("b", 10), ("c", 20)] {
            let consent = Consent {
                created: Timestamp::from_second(created).ok(),
                ..about(Some(&ada))
            };
            handed.insert(name, &consent, None);
        }
        let names = of(&handed, &ada).unwrap();
        assert_eq!(names, ["b", "c", "a"]);
    }

    #[test]
    fn a_consent_is_its_connections_once_that_exists() {
        let (ada, app) = (Key::connection("n", "ada"), Key::integration("n", "app"));
        let mut handed = Handed::default();
        handed.list();
        handed.complete();
        handed.insert("c1", &about(Some(&ada)), Some(&app));
        assert_eq!(handed.of(&app, |key| *key == ada), NONE);
        assert_eq!(handed.of(&ada, |_| true), Some(vec!["c1".into()]));
        // Without a connection in its labels, it is the integration's.
        handed.insert("c2", &about(None), Some(&app));
        assert_eq!(handed.of(&app, |_| true), Some(vec!["c2".into()]));
    }

    #[test]
    fn only_a_grant_rests() {
        let (ada, app) = (Key::connection("n", "ada"), Key::integration("n", "app"));
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut handed = Handed::default();
        handed.list();
        handed.complete();
        for (name, is_redeemed, until) in [
            ("held", true, Some(20)),
            ("due", true, Some(10)),
            ("new", true, None),
            ("code", false, Some(20)),
        ] {
            let consent = Consent {
                is_redeemed,
                rests_until: until.map(at),
                ..about(Some(&ada))
            };
            handed.insert(name, &consent, Some(&app));
        }
        let resting = handed.resting(&app, |_| false, at(10));
        assert_eq!(resting, [("held".to_owned(), at(20))].into());
        assert!(handed.resting(&app, |_| true, at(10)).is_empty());
    }

    #[test]
    fn a_new_list_forgets_what_is_gone_and_nothing_that_is_there() {
        let ada = Key::connection("n", "ada");
        let mut handed = Handed::default();
        handed.list();
        handed.insert("gone", &about(Some(&ada)), None);
        handed.complete();
        handed.list();
        assert_eq!(of(&handed, &ada), Some(vec!["gone".into()]), "not yet");
        handed.complete();
        assert_eq!(of(&handed, &ada), NONE);
        handed.list();
        handed.insert("new", &about(Some(&ada)), None);
        assert_eq!(
            of(&handed, &ada),
            Some(vec!["new".into()]),
            "before the end"
        );
        handed.complete();
        assert_eq!(of(&handed, &ada), Some(vec!["new".into()]));
    }
}
