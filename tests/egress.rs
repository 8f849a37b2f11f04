//! Zoom behind a company's proxy: one that takes CONNECT and nothing else, and one that re-signs what passes
//! with an authority of its own. On real sockets; the host's name leads nowhere without the proxy.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, routing::post};
use jiff::Timestamp;
use runtime::outgoing::egress::Egress;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use zoom::{App, Client, Credentials, Endpoints, Error, Fault};

#[path = "../crates/receiver/tests/receiver/tls.rs"]
mod tls;
use tls::{Authority, Listener};

const HOST: &str = "zoom.example.test";

/// A Zoom that gives a token to everybody and counts.
#[derive(Clone)]
struct Zoom {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Zoom {
    fn router() -> (Router, Arc<AtomicUsize>) {
        let requests = Arc::<AtomicUsize>::default();
        let counted = requests.clone();
        let token = post(async move || {
            counted.fetch_add(1, Ordering::Relaxed);
            r#"{"access_token":"from zoom","token_type":"bearer","expires_in":3600,"scope":""}"#
        });
        (Router::new().route("/oauth/token", token), requests)
    }

    async fn with_tls(authority: &Authority) -> Self {
        let (router, requests) = Self::router();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listener = Listener::new(tcp, authority.identity(HOST));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, requests }
    }

    async fn plain() -> Self {
        let (router, requests) = Self::router();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(tcp, router).await });
        Self { address, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// A proxy that takes CONNECT only.
struct Proxy {
    address: SocketAddr,
    /// The head of each request.
    heads: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Passes bytes on.
    Tunnel,
    /// Ends TLS with a certificate of its own.
    Resign,
    /// Lets only this password in.
    Password(&'static str),
    /// Refuses every host.
    Forbid,
}

impl Proxy {
    async fn start(kind: Kind, zoom: &Zoom, authority: &Authority) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (seen, zoom) = (heads.clone(), zoom.address);
        let acceptor = tls::acceptor(authority.identity(HOST));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let (seen, acceptor) = (seen.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let head = head(&mut stream).await;
                    seen.lock().unwrap().push(head.clone());
                    let answer = match kind {
                        _ if !head.starts_with("CONNECT ") => "405 Method Not Allowed",
                        Kind::Forbid => "403 Forbidden",
                        Kind::Password(word) if !head.contains(word) => {
                            "407 Proxy Authentication Required"
                        }
                        _ => "200 Connection established",
                    };
                    let answer = format!("HTTP/1.1 {answer}\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    if !answer.contains(" 200 ") {
                        return;
                    }
                    let mut upstream = TcpStream::connect(zoom).await.unwrap();
                    if matches!(kind, Kind::Resign) {
                        let Ok(mut stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        let _ = copy_bidirectional(&mut stream, &mut upstream).await;
                    } else {
                        let _ = copy_bidirectional(&mut stream, &mut upstream).await;
                    }
                });
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            break;
        };
        head.push(byte);
    }
    String::from_utf8(head).unwrap()
}

/// A way out by this proxy, which trusts these authorities as well.
fn egress(proxy: &str, bundle: &str) -> (Egress, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.crt");
    fs::write(&path, bundle).unwrap();
    let egress = Egress {
        https_proxy: Some(SecretString::from(proxy)),
        https_proxy_file: None,
        http_proxy: Some(SecretString::from(proxy)),
        no_proxy: None,
        ca_bundle: (!bundle.is_empty()).then_some(path),
    };
    (egress, directory)
}

async fn token(egress: &Egress, zoom: &str) -> Result<String, Error> {
    zoom_sim::install_crypto();
    let url: url::Url = zoom.parse().unwrap();
    let endpoints = Endpoints::new(url.clone(), url);
    ask(&Client::through(endpoints, egress.client_builder().unwrap()).unwrap()).await
}

async fn ask(client: &Client) -> Result<String, Error> {
    let credentials = Credentials {
        app: App {
            client_id: "id".into(),
            client_secret: "secret".into(),
        },
        account_id: "account".into(),
    };
    let token = client
        .account_credentials(&credentials, Timestamp::now())
        .await?;
    Ok(token.secret.expose_secret().to_owned())
}

#[tokio::test]
async fn a_token_comes_through_connect() {
    let authority = Authority::new();
    let zoom = Zoom::with_tls(&authority).await;
    let proxy = Proxy::start(Kind::Tunnel, &zoom, &authority).await;
    let (egress, _directory) = egress(&format!("http://{}", proxy.address), &authority.pem());
    let got = token(&egress, &format!("https://{HOST}")).await;
    assert_eq!(got.unwrap(), "from zoom");
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1);
    assert!(
        heads[0].starts_with(&format!("CONNECT {HOST}:443 ")),
        "{heads:?}"
    );
    assert!(
        !heads[0].to_lowercase().contains("authorization"),
        "{heads:?}"
    );
}

#[tokio::test]
async fn a_proxy_that_re_signs_needs_its_authority() {
    let (authority, other) = (Authority::new(), Authority::new());
    let zoom = Zoom::plain().await;
    let proxy = Proxy::start(Kind::Resign, &zoom, &authority).await;
    let url = format!("http://{}", proxy.address);
    for bundle in [String::new(), other.pem()] {
        let (egress, _directory) = egress(&url, &bundle);
        let error = token(&egress, &format!("https://{HOST}"))
            .await
            .unwrap_err();
        assert_eq!((error.fault, error.ambiguous), (Fault::Unreachable, false));
        assert_eq!(zoom.requests(), 0, "the client secret went to a stranger");
    }
    // A bundle may have several.
    let bundle = format!("# ours\n{}\n{}", other.pem(), authority.pem());
    let (egress, _directory) = egress(&url, &bundle);
    let got = token(&egress, &format!("https://{HOST}")).await;
    assert_eq!(got.unwrap(), "from zoom");
    assert_eq!(zoom.requests(), 1);
}

#[tokio::test]
async fn another_bundle_counts_from_the_next_request_on_and_a_broken_one_never() {
    zoom_sim::install_crypto();
    let (authority, other) = (Authority::new(), Authority::new());
    let zoom = Zoom::plain().await;
    let proxy = Proxy::start(Kind::Resign, &zoom, &authority).await;
    let (egress, _directory) = egress(&format!("http://{}", proxy.address), &other.pem());
    let url: url::Url = format!("https://{HOST}").parse().unwrap();
    let endpoints = Endpoints::new(url.clone(), url);
    let client = Client::through(endpoints, egress.client_builder().unwrap()).unwrap();
    let mut known = None;
    // As for the first time: it may have changed since the client was made.
    client
        .reroute(egress.renewed(&mut known).unwrap().unwrap())
        .unwrap();
    assert!(egress.renewed(&mut known).unwrap().is_none());
    assert!(ask(&client).await.is_err());
    let bundle = egress.bundle().unwrap();
    fs::write(bundle, authority.pem()).unwrap();
    let way = egress.renewed(&mut known).unwrap().unwrap();
    client.reroute(way).unwrap();
    assert_eq!(ask(&client).await.unwrap(), "from zoom");
    fs::write(bundle, "-----BEGIN CERTIFICATE-----").unwrap();
    assert!(egress.renewed(&mut known).is_err());
    // Once is enough.
    assert!(egress.renewed(&mut known).unwrap().is_none());
    assert_eq!(ask(&client).await.unwrap(), "from zoom");
}

#[tokio::test]
async fn a_proxy_may_want_a_password() {
    let authority = Authority::new();
    let zoom = Zoom::with_tls(&authority).await;
    // user:pa@ss
    let proxy = Proxy::start(Kind::Password("Basic dXNlcjpwYUBzcw=="), &zoom, &authority).await;
    let url = format!("http://user:pa%40ss@{}", proxy.address);
    let (with, _directory) = egress(&url, &authority.pem());
    let got = token(&with, &format!("https://{HOST}")).await;
    assert_eq!(got.unwrap(), "from zoom");

    let url = format!("http://user:wrong@{}", proxy.address);
    let (without, _directory) = egress(&url, &authority.pem());
    let error = token(&without, &format!("https://{HOST}"))
        .await
        .unwrap_err();
    assert_eq!((error.fault, error.ambiguous), (Fault::Unreachable, false));
    assert!(error.detail.contains("proxy"), "{}", error.detail);
    assert!(!error.detail.contains("wrong"), "{}", error.detail);
}

#[tokio::test]
async fn another_password_of_the_proxy_counts_from_the_next_request_on() {
    zoom_sim::install_crypto();
    let authority = Authority::new();
    let zoom = Zoom::with_tls(&authority).await;
    // user:pa@ss
    let proxy = Proxy::start(Kind::Password("Basic dXNlcjpwYUBzcw=="), &zoom, &authority).await;
    let (egress, directory) = egress("", &authority.pem());
    let file = directory.path().join("https-proxy");
    let write = |password: &str| {
        let url = format!("http://user:{password}@{}\n", proxy.address);
        fs::write(&file, url).unwrap();
    };
    write("before");
    let egress = Egress {
        https_proxy_file: Some(file.clone()),
        ..egress
    };
    let url: url::Url = format!("https://{HOST}").parse().unwrap();
    let endpoints = Endpoints::new(url.clone(), url);
    let client = Client::through(endpoints, egress.client_builder().unwrap()).unwrap();
    let mut known = None;
    assert!(egress.renewed(&mut known).unwrap().is_some());
    assert!(ask(&client).await.is_err());
    write("pa%40ss");
    let way = egress.renewed(&mut known).unwrap().unwrap();
    client.reroute(way).unwrap();
    assert_eq!(ask(&client).await.unwrap(), "from zoom");
    assert!(egress.renewed(&mut known).unwrap().is_none());
    fs::remove_file(&file).unwrap();
    assert!(egress.renewed(&mut known).is_err());
    assert_eq!(ask(&client).await.unwrap(), "from zoom");
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_gone_spends_nothing() {
    let authority = Authority::new();
    let zoom = Zoom::with_tls(&authority).await;
    let proxy = Proxy::start(Kind::Forbid, &zoom, &authority).await;
    // Nobody listens there once it is dropped.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = gone.local_addr().unwrap();
    for address in [proxy.address, gone] {
        let (egress, _directory) = egress(&format!("http://{address}"), &authority.pem());
        let error = token(&egress, &format!("https://{HOST}"))
            .await
            .unwrap_err();
        assert_eq!((error.fault, error.ambiguous), (Fault::Unreachable, false));
    }
    assert_eq!(zoom.requests(), 0);
}

#[tokio::test]
async fn hosts_can_be_reached_without_the_proxy() {
    let authority = Authority::new();
    let zoom = Zoom::plain().await;
    let proxy = Proxy::start(Kind::Forbid, &zoom, &authority).await;
    for list in ["127.0.0.1", "127.0.0.0/8", "10.0.0.0/8,127.0.0.1", "*"] {
        let (egress, _directory) = egress(&format!("http://{}", proxy.address), "");
        let egress = Egress {
            no_proxy: Some(list.into()),
            ..egress
        };
        let got = token(&egress, &format!("http://{}", zoom.address)).await;
        assert_eq!(got.unwrap(), "from zoom", "{list}");
    }
    assert_eq!(proxy.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn no_proxy_is_no_proxy() {
    let zoom = Zoom::plain().await;
    for egress in [Egress::default(), egress("", "").0] {
        let got = token(&egress, &format!("http://{}", zoom.address)).await;
        assert_eq!(got.unwrap(), "from zoom");
    }
}
