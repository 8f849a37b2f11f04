//! How a grant leaves this cluster: it is in the file first, and is erased here by a write on the condition that it is
//! still the same. An erasure whose outcome is not known leaves it in the file.

use anyhow::bail;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _, api::PostParams};

use super::{
    args::Export,
    bundle::{Bundle, Entry},
    sealed::{self, Key},
    verdict::{ExportDecision, verdict},
};
use crate::{
    api::v1alpha1::ZoomConnection,
    controller::grants::secret::{self, GrantSecret, StoredGrant},
};
use grant::Lost;

/// Field manager of the writes.
const FIELD_MANAGER: &str = "kubectl-zoom";
/// How often a grant is read again that is refreshed in the meantime, or whose erasure was not answered.
const TRIES: u32 = 3;

/// The cluster that grants are exported from.
pub struct Source {
    /// The Secrets of the namespace.
    pub secrets: Api<Secret>,
    /// Its name.
    pub namespace: String,
    /// Its UID.
    pub namespace_uid: String,
}

/// The file and its content.
pub struct File<'a> {
    /// Where it is.
    pub args: &'a Export,
    /// What it is sealed with.
    pub key: Key,
    /// Its content.
    pub bundle: Bundle,
}

/// What became of a grant.
#[derive(Debug)]
pub enum Fenced {
    /// It is only in the file now.
    Erased,
    /// It is only in the cluster, as before, for this reason.
    Kept(String),
    /// It is in the file, and perhaps still in the cluster, for this reason.
    Unknown(String),
}

// === impl Source ===

impl Source {
    /// The Secret of a connection's grant, and what it holds.
    pub async fn read(&self, connection: &ZoomConnection) -> anyhow::Result<(Secret, GrantSecret)> {
        let name = secret::name(&connection.name_any());
        let found = self.secrets.get_opt(&name).await?;
        let read = secret::read(connection, found.as_ref());
        Ok((found.unwrap_or_default(), read))
    }

    /// A grant as the file holds it.
    pub fn entry(&self, connection: &ZoomConnection, secret: &Secret) -> Entry {
        Entry {
            namespace: self.namespace.clone(),
            name: connection.name_any(),
            data: secret.data.clone().unwrap_or_default(),
        }
    }

    /// Erases the tokens here if the grant is the same as in the file. A grant that was refreshed in the meantime is
    /// read again and written to the file first.
    pub async fn fence(&self, connection: &ZoomConnection, file: &mut File<'_>) -> Fenced {
        let mut changes = 0;
        let mut unanswered = None;
        for _ in 0..TRIES {
            let Err(error) = self.try_once(connection, file).await else {
                return Fenced::Erased;
            };
            match outcome(&error) {
                Outcome::Changed => changes += 1,
                Outcome::Unknown => unanswered = Some(format!("{error:#}")),
                // What was not answered before may still happen.
                Outcome::Refused if unanswered.is_some() => {}
                Outcome::Refused => return Fenced::Kept(format!("{error:#}")),
            }
        }
        match unanswered {
            Some(why) => Fenced::Unknown(why),
            None => Fenced::Kept(format!(
                "its grant changed {changes} times: set spec.suspend on the integration, and export again"
            )),
        }
    }

    async fn try_once(
        &self,
        connection: &ZoomConnection,
        file: &mut File<'_>,
    ) -> anyhow::Result<()> {
        let (mut secret, read) = self.read(connection).await?;
        let name = connection.name_any();
        let known = file.bundle.entries.iter().find(|entry| entry.name == name);
        match verdict(&read, known, &self.namespace_uid) {
            // By an attempt before, whose answer did not arrive.
            ExportDecision::Taken => return Ok(()),
            ExportDecision::Refuse(why) => bail!(why),
            ExportDecision::Take => {}
        }
        let GrantSecret::Ours(kept) = read else {
            bail!("its grant is gone");
        };
        file.keep(self.entry(connection, &secret))?;
        let erased = StoredGrant {
            grant: kept.grant.erased(Lost::Exported),
            ..*kept
        };
        secret::put(&mut secret, &erased);
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PostParams::default()
        };
        self.secrets
            .replace(&secret.name_any(), &params, &secret)
            .await?;
        Ok(())
    }
}

/// What an error says of the erasure.
enum Outcome {
    /// It did not happen: somebody wrote the grant meanwhile.
    Changed,
    /// It did not happen.
    Refused,
    /// It may have happened.
    Unknown,
}

fn outcome(error: &anyhow::Error) -> Outcome {
    match error.downcast_ref::<kube::Error>() {
        None => Outcome::Refused,
        Some(kube::Error::Api(status)) if status.is_conflict() => Outcome::Changed,
        Some(kube::Error::Api(status)) if (400..500).contains(&status.code) => Outcome::Refused,
        Some(_) => Outcome::Unknown,
    }
}

// === impl File ===

impl File<'_> {
    /// Writes the file.
    pub fn write(&self) -> anyhow::Result<()> {
        let text = sealed::seal(&self.bundle, &self.key)?;
        sealed::write(&self.args.output, &text)
    }

    /// Makes sure that the file has the current content of a grant.
    fn keep(&mut self, entry: Entry) -> anyhow::Result<()> {
        let known = self.bundle.entries.iter_mut();
        match known.into_iter().find(|known| known.name == entry.name) {
            Some(known) if known.data == entry.data => return Ok(()),
            Some(known) => *known = entry,
            None => self.bundle.entries.push(entry),
        }
        self.write()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        path::PathBuf,
        sync::{Arc, Mutex},
    };

    use axum::{
        Router,
        extract::{Request, State},
        http::{Method, StatusCode},
        response::{IntoResponse as _, Response},
    };
    use kube::{Client, Config};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::{super::fixture::kept, *};

    /// How the API server answers a PUT, and whether it does it.
    #[derive(Clone, Copy)]
    enum Put {
        Done,
        /// Done, and the answer is an error.
        DoneAnd(u16),
        /// Not done, and the answer is an error.
        Refused(u16),
    }

    /// An API server with one Secret.
    struct Server {
        secret: Value,
        puts: VecDeque<Put>,
    }

    fn failure(code: u16) -> Response {
        let reason = if code == 409 { "Conflict" } else { "Other" };
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": "no", "reason": reason, "code": code,
        });
        let code = StatusCode::from_u16(code).unwrap();
        (code, status.to_string()).into_response()
    }

    async fn answer(State(server): State<Arc<Mutex<Server>>>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let mut server = server.lock().unwrap();
        if parts.method == Method::GET {
            return server.secret.to_string().into_response();
        }
        let sent: Value = serde_json::from_slice(&body).unwrap();
        if sent["metadata"]["resourceVersion"] != server.secret["metadata"]["resourceVersion"] {
            return failure(409);
        }
        let put = server.puts.pop_front().unwrap_or(Put::Done);
        if !matches!(put, Put::Refused(_)) {
            server.secret = sent;
            server.secret["metadata"]["resourceVersion"] = json!("2");
        }
        match put {
            Put::Done => server.secret.to_string().into_response(),
            Put::DoneAnd(code) | Put::Refused(code) => failure(code),
        }
    }

    fn connection() -> ZoomConnection {
        serde_json::from_value(json!({
            "metadata": {"name": "ada", "namespace": "clinics", "uid": "u"},
            "spec": {"integrationRef": {"name": "app"}},
        }))
        .unwrap()
    }

    /// What becomes of a grant, whether the file has it, and whether the cluster has it.
    async fn fence(puts: &[Put]) -> (Fenced, bool, bool) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connection = connection();
        let mut secret = secret::build(&connection, &kept(|_| ()));
        secret.metadata.resource_version = Some("1".into());
        let server = Arc::new(Mutex::new(Server {
            secret: serde_json::to_value(&secret).unwrap(),
            puts: puts.iter().copied().collect(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
        let source = Source {
            secrets: Api::namespaced(client, "clinics"),
            namespace: "clinics".into(),
            namespace_uid: "n".into(),
        };
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, [b'k'; 32]).unwrap();
        let args = Export {
            names: vec!["ada".into()],
            all: false,
            key_file: PathBuf::new(),
            output: folder.path().join("grants.json"),
        };
        let mut file = File {
            args: &args,
            key: Key::read(&key).unwrap(),
            bundle: Bundle {
                complete: false,
                entries: Vec::new(),
            },
        };
        let fenced = source.fence(&connection, &mut file).await;
        let has =
            |kept: Option<StoredGrant>| kept.is_some_and(|kept| !kept.grant.credential.is_empty());
        let in_file = has(file.bundle.entries.first().and_then(Entry::grant));
        let now = serde_json::from_value(server.lock().unwrap().secret.clone()).unwrap();
        (fenced, in_file, has(secret::get(&now)))
    }

    #[tokio::test]
    async fn a_grant_leaves() {
        let (fenced, in_file, in_cluster) = fence(&[Put::Done]).await;
        assert!(matches!(fenced, Fenced::Erased), "{fenced:?}");
        assert!(in_file && !in_cluster);
    }

    #[tokio::test]
    async fn an_erasure_whose_answer_was_lost_has_happened() {
        for code in [500, 504] {
            let (fenced, in_file, in_cluster) = fence(&[Put::DoneAnd(code)]).await;
            assert!(matches!(fenced, Fenced::Erased), "{code}: {fenced:?}");
            assert!(in_file && !in_cluster);
        }
    }

    #[tokio::test]
    async fn a_refused_erasure_leaves_the_grant_here() {
        let (fenced, _, in_cluster) = fence(&[Put::Refused(403)]).await;
        assert!(matches!(fenced, Fenced::Kept(_)), "{fenced:?}");
        assert!(in_cluster);
        let (fenced, in_file, in_cluster) = fence(&[Put::Refused(409), Put::Done]).await;
        assert!(matches!(fenced, Fenced::Erased), "{fenced:?}");
        assert!(in_file && !in_cluster);
    }

    #[tokio::test]
    async fn what_is_not_known_stays_in_the_file() {
        let (fenced, in_file, _) = fence(&[Put::Refused(500); 3]).await;
        assert!(matches!(fenced, Fenced::Unknown(_)), "{fenced:?}");
        assert!(in_file);
    }
}
