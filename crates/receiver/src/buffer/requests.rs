//! What a person asks of the buffer through the control port: to list, replay, discard and skip.

use contract::receiver::routes::Connection;
use tokio::sync::oneshot;

use super::{
    Buffer,
    command::{self, Command, List, Resolution, Resolve, Selection},
    dead::DeadLetter,
    delivery::Skip,
    record,
    store::Filter,
};
use crate::event::{Event, EventId};

/// Most dead letters that one transaction replays or discards.
const RESOLVE_BATCH: u64 = 256;

impl Buffer {
    /// Of these dead letters those after `after`, oldest first, and how many they are in all. `None` without
    /// an open store; no page if `after` does not exist.
    pub async fn dead_letters(
        &self,
        after: Option<EventId>,
        limit: usize,
        filter: Filter,
    ) -> Option<(Option<Vec<DeadLetter>>, u64)> {
        let ask = |reply| {
            Command::List(List {
                after,
                limit,
                filter,
                reply,
            })
        };
        self.ask(ask).await
    }

    /// A dead letter and, unless its bytes are damaged, its event. `None` without an open store.
    pub async fn dead_letter(&self, id: EventId) -> Option<Option<(DeadLetter, Option<Event>)>> {
        let found = self.ask(|reply| Command::Show(id, reply)).await?;
        Some(found.map(|(letter, record)| (letter, record::decode(&record.into()).ok())))
    }

    /// Replays a dead letter (to the end of the queue) or discards it. Returns whether it existed; `None`
    /// without an open store.
    pub async fn resolve(&self, id: EventId, resolution: Resolution) -> Option<bool> {
        let selection = Selection::One(id);
        let count = self.resolve_selected(selection, resolution).await?;
        Some(count > 0)
    }

    /// The same for all present dead letters of these. Returns how many; `None` without an open store.
    pub async fn resolve_all(&self, filter: Filter, resolution: Resolution) -> Option<u64> {
        let _alone = self.0.resolving.lock().await;
        let before = self.0.status.borrow().totals.next;
        let mut all = 0;
        loop {
            let selection = Selection::Oldest(filter.clone(), before, RESOLVE_BATCH);
            let count = self.resolve_selected(selection, resolution).await?;
            all += count;
            if count < RESOLVE_BATCH {
                return Some(all);
            }
        }
    }

    /// Makes a dead letter of the first event that fails, of this connection if there is one, and returns it.
    /// `None` when no event has failed, or none is forwarded.
    pub async fn skip(&self, connection: Option<Connection>) -> Option<DeadLetter> {
        let (reply, answer) = oneshot::channel();
        let skip = Skip { connection, reply };
        self.0.skips.as_ref()?.send(skip).await.ok()?;
        answer.await.ok().flatten()
    }

    async fn resolve_selected(&self, selection: Selection, resolution: Resolution) -> Option<u64> {
        let ask = |reply| {
            Command::Resolve(Resolve {
                selection,
                resolution,
                reply,
            })
        };
        self.ask(ask).await
    }

    async fn ask<T>(&self, command: impl FnOnce(command::Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.commands.send(command(reply)).ok()?;
        answer.await.ok().flatten()
    }
}
