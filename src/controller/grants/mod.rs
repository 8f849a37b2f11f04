//! Grants in the cluster: where they are stored, how they are spent, and what dead processes left behind.

pub mod handoff;
mod issuer;
pub mod secret;
mod store;
mod term;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kube::Client;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use super::budget::Requester;

pub use self::{
    issuer::{WithoutApp, ZoomIssuer, client_of, token_of},
    store::{Place, SecretStore, Trail},
    term::LeaderTerm,
};
use super::budget::Budgets;
use grant::{Directory, Error, Journal as _, SpendOutcome, Store as _, StoreError};

/// How many replies may wait for the API server at the same time. A crash of the node loses at most these, and
/// those whose place refuses them for long.
const UNCOMMITTED: u32 = 64;

/// How many of them may belong to connections of one namespace.
const OF_ONE_NAMESPACE: usize = 16;

/// How long an attempt counts among them: longer than Zoom and a healthy API server take. A tenant can make its
/// own Secret refuse every write, and must not keep others from their tokens by that.
const HELD: Duration = Duration::from_mins(2);

/// How long a pass waits for a place that refuses to store Zoom's reply.
const PATIENCE: Duration = Duration::from_secs(20);

/// How soon to try again while an attempt, or too many of them, are in progress.
const WHILE_BUSY: Duration = Duration::from_secs(5);

/// Spends grants, each in a separate task: a reply must be stored even if the pass that requested it is
/// cancelled.
pub struct Grants {
    client: Client,
    zoom: Arc<zoom::Client>,
    budgets: Arc<Budgets>,
    term: Arc<LeaderTerm>,
    journal: Directory,
    under_way: Arc<Mutex<Places>>,
    permits: Arc<Semaphore>,
}

/// An attempt, which was made.
#[derive(Debug)]
pub struct Attempt {
    /// What came of it, or why nothing was sent.
    pub outcome: Result<SpendOutcome<zoom::Error>, Error>,
    /// What became of the Secret.
    pub trail: Trail,
}

/// The attempt is possible after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooEarly(pub Duration);

/// The places of the attempts in progress.
type Places = HashMap<String, Busy>;

/// An attempt in progress.
struct Busy {
    /// The namespace of its connection.
    namespace: String,
    /// What it does to its Secret.
    trail: Arc<Mutex<Trail>>,
}

/// Removes a place from the list of attempts in progress.
struct UnderWay {
    list: Arc<Mutex<Places>>,
    place: String,
}

// === impl Grants ===

impl Grants {
    /// Prepares spending grants.
    #[must_use]
    pub fn new(
        client: Client,
        zoom: Arc<zoom::Client>,
        budgets: Arc<Budgets>,
        term: LeaderTerm,
        journal: Directory,
    ) -> Self {
        Self {
            client,
            zoom,
            budgets,
            term: Arc::new(term),
            journal,
            under_way: Arc::default(),
            permits: Arc::new(Semaphore::new(UNCOMMITTED as usize)),
        }
    }

    /// Stores the replies that dead processes of this Pod received from Zoom. Must finish before this process
    /// takes part in the election.
    pub async fn drain(&self) {
        let entries = self.journal.entries();
        if entries.is_empty() {
            return;
        }
        tracing::info!(
            entries = entries.len(),
            "storing replies of an earlier process"
        );
        let commits = entries.into_iter().map(|entry| async move {
            let Some(place) = Place::parse(&entry.place) else {
                tracing::error!("an entry of the journal has no place");
                return;
            };
            let store = SecretStore::new(&self.client, place);
            let committed = grant::commit(&store, &WithoutApp, &entry).await;
            tracing::info!(?committed, "stored a reply of an earlier process");
            self.journal.remove(&entry);
        });
        futures::future::join_all(commits).await;
    }

    /// Spends what is stored at `place` with the credentials of `app`, which are those of an integration in
    /// the namespace `home`.
    ///
    /// # Errors
    /// Without waiting, if it is too early: an attempt is already in progress, or others come first.
    pub async fn spend(
        &self,
        place: Place,
        app: &zoom::App,
        home: &str,
    ) -> Result<Attempt, TooEarly> {
        let (namespace, requester) = (place.connection_namespace.clone(), place.requester());
        let store = SecretStore::new(&self.client, place);
        let busy = TooEarly(WHILE_BUSY);
        if let Some(refused) = UnderWay::refused(&self.under_way, &store.place()) {
            return Ok(refused);
        }
        let trail = store.shared_trail();
        let begun = UnderWay::begin(&self.under_way, store.place(), &namespace, trail.clone());
        let under_way = begun.ok_or(busy)?;
        let permit = self.permits.clone().try_acquire_owned();
        let permit = permit.map_err(|_| busy)?;
        self.budgets
            .spend_of_connection(&requester, home, &app.client_id)
            .map_err(|over| TooEarly(over.0))?;
        let issuer = ZoomIssuer::new(self.zoom.clone(), app.clone());
        let (journal, term) = (self.journal.clone(), self.term.clone());
        let mut task = tokio::spawn(async move {
            let _under_way = under_way;
            let spent = grant::spend(&store, &issuer, &journal, &*term);
            let outcome = holding(permit, spent).await;
            let trail = store.trail();
            Attempt { outcome, trail }
        });
        let finished = match tokio::time::timeout(PATIENCE, &mut task).await {
            Ok(finished) => finished,
            Err(_) => match Attempt::refused(&trail) {
                // It goes on storing the reply.
                Some(refused) => return Ok(refused),
                None => task.await,
            },
        };
        // Fails only when the runtime shuts down.
        finished.map_err(|_| busy)
    }

    /// Whether it is the turn of a connection to spend something of the app with this client id, which an
    /// integration in the namespace `home` has. Asked before anything is read for it.
    ///
    /// # Errors
    /// When others come first.
    pub fn call(&self, requester: &Requester, home: &str, client_id: &str) -> Result<(), TooEarly> {
        self.budgets
            .call_connection(requester, home, client_id)
            .map_err(|over| TooEarly(over.0))
    }

    /// What is known about attempts by other processes.
    #[must_use]
    pub fn term(&self) -> &LeaderTerm {
        &self.term
    }

    /// Waits until no attempt is in progress.
    pub async fn idle(&self) {
        // Fails only if the semaphore is closed, which never happens.
        let _ = self.permits.acquire_many(UNCOMMITTED).await;
    }
}

/// Waits for an attempt, and holds its permit for [`HELD`] at most.
async fn holding<T>(permit: OwnedSemaphorePermit, attempt: impl Future<Output = T>) -> T {
    let mut attempt = std::pin::pin!(attempt);
    if let Ok(done) = tokio::time::timeout(HELD, &mut attempt).await {
        return done;
    }
    tracing::warn!("an attempt to use a grant takes very long; the others go on");
    drop(permit);
    attempt.await
}

// === impl Attempt ===

impl Attempt {
    /// An attempt in progress whose last write the API server refused.
    fn refused(trail: &Mutex<Trail>) -> Option<Self> {
        let trail = trail.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = trail.refusal.clone()?;
        Some(Self {
            outcome: Err(Error::Store(StoreError::Refused(why))),
            trail,
        })
    }
}

// === impl UnderWay ===

impl UnderWay {
    /// What is known of an attempt in progress that cannot store its reply.
    fn refused(list: &Mutex<Places>, place: &str) -> Option<Attempt> {
        let places = list.lock().unwrap_or_else(PoisonError::into_inner);
        Attempt::refused(&places.get(place)?.trail)
    }

    fn begin(
        list: &Arc<Mutex<Places>>,
        place: String,
        namespace: &str,
        trail: Arc<Mutex<Trail>>,
    ) -> Option<Self> {
        let mut places = list.lock().unwrap_or_else(PoisonError::into_inner);
        let of_namespace = places
            .values()
            .filter(|busy| busy.namespace == namespace)
            .count();
        if places.contains_key(&place) || of_namespace >= OF_ONE_NAMESPACE {
            return None;
        }
        let namespace = namespace.to_owned();
        places.insert(place.clone(), Busy { namespace, trail });
        Some(Self {
            list: list.clone(),
            place,
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut places = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        places.remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_some_of_the_places_and_each_once() {
        let list = Arc::default();
        let begin = |place: usize, namespace| {
            UnderWay::begin(&list, place.to_string(), namespace, Arc::default())
        };
        let mut held: Vec<_> = (0..OF_ONE_NAMESPACE)
            .map(|place| begin(place, "noisy").unwrap())
            .collect();
        assert!(begin(99, "noisy").is_none());
        assert!(begin(0, "other").is_none(), "the same place");
        let _other = begin(99, "other").unwrap();
        held.pop();
        assert!(begin(98, "noisy").is_some());
    }

    #[test]
    fn a_place_that_refuses_the_reply_says_why() {
        let list = Arc::default();
        let trail: Arc<Mutex<Trail>> = Arc::default();
        let _one = UnderWay::begin(&list, "p".into(), "n", trail.clone()).unwrap();
        assert!(UnderWay::refused(&list, "p").is_none(), "only busy");
        trail.lock().unwrap().refusal = Some("immutable".into());
        let refused = UnderWay::refused(&list, "p").unwrap().outcome;
        assert!(
            matches!(&refused, Err(Error::Store(StoreError::Refused(why))) if why == "immutable"),
            "{refused:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_whose_place_refuses_every_write_gives_its_permit_back() {
        let permits = Arc::new(Semaphore::new(1));
        let permit = permits.clone().try_acquire_owned().unwrap();
        let attempt = tokio::spawn(holding(permit, std::future::pending::<()>()));
        tokio::time::sleep(HELD / 2).await;
        assert!(permits.clone().try_acquire_owned().is_err());
        tokio::time::sleep(HELD).await;
        assert!(permits.try_acquire().is_ok());
        assert!(!attempt.is_finished(), "the reply is still being stored");
    }
}
