//! Namespaces take turns.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::controller::key::Key;

/// Objects that are ready, by namespace.
#[derive(Debug, Default)]
pub struct Ring {
    /// Each namespace that has objects, once; the first is the next.
    turns: VecDeque<Arc<str>>,
    /// First in, first out within a namespace.
    objects: HashMap<Arc<str>, VecDeque<Key>>,
}

// === impl Ring ===

impl Ring {
    /// Adds an object behind the others of its namespace.
    pub fn push(&mut self, key: Key) {
        let namespace = key.namespace.clone();
        let objects = self.objects.entry(namespace.clone()).or_default();
        if objects.is_empty() {
            self.turns.push_back(namespace);
        }
        objects.push_back(key);
    }

    /// The next object of the first namespace that has room for it. Objects that are no longer ready are
    /// dropped.
    pub fn pop(
        &mut self,
        has_room: impl Fn(&str) -> bool,
        is_ready: impl Fn(&Key) -> bool,
    ) -> Option<Key> {
        for _ in 0..self.turns.len() {
            let namespace = self.turns.pop_front()?;
            if !has_room(&namespace) {
                self.turns.push_back(namespace);
                continue;
            }
            let Some(objects) = self.objects.get_mut(&namespace) else {
                continue;
            };
            let mut found = None;
            while let Some(key) = objects.pop_front() {
                if is_ready(&key) {
                    found = Some(key);
                    break;
                }
            }
            if objects.is_empty() {
                self.objects.remove(&namespace);
            } else {
                self.turns.push_back(namespace);
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }
}
