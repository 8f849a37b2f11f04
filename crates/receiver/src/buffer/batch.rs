//! The commands that the writer executes in one transaction.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::{
    command::{Append, Command, Resolve},
    settles::Settles,
};
use crate::{dedupe::Dedupe, outcome::RequestOutcome};

/// Most commands of a transaction.
const BATCH: usize = 1024;
/// No further command once a transaction has so many bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// What to do in one transaction, and what to read afterwards.
#[derive(Debug, Default)]
pub struct Batch {
    /// Events to store.
    pub appends: Vec<Append>,
    /// Dead letters to replay or discard.
    pub resolves: Vec<Resolve>,
    /// To be answered after the transaction.
    pub reads: Vec<Command>,
    /// The writer ends after this batch.
    pub is_last: bool,
}

// === impl Batch ===

impl Batch {
    /// Waits for a command, at most for `pause`, and takes all that are waiting, not before `due`. Settled events are added to
    /// `settles`, where they stay until they are committed.
    #[must_use]
    pub fn collect(
        commands: &Receiver<Command>,
        settles: &mut Settles,
        pause: Option<Duration>,
        due: Instant,
    ) -> Self {
        let mut batch = Self::default();
        let first = match pause {
            None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(pause) => commands.recv_timeout(pause),
        };
        let mut next = match first {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Close),
        };
        // Asleep, so that whoever sends a command need not wake this thread for it.
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let (mut count, mut bytes) = (0, 0);
        while let Some(command) = next {
            match command {
                Command::Append(append) => {
                    bytes += append.event.body.len();
                    batch.appends.push(append);
                }
                Command::Settle(settle) => settles.push(settle),
                Command::Resolve(resolve) => batch.resolves.push(resolve),
                Command::Close => batch.is_last = true,
                read => batch.reads.push(read),
            }
            count += 1;
            let is_enough = batch.is_last || count >= BATCH || bytes >= BATCH_BYTES;
            next = if is_enough {
                None
            } else {
                commands.try_recv().ok()
            };
        }
        batch
    }

    /// Answers events that are stored already: copies that came while the ids were not known, because the store was
    /// not open.
    pub fn answer_known(&mut self, ids: &Dedupe) {
        let is_known = |append: &mut Append| ids.knows(append.claim.ids());
        for append in self.appends.extract_if(.., is_known) {
            append
                .claim
                .settle(RequestOutcome::Duplicate, Instant::now());
        }
    }

    /// Whether it takes a transaction, with these settled events.
    #[must_use]
    pub fn is_write(&self, settles: &Settles) -> bool {
        if !(self.appends.is_empty() && self.resolves.is_empty()) {
            return true;
        }
        let is_seen = |read: &Command| matches!(read, Command::List(_) | Command::Show(..));
        settles.patience().is_some_and(|patience| {
            patience.is_zero() || self.is_last || self.reads.iter().any(is_seen)
        })
    }

    /// Replies to commands that were not executed.
    pub fn refuse(&mut self) {
        for append in self.appends.drain(..) {
            append
                .claim
                .settle(RequestOutcome::BufferFailed, Instant::now());
        }
        for resolve in self.resolves.drain(..) {
            let _ = resolve.reply.send(None);
        }
        self.reads.clear();
    }
}
