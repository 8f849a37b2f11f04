//! The pages with a cluster, keys and two links of their own: the connection `ada` of the integration
//! `plain`, and the integration `open` with self-service.

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use runtime::shutdown::{self, Trigger};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use zoom_operator::connect::{Config, Connect, args::Tuning, server::Addresses};

use super::{
    browser::{Browser, Seen},
    memory::Memory,
};

pub const BASE: &str = "https://connect.example.com/zoom";
pub const ADA: &str = "/zoom/connections/clinics/ada/AAAAAAAAAAAAAAAAAAAAAA";
pub const OPEN: &str = "/zoom/integrations/clinics/open/BBBBBBBBBBBBBBBBBBBBBB";
pub const CALLBACK: &str = "/zoom/callback/clinics/plain";
pub const KEY: [u8; 64] = [7; 64];

/// Generous: only a failing test waits this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the pages are started from.
pub struct Fixture {
    pub directory: TempDir,
    pub cluster: Arc<Memory>,
    pub config: Config,
}

/// Pages that are served.
pub struct Running {
    pub directory: TempDir,
    pub cluster: Arc<Memory>,
    pub at: Addresses,
    pub stop: Trigger,
    pub task: JoinHandle<()>,
}

/// A consent under way: the person is at Zoom.
pub struct Begun {
    pub browser: Browser,
    pub state: String,
    pub challenge: String,
    pub seen: Seen,
}

impl Fixture {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("current"), KEY).unwrap();
        let port = SocketAddr::from(([127, 0, 0, 1], 0));
        let many = std::num::NonZeroU32::MAX;
        let mut tuning = Tuning {
            // A test that wants a limit sets it; the others must not hit one.
            keys_interval: Duration::from_millis(5),
            drain_grace: Duration::ZERO,
            ..Tuning::default()
        };
        tuning.rates.each = many;
        tuning.rates.begun = many;
        tuning.rates.overall = many;
        tuning.rates.strangers = many;
        tuning.rates.client = many;
        Self {
            config: Config {
                url: BASE.parse().unwrap(),
                zoom_oauth_url: "https://zoom.example".parse().unwrap(),
                namespace: "operator".into(),
                keys: directory.path().to_owned(),
                listen: port,
                admin_listen: port,
                trusted_proxy_hops: 0,
                domain_validation: None,
                tuning,
            },
            directory,
            cluster: Arc::new(cluster()),
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Starts it, without waiting for anything.
    pub async fn bind(self) -> Running {
        let cluster = self.cluster.clone();
        let connect = Connect::bind(self.config, cluster).await.unwrap();
        let (stop, shutdown) = shutdown::channel();
        Running {
            at: connect.addresses(),
            task: tokio::spawn(connect.run(shutdown)),
            stop,
            directory: self.directory,
            cluster: self.cluster,
        }
    }

    /// Starts it, and waits until it is ready.
    pub async fn start(self) -> Running {
        let running = self.bind().await;
        running.ready(200).await;
        running
    }
}

impl Running {
    pub fn browser(&self) -> Browser {
        Browser::new(self.at.pages)
    }

    /// The admin port's answer.
    pub async fn admin(&self, path: &str) -> Seen {
        Browser::new(self.at.admin).get(path).await
    }

    pub async fn ready(&self, status: u16) {
        let is = || async { self.admin("/ready").await.status == status };
        eventually("readiness", is).await;
    }

    /// Waits until the metrics have this line.
    pub async fn counted(&self, line: &str) {
        let is = || async { self.admin("/metrics").await.body.lines().any(|l| l == line) };
        eventually(line, is).await;
    }

    /// A new browser begins at this link.
    pub async fn begin(&self, link: &str) -> Begun {
        self.begin_in(self.browser(), link).await
    }

    pub async fn begin_in(&self, mut browser: Browser, link: &str) -> Begun {
        let seen = browser.post(link).await;
        Begun {
            state: seen.parameter("state"),
            challenge: seen.parameter("code_challenge"),
            browser,
            seen,
        }
    }
}

impl Begun {
    /// Zoom sends the browser back with this code.
    pub async fn returns(&mut self, path: &str, code: &str) -> Seen {
        let path = format!("{path}?code={code}&state={}", self.state);
        self.browser.get(&path).await
    }
}

pub async fn eventually<F: Future<Output = bool>>(what: &str, is: impl Fn() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !is().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn cluster() -> Memory {
    let memory = Memory::default();
    for (name, consent) in [
        ("plain", json!({"mode": "Operator"})),
        ("other", json!({"mode": "Operator"})),
        (
            "open",
            json!({"mode": "Operator", "selfService": {"maxConnections": 2}}),
        ),
    ] {
        let object = integration(name, &consent);
        let mut all = memory.integrations.lock().unwrap();
        all.insert(format!("clinics/{name}"), object);
    }
    let ada = connection("ada", "plain");
    let mut all = memory.connections.lock().unwrap();
    all.insert("clinics/ada".into(), ada);
    drop(all);
    memory
}

fn integration(name: &str, consent: &Value) -> Value {
    json!({
        "apiVersion": "zoom-operator.io/v1alpha1",
        "kind": "ZoomIntegration",
        "metadata": {"namespace": "clinics", "name": name, "uid": format!("uid-of-{name}")},
        "spec": {
            "app": {"kind": "General", "management": "User", "displayName": "Clinic Rooms"},
            "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {
                "required": ["meeting:read:meeting", "meeting:write:meeting"],
                "optional": ["phone:read:list_call_logs"],
            },
            "oauth": {"consent": consent},
        },
        "status": {
            "clientId": format!("client-of-{name}"),
            "redirectUrl": format!("{BASE}/callback/clinics/{name}"),
            "installUrl": format!("https://connect.example.com{OPEN}"),
            "connections": {"total": 9, "connected": 0, "selfService": 1},
        },
    })
}

/// A connection as the controller has seen it.
pub fn connection(name: &str, integration: &str) -> Value {
    json!({
        "apiVersion": "zoom-operator.io/v1alpha1",
        "kind": "ZoomConnection",
        "metadata": {"namespace": "clinics", "name": name, "uid": format!("uid-of-{name}")},
        "spec": {
            "integrationRef": {"name": integration},
            "subject": {"displayName": "Dr. Ada", "email": "ada@example.com"},
        },
        "status": {"installUrl": format!("https://connect.example.com{ADA}")},
    })
}
