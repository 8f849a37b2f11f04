//! A set of ids that takes little memory while ids come and go for ever: 19 to 24 bytes for each. A `HashSet` takes 21
//! to 45: it doubles, also because places of ids that are gone cannot be used again.

use std::{
    array,
    hash::{BuildHasher as _, RandomState},
    mem,
};

/// 128 bits of a hash.
type Id = [u64; 2];

/// What is at a place without an id. The id of these bits becomes [`INSTEAD`].
const FREE: Id = [0; 2];
const INSTEAD: Id = [1, 0];

/// Tables. Each grows alone: what it leaves behind is small, and the next one to grow can use it.
const TABLES: usize = 1 << BITS;
/// Bits of an id that say in which table it is.
const BITS: u32 = 6;
/// Places of a table for its first ids.
const FIRST: usize = 16;

/// A set of ids that are evenly distributed, such as parts of hashes.
#[derive(Debug)]
pub struct IdSet([Table; TABLES]);

#[derive(Debug, Default)]
struct Table {
    /// Each id is at the place that [`Self::home`] says, or behind it without a gap; after the last place comes the
    /// first.
    places: Vec<Id>,
    len: usize,
    /// Odd, and unknown to whoever would choose ids.
    key: u64,
}

// === impl IdSet ===

impl IdSet {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|table| table.len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is there.
    #[must_use]
    pub fn contains(&self, id: [u8; 16]) -> bool {
        let id = id_of(id);
        self.0[table_of(id)].find(id).is_ok()
    }

    /// Adds it, and returns whether it is new.
    pub fn insert(&mut self, id: [u8; 16]) -> bool {
        let id = id_of(id);
        self.0[table_of(id)].insert(id)
    }

    /// Removes it, and returns whether it was there.
    pub fn remove(&mut self, id: [u8; 16]) -> bool {
        let id = id_of(id);
        self.0[table_of(id)].remove(id)
    }
}

impl Default for IdSet {
    fn default() -> Self {
        let key = RandomState::new().hash_one(FREE) | 1;
        Self(array::from_fn(|_| Table {
            key,
            ..Table::default()
        }))
    }
}

impl FromIterator<[u8; 16]> for IdSet {
    fn from_iter<T: IntoIterator<Item = [u8; 16]>>(ids: T) -> Self {
        let mut set = Self::default();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

// === impl Table ===

impl Table {
    fn insert(&mut self, id: Id) -> bool {
        if self.find(id).is_ok() {
            return false;
        }
        // A sixth is free: few ids are far from home.
        if (self.len + 1) * 6 > self.places.len() * 5 {
            self.grow();
        }
        self.put(id);
        self.len += 1;
        true
    }

    fn remove(&mut self, id: Id) -> bool {
        let Ok(mut gap) = self.find(id) else {
            return false;
        };
        // Nothing may be behind a gap that belongs before it.
        let mut at = gap;
        loop {
            at = self.next(at);
            let id = self.places[at];
            if id == FREE {
                break;
            }
            if self.distance(self.home(id), at) >= self.distance(gap, at) {
                self.places[gap] = id;
                gap = at;
            }
        }
        self.places[gap] = FREE;
        self.len -= 1;
        true
    }

    /// A quarter more places.
    fn grow(&mut self) {
        let count = (self.places.len() / 4 * 5).max(FIRST);
        let before = mem::replace(&mut self.places, vec![FREE; count]);
        for id in before {
            if id != FREE {
                self.put(id);
            }
        }
    }

    fn put(&mut self, id: Id) {
        if let Err(Some(at)) = self.find(id) {
            self.places[at] = id;
        }
    }

    /// Its place, or else the free one for it, if there is one.
    fn find(&self, id: Id) -> Result<usize, Option<usize>> {
        if self.places.is_empty() {
            return Err(None);
        }
        let mut at = self.home(id);
        loop {
            match self.places[at] {
                FREE => return Err(Some(at)),
                there if there == id => return Ok(at),
                _ => at = self.next(at),
            }
        }
    }

    /// Where it should be: what is left of its product with the key, as a part of the places.
    fn home(&self, [low, _]: Id) -> usize {
        let part = u128::from(low.wrapping_mul(self.key));
        let place = (part * self.places.len() as u128) >> u64::BITS;
        usize::try_from(place).unwrap_or(0)
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.places.len() {
            0
        } else {
            at + 1
        }
    }

    /// How far `to` is behind `from`.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.places.len() - from
        }
    }
}

fn id_of(bytes: [u8; 16]) -> Id {
    let half = |at: usize| u64::from_le_bytes(array::from_fn(|byte| bytes[at + byte]));
    match [half(0), half(8)] {
        FREE => INSTEAD,
        id => id,
    }
}

/// Not by the half that [`Table::home`] uses.
fn table_of([_, high]: Id) -> usize {
    usize::try_from(high >> (u64::BITS - BITS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashSet, VecDeque};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn id(number: u64) -> [u8; 16] {
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (u128::from(spread) << u64::BITS | u128::from(spread)).to_le_bytes()
    }

    /// One of those in the first table.
    fn first_table_id(number: u64) -> [u8; 16] {
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        u128::from(spread).to_le_bytes()
    }

    #[test]
    fn memory_stays_while_ids_come_and_go() {
        const MOST: usize = 20_000;
        let mut set = IdSet::default();
        let mut order = VecDeque::new();
        for number in 0..10 * MOST as u64 {
            if order.len() == MOST
                && let Some(oldest) = order.pop_front()
            {
                assert!(set.remove(oldest));
            }
            assert!(set.insert(id(number)));
            order.push_back(id(number));
        }
        assert_eq!(set.len(), MOST);
        assert!(order.iter().all(|id| set.contains(*id)));
        let places: usize = set.0.iter().map(|table| table.places.capacity()).sum();
        let bytes = places * size_of::<Id>();
        assert!(bytes <= 24 * MOST, "{bytes}");
    }

    proptest! {
        /// Few ids, so that each comes and goes often, in one table or all, and one that stands for a free place.
        #[test]
        fn it_does_what_a_hash_set_does(
            is_one_table in any::<bool>(),
            steps in vec((any::<bool>(), 0..200_u64), 0..2000),
        ) {
            let id = if is_one_table { first_table_id } else { id };
            let (mut set, mut model) = (IdSet::default(), HashSet::new());
            for (inserts, number) in steps {
                let id = id(number);
                if inserts {
                    prop_assert_eq!(set.insert(id), model.insert(id));
                } else {
                    prop_assert_eq!(set.remove(id), model.remove(&id));
                }
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(set.contains(id), model.contains(&id));
            }
            for number in 0..200 {
                prop_assert_eq!(set.contains(id(number)), model.contains(&id(number)));
            }
        }
    }
}
