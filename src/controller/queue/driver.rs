//! Runs passes in the order of the queue.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use runtime::shutdown::Shutdown;
use tokio::{sync::Notify, task::JoinSet, time::Instant};

use super::{limits::Limits, priority::Priority, state::Queue};
use crate::controller::key::Key;

/// How long after a panic an object gets another pass.
const AFTER_PANIC: Duration = Duration::from_mins(1);

/// So long an object waits that was only listed: what is new goes first, and is not to share the API server with
/// thousands that were served before.
const AFTER_LIST: Duration = Duration::from_millis(500);

/// Requests passes.
#[derive(Clone)]
pub struct Requeue(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
}

// === impl Requeue ===

impl fmt::Debug for Requeue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Requeue")
    }
}

impl Requeue {
    /// Creates an empty queue.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::new(Queue::new(limits)),
            changed: Notify::new(),
        }))
    }

    /// Requests a pass over an object that changed.
    pub fn now(&self, key: Key) {
        self.push(key, Duration::ZERO, Priority::CHANGE);
    }

    /// Requests a pass over an object of which somebody asks for another token, and nothing else.
    pub fn asked(&self, key: Key) {
        self.push(key, Duration::ZERO, Priority::DUE);
    }

    /// Requests a pass over an object because of what a person does, and nothing else.
    pub fn prompt(&self, key: Key) {
        self.push(key, Duration::ZERO, Priority::PROMPT);
    }

    /// Requests a pass over an object that is not known to have changed.
    pub fn routine(&self, key: Key) {
        self.push(key, Duration::ZERO, Priority::ROUTINE);
    }

    /// Requests a pass over an object that a list concerns and that is not known to have changed: after a start, these
    /// are all.
    pub fn listed(&self, key: Key) {
        self.push(key, AFTER_LIST, Priority::ROUTINE);
    }

    /// Forgets a deleted object, which gets no more passes.
    pub fn forget(&self, key: &Key) {
        self.lock().forget(key);
    }

    /// The next object with a requested pass, which is over at once.
    #[cfg(test)]
    pub async fn next(&self) -> Key {
        loop {
            let next = self.lock().pop(Instant::now());
            match next {
                Some((key, _)) => {
                    self.lock().done(&key, None);
                    return key;
                }
                None => self.0.changed.notified().await,
            }
        }
    }

    fn push(&self, key: Key, wait: Duration, priority: Priority) {
        self.lock().push(key, Instant::now() + wait, priority);
        self.0.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When and why the next pass comes.
pub type Next = (Duration, Priority);

/// Runs `pass` over every object that is due, until the process is asked to stop; then waits for the running
/// passes. A pass gets to know why it comes, and returns the time until the next one, if one is due.
pub async fn run<F, P>(requeue: &Requeue, pass: F, shutdown: &Shutdown)
where
    F: Fn(Key, Priority) -> P,
    P: Future<Output = Option<Next>> + Send + 'static,
{
    let mut passes: JoinSet<Option<Next>> = JoinSet::new();
    let mut keys = HashMap::new();
    let mut stopping = false;
    loop {
        while !stopping && let Some((key, why)) = requeue.lock().pop(Instant::now()) {
            let task = passes.spawn(pass(key.clone(), why));
            keys.insert(task.id(), key);
        }
        if stopping && passes.is_empty() {
            return;
        }
        let due = requeue.lock().next_due();
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(ended) = passes.join_next_with_id() => {
                let (id, next) = match ended {
                    Ok(ended) => ended,
                    Err(error) => {
                        tracing::error!(%error, "a pass broke off");
                        (error.id(), Some((AFTER_PANIC, Priority::ROUTINE)))
                    }
                };
                if let Some(key) = keys.remove(&id) {
                    let next = next.map(|(wait, why)| (Instant::now() + wait, why));
                    requeue.lock().done(&key, next);
                }
            }
            () = requeue.0.changed.notified(), if !stopping => {}
            () = due, if !stopping => {}
            () = shutdown.requested(), if !stopping => stopping = true,
        }
    }
}
