//! Commands for the thread that owns the store.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    capacity::Reservation,
    dead::DeadLetter,
    lanes::index::Room,
    store::{Entry, Filter},
};
use crate::{
    body::Raw,
    dedupe::Claim,
    event::{Event, EventId},
};

/// A command from intake, forwarder or control port. A reply whose caller has gone is dropped.
#[derive(Debug)]
pub enum Command {
    /// Store an event.
    Append(Append),
    /// An event has left the queue.
    Settle(Settle),
    /// Read events from this sequence number on.
    Read(u64, oneshot::Sender<Vec<Entry>>),
    /// Read these events.
    ReadThese(Vec<u64>, oneshot::Sender<Vec<Entry>>),
    /// List dead letters.
    List(List),
    /// Show a dead letter.
    Show(EventId, Reply<Option<(DeadLetter, Vec<u8>)>>),
    /// Replay or discard dead letters.
    Resolve(Resolve),
    /// Finish, and close the store.
    Close,
}

/// An answer, or `None` while the store is not open.
pub type Reply<T> = oneshot::Sender<Option<T>>;

/// An event to be stored. Its reservations are released once it is stored or rejected.
#[derive(Debug)]
pub struct Append {
    /// The claim on its ids, which also reports the outcome.
    pub claim: Claim,
    /// It.
    pub event: Arc<Event>,
    /// Set if it becomes a dead letter at once.
    pub dead: Option<DeadLetter>,
    /// Its share of the capacity.
    pub room: Reservation,
    /// Its share of what its account may hold, if there are lanes and it is to be forwarded.
    pub lane: Option<Room>,
    /// Its share of the memory of all bodies.
    pub raw: Raw,
}

/// An event leaves the queue.
#[derive(Debug)]
pub struct Settle {
    /// Its place in the queue.
    pub sequence: u64,
    /// Its id and dead letter, if it was not delivered.
    pub dead: Option<(EventId, DeadLetter)>,
    /// Bounds the uncommitted deliveries.
    pub permit: OwnedSemaphorePermit,
}

/// A page of the list of dead letters.
#[derive(Debug)]
pub struct List {
    /// Only those after this one.
    pub after: Option<EventId>,
    /// At most so many.
    pub limit: usize,
    /// Only these.
    pub filter: Filter,
    /// The page and the total; no page if `after` does not exist.
    pub reply: Reply<(Option<Vec<DeadLetter>>, u64)>,
}

/// Takes dead letters out of the store.
#[derive(Debug)]
pub struct Resolve {
    /// Which ones.
    pub selection: Selection,
    /// What happens to them.
    pub resolution: Resolution,
    /// How many there were.
    pub reply: Reply<u64>,
}

/// Some dead letters.
#[derive(Clone, Debug)]
pub enum Selection {
    /// This one.
    One(EventId),
    /// The oldest of these before this sequence number, at most that many.
    Oldest(Filter, u64, u64),
    /// Those at these places, as far as they are there.
    Places(Vec<u64>),
}

/// What happens to a dead letter that is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It goes to the end of the queue.
    Replay,
    /// It is deleted.
    Discard,
}
