//! 200 accounts of one app under load, with the process as it runs in a Pod: three accounts are stuck, the process is
//! killed and replaced, and secrets change. What was acknowledged arrives, and only where it belongs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    net::SocketAddr,
    ops::Range,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use contract::receiver::{SinkFormat, routes::Private};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet, time::sleep};

use super::{
    client::{event, eventually, hmac_hex, read},
    fixture::{Fixture, SECRET},
    process::{Process, spawn},
    sink::{Behaviour, Received, Sink},
    tenants::{route, routed, routes, sink, tenant, write},
};

const ACCOUNTS: usize = 200;
/// Its sink answers 500.
const BROKEN: usize = 0;
/// Its sink does not answer.
const SILENT: usize = 1;
/// Nor does its, and its events are large.
const FLOODING: usize = 2;
/// Its sink takes Zoom's format. From here on nothing is wrong with the accounts.
const SIGNED: usize = 3;
const STUCK: [usize; 3] = [BROKEN, SILENT, FLOODING];
/// Zoom's later secret.
const ROTATED: &str = "zoom-test-secret-token-2";
/// The number of an event that Zoom never sent.
const FORGED: u64 = u64::MAX;
/// Between two events of one sender.
const PAUSE: Duration = Duration::from_millis(10);

/// Zoom, and what it was answered.
#[derive(Default)]
struct Zoom {
    secret: Mutex<String>,
    next: AtomicUsize,
    stop: AtomicBool,
    /// Numbers of events, by account.
    acknowledged: Mutex<BTreeMap<usize, BTreeSet<u64>>>,
    /// How often an account was answered 503.
    refused: Mutex<BTreeMap<usize, usize>>,
}

struct Crowd {
    fixture: Fixture,
    sinks: Vec<Sink>,
    zoom: Arc<Zoom>,
}

/// A process, and who sends to it.
struct Serving {
    process: Process,
    address: SocketAddr,
    clients: JoinSet<()>,
}

#[tokio::test]
async fn two_hundred_accounts_lose_nothing_and_stay_apart() {
    let crowd = Crowd::prepare().await;
    let mut serving = crowd.serve();
    crowd.stuck_alone().await;

    serving.process.0.kill().unwrap();
    serving.end().await;
    let serving = crowd.serve();
    crowd.goes_on().await;
    crowd.rotate().await;

    // As with a new Pod on the same volume.
    serving.terminate();
    serving.end().await;
    let serving = crowd.serve();
    crowd.goes_on().await;
    crowd.zoom.stop.store(true, Ordering::Relaxed);
    crowd.forge(serving.address).await;
    for stuck in STUCK {
        crowd.sinks[stuck].answer(Behaviour::Status(204));
    }
    // A new process makes no pause before what failed before.
    serving.terminate();
    serving.end().await;
    let _serving = crowd.serve();
    for account in 0..ACCOUNTS {
        crowd.has_all(account).await;
    }
    crowd.ensure_apart();
}

impl Crowd {
    async fn prepare() -> Self {
        let fixture = routed().await;
        let directory = routes(&fixture);
        let mut sinks = Vec::new();
        for account in 0..ACCOUNTS {
            sinks.push(tenant(&directory, &name(account)).await);
        }
        let crowd = Self {
            fixture,
            sinks,
            zoom: Arc::default(),
        };
        crowd.sign_for_tenant("own-1");
        SECRET.clone_into(&mut crowd.zoom.secret.lock().unwrap());
        crowd.sinks[BROKEN].answer(Behaviour::Status(500));
        crowd.sinks[SILENT].answer(Behaviour::Hold);
        crowd.sinks[FLOODING].answer(Behaviour::Hold);
        crowd
    }

    /// A process on the same store, and those who send to it.
    fn serve(&self) -> Serving {
        let store = self.fixture.config.buffer.clone().unwrap().directory;
        let flags = [
            format!("--buffer-dir={}", store.display()),
            "--buffer-size=16777216".to_owned(),
            format!("--routes-dir={}", routes(&self.fixture).display()),
            "--unclaimed-accounts=DeadLetter".to_owned(),
        ];
        let (process, address, mut log) = spawn(&self.fixture, &flags);
        // A log that nobody reads would hold up who writes it.
        thread::spawn(move || {
            let _ = log.read_to_string(&mut String::new());
        });
        let mut clients = JoinSet::new();
        for _ in 0..6 {
            clients.spawn(self.zoom.clone().send(address, SIGNED..ACCOUNTS, 0));
        }
        for stuck in [BROKEN, SILENT] {
            clients.spawn(self.zoom.clone().send(address, stuck..stuck + 1, 0));
        }
        clients.spawn(self.zoom.clone().send(address, FLOODING..SIGNED, 100_000));
        Serving {
            process,
            address,
            clients,
        }
    }

    /// Only the account that floods is told to come again, and the others' events arrive meanwhile.
    async fn stuck_alone(&self) {
        eventually("the flooding account has its share", || async {
            self.zoom.refused.lock().unwrap().get(&FLOODING) > Some(&5)
        })
        .await;
        self.goes_on().await;
        let refused = self.zoom.refused.lock().unwrap().clone();
        assert_eq!(refused.keys().collect::<Vec<_>>(), [&FLOODING]);
        for stuck in [BROKEN, SILENT] {
            eventually("an event of who is stuck is stored", || async {
                !self.zoom.of(stuck).is_empty()
            })
            .await;
        }
    }

    /// Every account that nothing is wrong with gets a further event, and all so far.
    async fn goes_on(&self) {
        let before: Vec<usize> = (0..ACCOUNTS).map(|n| self.zoom.of(n).len()).collect();
        for (account, before) in before.into_iter().enumerate().skip(SIGNED) {
            eventually("a further event", || async {
                self.zoom.of(account).len() > before
            })
            .await;
            self.has_all(account).await;
        }
    }

    async fn has_all(&self, account: usize) {
        let acknowledged = self.zoom.of(account);
        eventually("all that was acknowledged", || async {
            let arrived: BTreeSet<u64> = self.arrived(account).collect();
            acknowledged.is_subset(&arrived)
        })
        .await;
    }

    /// Numbers of what came to an account's sink.
    fn arrived(&self, account: usize) -> impl Iterator<Item = u64> {
        let got = self.sinks[account].received().into_iter();
        got.filter_map(|got| body(&got)["n"].as_u64())
    }

    /// Zoom's secret changes, and the one that a tenant has for itself.
    async fn rotate(&self) {
        self.sign_for_tenant("own-2");
        self.fixture.secret("previous-webhook-secret-token", SECRET);
        self.fixture.secret("webhook-secret-token", ROTATED);
        ROTATED.clone_into(&mut self.zoom.secret.lock().unwrap());
        self.goes_on().await;
        eventually("the tenant's new secret signs", || async {
            let got = self.sinks[SIGNED].received();
            got.last().is_some_and(|got| is_signed(got, "own-2"))
        })
        .await;
        let previous = self
            .fixture
            .config
            .signing_secrets_dir
            .join("previous-webhook-secret-token");
        std::fs::remove_file(previous).unwrap();
        self.goes_on().await;
    }

    fn sign_for_tenant(&self, secret: &str) {
        let mut to = sink(self.sinks[SIGNED].address);
        to.format = SinkFormat::Zoom;
        to.credentials.secret_token = Some(Private::new(secret));
        write(&routes(&self.fixture), &route(&name(SIGNED), Some(to)));
    }

    /// With what signs its own events, a tenant signs nobody's.
    async fn forge(&self, to: SocketAddr) {
        for own in ["own-1", "own-2"] {
            let forged = event(own, event_of(SIGNED + 1, FORGED, 0));
            // Zoom might have a new secret that nobody told us.
            assert_eq!(forged.send(to).await.status, 503);
        }
    }

    fn ensure_apart(&self) {
        for (account, sink) in self.sinks.iter().enumerate() {
            for got in sink.received() {
                let event = body(&got);
                assert_eq!(event["payload"]["account_id"], name(account));
                assert_ne!(event["n"], FORGED);
                if account == SIGNED {
                    assert!(["own-1", "own-2"].iter().any(|own| is_signed(&got, own)));
                } else {
                    assert_eq!(got.header("ce-clinic"), Some(&*name(account)));
                }
            }
        }
        assert_eq!(self.fixture.sink.count(), 0);
        let all: usize = (0..ACCOUNTS).map(|n| self.zoom.of(n).len()).sum();
        println!("{all} acknowledged, none lost");
    }
}

impl Serving {
    fn terminate(&self) {
        let id = self.process.0.id().to_string();
        let killed = Command::new("kill").arg(id).status();
        assert!(killed.unwrap().success());
    }

    /// Waits for the end of the process, and of who sent to it.
    async fn end(self) {
        self.clients.join_all().await;
        let mut process = self.process;
        let ended = tokio::task::spawn_blocking(move || process.0.wait()).await;
        ended.unwrap().unwrap();
    }
}

impl Zoom {
    /// Sends events of these accounts in turn, until it is to stop or the receiver is gone.
    async fn send(self: Arc<Self>, to: SocketAddr, accounts: Range<usize>, padding: usize) {
        while !self.stop.load(Ordering::Relaxed) {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            let account = accounts.start + n % accounts.len();
            let n = n as u64;
            let secret = self.secret.lock().unwrap().clone();
            match post(to, &secret, &event_of(account, n, padding)).await {
                Some(204) => {
                    let mut acknowledged = self.acknowledged.lock().unwrap();
                    acknowledged.entry(account).or_default().insert(n);
                }
                Some(503) => *self.refused.lock().unwrap().entry(account).or_default() += 1,
                // Never 401, also while a secret changes: Zoom would not come again.
                Some(status) => panic!("answered {status}"),
                None => return,
            }
            sleep(PAUSE).await;
        }
    }

    /// What was acknowledged of an account.
    fn of(&self, account: usize) -> BTreeSet<u64> {
        let acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.get(&account).cloned().unwrap_or_default()
    }
}

/// Sends one event; `None` when the receiver is gone.
async fn post(to: SocketAddr, secret: &str, body: &str) -> Option<u16> {
    let head = event(secret, body).head();
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(to).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    Some(read(stream).await?.status)
}

fn name(account: usize) -> String {
    format!("account-{account}")
}

fn event_of(account: usize, n: u64, padding: usize) -> String {
    let (account, padding) = (name(account), "x".repeat(padding));
    format!(
        r#"{{"event":"meeting.started","n":{n},"payload":{{"account_id":"{account}","object":{{"topic":"{padding}"}}}}}}"#
    )
}

fn body(got: &Received) -> Value {
    serde_json::from_slice(&got.body).unwrap()
}

/// Whether this secret signed what came.
fn is_signed(got: &Received, secret: &str) -> bool {
    let second = got.header("x-zm-request-timestamp").unwrap_or_default();
    let message = [format!("v0:{second}:").as_bytes(), &got.body].concat();
    let expected = format!("v0={}", hmac_hex(secret, &message));
    got.header("x-zm-signature") == Some(&*expected)
}
