//! Our own writes of Secrets: the watch reports them too, and whoever wrote knows already.

use std::collections::HashMap;

use crate::controller::key::Key;

/// The last version of each Secret that we wrote and whose watch event has not come.
#[derive(Debug, Default)]
pub struct Echoes(HashMap<(String, String), Written>);

#[derive(Debug)]
struct Written {
    version: String,
    by: Key,
}

// === impl Echoes ===

impl Echoes {
    /// A pass over `by` wrote this version.
    pub fn expect(&mut self, namespace: &str, name: &str, version: String, by: Key) {
        let secret = (namespace.to_owned(), name.to_owned());
        self.0.insert(secret, Written { version, by });
    }

    /// The object whose pass wrote the version that a watch reports; `None` for a write of somebody else. An
    /// event that overtakes the answer to our write counts as somebody else's, which costs a pass.
    pub fn heard(&mut self, namespace: &str, name: &str, version: Option<&str>) -> Option<Key> {
        let secret = (namespace.to_owned(), name.to_owned());
        let written = self.0.get(&secret)?;
        if version != Some(&written.version) {
            return None;
        }
        self.0.remove(&secret).map(|written| written.by)
    }

    /// The Secret is gone.
    pub fn forget(&mut self, namespace: &str, name: &str) {
        self.0.remove(&(namespace.to_owned(), name.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_event_of_the_last_own_write_is_an_echo_and_once() {
        let by = Key::integration("n", "acme");
        let mut echoes = Echoes::default();
        assert_eq!(echoes.heard("n", "token", Some("1")), None, "nobody wrote");
        echoes.expect("n", "token", "1".into(), by.clone());
        echoes.expect("n", "token", "3".into(), by.clone());
        assert_eq!(echoes.heard("n", "token", Some("2")), None, "somebody else");
        assert_eq!(echoes.heard("m", "token", Some("3")), None, "another one");
        assert_eq!(echoes.heard("n", "token", Some("3")), Some(by.clone()));
        assert_eq!(echoes.heard("n", "token", Some("3")), None, "only once");
        echoes.expect("n", "token", "4".into(), by);
        echoes.forget("n", "token");
        assert_eq!(echoes.heard("n", "token", Some("4")), None, "it is gone");
    }
}
