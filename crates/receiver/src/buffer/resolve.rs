//! Takes dead letters out of the store, in a transaction.

use super::{
    command::{Resolution, Resolve, Selection},
    record,
    store::{Placed, StoreError, Tables},
};

/// What became of a selection of dead letters.
#[derive(Debug)]
pub struct Resolved {
    /// They are no longer dead letters.
    pub letters: Vec<Placed>,
    /// Those that are pending again: account, place, record's size.
    pub replayed: Vec<(String, u64, usize)>,
}

/// Does what is asked for. `now` is the arrival of what is replayed, in seconds.
///
/// # Errors
/// See [`StoreError`].
pub fn resolve(
    tables: &mut Tables<'_>,
    request: &Resolve,
    now: i64,
) -> Result<Resolved, StoreError> {
    let ids = match &request.selection {
        Selection::One(id) => vec![*id],
        Selection::Oldest(filter, before, most) => tables.oldest_of(filter, *before, *most)?,
        Selection::Places(places) => tables.ids_at(places)?,
    };
    let mut resolved = Resolved {
        letters: Vec::with_capacity(ids.len()),
        replayed: Vec::new(),
    };
    for id in ids {
        let Some((placed, record)) = tables.remove_dead_letter(&id)? else {
            continue;
        };
        if request.resolution == Resolution::Replay {
            let place = tables.append(now, &record)?;
            let account = record::account(&record).unwrap_or_default();
            resolved.replayed.push((account, place, record.len()));
        }
        resolved.letters.push(placed);
    }
    Ok(resolved)
}
