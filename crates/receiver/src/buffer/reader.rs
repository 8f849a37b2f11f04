//! Reads pending events: from memory if they have just been stored, else through the store's thread.

use std::{sync::mpsc::Sender, time::Duration};

use tokio::{
    sync::{oneshot, watch},
    time,
};

use super::{command::Command, fresh::Fresh, record::Record, status::Status, store::Entry};

/// Pause between two attempts to read from a store that is not open.
pub const REREAD: Duration = Duration::from_secs(1);

/// Delivery stops: shutdown was requested, or the store's thread has ended.
#[derive(Clone, Copy, Debug)]
pub struct Stopped;

/// What came of an attempt to read an event.
#[derive(Debug)]
pub enum Found {
    /// Its record.
    Record(Record),
    /// It is no longer in the queue: the store was lost.
    Gone,
    /// The store cannot be read now.
    Later,
}

/// The next events of the queue, in order, once there are some. `None` when the store's thread has ended.
/// Cancel safe.
pub async fn next_events(
    commands: &Sender<Command>,
    fresh: &Fresh,
    status: &mut watch::Receiver<Status>,
    from: &mut u64,
) -> Option<Vec<Entry>> {
    loop {
        let seen = *status.borrow_and_update();
        if seen.open && seen.totals.next > *from {
            let entries = read(commands, fresh, *from).await.ok()?;
            match entries.as_ref().map(|entries| entries.last()) {
                Some(Some(last)) => {
                    *from = last.sequence + 1;
                    return entries;
                }
                // All of them have left the queue already.
                Some(None) if status.borrow().open => *from = seen.totals.next,
                _ => time::sleep(REREAD).await,
            }
            continue;
        }
        status.changed().await.ok()?;
    }
}

/// Events from this place on, or `None` while the store cannot be read.
///
/// # Errors
/// When the store's thread has ended.
pub async fn read(
    commands: &Sender<Command>,
    fresh: &Fresh,
    from: u64,
) -> Result<Option<Vec<Entry>>, Stopped> {
    if let Some(entries) = fresh.take(from) {
        return Ok(Some(entries));
    }
    let (reply, entries) = oneshot::channel();
    let command = Command::Read(from, reply);
    commands.send(command).map_err(|_| Stopped)?;
    Ok(entries.await.ok().map(|entries| fresh.complete(entries)))
}

/// Of these events those that are pending, or `None` while the store cannot be read.
///
/// # Errors
/// When the store's thread has ended.
pub async fn read_these(
    commands: &Sender<Command>,
    fresh: &Fresh,
    sequences: Vec<u64>,
) -> Result<Option<Vec<Entry>>, Stopped> {
    if let Some(entries) = fresh.take_these(&sequences) {
        return Ok(Some(entries));
    }
    let (reply, entries) = oneshot::channel();
    let command = Command::ReadThese(sequences, reply);
    commands.send(command).map_err(|_| Stopped)?;
    Ok(entries.await.ok().map(|entries| fresh.complete(entries)))
}

/// One event that is pending.
///
/// # Errors
/// When the store's thread has ended.
pub async fn read_one(
    commands: &Sender<Command>,
    fresh: &Fresh,
    sequence: u64,
) -> Result<Found, Stopped> {
    let entries = read_these(commands, fresh, vec![sequence]).await?;
    Ok(match entries.map(|entries| entries.into_iter().next()) {
        Some(Some(entry)) => Found::Record(entry.record),
        Some(None) => Found::Gone,
        None => Found::Later,
    })
}
