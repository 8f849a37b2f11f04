//! What the thread that holds the store is asked to do.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{capacity::Reservation, dead::DeadLetter, store::Entry};
use crate::{body::Raw, dedupe::Claim, event::EventId};

/// A wish of intake, forwarder or control port. Answers that nobody waits for any more are dropped.
#[derive(Debug)]
pub enum Command {
    /// Store an event.
    Append(Append),
    /// An event has left the queue.
    Settle(Settle),
    /// Hand out events from this sequence number on.
    Read(u64, oneshot::Sender<Vec<Entry>>),
    /// List dead letters.
    List(List),
    /// Show a dead letter.
    Show(EventId, Reply<Option<(DeadLetter, Vec<u8>)>>),
    /// Put back or drop dead letters.
    Exhume(Exhume),
    /// Finish, and close the store.
    Close,
}

/// An answer, or `None` while the store is not open.
pub type Reply<T> = oneshot::Sender<Option<T>>;

/// An event to be stored. What it holds is given back once that is decided.
#[derive(Debug)]
pub struct Append {
    /// The right to store it, and who waits for it.
    pub claim: Claim,
    /// Its bytes.
    pub record: Vec<u8>,
    /// Set if it goes to the dead letters at once.
    pub dead: Option<DeadLetter>,
    /// Its share of the capacity.
    pub room: Reservation,
    /// Its share of the memory of all bodies.
    pub raw: Raw,
}

/// The end of an event in the queue.
#[derive(Debug)]
pub struct Settle {
    /// Which.
    pub sequence: u64,
    /// Its id and what is known if it was given up; else it was delivered.
    pub dead: Option<(EventId, DeadLetter)>,
    /// Bounds the ends that are not committed.
    pub permit: OwnedSemaphorePermit,
}

/// A page of the list of dead letters.
#[derive(Debug)]
pub struct List {
    /// Those behind this one only.
    pub after: Option<EventId>,
    /// At most so many.
    pub limit: usize,
    /// The page and how many there are; without a page there is no such `after`.
    pub reply: Reply<(Option<Vec<DeadLetter>>, u64)>,
}

/// Takes dead letters out.
#[derive(Debug)]
pub struct Exhume {
    /// Which.
    pub which: Which,
    /// Back into the queue, or dropped.
    pub replay: bool,
    /// How many it were.
    pub reply: Reply<u64>,
}

/// Some dead letters.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// This one.
    One(EventId),
    /// So many of the oldest before the sequence number.
    Oldest(u64, u64),
}
