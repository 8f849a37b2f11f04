//! A `nats-server` of the test's own, and a sink that leads to it.

use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use async_nats::{
    ConnectOptions,
    jetstream::{self, context, stream},
};
use axum::body::Bytes;
use futures::FutureExt as _;
use jiff::Timestamp;
use receiver::{
    event::{Event, ZoomHeaders},
    sink::{Sink, SinkConfig, SinkError},
};
use runtime::outgoing::guard::Lookup;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::client::{PATIENCE, eventually};

/// Where events are published.
pub const PREFIX: &str = "zoom.tenant";

/// The program, if there is one.
pub fn program() -> Option<PathBuf> {
    if let Some(path) = env::var_os("NATS_SERVER").filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths)
        // Debian has it where only the administrator looks.
        .chain(["/usr/sbin".into()])
        .map(|directory| directory.join("nats-server"))
        .find(|path| path.is_file())
}

/// A server with its own directory, on a port that it keeps.
pub struct Server {
    pub directory: TempDir,
    pub port: u16,
    /// Where it tells about itself, if the settings say so.
    pub monitoring: Option<SocketAddr>,
    /// For the next start.
    pub settings: String,
    child: Child,
}

impl Server {
    /// With `JetStream`, and these settings beside.
    pub async fn start(settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = spawn(directory.path(), settings, None);
        let file = directory
            .path()
            .join(format!("nats-server_{}.ports", child.id()));
        let mut ports = None;
        eventually("the server's ports", || {
            ports = fs::read(&file)
                .ok()
                .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
            let is = ports.is_some();
            async move { is }
        })
        .await;
        let at = |kind: &str| {
            let (_, address) = ports.as_ref()?[kind][0].as_str()?.split_once("://")?;
            address.parse::<SocketAddr>().ok()
        };
        Self {
            port: at("nats").unwrap().port(),
            monitoring: at("monitoring"),
            directory,
            settings: settings.to_owned(),
            child,
        }
    }

    /// As the kernel does when memory is short.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Starts it again, on the same port and with what it has stored.
    pub async fn restart(&mut self) {
        self.child = spawn(self.directory.path(), &self.settings, Some(self.port));
        let port = self.port;
        eventually("the server", || async move {
            tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_ok()
        })
        .await;
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// For the test itself.
    pub async fn admin(&self, options: ConnectOptions) -> jetstream::Context {
        let client = options.connect(self.url()).await.unwrap();
        context::ContextBuilder::new()
            .timeout(PATIENCE)
            .build(client)
    }

    /// A stream that takes all events.
    pub async fn stream(&self) -> stream::Stream {
        let admin = self.admin(ConnectOptions::new()).await;
        admin.create_stream(stream_config()).await.unwrap()
    }

    /// Flags that lead here.
    pub fn args(&self) -> SinkConfig {
        SinkConfig {
            nats: Some(self.url().parse().unwrap()),
            nats_subject: Some(PREFIX.parse().unwrap()),
            timeout: PATIENCE,
            allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ..SinkConfig::default()
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(directory: &Path, settings: &str, port: Option<u16>) -> Child {
    let config = directory.join("nats.conf");
    let (shown, port) = (directory.display(), port.map_or(-1, i32::from));
    let text = format!(
        "host: 127.0.0.1\nport: {port}\nports_file_dir: \"{shown}\"\n\
         jetstream {{ store_dir: \"{shown}/store\" }}\n{settings}\n"
    );
    fs::write(&config, text).unwrap();
    Command::new(program().unwrap())
        .arg("--config")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(fs::File::create(directory.join("log")).unwrap())
        .spawn()
        .unwrap()
}

pub fn stream_config() -> stream::Config {
    stream::Config {
        name: "ZOOM".into(),
        subjects: vec![format!("{PREFIX}.>")],
        duplicate_window: Duration::from_hours(2),
        ..stream::Config::default()
    }
}

/// A sink whose credentials are followed until it is dropped.
pub struct Followed {
    pub sink: Sink,
    task: JoinHandle<()>,
}

pub fn sink(args: &SinkConfig) -> Followed {
    let secrets = tokio::sync::watch::channel(Arc::default()).1;
    let built = args.build(
        "tenant-a/zoom".parse().unwrap(),
        Vec::new(),
        secrets,
        Duration::from_millis(5),
    );
    let built = built.unwrap().unwrap();
    Followed {
        sink: built.sink,
        task: tokio::spawn(built.follower),
    }
}

impl Followed {
    pub async fn deliver(&self, event: &Event) -> Result<(), SinkError> {
        let result = self.sink.deliver(event, &[]).await;
        result.map_err(|failure| failure.error)
    }

    /// Delivers new events until one fares so.
    pub async fn comes_to(&self, expected: Result<(), SinkError>) {
        let is = || async { self.deliver(&any_event()).await == expected };
        eventually("a delivery's end", is).await;
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An event with this body.
pub fn event(body: &str) -> Event {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Event::new(Timestamp::now(), ZoomHeaders::default(), body)
}

/// One that nobody has seen.
pub fn any_event() -> Event {
    let now = Timestamp::now().as_nanosecond();
    event(&format!("{{\"event\":\"user.created\",\"n\":{now}}}"))
}

/// Resolves every name to these addresses.
pub fn leading_to(addresses: &'static [[u8; 4]]) -> Lookup {
    Lookup::new(move |_| {
        async move { Ok(addresses.iter().map(|a| IpAddr::from(*a)).collect()) }.boxed()
    })
}
