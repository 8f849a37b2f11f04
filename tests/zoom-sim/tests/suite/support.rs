//! A raw HTTP client that notices broken answers, a scripted webhook endpoint, and a running Zoom.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use zoom_sim::{Options, Server, Sink, install_crypto};

pub const SECRET: &str = "s2s-client-secret";
pub const WEBHOOK_SECRET: &str = "zoom-test-secret-token";
pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub const GRANT: &str = "grant_type=account_credentials&account_id=acc-1";

/// An answer that came in whole, or a request an endpoint got.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub start: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }
}

/// A running Zoom.
pub struct Zoom {
    pub addr: SocketAddr,
    pub admin: SocketAddr,
}

impl Zoom {
    pub async fn start() -> Self {
        Self::start_with(true, Duration::from_secs(3)).await
    }

    pub async fn start_with(allow_http_endpoints: bool, webhook_timeout: Duration) -> Self {
        install_crypto();
        let options = Options {
            listen: local(),
            admin_listen: local(),
            public_url: "http://zoom.test/".to_owned(),
            allow_http_endpoints,
            webhook_timeout,
        };
        let server = Server::bind(options).await.unwrap();
        let zoom = Self {
            addr: server.zoom_addr(),
            admin: server.admin_addr(),
        };
        tokio::spawn(server.run(std::future::pending()));
        zoom
    }

    /// A Zoom with the Server-to-Server app `app`; `more` goes over its settings.
    pub async fn with_app(more: Value) -> Self {
        let zoom = Self::start().await;
        zoom.put_app("app", more).await;
        zoom
    }

    pub async fn put_app(&self, client_id: &str, more: Value) {
        let mut settings = json!({
            "kind": "ServerToServer", "client_secret": SECRET, "account_id": "acc-1",
            "scopes": ["user:read:list_users:admin", "meeting:read:list_meetings:admin"],
            "webhook_secret_token": WEBHOOK_SECRET,
        });
        let more = more.as_object().unwrap().clone();
        settings.as_object_mut().unwrap().extend(more);
        self.admin("PUT", &format!("/apps/{client_id}"), &settings)
            .await;
    }

    /// Calls the admin API, which must agree.
    pub async fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let reply = http(self.admin, method, path, &[], &body.to_string())
            .await
            .unwrap();
        assert!(
            (200..300).contains(&reply.status),
            "{method} {path}: {} {}",
            reply.status,
            reply.body
        );
        serde_json::from_str(&reply.body).unwrap_or_default()
    }

    pub async fn app(&self) -> Value {
        self.admin("GET", "/apps/app", &Value::Null).await
    }

    /// A Zoom with the app, that waits for webhook answers as long as Zoom does.
    pub async fn quick() -> Self {
        let zoom = Self::start_with(true, Duration::from_secs(3)).await;
        zoom.put_app("app", json!({})).await;
        zoom
    }

    pub async fn counters(&self) -> Value {
        self.app().await["counters"].clone()
    }

    pub async fn fault(&self, endpoint: &str, times: Option<u64>, fault: Value) {
        let rule = json!({"endpoint": endpoint, "times": times, "fault": fault});
        self.admin("PUT", "/faults/f", &rule).await;
    }

    /// The token request a good client makes.
    pub async fn ask(&self) -> io::Result<Reply> {
        let basic = basic("app", SECRET);
        http(
            self.addr,
            "POST",
            "/oauth/token",
            &[FORM, ("authorization", &basic)],
            GRANT,
        )
        .await
    }

    pub async fn token(&self) -> String {
        self.ask().await.unwrap().json()["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        http(self.addr, "GET", path, &[("authorization", &bearer)], "")
            .await
            .unwrap()
    }
}

/// A running sink: address, admin address.
pub async fn start_sink() -> (SocketAddr, SocketAddr) {
    let sink = Sink::bind(local(), local()).await.unwrap();
    let addresses = (sink.addr(), sink.admin_addr());
    tokio::spawn(sink.run(std::future::pending()));
    addresses
}

/// A webhook endpoint that gives scripted raw answers, then 204, and keeps what it got.
pub struct Endpoint {
    pub addr: SocketAddr,
    got: Arc<Mutex<Vec<Reply>>>,
}

impl Endpoint {
    /// `answer` makes the raw answer to request number n; None holds the connection open without a word.
    pub async fn start(
        answer: impl Fn(usize, &Reply) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(local()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&got);
        tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Ok(request) = receive(&mut stream).await else {
                    continue;
                };
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(request.clone());
                    seen.len() - 1
                };
                match answer(number, &request) {
                    Some(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                    None => silent.push(stream),
                }
            }
        });
        Self { addr, got }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.addr)
    }

    pub fn got(&self) -> Vec<Reply> {
        self.got.lock().unwrap().clone()
    }
}

/// A raw answer with this status and JSON body.
pub fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\nlocation: /elsewhere\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Sends one request on a connection of its own; an answer that is not whole is an error.
pub async fn http(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(addr).await?;
    let more: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: zoom.test\r\nconnection: close\r\n{}content-length: {}\r\n\r\n{body}",
        more.concat(),
        body.len()
    );
    stream.write_all(text.as_bytes()).await?;
    receive(&mut stream).await
}

pub fn basic(client_id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client_id}:{secret}")))
}

/// Lower-case hex HMAC-SHA256 with the webhook secret, worked out apart from the simulator's own code.
pub fn hmac_hex(message: &str) -> String {
    hmac_hex_by(WEBHOOK_SECRET, message)
}

/// The same with another secret.
pub fn hmac_hex_by(secret: &str, message: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    let digits = mac.finalize().into_bytes();
    let digits: Vec<_> = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// Polls until `probe` gives a value; gives up after a minute.
pub async fn eventually<T, F: Future<Output = Option<T>>>(probe: impl Fn() -> F) -> T {
    let polling = async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), polling)
        .await
        .expect("it never came about")
}

pub fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Reads one message: head, then as many bytes as declared.
async fn receive(stream: &mut TcpStream) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "no whole head",
            ));
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.lines();
    let start = lines.next().unwrap().to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "no whole body",
            ));
        }
    }
    let status = start
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_default();
    let body = String::from_utf8(bytes[head_end..].to_vec()).unwrap();
    Ok(Reply {
        status,
        start,
        headers,
        body,
    })
}
