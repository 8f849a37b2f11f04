//! A cluster for tests of whole passes: an API server, and Zoom, that answer what a test says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    http::{Method, StatusCode, Uri, header::DATE},
};
use clap::{Args as _, Command, FromArgMatches as _};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use kube::{Client, Config};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::{Context, config::Args, index::Index, leadership::Leadership, metrics::Metrics};

/// What the API server answers to a write, from its method, its path with the query, and its body: a code and a
/// sentence if it refuses it.
pub type Judge = fn(&Method, &str, &Value) -> Option<(u16, &'static str)>;

/// The cluster, and what works with it.
pub struct Rehearsal {
    /// What passes work with. It leads.
    pub context: Arc<Context>,
    /// What it works with.
    pub client: Client,
    cluster: Arc<Cluster>,
    _journal: tempfile::TempDir,
}

struct Cluster {
    judge: Mutex<Judge>,
    /// By path.
    objects: Mutex<BTreeMap<String, Value>>,
    writes: Mutex<Vec<(String, Value)>>,
    /// The API server's time, if its clock is another one than ours.
    time: Mutex<Option<Timestamp>>,
}

// === impl Rehearsal ===

impl Rehearsal {
    /// A cluster with these objects, by path.
    pub async fn new(judge: Judge, objects: impl IntoIterator<Item = (&str, Value)>) -> Self {
        let objects = objects.into_iter();
        let cluster = Arc::new(Cluster {
            judge: Mutex::new(judge),
            objects: Mutex::new(
                objects
                    .map(|(path, object)| (path.into(), object))
                    .collect(),
            ),
            writes: Mutex::default(),
            time: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = cluster.clone();
        let answer = move |method: Method, uri: Uri, body: Bytes| {
            let (code, answer) = served.answer(&method, &uri, &body);
            let date = [(DATE, served.date())];
            async move { (StatusCode::from_u16(code).unwrap(), date, Json(answer)) }
        };
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let journal = tempfile::tempdir().unwrap();
        let config = Args::augment_args(Command::new("controller")).get_matches_from([
            "controller",
            "--receiver-image=receiver",
            "--lease-namespace=operator",
            "--identity=pod",
            "--connect-url=https://connect.example.com",
            &format!("--zoom-oauth-url={url}"),
            &format!("--zoom-api-url={url}"),
            &format!("--journal={}", journal.path().display()),
        ]);
        let config = Args::from_arg_matches(&config).unwrap();
        let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
        let context = Context::new(
            client.clone(),
            config,
            Leadership::held(),
            Metrics::register(&mut Registry::default()),
            Arc::new(Index::default()),
            runtime::shutdown::channel().1,
        );
        Self {
            context: Arc::new(context.unwrap()),
            client,
            cluster,
            _journal: journal,
        }
    }

    /// What a GET of this path answers.
    pub fn object(&self, path: &str) -> Value {
        self.cluster.objects.lock().unwrap()[path].clone()
    }

    /// Somebody else writes this object.
    pub fn put(&self, path: &str, object: Value) {
        let mut objects = self.cluster.objects.lock().unwrap();
        objects.insert(path.into(), object);
    }

    /// Somebody else deletes this object.
    pub fn remove(&self, path: &str) {
        self.cluster.objects.lock().unwrap().remove(path);
    }

    /// The API server's clock has this time; `None`: ours.
    pub fn time(&self, time: Option<Timestamp>) {
        *self.cluster.time.lock().unwrap() = time;
    }

    /// From now on, writes are judged so.
    pub fn judge(&self, judge: Judge) {
        *self.cluster.judge.lock().unwrap() = judge;
    }

    /// Status, reason and message of a condition in the status of the object at `path` that was written last.
    pub fn said(&self, path: &str, type_: &str) -> (String, String, String) {
        let written = self.writes(&format!("PATCH {path}/status"));
        let conditions = written.last().unwrap()["status"]["conditions"].clone();
        let conditions = conditions.as_array().unwrap().clone();
        let found = conditions
            .iter()
            .find(|condition| condition["type"] == type_);
        let found = found.unwrap_or_else(|| panic!("{type_} is not in {conditions:?}"));
        let text = |field: &str| found[field].as_str().unwrap().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// The bodies of the writes whose method and path contain this, in their order.
    pub fn writes(&self, what: &str) -> Vec<Value> {
        let writes = self.cluster.writes.lock().unwrap();
        let found = writes.iter().filter(|(name, _)| name.contains(what));
        found.map(|(_, body)| body.clone()).collect()
    }
}

// === impl Cluster ===

impl Cluster {
    fn date(&self) -> String {
        let time = self.time.lock().unwrap().unwrap_or_else(Timestamp::now);
        let printer = DateTimePrinter::new();
        printer.timestamp_to_rfc9110_string(&time).unwrap()
    }

    fn answer(&self, method: &Method, uri: &Uri, body: &[u8]) -> (u16, Value) {
        let path = uri.path();
        if path == "/oauth/token" {
            self.writes.lock().unwrap().push((
                format!("{method} {uri}"),
                json!(String::from_utf8_lossy(body)),
            ));
            let scope = "user:read:user:admin";
            let token = json!({"access_token": "t", "token_type": "bearer", "expires_in": 3600, "refresh_token": "r2", "scope": scope});
            return (200, token);
        }
        let failed = |code: u16, message: &str| {
            let reason = if code == 404 { "NotFound" } else { "Forbidden" };
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
                "code": code, "reason": reason, "message": message,
            });
            (code, status)
        };
        if method == Method::GET {
            let objects = self.objects.lock().unwrap();
            return match objects.get(path) {
                Some(object) => (200, selected(object.clone(), uri)),
                None => failed(404, "not found"),
            };
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = format!("{method} {uri}");
        let judge = *self.judge.lock().unwrap();
        if let Some((code, message)) = judge(method, &uri.to_string(), &body) {
            self.writes
                .lock()
                .unwrap()
                .push((format!("refused {name}"), body));
            return failed(code, message);
        }
        self.writes.lock().unwrap().push((name, body.clone()));
        if method == Method::DELETE {
            self.objects.lock().unwrap().remove(path);
            return (
                200,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "metadata": {}}),
            );
        }
        let mut objects = self.objects.lock().unwrap();
        let path = match method.as_str() {
            "POST" => format!("{path}/{}", body["metadata"]["name"].as_str().unwrap()),
            _ => path.trim_end_matches("/status").to_owned(),
        };
        let mut object = objects.get(&path).cloned().unwrap_or_default();
        merge(&mut object, &body);
        let before = object["metadata"]["resourceVersion"].as_str();
        let before: u64 = before.map_or(1, |before| before.parse().unwrap());
        object["metadata"]["resourceVersion"] = json!((before + 1).to_string());
        if !uri
            .query()
            .is_some_and(|query| query.contains("dryRun=All"))
        {
            objects.insert(path, object.clone());
        }
        (200, object)
    }
}

fn merge(object: &mut Value, patch: &Value) {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (field, value) in patch {
                if value.is_null() {
                    object.remove(field);
                } else {
                    merge(object.entry(field).or_insert(Value::Null), value);
                }
            }
        }
        (object, patch) => *object = patch.clone(),
    }
}

/// A list without what the label selector leaves out.
fn selected(mut object: Value, uri: &Uri) -> Value {
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let selector = query.filter(|(name, _)| name == "labelSelector");
    let terms: Vec<String> = selector
        .flat_map(|(_, terms)| terms.split(',').map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect();
    let is_wanted = |item: &Value| {
        let label = |key: &str| item["metadata"]["labels"][key].as_str();
        terms.iter().all(|term| match term.split_once('=') {
            Some((key, value)) => label(key) == Some(value),
            None => label(term.trim_start_matches('!')).is_none(),
        })
    };
    if let Some(items) = object["items"].as_array_mut() {
        items.retain(is_wanted);
    }
    object
}
