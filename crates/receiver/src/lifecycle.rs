//! Tells the sink of states of the integration and its connections: a lost grant, refused credentials.
//!
//! The controller keeps the present states in a mounted file. Each is sent once, oldest first, until the sink
//! has acknowledged it. Which ones it has is remembered on disk as long as they are in the file; a new Pod
//! sends what is still in the file again, with the same ids. There is no further queue: the file is one.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use contract::lifecycle::{FILE, MAX_BYTES, State, States};
use runtime::followed::read_file;
use secrecy::ExposeSecret as _;
use tokio::time;
use tracing::{error, info, warn};

use super::{buffer::backoff::Backoff, sink::Sink};

/// File with the ids of the states that the sink has.
const SENT: &str = "lifecycle-sent.json";

/// What is needed to tell the sink.
#[derive(Debug)]
pub struct Announcer {
    /// The mounted directory with the states.
    pub directory: PathBuf,
    /// Where what was sent is remembered.
    pub state_dir: PathBuf,
    /// Where the events go.
    pub sink: Sink,
    /// Pause between two looks at the file.
    pub interval: Duration,
    /// Pauses after failures.
    pub backoff: Backoff,
}

/// Ids of states that the sink has.
type Sent = BTreeSet<String>;

// === impl Announcer ===

impl Announcer {
    /// Sends each state of the file once, forever.
    pub async fn run(self) {
        let mut sent = load(&self.state_dir);
        let mut failures = 0;
        let mut is_unreadable = false;
        loop {
            match read(&self.directory) {
                Ok(Some(states)) => {
                    is_unreadable = false;
                    failures = if self.send(&states, &mut sent).await {
                        0
                    } else {
                        failures + 1
                    };
                }
                Ok(None) => {}
                Err(error) => {
                    if !is_unreadable {
                        warn!(%error, "failed to read the states to announce");
                    }
                    is_unreadable = true;
                }
            }
            time::sleep(if failures > 0 {
                self.backoff.pause(failures, rand::random())
            } else {
                self.interval
            })
            .await;
        }
    }

    /// Sends what was not sent yet. Returns whether nothing is left to send.
    async fn send(&self, states: &States, sent: &mut Sent) -> bool {
        let before = sent.clone();
        sent.retain(|id| states.states.iter().any(|state| state.id == *id));
        let mut is_done = true;
        for state in pending(states, sent) {
            let id = &state.id;
            match self.sink.announce(state).await {
                Ok(()) => info!(id, event = state.name(), "state announced"),
                Err(failure) if failure.error.is_final() => {
                    error!(id, event = state.name(), %failure, "state not announced, the sink rejects it");
                }
                Err(failure) => {
                    warn!(id, event = state.name(), %failure, "state not announced");
                    is_done = false;
                    break;
                }
            }
            sent.insert(state.id.clone());
            // After each one: a crash repeats at most the last.
            self.save(sent).await;
        }
        if is_done && *sent != before {
            self.save(sent).await;
        }
        is_done
    }

    async fn save(&self, sent: &Sent) {
        let (directory, sent) = (self.state_dir.clone(), sent.clone());
        let saved = tokio::task::spawn_blocking(move || save(&directory, &sent)).await;
        if let Ok(Err(error)) = saved {
            warn!(%error, "failed to remember what was announced");
        }
    }
}

/// The states that are to be sent, in order.
fn pending<'a>(states: &'a States, sent: &Sent) -> Vec<&'a State> {
    let new = states
        .states
        .iter()
        .filter(|state| !sent.contains(&state.id));
    new.collect()
}

/// The states of the file; `None` while there is no file.
fn read(directory: &Path) -> io::Result<Option<States>> {
    let Some(text) = read_file(&directory.join(FILE), MAX_BYTES as u64)? else {
        return Ok(None);
    };
    let states = States::from_json(text.expose_secret()).map_err(io::Error::other)?;
    Ok(Some(states))
}

/// What was sent before; nothing if that cannot be read.
fn load(directory: &Path) -> Sent {
    let text = fs::read(directory.join(SENT)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn save(directory: &Path, sent: &Sent) -> io::Result<()> {
    let new = directory.join(format!("{SENT}.new"));
    fs::write(&new, serde_json::to_vec(sent)?)?;
    fs::rename(new, directory.join(SENT))
}
