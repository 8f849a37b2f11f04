//! Shutdown: the first signal starts an orderly stop with a deadline, the second aborts.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use tracing::{info, warn};

/// What a process exits with when a second signal cuts its drain short.
const ABORTED: i32 = 130;

/// Hears that the process is to stop. Cheap to clone; once requested it stays so.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Requests the stop that every [`Shutdown`] of its channel hears.
#[derive(Clone, Debug)]
pub struct Trigger(Arc<watch::Sender<bool>>);

/// The work was still not done when its time after the request was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shutdown deadline passed")]
pub struct DeadlinePassed(());

/// A trigger and what hears it.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(Arc::new(sender)), Shutdown(receiver))
}

/// A [`Shutdown`] requested by the first SIGTERM or SIGINT. The second one ends the process at
/// once, so that a person need not wait for a drain that hangs.
///
/// Must be called inside a tokio runtime.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn on_signal() -> io::Result<Shutdown> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let (trigger, shutdown) = channel();
    tokio::spawn(async move {
        let name = either(&mut term, &mut int).await;
        info!(signal = name, "shutdown requested");
        trigger.request();
        let name = either(&mut term, &mut int).await;
        warn!(signal = name, "aborted");
        std::process::exit(ABORTED);
    });
    Ok(shutdown)
}

// === impl Shutdown ===

impl Shutdown {
    /// Completes once shutdown was requested; never, if all triggers are dropped without a request.
    pub async fn requested(&self) {
        if self.0.clone().wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether shutdown was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Runs `work` to its end, but at most `deadline` longer than the request.
    ///
    /// # Errors
    /// [`DeadlinePassed`] when the work was dropped unfinished.
    pub async fn bound<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, DeadlinePassed> {
        let expired = async {
            self.requested().await;
            tokio::time::sleep(deadline).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = expired => Err(DeadlinePassed(())),
        }
    }
}

// === impl Trigger ===

impl Trigger {
    /// Asks everything that listens to stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

async fn either(term: &mut Signal, int: &mut Signal) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_request_is_heard_by_all_and_stays() {
        let (trigger, shutdown) = channel();
        assert!(!shutdown.is_requested());
        trigger.request();
        shutdown.clone().requested().await;
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_bounded_only_after_the_request() {
        let (trigger, shutdown) = channel();
        let brief = Duration::from_millis(1);
        let work = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            7
        };
        assert_eq!(shutdown.bound(brief, work).await, Ok(7));
        trigger.request();
        let endless = std::future::pending::<()>();
        assert_eq!(
            shutdown.bound(brief, endless).await,
            Err(DeadlinePassed(()))
        );
    }
}
