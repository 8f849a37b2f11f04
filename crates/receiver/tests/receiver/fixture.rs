//! A receiver with directories, a secret and a sink of its own.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use receiver::{
    Config, Receiver,
    buffer::{Settings, backoff::Backoff},
    cloudevent::Extension,
    config::Tuning,
    filter::Filter,
    server::Addresses,
    sink::SinkConfig,
};
use runtime::shutdown::{self, Trigger};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{
    client::{self, Answer, Post, eventually},
    sink::Sink,
};

pub const SECRET: &str = "zoom-test-secret-token";
/// The control port's.
pub const TOKEN: &str = "zoom-test-control-token";
pub const BODY: &str = r#"{"event":"meeting.started","event_ts":1626230691572,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","topic":"café"}}}"#;

/// What a receiver is started from.
pub struct Fixture {
    pub directory: TempDir,
    pub sink: Sink,
    pub config: Config,
}

/// A receiver that serves.
pub struct Running {
    pub directory: TempDir,
    pub sink: Sink,
    pub config: Config,
    pub at: Addresses,
    pub stop: Trigger,
    pub task: JoinHandle<()>,
}

impl Fixture {
    pub async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let sink = Sink::start().await;
        let port = SocketAddr::from(([127, 0, 0, 1], 0));
        let fixture = Self {
            config: Config {
                listen: port,
                admin_listen: port,
                facts_listen: port,
                path: "/".into(),
                integration: "tenant-a/zoom".parse().unwrap(),
                extensions: vec![Extension::new("headorg", "4711").unwrap()],
                signing_secrets_dir: directory.path().join("signing"),
                authentication: None,
                domain_validation: None,
                state_dir: directory.path().join("state"),
                filter: Filter::default(),
                sink: SinkConfig {
                    url: Some(format!("http://{}/in", sink.address).parse().unwrap()),
                    timeout: client::PATIENCE,
                    allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
                    ..SinkConfig::default()
                },
                buffer: None,
                routing: None,
                control: None,
                lifecycle_dir: None,
                suspended: false,
                max_body: 4096,
                tolerance: Duration::from_hours(2),
                tuning: Tuning {
                    // A test that wants a limit sets it; the others must not hit one.
                    deadline: client::PATIENCE,
                    secrets_interval: Duration::from_millis(5),
                    facts_pause: Duration::from_millis(5),
                    lifecycle_interval: Duration::from_millis(5),
                    lifecycle_backoff: Backoff {
                        first: Duration::from_millis(5),
                        longest: Duration::from_millis(20),
                    },
                    body_idle: client::PATIENCE,
                    drain_grace: Duration::ZERO,
                    ..Tuning::default()
                },
            },
            directory,
            sink,
        };
        fs::create_dir(&fixture.config.signing_secrets_dir).unwrap();
        fs::create_dir(&fixture.config.state_dir).unwrap();
        fixture.secret("webhook-secret-token", SECRET);
        fixture
    }

    pub fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// With a buffer, a control port and short pauses.
    pub fn buffered(self) -> Self {
        let directory = self.directory.path().join("buffer");
        let token = self.directory.path().join("control-token");
        fs::create_dir_all(&directory).unwrap();
        fs::write(&token, TOKEN).unwrap();
        self.with(|config| {
            config.buffer = Some(Settings {
                directory,
                size: 64 << 20,
                max_age: Duration::from_hours(1),
                ephemeral: false,
                backoff: Backoff {
                    first: Duration::from_millis(5),
                    longest: Duration::from_millis(20),
                },
                attempts: 10,
                patience: Duration::from_secs(10),
                most_ids: 10_000,
            });
            config.control = Some((SocketAddr::from(([127, 0, 0, 1], 0)), token));
        })
    }

    /// Changes the buffer's settings.
    pub fn with_buffer(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.with(|config| change(config.buffer.as_mut().unwrap()))
    }

    pub fn secret(&self, name: &str, value: &str) {
        fs::write(self.config.signing_secrets_dir.join(name), value).unwrap();
    }

    /// Starts it, without waiting for anything.
    pub async fn bind(self) -> Running {
        let receiver = Receiver::bind(self.config.clone()).await.unwrap();
        let (stop, shutdown) = shutdown::channel();
        Running {
            at: receiver.addresses(),
            task: tokio::spawn(receiver.run(shutdown)),
            stop,
            config: self.config,
            directory: self.directory,
            sink: self.sink,
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
    pub async fn send(&self, post: &Post) -> Answer {
        post.send(self.at.webhook).await
    }

    pub async fn status(&self, post: &Post) -> u16 {
        self.send(post).await.status
    }

    /// Waits until `/ready` answers so.
    pub async fn ready(&self, status: u16) {
        let is = || async { client::get(self.at.admin, "/ready").await.status == status };
        eventually("readiness", is).await;
    }

    /// Waits until the sink has got so many requests.
    pub async fn sink_has(&self, count: usize) {
        eventually("requests at the sink", || async {
            self.sink.count() == count
        })
        .await;
    }

    /// Waits until the sink has got so many requests or more.
    pub async fn sink_has_at_least(&self, count: usize) {
        eventually("requests at the sink", || async {
            self.sink.count() >= count
        })
        .await;
    }

    /// Waits until the metrics have this line.
    pub async fn counted(&self, line: &str) {
        let is = || async {
            let page = client::get(self.at.admin, "/metrics").await.body;
            page.lines().any(|l| l == line)
        };
        eventually(line, is).await;
    }

    /// The answer to a controller that asks for problems.
    pub async fn health(&self) -> serde_json::Value {
        let answer = client::get(self.at.facts, "/facts?health=1").await.body;
        let facts: serde_json::Value = serde_json::from_str(&answer).unwrap();
        facts["health"].clone()
    }

    pub async fn facts(&self) -> serde_json::Value {
        serde_json::from_str(&client::get(self.at.facts, "/facts").await.body).unwrap()
    }

    /// What the control port answers.
    pub async fn control(&self, line: &str, body: &str) -> Answer {
        let authorization = format!("authorization: Bearer {TOKEN}\r\n");
        client::ask(self.at.control.unwrap(), line, &authorization, body).await
    }

    /// The facts about the buffer.
    pub async fn buffer(&self) -> serde_json::Value {
        self.facts().await["buffer"].clone()
    }

    /// Waits until so many events and dead letters are in the buffer.
    pub async fn holds(&self, pending: u64, dead: u64) {
        eventually("events in the buffer", || async {
            let buffer = self.buffer().await;
            buffer["pending"] == pending && buffer["deadLetters"] == dead
        })
        .await;
    }

    pub fn secret_file(&self, name: &str) -> PathBuf {
        self.config.signing_secrets_dir.join(name)
    }

    /// Stops it, and hands out what the next one is started from.
    pub async fn stop(self) -> Fixture {
        self.stop.request();
        self.task.await.unwrap();
        Fixture {
            directory: self.directory,
            sink: self.sink,
            config: self.config,
        }
    }
}
