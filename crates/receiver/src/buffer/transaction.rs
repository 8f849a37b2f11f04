//! One transaction: executes all commands of a batch, then removes old entries to make room.

use super::{
    batch::Batch,
    capacity::Capacity,
    command::Settle,
    dead::DeadLetter,
    record,
    resolve::{Resolved, resolve},
    store::{Placed, StoreError, Tables},
};
use crate::event::EventId;

/// What goes beyond the batch.
#[derive(Debug)]
pub struct Bounds<'a> {
    /// Now, seconds since the epoch.
    pub now: i64,
    /// Ids that arrived before this second are forgotten.
    pub since: i64,
    /// How many ids are remembered at most.
    pub most_ids: u64,
    /// How much may be stored.
    pub capacity: &'a Capacity,
    /// Dead letters give way to pending events.
    pub gives_way: bool,
    /// Places of dead letters that go: their account has more than its share.
    pub excess: &'a [u64],
    /// Places of dead letters that go first if there are too many.
    pub heavy: &'a [u64],
}

/// What was done.
#[derive(Debug)]
pub struct Done {
    /// The places of the events that were stored; 0 for dead letters.
    pub places: Vec<u64>,
    /// New dead letters.
    pub added: Vec<Placed>,
    /// For each request.
    pub resolved: Vec<Resolved>,
    /// Dead letters whose place a new one of the same event took.
    pub replaced: Vec<Placed>,
    /// Dead letters that made room.
    pub evicted: Vec<Placed>,
    /// Ids that are not remembered any more.
    pub forgotten: Vec<EventId>,
}

/// Does it.
///
/// # Errors
/// See [`StoreError`].
pub fn execute(
    tables: &mut Tables<'_>,
    batch: &Batch,
    settles: &[Settle],
    bounds: &Bounds<'_>,
) -> Result<Done, StoreError> {
    let (mut added, mut replaced) = (Vec::new(), Vec::new());
    let mut dead = |place: u64, letter: &DeadLetter, before: Option<Placed>| {
        added.push((place, letter.clone()));
        replaced.extend(before);
    };
    for settle in settles {
        match &settle.dead {
            None => tables.remove(settle.sequence)?,
            Some((id, letter)) => {
                let moved = tables.move_to_dead_letters(settle.sequence, id, letter)?;
                if let Some((place, before)) = moved {
                    dead(place, letter, before);
                }
            }
        }
    }
    let mut places = Vec::with_capacity(batch.appends.len());
    for append in &batch.appends {
        let ids = append.claim.ids();
        match &append.dead {
            None => {
                let write = |value: &mut Vec<u8>| record::encode_to(&append.event, value);
                places.push(tables.append_with(bounds.now, write)?);
            }
            Some(letter) => {
                let record = record::encode(&append.event);
                let (place, before) = tables.insert_dead_letter(&ids.id, letter, &record)?;
                dead(place, letter, before);
                places.push(0); // Its place is in no lane.
            }
        }
        for id in ids.iter() {
            tables.insert_id(&id, bounds.now)?;
        }
    }
    let mut resolved = Vec::new();
    for request in &batch.resolves {
        resolved.push(resolve(tables, request, bounds.now)?);
    }
    let mut evicted = tables.remove_these(bounds.excess)?;
    let pending = tables.totals().pending_bytes;
    let most = bounds.capacity.dead_limit(pending, bounds.gives_way);
    evicted.extend(tables.evict(most, bounds.heavy)?);
    Ok(Done {
        places,
        added,
        resolved,
        replaced,
        evicted,
        forgotten: tables.expire_ids(bounds.since, bounds.most_ids)?,
    })
}
