//! Which versions of a Secret with routes were read or written here: another one is somebody else's. Pure.

use std::collections::BTreeMap;

use contract::receiver::routes::Connection;
use k8s_openapi::api::core::v1::Secret;

use crate::controller::index::is_newer;

/// The versions of one Secret.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// The newest whose content is what is remembered.
    known: Option<String>,
    /// The newest that the watch reported.
    heard: Option<String>,
    /// How much that was new the watch reported.
    news: u64,
    /// Which of it was that the Secret is gone; `None` once the Secret was read again.
    lost: Option<u64>,
    /// Whether a write is under way. The watch may be faster than its answer.
    is_changing: bool,
}

// === impl Versions ===

impl Versions {
    /// The content of this version is what is remembered.
    pub fn know(&mut self, version: Option<&str>) {
        if is_newer(version, self.known.as_deref()) {
            self.known = version.map(Into::into);
        }
    }

    /// The watch reports this version.
    pub fn hear(&mut self, version: Option<&str>) {
        if is_newer(version, self.heard.as_deref()) {
            self.heard = version.map(Into::into);
            self.news += 1;
        }
    }

    /// The watch reports that there is no such Secret any more. Its version may be that of before.
    pub fn lose(&mut self) {
        self.news += 1;
        self.lost = Some(self.news);
    }

    /// A number that grows with all that is new.
    #[must_use]
    pub fn news(&self) -> u64 {
        self.news
    }

    /// The Secret was read after these news.
    pub fn look(&mut self, news: u64) {
        self.lost = self.lost.filter(|lost| *lost > news);
    }

    /// There is no such Secret.
    pub fn gone(&mut self) {
        (self.known, self.heard) = (None, None);
    }

    /// A write begins, or has ended.
    pub fn change(&mut self, begins: bool) {
        self.is_changing = begins;
    }

    /// Whether the Secret existed.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.known.is_some()
    }

    /// Whether the watch reported something that is later than what is remembered.
    #[must_use]
    pub fn are_behind(&self) -> bool {
        let is_later = is_newer(self.heard.as_deref(), self.known.as_deref());
        self.lost.is_some() || self.heard.is_some() && is_later
    }

    /// The same while nobody is writing: somebody else did.
    #[must_use]
    pub fn are_foreign(&self) -> bool {
        !self.is_changing && self.are_behind()
    }
}

/// The routes in a Secret.
pub fn routes(secret: &Secret) -> impl Iterator<Item = (Connection, &[u8])> {
    let data: Option<&BTreeMap<_, _>> = secret.data.as_ref();
    data.into_iter()
        .flatten()
        .filter_map(|(key, json)| Some((Connection::of_route_key(key)?, json.0.as_slice())))
}

/// The keys of routes that belong into another Secret than that with this number. Receivers would use them.
pub fn strays(secret: &Secret, shard: usize) -> Vec<&str> {
    let keys = secret.data.iter().flat_map(BTreeMap::keys);
    keys.filter(|key| {
        Connection::of_route_key(key).is_some_and(|connection| connection.shard() != shard)
    })
    .map(String::as_str)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_wrote_is_told_from_own_writes() {
        let mut versions = Versions::default();
        versions.know(Some("5"));
        versions.hear(Some("5"));
        assert!(!versions.are_foreign(), "it was read");
        versions.change(true);
        versions.hear(Some("9"));
        assert!(!versions.are_foreign(), "the watch was faster");
        versions.know(Some("9"));
        versions.change(false);
        assert!(!versions.are_foreign());
        versions.hear(Some("7"));
        assert!(!versions.are_foreign(), "a late event");
        versions.hear(Some("10"));
        assert!(versions.are_foreign());
        versions.know(Some("11"));
        assert!(!versions.are_foreign(), "it was read since");
        versions.gone();
        assert!(!versions.are_foreign() && !versions.exists());
        versions.hear(Some("12"));
        assert!(versions.are_foreign(), "somebody created it");
    }

    #[test]
    fn a_secret_that_is_gone_is_looked_for_once() {
        let mut versions = Versions::default();
        versions.know(Some("5"));
        let before = versions.news();
        versions.lose();
        assert!(versions.are_foreign());
        versions.look(before);
        assert!(versions.are_foreign(), "it was read earlier");
        versions.know(Some("6"));
        assert!(versions.are_foreign(), "whoever wrote it");
        versions.look(versions.news());
        assert!(!versions.are_foreign());
    }
}
