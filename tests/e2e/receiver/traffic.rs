//! Zoom under load: signs and sends events as long as the test wants, and keeps account of the answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

/// An answer after this time is late. Zoom waits for three seconds, which the tests of the receiver's crate measure; this
/// process shares its cores with the receiver and all others, and any of them may stall.
const PATIENCE: Duration = Duration::from_secs(15);
/// Ours is longer, to see answers that come too late.
const LIMIT: Duration = Duration::from_secs(20);
/// Zoom comes again after minutes; nobody here can wait for that.
const PAUSE: Duration = Duration::from_millis(200);

/// Events on their way to one receiver.
pub struct Traffic {
    shared: Arc<Shared>,
    workers: JoinSet<()>,
}

/// What was sent, and what came back.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Ids of the events that were answered 2xx.
    pub acknowledged: BTreeSet<String>,
    /// The same in the order of the answers.
    pub order: Vec<String>,
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// Requests without an answer: no connection, or a broken one.
    pub unanswered: u64,
    /// Answers that came too late.
    pub late: u64,
    /// The first answer that no receiver should give.
    pub odd: Option<String>,
}

/// What is sent, and how fast.
#[derive(Clone, Debug)]
pub struct Load {
    /// Tells the events of one load from those of another.
    pub name: String,
    /// Whose events they are, in turn.
    pub accounts: Vec<String>,
    /// How many are under way at once.
    pub at_a_time: usize,
    /// How long each of these waits between two events.
    pub pause: Duration,
    /// Bytes that make an event larger.
    pub padding: usize,
}

struct Shared {
    url: String,
    secret: Mutex<String>,
    stop: AtomicBool,
    next: AtomicUsize,
    load: Load,
    padding: String,
    ledger: Mutex<Ledger>,
}

// === impl Traffic ===

impl Traffic {
    /// Sends events of the name `meeting.ended` to `url`, so many at a time, each as often as it takes. `name`
    /// tells the events of one test from those of another.
    pub fn start(url: &str, secret: &str, name: &str, at_a_time: usize) -> Self {
        Self::start_large(url, secret, name, at_a_time, 0)
    }

    /// The same with events of so many bytes more.
    pub fn start_large(
        url: &str,
        secret: &str,
        name: &str,
        at_a_time: usize,
        padding: usize,
    ) -> Self {
        let load = Load {
            name: name.to_owned(),
            accounts: vec!["A".to_owned()],
            at_a_time,
            pause: Duration::ZERO,
            padding,
        };
        Self::of(url, secret, load)
    }

    /// Sends what `load` says.
    pub fn of(url: &str, secret: &str, load: Load) -> Self {
        let at_a_time = load.at_a_time;
        let shared = Arc::new(Shared {
            url: url.to_owned(),
            secret: Mutex::new(secret.to_owned()),
            stop: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            padding: "x".repeat(load.padding),
            load,
            ledger: Mutex::default(),
        });
        let mut workers = JoinSet::new();
        for _ in 0..at_a_time {
            workers.spawn(work(shared.clone()));
        }
        Self { shared, workers }
    }

    /// From now on signs with this secret.
    pub fn sign_with(&self, secret: &str) {
        let mut current = self.shared.secret.lock();
        secret.clone_into(
            current
                .as_deref_mut()
                .unwrap_or_else(|_| panic!("a test panicked")),
        );
    }

    /// The account so far.
    pub fn ledger(&self) -> Ledger {
        self.shared.ledger().clone()
    }

    /// Waits until so many more events were acknowledged.
    pub async fn acknowledged(&self, more: usize) -> anyhow::Result<()> {
        let wanted = self.ledger().acknowledged.len() + more;
        crate::bed::wait_for("acknowledgements", crate::bed::LIMIT, || async {
            let ledger = self.ledger();
            anyhow::ensure!(ledger.acknowledged.len() >= wanted, "{ledger}");
            Ok(Some(()))
        })
        .await
    }

    /// Begins no new events, and hands out the account.
    pub async fn stop(mut self) -> Ledger {
        self.shared.stop.store(true, Ordering::Relaxed);
        while self.workers.join_next().await.is_some() {}
        self.ledger()
    }
}

async fn work(shared: Arc<Shared>) {
    // A client for each worker, so that there are several connections.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(LIMIT)
        .build()
        .expect("a client");
    while !shared.stop.load(Ordering::Relaxed) {
        let body = shared.event();
        while !shared.send(&client, &body).await {
            if shared.stop.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(shared.load.pause).await;
    }
}

// === impl Shared ===

impl Shared {
    /// The next event, which is like no other.
    fn event(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (load, padding) = (&self.load, &self.padding);
        let account = &load.accounts[number % load.accounts.len()];
        format!(
            r#"{{"event":"meeting.ended","event_ts":1626230691572,"payload":{{"account_id":"{account}","object":{{"id":"{}-{number}","topic":"{padding}"}}}}}}"#,
            load.name
        )
    }

    /// Sends the event once. Says whether it was acknowledged.
    async fn send(&self, client: &reqwest::Client, body: &str) -> bool {
        let secret = self
            .secret
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let request = signed(client, &self.url, &secret, body);
        let started = Instant::now();
        let answer = request.send().await;
        let took = started.elapsed();
        let mut ledger = self.ledger();
        let Ok(answer) = answer else {
            ledger.unanswered += 1;
            return false;
        };
        *ledger.answers.entry(answer.status().as_u16()).or_default() += 1;
        ledger.late += u64::from(took > PATIENCE);
        if ![204, 503].contains(&answer.status().as_u16()) {
            ledger.odd.get_or_insert_with(|| format!("{answer:?}"));
        }
        if answer.status().is_success() {
            let id = id(body);
            ledger.order.push(id.clone());
            ledger.acknowledged.insert(id);
        }
        answer.status().is_success()
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ledger ===

impl fmt::Display for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} acknowledged, answers {:?}, {} unanswered, {} late",
            self.acknowledged.len(),
            self.answers,
            self.unanswered,
            self.late
        )?;
        match &self.odd {
            Some(odd) => write!(formatter, ", odd: {odd}"),
            None => Ok(()),
        }
    }
}

/// A request as Zoom makes it now.
pub fn signed(
    client: &reqwest::Client,
    url: &str,
    secret: &str,
    body: &str,
) -> reqwest::RequestBuilder {
    let second = jiff::Timestamp::now().as_second();
    client
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("x-zm-request-timestamp", second)
        .header("x-zm-signature", sign(secret, second, body))
        .body(body.to_owned())
}

/// The id that a receiver gives to an event.
pub fn id(body: &str) -> String {
    hex(&Sha256::digest(body))
}

/// Zoom's signature of a body.
pub fn sign(secret: &str, second: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(format!("v0:{second}:{body}").as_bytes());
    format!("v0={}", hex(&mac.finalize().into_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
