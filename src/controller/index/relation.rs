//! Which objects belong to a value: a one-to-many map without empty entries.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

/// Objects of type `B` by values of type `A`.
#[derive(Debug)]
pub struct Relation<A, B>(HashMap<A, Objects<B>>);

/// Most values have one object, for which a set would be much too large.
#[derive(Debug)]
enum Objects<B> {
    One(B),
    Many(BTreeSet<B>),
}

// === impl Relation ===

impl<A, B> Default for Relation<A, B> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<A: Eq + Hash, B: Ord + Clone> Relation<A, B> {
    pub fn insert(&mut self, value: A, object: B) {
        let Some(objects) = self.0.get_mut(&value) else {
            self.0.insert(value, Objects::One(object));
            return;
        };
        match objects {
            Objects::One(one) if *one == object => {}
            Objects::One(one) => *objects = Objects::Many([one.clone(), object].into()),
            Objects::Many(many) => drop(many.insert(object)),
        }
    }

    pub fn remove<Q>(&mut self, value: &Q, object: &B)
    where
        A: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let is_empty = match self.0.get_mut(value) {
            None => false,
            Some(Objects::One(one)) => one == object,
            Some(Objects::Many(many)) => {
                many.remove(object);
                many.is_empty()
            }
        };
        if is_empty {
            self.0.remove(value);
        }
    }

    /// Whether an object belongs to a value.
    pub fn has(&self, value: &A, object: &B) -> bool {
        match self.0.get(value) {
            None => false,
            Some(Objects::One(one)) => one == object,
            Some(Objects::Many(many)) => many.contains(object),
        }
    }

    /// The objects of a value.
    pub fn of<Q>(&self, value: &Q) -> impl Iterator<Item = &B> + use<'_, A, B, Q>
    where
        A: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (one, many) = match self.0.get(value) {
            None => (None, None),
            Some(Objects::One(one)) => (Some(one), None),
            Some(Objects::Many(many)) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_of_a_value_counts_once_until_it_is_removed() {
        let mut relation = Relation::default();
        let of = |relation: &Relation<&str, u8>| relation.of("a").copied().collect::<Vec<_>>();
        for object in [2, 2, 1, 2] {
            relation.insert("a", object);
        }
        assert_eq!(of(&relation), [1, 2]);
        assert!(relation.has(&"a", &2) && !relation.has(&"a", &3) && !relation.has(&"b", &2));
        relation.remove("a", &3);
        relation.remove("a", &2);
        assert_eq!(of(&relation), [1]);
        assert!(relation.has(&"a", &1) && !relation.has(&"a", &2));
        relation.insert("a", 1);
        relation.remove("a", &1);
        assert!(relation.0.is_empty());
        relation.insert("a", 1);
        relation.remove("a", &2);
        assert_eq!(of(&relation), [1]);
        relation.remove("a", &1);
        assert!(relation.0.is_empty());
    }
}
