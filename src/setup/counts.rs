//! How often values occur: a multiset that knows its least and its greatest value.

use std::{borrow::Borrow, collections::BTreeMap};

/// Values, and how often each occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts<T>(BTreeMap<T, usize>);

// === impl Counts ===

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord> Counts<T> {
    /// Adds a value once.
    pub fn insert(&mut self, value: T) {
        *self.0.entry(value).or_default() += 1;
    }

    /// Removes a value once.
    pub fn remove<Q: Ord + ?Sized>(&mut self, value: &Q)
    where
        T: Borrow<Q>,
    {
        let Some(count) = self.0.get_mut(value) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.0.remove(value);
        }
    }

    /// How often a value occurs.
    #[must_use]
    pub fn of<Q: Ord + ?Sized>(&self, value: &Q) -> usize
    where
        T: Borrow<Q>,
    {
        self.0.get(value).copied().unwrap_or_default()
    }

    /// The values, each once, in their order.
    #[must_use]
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_there_until_it_was_removed_as_often_as_it_was_added() {
        let mut counts = Counts::default();
        for value in [5, 3, 5] {
            counts.insert(value);
        }
        assert_eq!((counts.of(&5), counts.of(&3), counts.of(&4)), (2, 1, 0));
        counts.remove(&5);
        counts.remove(&4);
        assert_eq!(counts.values().copied().collect::<Vec<_>>(), [3, 5]);
        counts.remove(&5);
        counts.remove(&3);
        assert_eq!(counts, Counts::default());
    }
}
