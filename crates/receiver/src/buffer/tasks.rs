//! The tasks of a buffer, and how they end.

use std::{sync::mpsc::Sender, time::Duration};

use runtime::shutdown::Trigger;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time,
};
use tracing::warn;

use super::{command::Command, status::Status};

/// The tasks of a buffer.
#[derive(Debug)]
pub struct BufferTasks {
    /// Stops the forwarder, and its task.
    pub(super) forwarder: Option<(Trigger, JoinHandle<()>)>,
    /// Completes when the writer's thread has ended.
    pub(super) writer: oneshot::Receiver<()>,
    /// Commands for the writer.
    pub(super) commands: Sender<Command>,
    /// The state of the store.
    pub(super) status: watch::Receiver<Status>,
}

// === impl BufferTasks ===

impl BufferTasks {
    /// Waits until nothing is pending, at most `limit`.
    pub async fn emptied(&self, limit: Duration) -> bool {
        let mut status = self.status.clone();
        let empty = status.wait_for(|status| status.open && status.totals.pending == 0);
        time::timeout(limit, empty)
            .await
            .is_ok_and(|empty| empty.is_ok())
    }

    /// Finishes the delivery in flight and closes the store, each within `limit`.
    pub async fn finish(self, limit: Duration) {
        if let Some((trigger, forwarder)) = self.forwarder {
            trigger.request();
            if time::timeout(limit, forwarder).await.is_err() {
                warn!("delivery cut off");
            }
        }
        let _ = self.commands.send(Command::Close);
        if time::timeout(limit, self.writer).await.is_err() {
            warn!("buffer not closed in time");
        }
    }
}
