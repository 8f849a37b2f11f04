//! Ways in, tried on real sockets: the good one leads to a real receiver, and each broken one is named.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]
#![allow(dead_code, reason = "what is shared has more than is used here")]

#[path = "../../crates/receiver/tests/receiver/client.rs"]
mod client;
#[path = "../../crates/receiver/tests/receiver/fixture.rs"]
mod fixture;
mod front;
#[path = "../../crates/receiver/tests/receiver/sink.rs"]
mod sink;
#[path = "../../crates/receiver/tests/receiver/tls.rs"]
mod tls;

use std::{io, net::SocketAddr, time::Duration};

use futures::FutureExt as _;
use runtime::outgoing::{
    guard::{Guard, Lookup},
    policy::Policy,
};
use rustls::{DEFAULT_VERSIONS, RootCertStore, version};
use zoom_operator::{
    api::reason::Reason,
    reach::{Cause, Certificate, Connection, Finding, Handshake, Options, Silence, check},
};

use self::front::{Authority, Behind, HOST, Identity, bytes, closed, mute, tls};
use crate::fixture::{Fixture, Running, SECRET};

/// Generous: only what says nothing makes a test wait so long.
const PATIENCE: Duration = Duration::from_mins(1);
/// Enough for what comes before the silence.
const SHORT: Duration = Duration::from_secs(4);

fn loopback() -> Guard {
    let lookup = Lookup::new(|name| {
        // Nowhere else than where Zoom looks.
        assert_eq!(name, format!("{HOST}."));
        async { Ok(vec![[127, 0, 0, 1].into()]) }.boxed()
    });
    Guard::new(
        Policy::internet(vec!["127.0.0.0/8".parse().unwrap()]),
        lookup,
    )
}

fn options(roots: RootCertStore) -> Options {
    let options = Options::new(roots, loopback()).unwrap();
    options.with_patience(PATIENCE)
}

async fn tried(at: SocketAddr, options: &Options) -> Finding {
    let url = format!("https://{HOST}:{}/", at.port()).parse().unwrap();
    let key = SECRET.as_bytes().to_vec().into();
    check(&url, &key, options).await
}

async fn receiver() -> Running {
    Fixture::new().await.start().await
}

#[tokio::test]
async fn the_receiver_proves_itself_through_tls_of_either_version() {
    let receiver = receiver().await;
    let root = Authority::new();
    let intermediate = root.intermediate();
    for version in [&version::TLS12, &version::TLS13] {
        let identity = intermediate.certify(HOST).with(&intermediate);
        let behind = Behind::Server(receiver.at.webhook);
        let at = tls(identity, &[version], behind).await;
        let found = tried(at, &options(root.roots())).await;
        assert_eq!(found.cause, Cause::Reachable, "{}", found.message);
        assert!(found.is_reachable() && !found.is_obstacle());
    }
}

#[tokio::test]
async fn a_post_is_tried_as_zoom_sends_it_and_is_no_event() {
    let receiver = receiver().await;
    let root = Authority::new();
    let before = receiver.health().await;
    let at = receiver.at.webhook;
    let refusal = "HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n";
    for (what, behind, cause) in [
        (
            "no POST",
            Behind::OnlyGet(at, refusal),
            Cause::PostRefused(405),
        ),
        (
            "a POST that looks answered",
            Behind::OnlyGet(at, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
            Cause::PostRefused(200),
        ),
        (
            "no signature",
            Behind::Without(at, "x-zm-signature"),
            Cause::HeadersRemoved,
        ),
        (
            "no signed time",
            Behind::Without(at, "x-zm-request-timestamp"),
            Cause::HeadersRemoved,
        ),
        // An earlier receiver does not say that it answers a POST: it is not judged by one.
        (
            "an earlier receiver",
            Behind::Without(at, "x-zoom-operator-probe-post"),
            Cause::Reachable,
        ),
    ] {
        let way_in = tls(root.certify(HOST), DEFAULT_VERSIONS, behind).await;
        let found = tried(way_in, &options(root.roots())).await;
        assert_eq!(found.cause, cause, "{what}: {}", found.message);
    }
    assert_eq!(receiver.health().await, before, "a check is no event");
}

#[tokio::test]
async fn another_tenants_receiver_is_not_this_one() {
    let fixture = Fixture::new().await;
    fixture.secret("webhook-secret-token", "another-tenants-secret");
    let receiver = fixture.start().await;
    let root = Authority::new();
    let behind = Behind::Server(receiver.at.webhook);
    let at = tls(root.certify(HOST), DEFAULT_VERSIONS, behind).await;
    let found = tried(at, &options(root.roots())).await;
    assert_eq!(found.cause, Cause::UnexpectedStatus(404));
}

#[tokio::test]
async fn another_path_is_not_known() {
    let receiver = receiver().await;
    let root = Authority::new();
    let behind = Behind::Server(receiver.at.webhook);
    let at = tls(root.certify(HOST), DEFAULT_VERSIONS, behind).await;
    let url = format!("https://{HOST}:{}/other", at.port())
        .parse()
        .unwrap();
    let key = SECRET.as_bytes().to_vec().into();
    let found = check(&url, &key, &options(root.roots())).await;
    assert_eq!(found.cause, Cause::UnexpectedStatus(404));
}

#[tokio::test]
async fn a_receiver_with_another_clock_is_no_missing_route() {
    let root = Authority::new();
    let at = tls(root.certify(HOST), DEFAULT_VERSIONS, Behind::OtherClock).await;
    let found = tried(at, &options(root.roots())).await;
    assert_eq!(found.cause, Cause::OtherClock);
    assert!(!found.is_obstacle() && !found.is_reachable());
}

/// A fatal alert, as a server sends it that stops at the first words (RFC 8446 section 6).
macro_rules! alert {
    ($code:literal) => {
        &[21, 3, 3, 0, 2, 2, $code]
    };
}

/// The first words of a server that has TLS 1.0 and nothing else: no extensions, `TLS_RSA_WITH_AES_128_CBC_SHA`.
const TLS_1_0: &[u8] = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01\
    0123456789abcdef0123456789abcdef\x00\x00\x2f\x00";

/// What was said of each way in.
struct Table(Vec<String>);

impl Table {
    fn add(&mut self, what: &str, found: &Finding, cause: Cause) {
        assert_eq!(found.cause, cause, "{what}: {}", found.message);
        assert!(found.is_obstacle(), "{what}");
        // Loopback is private; and ports are of the day.
        let (sentence, warning) = found.message.split_once(" From here ").unwrap();
        assert!(warning.contains("127.0.0.1"), "{warning}");
        let words = sentence.split(' ').map(|word| {
            let number = word.trim_end_matches('.');
            if number.len() > 3 && number.bytes().all(|byte| byte.is_ascii_digit()) {
                word.replace(number, "PORT")
            } else {
                word.to_owned()
            }
        });
        let sentence = words.collect::<Vec<_>>().join(" ");
        self.0
            .push(format!("{what}\n  {}: {sentence}", Reason::from(cause)));
    }
}

/// Servers without TLS, or with too old a one: their first words.
const HANDSHAKES: [(&str, &[u8], Handshake); 6] = [
    (
        "HTTP without TLS",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        Handshake::NotTls,
    ),
    (
        "an alert: protocol version",
        alert!(70),
        Handshake::OldVersion,
    ),
    ("a server with TLS 1.0", TLS_1_0, Handshake::OldVersion),
    (
        "an alert: unrecognized name",
        alert!(112),
        Handshake::UnknownHost,
    ),
    (
        "an alert: handshake failure",
        alert!(40),
        Handshake::Refused,
    ),
    ("closed before TLS", b"", Handshake::Closed),
];

fn certificates(root: &Authority) -> [(&'static str, Identity, Certificate); 6] {
    let expired = root.certify_for(HOST, (2000, 2001));
    let early = root.certify_for(HOST, (2099, 2100));
    let other = root.certify("other.example.com");
    let cut = root.intermediate().certify(HOST);
    let own = Authority::new().certify(HOST);
    [
        ("expired", expired, Certificate::Expired),
        ("not yet valid", early, Certificate::NotYetValid),
        ("of another host", other, Certificate::OtherHost),
        (
            "self-signed",
            Identity::self_signed(HOST),
            Certificate::UnknownIssuer,
        ),
        ("without intermediate", cut, Certificate::UnknownIssuer),
        (
            "of an authority of their own",
            own,
            Certificate::UnknownIssuer,
        ),
    ]
}

/// What is said on the way, in the place of the receiver.
const ANSWERS: [(&str, Behind, Cause); 10] = [
    (
        "closed after TLS",
        Behind::Nothing,
        Cause::NoAnswer(Silence::Broken),
    ),
    (
        "another protocol",
        Behind::Answer("220 mail.example.com\r\n"),
        Cause::NoAnswer(Silence::Broken),
    ),
    (
        "a head without end",
        Behind::Endless("HTTP/1.1 204 X\r\nx: y\r\n"),
        Cause::NoAnswer(Silence::Broken),
    ),
    (
        "a redirect",
        Behind::Answer("HTTP/1.1 301 Moved\r\nlocation: https://secret.example/\r\n\r\n"),
        Cause::Redirected(301),
    ),
    (
        "a log-in",
        Behind::Answer("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n"),
        Cause::UnexpectedStatus(403),
    ),
    (
        "an unknown path",
        Behind::Answer("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"),
        Cause::UnexpectedStatus(404),
    ),
    (
        "no receiver behind it",
        Behind::Answer("HTTP/1.1 502 Bad\r\ncontent-length: 0\r\n\r\n"),
        Cause::UnexpectedStatus(502),
    ),
    (
        "trouble",
        Behind::Answer("HTTP/1.1 500 Bad\r\ncontent-length: 0\r\n\r\n"),
        Cause::UnexpectedStatus(500),
    ),
    (
        "a welcome without end",
        Behind::Endless("HTTP/1.1 200 OK\r\n\r\n<h1>Welcome</h1>"),
        Cause::OtherServer,
    ),
    (
        "the answer to another question",
        Behind::Answer(concat!(
            "HTTP/1.1 204 No Content\r\nx-zoom-operator-probe: ",
            "62e830d3193df166986a5f7ea8ec817fc180da01f8e8a409fcd0b780cdab6ff5\r\n\r\n"
        )),
        Cause::OtherServer,
    ),
];

#[tokio::test]
async fn every_broken_way_in_has_its_sentence() {
    let root = Authority::new();
    let options = options(root.roots());
    let hasty = options.clone().with_patience(SHORT);
    let mut table = Table(Vec::new());

    let found = tried(closed().await, &options).await;
    let cause = Cause::ConnectionFailed(Connection::Refused);
    table.add("nobody listens", &found, cause);
    let (at, _waiting, _listener) = mute().await;
    let found = tried(at, &hasty).await;
    let cause = Cause::ConnectionFailed(Connection::TimedOut);
    table.add("nobody answers", &found, cause);

    for (what, words, cause) in HANDSHAKES {
        let found = tried(bytes(words, true).await, &options).await;
        table.add(what, &found, Cause::HandshakeFailed(cause));
    }
    let found = tried(bytes(b"", false).await, &hasty).await;
    let cause = Cause::HandshakeFailed(Handshake::TimedOut);
    table.add("silent before TLS", &found, cause);

    for (what, identity, cause) in certificates(&root) {
        let at = tls(identity, DEFAULT_VERSIONS, Behind::Nothing).await;
        let found = tried(at, &options).await;
        let what = format!("a certificate {what}");
        table.add(&what, &found, Cause::CertificateInvalid(cause));
    }

    for (what, behind, cause) in ANSWERS {
        let at = tls(root.certify(HOST), DEFAULT_VERSIONS, behind).await;
        table.add(what, &tried(at, &options).await, cause);
    }
    let at = tls(root.certify(HOST), DEFAULT_VERSIONS, Behind::Silence).await;
    let cause = Cause::NoAnswer(Silence::TimedOut);
    // TLS takes a while on a busy machine.
    let patient = options.clone().with_patience(2 * SHORT);
    table.add("silent after TLS", &tried(at, &patient).await, cause);

    let said = table.0.join("\n");
    assert!(!said.contains("secret.example") && !said.contains("Welcome"));
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("ways_in", said);
    });
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told_from_a_resolver_that_fails() {
    for (text, cause) in [
        ("Name or service not known", Cause::NameNotFound),
        (
            "Temporary failure in name resolution",
            Cause::ResolverFailed,
        ),
    ] {
        let lookup = Lookup::new(move |_| async move { Err(io::Error::other(text)) }.boxed());
        let options = options(RootCertStore::empty());
        let options = options.with_guard(Guard::new(Policy::cluster(), lookup));
        let found = tried(([127, 0, 0, 1], 443).into(), &options).await;
        assert_eq!(found.cause, cause);
        assert!(found.message.contains(HOST), "{}", found.message);
        assert!(!found.is_reachable());
        // What nobody could find out stands in nobody's way.
        assert_eq!(found.is_obstacle(), cause == Cause::NameNotFound);
    }
}

#[tokio::test]
async fn nothing_is_sent_to_this_host_its_link_or_a_refused_address() {
    let receiver = receiver().await;
    let root = Authority::new();
    let behind = Behind::Server(receiver.at.webhook);
    let at = tls(root.certify(HOST), DEFAULT_VERSIONS, behind).await;
    for address in [
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.169.254",
        "fd00:ec2::254",
        "10.96.0.1",
    ] {
        let address = address.parse().unwrap();
        let lookup = Lookup::new(move |_| {
            // One good address among them does not help.
            async move { Ok(vec![[203, 0, 113, 7].into(), address]) }.boxed()
        });
        let policy = Policy::cluster().without(["10.96.0.1".parse().unwrap()]);
        let options = options(root.roots()).with_guard(Guard::new(policy, lookup));
        let found = tried(at, &options).await;
        assert_eq!(found.cause, Cause::AddressRefused(address));
        assert!(found.is_obstacle());
    }
}
