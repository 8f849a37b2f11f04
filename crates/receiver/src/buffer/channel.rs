//! Where the events of one line come from and go to: what [`super::delivery`] needs of it.

use std::time::Instant;

use super::{
    dead::DeadLetter,
    reader::{Found, Stopped},
    schedule::Item,
};
use crate::{event::Event, sink::Failure};

/// Where the events of one line come from and go to.
pub trait Channel: Send {
    /// What a delivery holds while it is under way.
    type Turn: Send;

    /// Waits for events that follow in the queue, with `reads`, and for another destination. Cancel safe.
    fn wait(&mut self, reads: bool) -> impl Future<Output = Result<Wake, Stopped>> + Send;
    /// Events that follow in the queue, without waiting.
    fn ahead(&mut self) -> impl Future<Output = Result<Vec<Item>, Stopped>> + Send;
    /// The record of an event whose record is not in memory.
    fn read(&mut self, sequence: u64) -> impl Future<Output = Result<Found, Stopped>> + Send;
    /// Whether the line ends once everything that was read is settled, because nothing follows.
    fn is_finished(&self) -> bool;
    /// What happens to an event that arrived at this second.
    fn decide(&mut self, since: i64, is_urgent: bool) -> Decision;
    /// Waits until a delivery of so many bytes may begin. Cancel safe.
    fn acquire(&self, bytes: usize) -> impl Future<Output = Self::Turn> + Send;
    /// Delivers an event to where [`Self::decide`] said, and records how that went.
    fn deliver(
        &mut self,
        event: &Event,
        turn: Self::Turn,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Completes a dead letter.
    fn stamp(&self, letter: &mut DeadLetter);
    /// An event has left the queue.
    fn settled(&mut self, sequence: u64);
    /// After each step: how many events are set aside, and the first one that fails.
    fn report(&mut self, set_aside: usize, failing: Option<u64>);
}

/// What happens to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is delivered.
    Deliver,
    /// Not decided before then.
    Wait(Instant),
    /// It becomes a dead letter: nobody has claimed it.
    Unclaimed(String),
    /// It is dropped.
    Drop,
}

/// What a channel waited for.
#[derive(Debug)]
pub enum Wake {
    /// Events that follow in the queue.
    Read(Vec<Item>),
    /// The events go elsewhere from now on.
    Moved,
}
