//! Grants in the cluster: where they are stored, how they are spent, and what dead processes left behind.

pub mod handoff;
mod issuer;
pub mod secret;
mod store;
mod term;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use kube::Client;
use tokio::sync::Semaphore;

pub use self::{
    issuer::{WithoutApp, ZoomIssuer, client_of, token_of},
    store::{Place, SecretStore},
    term::LeaderTerm,
};
use super::budget::Budgets;
use grant::{Directory, Error, Journal as _, SpendOutcome, Store as _};

/// How many replies may wait for the API server at the same time. A crash of the node loses at most these.
const UNCOMMITTED: u32 = 64;

/// Spends grants, each in a separate task: a reply must be stored even if the pass that requested it is
/// cancelled.
pub struct Grants {
    client: Client,
    zoom: Arc<zoom::Client>,
    budgets: Arc<Budgets>,
    term: Arc<LeaderTerm>,
    journal: Directory,
    under_way: Arc<Mutex<HashSet<String>>>,
    permits: Arc<Semaphore>,
}

/// Removes a place from the list of attempts in progress.
struct UnderWay {
    list: Arc<Mutex<HashSet<String>>>,
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
    /// the namespace `home`. Returns `None` without waiting, to be
    /// tried again soon, if an attempt is already in progress or the app's budget is used up.
    ///
    /// # Errors
    /// When no attempt was made.
    pub async fn spend(
        &self,
        place: Place,
        app: &zoom::App,
        home: &str,
    ) -> Option<Result<SpendOutcome<zoom::Error>, Error>> {
        let namespace = place.connection_namespace.clone();
        let store = SecretStore::new(&self.client, place);
        let under_way = UnderWay::begin(&self.under_way, store.place())?;
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        self.budgets
            .spend_of_connection(&namespace, home, &app.client_id, &store.place())
            .ok()?;
        let issuer = ZoomIssuer::new(self.zoom.clone(), app.clone());
        let (journal, term) = (self.journal.clone(), self.term.clone());
        let task = tokio::spawn(async move {
            let _held = (under_way, permit);
            grant::spend(&store, &issuer, &journal, &*term).await
        });
        // Fails only when the runtime shuts down.
        task.await.ok()
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

// === impl UnderWay ===

impl UnderWay {
    fn begin(list: &Arc<Mutex<HashSet<String>>>, place: String) -> Option<Self> {
        let mut places = list.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(place.clone()).then(|| Self {
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
