//! The sinks of many tenants in the test's own process. Each knows whose it is, and notes what was not meant for it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::ensure;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    bed::{Bed, LIMIT, object::text, wait_for},
    receiver::{
        back_end::{Account, lead, node_address, serve},
        traffic::{Ledger, id, sign},
    },
};

/// Name of the Service that leads to them, in every tenant's namespace.
pub const SERVICE: &str = "back-end";

/// The sinks of all tenants.
pub struct Sinks {
    address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

/// Whose a sink is.
#[derive(Clone, Debug)]
pub struct Owner {
    pub account: String,
    pub namespace: String,
    /// One of these signs every event, if it takes Zoom's format.
    pub secrets: Vec<String>,
}

#[derive(Default)]
struct Memory {
    /// By path.
    owners: BTreeMap<String, Owner>,
    /// How the sink of an account answers, if not as usual.
    answers: BTreeMap<String, (StatusCode, Duration)>,
    /// How often each event was taken, by its id.
    taken: BTreeMap<String, u32>,
    /// How many events of an account were taken.
    of_account: BTreeMap<String, usize>,
    /// How many events a secret signed.
    signed: BTreeMap<String, usize>,
    /// What came to a sink that it was not meant for.
    strays: Vec<String>,
}

type Shared = Arc<Mutex<Memory>>;

// === impl Sinks ===

impl Sinks {
    pub async fn start(bed: &Bed) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((node_address(bed).await?, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Shared::default();
        let router = Router::new().fallback(take).with_state(shared.clone());
        let server = tokio::spawn(serve(listener, router));
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Makes the Service of a tenant's namespace.
    pub async fn lead_from(&self, tenant: &Bed) -> anyhow::Result<()> {
        lead(tenant, SERVICE, 80, self.address).await
    }

    /// The sink at `/ACCOUNT` is this account's, and answers 204.
    pub fn own(&self, owner: Owner) {
        let path = format!("/{}", owner.account);
        self.memory().owners.insert(path, owner);
    }

    /// From now on the sink of an account answers with this status, after this time.
    pub fn answers(&self, account: &str, status: StatusCode, delay: Duration) {
        let answers = &mut self.memory().answers;
        answers.insert(account.to_owned(), (status, delay));
    }

    /// How many events of an account its sink took.
    pub fn taken(&self, account: &str) -> usize {
        let memory = self.memory();
        memory.of_account.get(account).copied().unwrap_or_default()
    }

    /// How many events this secret signed.
    pub fn signed(&self, secret: &str) -> usize {
        self.memory()
            .signed
            .get(secret)
            .copied()
            .unwrap_or_default()
    }

    /// Whether this body was taken.
    pub fn has(&self, body: &str) -> bool {
        self.memory().taken.contains_key(&id(body))
    }

    /// Nothing came to a sink that it was not meant for.
    pub fn ensure_apart(&self) -> anyhow::Result<()> {
        let strays = &self.memory().strays;
        let some = strays.get(..strays.len().min(5));
        ensure!(strays.is_empty(), "{} strays: {some:#?}", strays.len());
        Ok(())
    }

    /// Waits until everything that was acknowledged has arrived, as long as something does.
    pub async fn have_all(&self, ledger: &Ledger) -> anyhow::Result<Account> {
        let mut lost = usize::MAX;
        loop {
            let account = self.account(ledger);
            if account.lost == 0 {
                return Ok(account);
            }
            let fewer = wait_for("what was acknowledged arrives", LIMIT, || async {
                let account = self.account(ledger);
                ensure!(account.lost < lost, "{account:?} of {ledger}");
                Ok(Some(account.lost))
            });
            lost = fewer.await?;
        }
    }

    fn account(&self, ledger: &Ledger) -> Account {
        let memory = self.memory();
        let times = |id: &String| memory.taken.get(id).copied().unwrap_or_default();
        let (mut lost, mut repeated, mut arrived) = (0, 0, 0);
        for id in &ledger.acknowledged {
            match times(id) {
                0 => lost += 1,
                times => {
                    arrived += 1;
                    repeated += times as usize - 1;
                }
            }
        }
        Account {
            lost,
            repeated,
            arrived,
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.shared)
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let (account, status, delay) = {
        let mut memory = lock(&shared);
        match memory.judge(uri.path(), &headers, &body) {
            Ok(account) => {
                let answer = memory.answers.get(&account).copied();
                let (status, delay) = answer.unwrap_or((StatusCode::NO_CONTENT, Duration::ZERO));
                (account, status, delay)
            }
            Err(stray) => {
                memory.strays.push(stray);
                return StatusCode::NO_CONTENT;
            }
        }
    };
    tokio::time::sleep(delay).await;
    if status.is_success() {
        let mut memory = lock(&shared);
        let id = id(&String::from_utf8_lossy(&body));
        *memory.taken.entry(id).or_default() += 1;
        *memory.of_account.entry(account).or_default() += 1;
    }
    status
}

// === impl Memory ===

impl Memory {
    /// Whose event it is, if that is whose sink it came to; otherwise what is wrong.
    fn judge(&mut self, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<String, String> {
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default()
        };
        let owner = self.owners.get(path);
        let owner = owner.ok_or_else(|| format!("nobody has the sink {path}"))?;
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        let account = text(&event, "/payload/account_id");
        let stray = |what: &str| Err(format!("{what} at the sink of {owner:?}: {headers:?}"));
        if account != owner.account {
            return stray(&format!("an event of {account}"));
        }
        let host = header("host").split(':').next().unwrap_or_default();
        if host != format!("{SERVICE}.{}.svc", owner.namespace) {
            return stray("an event by another namespace's Service");
        }
        if owner.secrets.is_empty() {
            if header("ce-tenant") != owner.account {
                return stray("the facts of another connection");
            }
        } else {
            let second = header("x-zm-request-timestamp").parse().unwrap_or_default();
            let body = String::from_utf8_lossy(body);
            let signature = header("x-zm-signature");
            let mut secrets = owner.secrets.iter();
            let Some(by) = secrets.find(|secret| sign(secret, second, &body) == signature) else {
                return stray("an event that the tenant's own secret did not sign");
            };
            *self.signed.entry(by.clone()).or_default() += 1;
        }
        Ok(owner.account.clone())
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Memory> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
