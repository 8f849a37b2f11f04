//! Records the facts: in memory at once, on disk soon, so that they survive the container.
//!
//! Problems are kept in a separate file and returned only on request: earlier versions of
//! receiver and controller reject facts that contain them.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contract::{
    facts::{Facts, MAX_BYTES},
    health::{Health, OwnTrouble},
};
use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{debug, warn};

use runtime::shutdown::Shutdown;

const FILE: &str = "facts.json";
const HEALTH_FILE: &str = "health.json";

/// The facts of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    facts: Arc<Mutex<Facts>>,
    urgency: watch::Sender<Urgency>,
    /// Whether the controller knows of a right signature, perhaps at another Pod.
    verified_before: Arc<AtomicBool>,
    /// Whether the last event was not taken. Read for each event.
    refuses: Arc<AtomicBool>,
}

/// How soon a change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It is written.
    None,
    /// Together with later changes.
    Soon,
    /// At once: it happens every three days, and what the controller tells people depends on it.
    Now,
}

// === impl Recorder ===

impl Recorder {
    /// Continues from the file in `directory`. Without a file, or with one that cannot be
    /// read, it starts empty.
    #[must_use]
    pub fn load(directory: &Path) -> Self {
        let mut facts = match read(&directory.join(FILE)) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Facts::default(),
            Err(error) => {
                warn!(%error, "failed to load facts, starting empty");
                Facts::default()
            }
        };
        let health = read_health(&directory.join(HEALTH_FILE)).unwrap_or_default();
        let refuses = health.not_taken.is_some();
        facts.health = Some(health);
        Self {
            facts: Arc::new(Mutex::new(facts)),
            urgency: watch::Sender::new(Urgency::None),
            verified_before: Arc::default(),
            refuses: Arc::new(AtomicBool::new(refuses)),
        }
    }

    /// Changes the facts.
    pub fn record(&self, urgency: Urgency, change: impl FnOnce(&mut Facts)) {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner));
        self.urgency.send_if_modified(|pending| {
            let is_more = urgency > *pending;
            *pending = urgency.max(*pending);
            is_more
        });
    }

    /// Changes the recorded problems.
    pub fn record_health(&self, urgency: Urgency, change: impl FnOnce(&mut Health)) {
        self.record(urgency, |facts| {
            change(facts.health.get_or_insert_default());
        });
    }

    /// The controller knows of a right signature.
    pub fn verified_before(&self) {
        self.verified_before.store(true, Ordering::Relaxed);
    }

    /// Whether a signature was right before, here or at another Pod.
    #[must_use]
    pub fn was_verified(&self) -> bool {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.last_verified.is_some() || self.verified_before.load(Ordering::Relaxed)
    }

    /// An event was taken, or was not for a trouble of this process.
    pub fn took(&self, trouble: Option<OwnTrouble>) {
        if let Some(trouble) = trouble {
            self.refuses.store(true, Ordering::Relaxed);
            let now = Timestamp::now();
            self.record_health(Urgency::Soon, |health| health.not_taken(now, trouble));
        } else if self.refuses.load(Ordering::Relaxed) {
            self.refuses.store(false, Ordering::Relaxed);
            self.record_health(Urgency::Soon, Health::taken);
        }
    }

    /// The current problems.
    #[must_use]
    pub fn health(&self) -> Health {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.health.clone().unwrap_or_default()
    }

    /// The current facts.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.clone()
    }

    /// Writes changes to `directory` until shutdown, and once more then. Ordinary changes wait
    /// up to `pause` for others.
    pub async fn persist(&self, directory: PathBuf, pause: Duration, shutdown: Shutdown) {
        let mut pending = self.urgency.subscribe();
        let mut written = Facts::default();
        let mut failing = false;
        loop {
            tokio::select! {
                _ = pending.wait_for(|urgency| *urgency > Urgency::None) => {}
                () = shutdown.requested() => {}
            }
            tokio::select! {
                _ = pending.wait_for(|urgency| *urgency == Urgency::Now) => {}
                () = tokio::time::sleep(pause) => {}
                () = shutdown.requested() => {}
            }
            // Read before the facts: what changes during the write is written in the next round.
            let is_last = shutdown.is_requested();
            self.urgency.send_replace(Urgency::None);
            let facts = self.facts();
            if facts != written {
                match write(directory.clone(), facts.clone()).await {
                    Ok(()) => {
                        failing = false;
                        written = facts;
                    }
                    Err(error) if failing => debug!(%error, "failed to write facts"),
                    Err(error) => {
                        failing = true;
                        warn!(%error, "failed to write facts");
                    }
                }
            }
            if is_last {
                return;
            }
        }
    }
}

fn read(path: &Path) -> io::Result<Facts> {
    let mut facts = Facts::from_json(&read_file(path)?).map_err(io::Error::other)?;
    facts.buffer = None;
    facts.routing = None;
    facts.health = None;
    Ok(facts)
}

fn read_health(path: &Path) -> Option<Health> {
    let mut health: Health = serde_json::from_slice(&read_file(path).ok()?).ok()?;
    // The previous process had these in memory only.
    health.set_aside = 0;
    health.is_bounded().then_some(health)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut text)?;
    Ok(text)
}

/// Renaming replaces the file atomically: a reader, and a process that starts after a crash, finds
/// the old facts or the new ones. On a separate thread, because a busy disk must not delay
/// webhooks. Not synced: the file has to survive the container, not the node.
async fn write(directory: PathBuf, mut facts: Facts) -> io::Result<()> {
    let written = tokio::task::spawn_blocking(move || {
        let health = facts.health.take().unwrap_or_default();
        let health = serde_json::to_string(&health).map_err(io::Error::other)?;
        for (name, text) in [(FILE, facts.to_json()), (HEALTH_FILE, health)] {
            let temporary = directory.join(format!("{name}.new"));
            fs::write(&temporary, text)?;
            fs::rename(&temporary, directory.join(name))?;
        }
        Ok(())
    });
    written.await?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;
    use contract::facts::SecretRole;
    use runtime::shutdown;

    #[test]
    fn a_file_that_cannot_be_read_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "garbage").unwrap();
        let mut empty = Facts::default();
        empty.health = Some(Health::default());
        assert_eq!(Recorder::load(directory.path()).facts(), empty);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn ordinary_changes_are_written_at_the_end_at_the_latest() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::load(directory.path());
        recorder.record(Urgency::Soon, |facts| facts.seen("meeting.ended"));
        let (trigger, shutdown) = shutdown::channel();
        trigger.request();
        let path = directory.path().to_owned();
        let forever = Duration::from_hours(1);
        recorder.persist(path, forever, shutdown).await;
        let loaded = Recorder::load(directory.path()).facts();
        assert_eq!(loaded, recorder.facts());
        assert_ne!(loaded, Facts::default());
    }

    /// A receiver of an earlier version that finds the file takes the facts only as it knows them.
    #[tokio::test(flavor = "current_thread")]
    async fn what_goes_wrong_is_kept_in_a_file_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::load(directory.path());
        recorder.record_health(Urgency::Soon, |health| {
            health.rejected(Timestamp::UNIX_EPOCH, true);
        });
        let (trigger, shutdown) = shutdown::channel();
        trigger.request();
        recorder
            .persist(directory.path().to_owned(), Duration::ZERO, shutdown)
            .await;
        let text = fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert!(!text.contains("health"), "{text}");
        let loaded = Recorder::load(directory.path());
        assert_eq!(loaded.health(), recorder.health());
        assert!(loaded.health().wrong_signatures.is_some());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_validation_is_written_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::load(directory.path());
        let (_trigger, shutdown) = shutdown::channel();
        let forever = Duration::from_hours(1);
        let path = directory.path().to_owned();
        let persist = recorder.persist(path.clone(), forever, shutdown);
        let check = async {
            recorder.record(Urgency::Soon, |facts| facts.seen("meeting.ended"));
            tokio::task::yield_now().await;
            recorder.record(Urgency::Now, |facts| {
                facts.validated(Timestamp::UNIX_EPOCH, SecretRole::Current);
            });
            while Recorder::load(&path).facts() != recorder.facts() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = persist => unreachable!("never told to stop"),
            () = check => {}
        }
    }
}
