//! Our own writes of Secrets, which the watch reports again: they need no further pass.

use std::collections::HashMap;

use crate::controller::key::Key;

/// The Secrets that we write, or wrote and whose watch events have not all come.
#[derive(Debug, Default)]
pub struct Echoes(HashMap<(String, String), Write>);

#[derive(Debug)]
struct Write {
    by: Key,
    /// Whether the answer has not come. The watch may be faster.
    is_pending: bool,
    /// The versions that answers named and that were not heard of, the oldest first.
    own: Vec<String>,
    /// What was heard of while the answer had not come, and was not known to be our own.
    heard: Vec<Option<String>>,
}

// === impl Echoes ===

impl Echoes {
    /// A pass over `by` is about to write.
    pub fn begin(&mut self, namespace: &str, name: &str, by: Key) {
        let before = self.0.remove(&named(namespace, name));
        let write = Write {
            is_pending: true,
            own: before
                .filter(|before| before.by == by)
                .map(|before| before.own)
                .unwrap_or_default(),
            heard: Vec::new(),
            by,
        };
        self.0.insert(named(namespace, name), write);
    }

    /// The writes of a pass over `by` led to these versions; none if they failed. Returns whether anything else was
    /// heard of meanwhile.
    pub fn end(&mut self, namespace: &str, name: &str, by: &Key, versions: Vec<String>) -> bool {
        let secret = named(namespace, name);
        let Some(write) = self.0.get_mut(&secret) else {
            return false;
        };
        if !write.is_pending || write.by != *by {
            return false;
        }
        let heard = std::mem::take(&mut write.heard);
        let is_own = |heard: &Option<String>| {
            let version = heard.as_ref();
            version.is_some_and(|version| versions.contains(version))
        };
        let has_news = !heard.iter().all(is_own);
        // Events come in order.
        let last = versions
            .iter()
            .rposition(|version| heard.iter().flatten().any(|heard| heard == version));
        if last.is_some() {
            write.own.clear();
        }
        let unheard = versions.into_iter().skip(last.map_or(0, |last| last + 1));
        write.own.extend(unheard);
        write.is_pending = false;
        if write.own.is_empty() {
            self.0.remove(&secret);
        }
        has_news
    }

    /// The object whose pass wrote, or is writing, the version that a watch reports; `None` for a write of
    /// somebody else.
    pub fn heard(&mut self, namespace: &str, name: &str, version: Option<&str>) -> Option<Key> {
        let secret = named(namespace, name);
        let write = self.0.get_mut(&secret)?;
        let by = write.by.clone();
        let own = version.and_then(|version| write.own.iter().position(|own| own == version));
        if let Some(own) = own {
            write.own.drain(..=own);
            if write.own.is_empty() && !write.is_pending {
                self.0.remove(&secret);
            }
            return Some(by);
        }
        if !write.is_pending {
            return None;
        }
        // Whose it is shows when the write has ended.
        write.heard.push(version.map(ToOwned::to_owned));
        Some(by)
    }

    /// The Secret is gone.
    pub fn forget(&mut self, namespace: &str, name: &str) {
        self.0.remove(&named(namespace, name));
    }
}

fn named(namespace: &str, name: &str) -> (String, String) {
    (namespace.to_owned(), name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> Key {
        Key::integration("n", "acme")
    }

    #[test]
    fn only_the_events_of_own_writes_are_echoes_and_once() {
        let by = acme();
        let mut echoes = Echoes::default();
        let write = |echoes: &mut Echoes, version: &str| {
            echoes.begin("n", "token", acme());
            assert!(!echoes.end("n", "token", &acme(), vec![version.into()]));
        };
        assert_eq!(echoes.heard("n", "token", Some("1")), None, "nobody wrote");
        write(&mut echoes, "1");
        write(&mut echoes, "3");
        assert_eq!(echoes.heard("n", "token", Some("2")), None, "somebody else");
        assert_eq!(echoes.heard("m", "token", Some("3")), None, "another one");
        assert_eq!(echoes.heard("n", "token", Some("3")), Some(by));
        assert_eq!(echoes.heard("n", "token", Some("3")), None, "only once");
        assert!(echoes.0.is_empty(), "1 was left out by the watch");
        write(&mut echoes, "4");
        echoes.forget("n", "token");
        assert_eq!(echoes.heard("n", "token", Some("4")), None, "it is gone");
    }

    #[test]
    fn an_event_that_overtakes_the_answer_is_an_echo_too() {
        let mut echoes = Echoes::default();
        let by = acme();
        for (heard, versions, has_news) in [
            (vec!["2"], vec!["2"], false),
            (vec!["2", "4"], vec!["2", "4"], false),
            (vec!["4"], vec!["2", "4"], false),
            // Somebody else wrote before, in between, or after.
            (vec!["1", "2"], vec!["2"], true),
            (vec!["2", "3", "4"], vec!["2", "4"], true),
            (vec!["2", "3"], vec!["2"], true),
            // The write failed, or its pass was given up.
            (vec!["1"], vec![], true),
            (vec![], vec![], false),
        ] {
            echoes.begin("n", "token", by.clone());
            for heard in &heard {
                let of = echoes.heard("n", "token", Some(heard));
                assert_eq!(of.as_ref(), Some(&by));
            }
            let own = versions.iter().map(ToString::to_string).collect();
            let end = echoes.end("n", "token", &by, own);
            assert_eq!(end, has_news, "{heard:?} {versions:?}");
            assert!(echoes.0.is_empty(), "{heard:?} {versions:?}");
        }
    }

    #[test]
    fn several_own_writes_have_an_echo_each() {
        let (mut echoes, by) = (Echoes::default(), acme());
        echoes.begin("n", "grant", by.clone());
        assert!(echoes.heard("n", "grant", Some("1")).is_some());
        let own = vec!["1".to_owned(), "2".to_owned()];
        assert!(!echoes.end("n", "grant", &by, own));
        // The next write begins before the watch reports the last one.
        echoes.begin("n", "grant", by.clone());
        assert_eq!(echoes.heard("n", "grant", Some("2")), Some(by.clone()));
        assert!(!echoes.end("n", "grant", &by, vec!["3".into()]));
        assert_eq!(echoes.heard("n", "grant", Some("4")), None, "another");
        assert_eq!(echoes.heard("n", "grant", Some("3")), Some(by));
        assert!(echoes.0.is_empty());
    }
}
