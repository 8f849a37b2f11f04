//! The values that an identity is made from, each with its path.
//!
//! The digest is that of `path NUL value` of each of them, in the order of these bytes. The elements of an array share a
//! few paths: each path is kept and sorted once, and values are compared with those of the same path only.

use std::{borrow::Cow, collections::HashMap, rc::Rc};

use sha2::{Digest as _, Sha256};

use crate::event_id::EventId;

/// Most values that are collected: a body with more has neither identity.
const MOST: usize = 4096;
/// Most bytes of all paths together.
const MOST_PATH_BYTES: usize = 1024 * 1024;
/// Hashed at a time: many small pieces would cost more.
const BLOCK: usize = 4096;
/// Bytes of a leaf's length.
const LENGTH: usize = size_of::<u64>();

/// Values with their paths.
#[derive(Debug, Default)]
pub(super) struct Leaves<'de> {
    groups: Vec<Group<'de>>,
    by_path: HashMap<Rc<str>, usize>,
    path_bytes: usize,
    count: usize,
    /// The group of the last value.
    last: usize,
}

/// The values of one path.
#[derive(Debug)]
struct Group<'de> {
    path: Rc<str>,
    values: Vec<Cow<'de, str>>,
    /// Where the value after one of these was: probably the next one is there, too.
    next: usize,
}

/// Collects what is hashed.
struct Blocks {
    hash: Sha256,
    pending: Vec<u8>,
}

// === impl Leaves ===

impl<'de> Leaves<'de> {
    /// Adds a value. Returns whether there was room for it.
    pub fn add(&mut self, path: &str, value: Cow<'de, str>) -> bool {
        let place = self.place(path);
        if let Some(last) = self.groups.get_mut(self.last) {
            last.next = place;
        }
        self.last = place;
        self.groups[place].values.push(value);
        self.count += 1;
        self.count <= MOST && self.path_bytes <= MOST_PATH_BYTES
    }

    /// The digest of all values, behind what was hashed before.
    pub fn digest(mut self, hash: Sha256) -> EventId {
        let mut blocks = Blocks {
            hash,
            pending: Vec::with_capacity(2 * BLOCK),
        };
        if self.groups.iter().any(|group| group.path.contains('\0')) {
            // Then a path can end in the middle of another leaf's bytes.
            for leaf in self.sorted_whole() {
                blocks.leaf(&mut [0; LENGTH], &leaf);
            }
        } else {
            self.groups.sort_by(|one, other| one.path.cmp(&other.path));
            for Group { path, values, .. } in &mut self.groups {
                // Stable: it is quick with what is in order already.
                values.sort();
                let mut head = [&[0; LENGTH][..], path.as_bytes(), b"\0"].concat();
                for value in values {
                    blocks.leaf(&mut head, value.as_bytes());
                }
            }
        }
        blocks.finish()
    }

    /// `path NUL value` of each, in order.
    fn sorted_whole(&self) -> Vec<Vec<u8>> {
        let leaves = self.groups.iter().flat_map(|Group { path, values, .. }| {
            let whole = move |value: &Cow<'_, str>| format!("{path}\0{value}").into_bytes();
            values.iter().map(whole)
        });
        let mut leaves: Vec<_> = leaves.collect();
        leaves.sort();
        leaves
    }

    fn place(&mut self, path: &str) -> usize {
        let expected = self.groups.get(self.last).map(|last| last.next);
        let is_at = |place: &usize| {
            let group = self.groups.get(*place);
            group.is_some_and(|group| &*group.path == path)
        };
        if let Some(place) = expected.filter(is_at) {
            return place;
        }
        if let Some(place) = self.by_path.get(path) {
            return *place;
        }
        let (place, path) = (self.groups.len(), Rc::<str>::from(path));
        self.path_bytes += path.len();
        self.by_path.insert(Rc::clone(&path), place);
        self.groups.push(Group {
            path,
            values: Vec::new(),
            next: place,
        });
        place
    }
}

// === impl Blocks ===

impl Blocks {
    /// Adds a leaf: the length of what follows, then `head` behind its first [`LENGTH`] bytes, then `rest`. The head
    /// can be used again: few long pieces cost less than many short ones.
    fn leaf(&mut self, head: &mut [u8], rest: &[u8]) {
        let length = (head.len() - LENGTH + rest.len()) as u64;
        head[..LENGTH].copy_from_slice(&length.to_le_bytes());
        self.pending.extend_from_slice(head);
        self.pending.extend_from_slice(rest);
        if self.pending.len() >= BLOCK {
            self.hash.update(&self.pending);
            self.pending.clear();
        }
    }

    fn finish(mut self) -> EventId {
        self.hash.update(&self.pending);
        EventId::from_bytes(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As it is defined.
    fn expected(leaves: &[(String, String)]) -> EventId {
        let mut whole: Vec<_> = leaves
            .iter()
            .map(|(path, value)| format!("{path}\0{value}"))
            .collect();
        whole.sort();
        let mut hash = Sha256::new();
        for leaf in whole {
            hash.update((leaf.len() as u64).to_le_bytes());
            hash.update(leaf);
        }
        EventId::from_bytes(hash.finalize().into())
    }

    proptest! {
        #[test]
        fn the_digest_is_that_of_all_leaves_in_order(
            leaves in proptest::collection::vec(("[/a\0]{0,4}", "[ab\0]{0,3}"), 0..40),
            is_long in any::<bool>(),
        ) {
            let mut known = Leaves::default();
            let tail = if is_long { "x".repeat(BLOCK / 8) } else { String::new() };
            let leaves: Vec<_> = leaves
                .into_iter()
                .map(|(path, value)| (path, value + &tail))
                .collect();
            for (path, value) in &leaves {
                prop_assert!(known.add(path, Cow::Borrowed(value)));
            }
            prop_assert_eq!(known.digest(Sha256::new()), expected(&leaves));
        }
    }

    #[test]
    fn there_is_room_for_so_many_and_for_so_long_paths() {
        let mut leaves = Leaves::default();
        assert!((0..MOST).all(|_| leaves.add("/id", "1".into())));
        assert!(!leaves.add("/id", "1".into()));
        let mut leaves = Leaves::default();
        let long = "x".repeat(MOST_PATH_BYTES);
        assert!(leaves.add(&long, "1".into()));
        assert!(leaves.add(&long, "2".into()));
        assert!(!leaves.add("/id", "3".into()));
    }
}
