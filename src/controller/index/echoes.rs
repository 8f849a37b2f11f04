//! Our own writes of Secrets, which the watch reports again: they need no further pass.

use std::collections::HashMap;

use crate::controller::key::Key;

/// The Secrets that we write, or wrote and whose watch event has not come.
#[derive(Debug, Default)]
pub struct Echoes(HashMap<(String, String), Write>);

#[derive(Debug)]
enum Write {
    /// The answer has not come. The watch may be faster.
    Pending { by: Key, heard: Vec<Option<String>> },
    /// The version that the answer named.
    Done { by: Key, version: String },
}

// === impl Echoes ===

impl Echoes {
    /// A pass over `by` is about to write.
    pub fn begin(&mut self, namespace: &str, name: &str, by: Key) {
        let heard = Vec::new();
        self.0
            .insert(named(namespace, name), Write::Pending { by, heard });
    }

    /// The write of a pass over `by` led to this version; `None` if it failed. Returns whether anything else was
    /// heard of meanwhile.
    pub fn end(&mut self, namespace: &str, name: &str, by: Key, version: Option<String>) -> bool {
        let secret = named(namespace, name);
        let heard = match self.0.get_mut(&secret) {
            Some(Write::Pending { by: of, heard }) if *of == by => std::mem::take(heard),
            Some(Write::Pending { .. } | Write::Done { .. }) => return false,
            None => Vec::new(),
        };
        self.0.remove(&secret);
        let is_own = |heard: &Option<String>| version.is_some() && *heard == version;
        let has_news = !heard.iter().all(is_own);
        if let Some(version) = version.filter(|version| !heard.contains(&Some(version.clone()))) {
            self.0.insert(secret, Write::Done { by, version });
        }
        has_news
    }

    /// The object whose pass wrote, or is writing, the version that a watch reports; `None` for a write of
    /// somebody else.
    pub fn heard(&mut self, namespace: &str, name: &str, version: Option<&str>) -> Option<Key> {
        let secret = named(namespace, name);
        match self.0.get_mut(&secret)? {
            // Whose it is shows when the write has ended.
            Write::Pending { by, heard } => {
                heard.push(version.map(ToOwned::to_owned));
                Some(by.clone())
            }
            Write::Done { by, version: own } if version == Some(own) => {
                let by = by.clone();
                self.0.remove(&secret);
                Some(by)
            }
            Write::Done { .. } => None,
        }
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
    fn only_the_event_of_the_last_own_write_is_an_echo_and_once() {
        let by = acme();
        let mut echoes = Echoes::default();
        let write = |echoes: &mut Echoes, version: &str| {
            echoes.begin("n", "token", acme());
            assert!(!echoes.end("n", "token", acme(), Some(version.into())));
        };
        assert_eq!(echoes.heard("n", "token", Some("1")), None, "nobody wrote");
        write(&mut echoes, "1");
        write(&mut echoes, "3");
        assert_eq!(echoes.heard("n", "token", Some("2")), None, "somebody else");
        assert_eq!(echoes.heard("m", "token", Some("3")), None, "another one");
        assert_eq!(echoes.heard("n", "token", Some("3")), Some(by));
        assert_eq!(echoes.heard("n", "token", Some("3")), None, "only once");
        write(&mut echoes, "4");
        echoes.forget("n", "token");
        assert_eq!(echoes.heard("n", "token", Some("4")), None, "it is gone");
    }

    #[test]
    fn an_event_that_overtakes_the_answer_is_an_echo_too() {
        let mut echoes = Echoes::default();
        let by = acme();
        for (heard, version, has_news) in [
            (vec!["2"], Some("2"), false),
            // Somebody else wrote before, or after.
            (vec!["1", "2"], Some("2"), true),
            (vec!["2", "3"], Some("2"), true),
            // The write failed, or its pass was given up.
            (vec!["1"], None, true),
            (vec![], None, false),
        ] {
            echoes.begin("n", "token", by.clone());
            for heard in &heard {
                let of = echoes.heard("n", "token", Some(heard));
                assert_eq!(of.as_ref(), Some(&by));
            }
            let end = echoes.end("n", "token", by.clone(), version.map(Into::into));
            assert_eq!(end, has_news, "{heard:?} {version:?}");
            assert!(echoes.0.is_empty(), "{heard:?} {version:?}");
        }
    }
}
