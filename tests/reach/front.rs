//! Ways in, good and broken: each a server on loopback of its own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use contract::proof;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::fixture::SECRET;

/// How many there were.
static AUTHORITIES: AtomicUsize = AtomicUsize::new(0);

pub const HOST: &str = "hooks.example.com";

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its chain and key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

/// What a way in does with a request that came through TLS.
#[derive(Clone, Copy)]
pub enum Behind {
    /// Hands it to the server at this address, byte by byte.
    Server(SocketAddr),
    /// Hands it to the server at this address, but for a line of its head or of the answer's that contains this.
    Without(SocketAddr, &'static str),
    /// The same with a GET; another method gets this and a close.
    OnlyGet(SocketAddr, &'static str),
    /// Writes this and closes.
    Answer(&'static str),
    /// Writes this for ever.
    Endless(&'static str),
    /// Answers as the receiver whose clock is too far ahead.
    OtherClock,
    /// Says nothing.
    Silence,
    /// Closes.
    Nothing,
}

impl Authority {
    pub fn new() -> Self {
        Self(CertifiedIssuer::self_signed(Self::params(), KeyPair::generate().unwrap()).unwrap())
    }

    /// One that this one stands behind.
    pub fn intermediate(&self) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::signed_by(Self::params(), key, &self.0).unwrap())
    }

    fn params() -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Who has another's name is not unknown, but a forger.
        let name = format!("authority {}", AUTHORITIES.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    pub fn certify(&self, host: &str) -> Identity {
        self.certify_for(host, (2000, 2100))
    }

    /// Valid from the first day of one year to that of another.
    pub fn certify_for(&self, host: &str, (from, to): (i32, i32)) -> Identity {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity {
            chain: vec![certificate.der().clone()],
            key: key.serialize_der(),
        }
    }
}

impl Identity {
    /// One that nobody else signed.
    pub fn self_signed(host: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        Self {
            chain: vec![params.self_signed(&key).unwrap().der().clone()],
            key: key.serialize_der(),
        }
    }

    /// The same with the certificate of who signed it.
    pub fn with(mut self, issuer: &Authority) -> Self {
        self.chain.push(issuer.0.der().clone());
        self
    }
}

/// TLS with this identity, in these versions, and what is behind it.
pub async fn tls(
    identity: Identity,
    versions: &[&'static SupportedProtocolVersion],
    behind: Behind,
) -> SocketAddr {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            identity.chain,
            PrivateKeyDer::try_from(identity.key).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                answer(&mut stream, behind).await;
            }
        }
    })
    .await
}

async fn answer<S>(stream: &mut S, behind: Behind)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Behind::Server(address) = behind {
        let mut server = TcpStream::connect(address).await.unwrap();
        let _ = copy_bidirectional(stream, &mut server).await;
        return;
    }
    let mut request = [0; 4096];
    let length = stream.read(&mut request).await.unwrap_or_default();
    match behind {
        Behind::Without(address, words) => {
            let mut server = TcpStream::connect(address).await.unwrap();
            let head = without(&request[..length], words);
            server.write_all(&head).await.unwrap();
            let mut reply = Vec::new();
            let _ = server.read_to_end(&mut reply).await;
            let _ = stream.write_all(&without(&reply, words)).await;
            let _ = stream.shutdown().await;
        }
        Behind::OnlyGet(address, _) if request.starts_with(b"GET ") => {
            let mut server = TcpStream::connect(address).await.unwrap();
            server.write_all(&request[..length]).await.unwrap();
            let _ = copy_bidirectional(stream, &mut server).await;
        }
        Behind::OnlyGet(_, text) | Behind::Answer(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Behind::OtherClock => {
            let text = std::str::from_utf8(&request[..length]).unwrap();
            let mut lines = text.lines();
            let question = lines.find_map(|line| line.strip_prefix("x-zoom-operator-probe: "));
            let key = SECRET.as_bytes().to_vec().into();
            let now = Timestamp::now() + SignedDuration::from_mins(6);
            let answer = proof::answer([&key], question.unwrap(), now).unwrap();
            let answer =
                format!("HTTP/1.1 204 No Content\r\nx-zoom-operator-probe: {answer}\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Behind::Endless(text) => while stream.write_all(text.as_bytes()).await.is_ok() {},
        Behind::Silence => while stream.read(&mut request).await.is_ok_and(|n| n > 0) {},
        Behind::Server(_) | Behind::Nothing => {}
    }
}

fn without(head: &[u8], words: &str) -> Vec<u8> {
    let text = std::str::from_utf8(head).unwrap();
    let lines = text.split_inclusive("\r\n");
    let kept: String = lines.filter(|line| !line.contains(words)).collect();
    kept.into_bytes()
}

/// No TLS: reads the client's first words, writes these bytes, and closes, or else waits.
pub async fn bytes(answer: &'static [u8], closes: bool) -> SocketAddr {
    serve(move |mut stream: TcpStream| async move {
        let mut hello = [0; 4096];
        let _ = stream.read(&mut hello).await;
        let _ = stream.write_all(answer).await;
        while !closes && stream.read(&mut hello).await.is_ok_and(|n| n > 0) {}
    })
    .await
}

async fn serve<F>(mut each: impl FnMut(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(each(stream));
        }
    });
    address
}

/// A port where nobody listens.
pub async fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// A port that says nothing at all: its queue is full, as long as what comes with it lives.
pub async fn mute() -> (SocketAddr, Vec<TcpStream>, TcpListener) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    (address, waiting, listener)
}
