//! Which objects belong to a value: a one-to-many map without empty entries.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

/// Objects of type `B` by values of type `A`.
#[derive(Debug)]
pub struct Relation<A, B>(HashMap<A, BTreeSet<B>>);

// === impl Relation ===

impl<A, B> Default for Relation<A, B> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<A: Eq + Hash, B: Ord + Clone> Relation<A, B> {
    pub fn insert(&mut self, value: A, object: B) {
        self.0.entry(value).or_default().insert(object);
    }

    pub fn remove(&mut self, value: &A, object: &B) {
        if let Some(objects) = self.0.get_mut(value) {
            objects.remove(object);
            if objects.is_empty() {
                self.0.remove(value);
            }
        }
    }

    /// The objects of a value.
    pub fn of<Q>(&self, value: &Q) -> impl Iterator<Item = &B> + use<'_, A, B, Q>
    where
        A: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.get(value).into_iter().flatten()
    }
}
