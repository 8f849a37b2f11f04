//! A process of the controller that can be killed, deposed or held up at every point where something
//! outside of it happens.

use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::poll;
use grant::{Client, Holder};

use crate::world::World;

/// Longer than the longest pause of a commit.
const A_WHILE: Duration = Duration::from_secs(6);

/// More than any process needs to come to an end.
const ENDLESS: u32 = 2000;

/// What a process asks of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    Write,
    Create,
    Wanted,
    Exchange,
    Revoke,
    Put,
    Remove,
}

/// Where a process can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The call has had no effect yet; a request is on its way.
    Before(Call),
    /// The call had its effect and nobody knows its answer yet.
    After(Call),
}

/// One process. It is every fake at once: its calls are numbered together.
pub struct Process {
    pub world: Arc<World>,
    pub holder: Holder,
    pub leads: AtomicBool,
    /// The credentials that the pass under way has read.
    client: Mutex<Client>,
    dies_at: Option<u32>,
    died_at: Mutex<Option<Point>>,
    steps: AtomicU32,
}

impl Process {
    pub fn new(world: &Arc<World>, pod: &str, process: &str) -> Self {
        Self {
            world: Arc::clone(world),
            holder: Holder {
                pod: pod.into(),
                process: process.into(),
                namespace: None,
            },
            leads: AtomicBool::new(true),
            client: Mutex::new(world.state().client.clone()),
            dies_at: None,
            died_at: Mutex::new(None),
            steps: AtomicU32::new(0),
        }
    }

    /// `kill -9` at the point of this number.
    pub fn dying_at(self, number: u32) -> Self {
        Self {
            dies_at: Some(number),
            ..self
        }
    }

    /// Begins a pass: reads the app's credentials.
    pub fn observe(&self) {
        let client = self.world.state().client.clone();
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    pub fn credentials(&self) -> Client {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        client.clone()
    }

    pub fn died_at(&self) -> Option<Point> {
        *self.died_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many points it came to.
    pub fn steps(&self) -> u32 {
        self.steps.load(Relaxed)
    }

    pub fn depose(&self) {
        self.leads.store(false, Relaxed);
    }

    /// Comes to a point; false once it is dead.
    pub fn reach(&self, point: Point) -> bool {
        let mut died_at = self.died_at.lock().unwrap_or_else(PoisonError::into_inner);
        if died_at.is_some() {
            return false;
        }
        let number = self.steps.fetch_add(1, Relaxed);
        self.world.reached(number, &self.holder);
        if self.dies_at == Some(number) {
            *died_at = Some(point);
            return false;
        }
        true
    }

    /// Comes to a point where others have their turn.
    pub async fn pass(&self, point: Point) {
        if !self.reach(point) {
            pending::<()>().await;
        }
        let mut waited = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut waited, true) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }

    /// Polls until the end or until the death, which drops the future; `None` when it died.
    pub async fn live<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut turns = Turns::new(self, future);
        for _ in 0..ENDLESS {
            match turns.take().await {
                Turn::Goes => {}
                Turn::Died => return None,
                Turn::Done(output) => return Some(output),
            }
        }
        panic!("a process that comes to no end");
    }
}

/// What a poll led to.
pub enum Turn<T> {
    Goes,
    Died,
    Done(T),
}

/// A future polled by hand on behalf of a process.
pub struct Turns<'p, F> {
    process: &'p Process,
    future: std::pin::Pin<Box<F>>,
}

impl<'p, F: Future> Turns<'p, F> {
    pub fn new(process: &'p Process, future: F) -> Self {
        Self {
            process,
            future: Box::pin(future),
        }
    }

    pub async fn take(&mut self) -> Turn<F::Output> {
        let steps = self.process.steps();
        let polled = poll!(pin!(&mut self.future));
        if self.process.died_at().is_some() {
            return Turn::Died;
        }
        match polled {
            std::task::Poll::Ready(output) => Turn::Done(output),
            std::task::Poll::Pending => {
                // It sleeps, unless it came to a point.
                if self.process.steps() == steps {
                    tokio::time::advance(A_WHILE).await;
                }
                Turn::Goes
            }
        }
    }
}

impl<F> Drop for Turns<'_, F> {
    fn drop(&mut self) {
        // Whatever it held in its memory only is gone.
        self.process.world.forgotten(&self.process.holder);
    }
}
