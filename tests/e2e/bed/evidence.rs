//! What must stay secret, and everything that was said, over the whole run.

use std::{
    collections::BTreeSet,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use aho_corasick::AhoCorasick;
use futures::StreamExt as _;
use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::Value;

use super::{
    Bed,
    object::{name, text},
    watch::{connections, integrations},
};

/// Keys of Secrets whose values nobody may read elsewhere.
const SECRET_KEYS: [&str; 5] = [
    "client-secret",
    "webhook-secret-token",
    "previous-webhook-secret-token",
    "access-token",
    "refresh-token",
];

/// Where a grant's private Secret holds what nobody may read elsewhere.
const GRANT_SECRETS: [&str; 2] = ["/credential/refreshToken", "/access/token"];

/// Prefix of the tests' namespaces.
pub const PREFIX: &str = "e2e-";

#[derive(Default)]
struct Evidence {
    secrets: BTreeSet<String>,
    /// Where, and what.
    said: BTreeSet<(String, String)>,
}

static EVIDENCE: LazyLock<Mutex<Evidence>> = LazyLock::new(Mutex::default);

/// A secret that was found where it does not belong.
#[derive(Debug)]
pub struct Leak {
    pub place: String,
    pub line: String,
}

/// How much there was to search.
#[derive(Debug)]
pub struct Extent {
    pub secrets: usize,
    pub logs: usize,
    pub events: usize,
    pub statuses: usize,
    pub metrics: usize,
}

/// Watches the tests' Secrets, Events, integrations and connections until the process ends.
pub fn watch(client: &Client) {
    let secrets: Api<Secret> = Api::all(client.clone());
    let not_helms = watcher::Config::default().fields("type!=helm.sh/release.v1");
    tokio::spawn(async move {
        let stream = watcher(secrets, not_helms)
            .default_backoff()
            .applied_objects();
        let mut stream = std::pin::pin!(stream);
        while let Some(secret) = stream.next().await {
            let Ok(secret) = secret else { continue };
            if is_ours(secret.metadata.namespace.as_deref()) {
                for (key, value) in secret.data.unwrap_or_default() {
                    if SECRET_KEYS.contains(&key.as_str()) {
                        keep(&String::from_utf8_lossy(&value.0));
                    }
                    if key == "grant" {
                        keep_grant(&value.0);
                    }
                }
            }
        }
    });
    let events: Api<Event> = Api::all(client.clone());
    tokio::spawn(async move {
        let stream = watcher(events, watcher::Config::default());
        let mut stream = std::pin::pin!(stream.default_backoff().applied_objects());
        while let Some(event) = stream.next().await {
            let Ok(event) = event else { continue };
            if let Some(namespace) = event.metadata.namespace.filter(|n| is_ours(Some(n))) {
                let text = format!(
                    "{} {} {}",
                    event.reason.unwrap_or_default(),
                    event.action.unwrap_or_default(),
                    event.note.unwrap_or_default()
                );
                said(&format!("event in {namespace}"), &text);
            }
        }
    });
    for api in [integrations(client, None), connections(client, None)] {
        tokio::spawn(async move {
            let stream = watcher(api, watcher::Config::default());
            let mut stream = std::pin::pin!(stream.default_backoff().applied_objects());
            while let Some(object) = stream.next().await {
                let Ok(object) = object else { continue };
                if let Some(namespace) = object.metadata.namespace.filter(|n| is_ours(Some(n))) {
                    said(
                        &format!("status in {namespace}"),
                        &object.data["status"].to_string(),
                    );
                }
            }
        });
    }
}

fn keep_grant(json: &[u8]) {
    let grant: Value = serde_json::from_slice(json).unwrap_or_default();
    for secret in GRANT_SECRETS {
        keep(text(&grant, secret));
    }
}

/// Listens to logs and metrics of the operator's and the receivers' Pods as they are now. What cannot be had is passed
/// over: Pods come and go.
pub async fn listen(bed: &Bed) {
    for component in ["zoom-operator", "zoom-receiver"] {
        let labels = format!("app.kubernetes.io/name={component}");
        for pod in bed.list("pods", &labels).await.unwrap_or_default() {
            let path = super::object::path(bed.namespace(), "pods", Some(name(&pod)));
            let place = format!("{component} {}/{}", bed.namespace(), name(&pod));
            for previous in [true, false] {
                let path = format!("{path}/log?previous={previous}");
                if let Ok(log) = bed.request_text("GET", &path, None).await {
                    said(&format!("log of {place}"), &log);
                }
            }
            let namespace = bed.namespace();
            let pod = name(&pod);
            let path = format!("/api/v1/namespaces/{namespace}/pods/http:{pod}:8081/proxy/metrics");
            if let Ok(metrics) = bed.request_text("GET", &path, None).await {
                said(&format!("metrics of {place}"), &metrics);
            }
        }
    }
}

/// Keeps a secret that no Secret object shows.
pub fn keep(secret: &str) {
    let secret = secret.trim();
    // Shorter ones are found everywhere and are no secrets of ours.
    if secret.len() >= 8 {
        lock().secrets.insert(secret.to_owned());
    }
}

/// Keeps what was said.
pub fn said(place: &str, text: &str) {
    lock().said.insert((place.to_owned(), text.to_owned()));
}

/// Whether a text was said anywhere.
pub fn was_said(text: &str) -> bool {
    lock().said.iter().any(|(_, said)| said.contains(text))
}

/// Whether a value is searched for.
pub fn is_kept(secret: &str) -> bool {
    lock().secrets.contains(secret)
}

/// What was said and should not have been.
pub fn leaks() -> Vec<Leak> {
    let evidence = lock();
    let mut leaks = Vec::new();
    // In JSON a secret may be escaped.
    let escaped = |secret: &str| {
        let escaped = Value::String(secret.to_owned()).to_string();
        escaped.trim_matches('"').to_owned()
    };
    let all: Vec<String> = evidence
        .secrets
        .iter()
        .flat_map(|secret| [secret.clone(), escaped(secret)])
        .collect();
    // There is far more text than time to look at it once for each secret.
    let any = AhoCorasick::new(&all).expect("so many patterns fit");
    for (place, text) in &evidence.said {
        if !any.is_match(text) {
            continue;
        }
        for secret in &evidence.secrets {
            let escaped = escaped(secret);
            let escaped = escaped.as_str();
            let line = text
                .lines()
                .find(|line| line.contains(secret.as_str()) || line.contains(escaped));
            if let Some(line) = line {
                leaks.push(Leak {
                    place: place.clone(),
                    line: line.replace(secret.as_str(), "<the secret>"),
                });
            }
        }
    }
    leaks
}

/// How much there is to search.
pub fn extent() -> Extent {
    let evidence = lock();
    let count = |what: &str| {
        let said = evidence.said.iter();
        said.filter(|(place, _)| place.starts_with(what)).count()
    };
    Extent {
        secrets: evidence.secrets.len(),
        logs: count("log of"),
        events: count("event in"),
        statuses: count("status in"),
        metrics: count("metrics of"),
    }
}

fn is_ours(namespace: Option<&str>) -> bool {
    namespace.is_some_and(|namespace| namespace.starts_with(PREFIX))
}

fn lock() -> MutexGuard<'static, Evidence> {
    EVIDENCE.lock().unwrap_or_else(PoisonError::into_inner)
}
