//! Writes routes: one key of one Secret for each connection.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::receiver::routes::{Connection, Route, secret_name};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Resource as _, ResourceExt as _, api::Patch, core::Status};
use serde_json::json;

use super::{
    decide::Wanted,
    memory::{Routes, turn::Turn},
    repair::own,
};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::{
        error::Error,
        index::{Guarded, Index},
        integration::{ownership::owned, resources::routes_metadata},
        key::Key,
        published::{parameters, patch_parameters},
        reader::{Reader, Reads},
        writer::Writer,
    },
};

/// What one namespace may take of a Secret: a quarter, so that none keeps the others out. The names of
/// connections say which Secret has their routes. The integration's own namespace is the platform's.
const SHARE: usize = 256 * 1024;

const OVER_SHARE: &str = "the routes of this namespace take too much room beside the receiver, 256 KiB of the Secret that this one belongs to: use a shorter ca.crt for the sinks, or fewer connections.";

const FULL: &str = "the Secret for it is full (1 MiB): the platform engineer finds out whose routes are large, often by the ca.crt of their sinks.";

/// What became of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is as wanted.
    Done,
    /// It cannot be written, for this reason.
    Refused(String),
}

/// Writes or erases a connection's route, unless that is done already. `uid`: the connection's.
///
/// # Errors
/// When a request to the API server fails, somebody wrote in between, or the connection is gone meanwhile.
pub async fn bring(
    routes: &Routes,
    reader: &Reader,
    writer: &Writer,
    integration: &ZoomIntegration,
    connection: &Connection,
    uid: Option<&str>,
    wanted: &Wanted,
) -> Result<Written, Error> {
    let key = Key::from(integration);
    let turn = routes.turn(writer, &key, connection.shard()).await;
    match wanted {
        Wanted::Keep => Ok(Written::Done),
        Wanted::Erase => {
            if !routes.is_absent(&key, connection) {
                erase(routes, writer, &key, connection, &turn).await?;
            }
            Ok(Written::Done)
        }
        // Its integration's pass has erased the route, and nobody would erase it again.
        Wanted::Write(_) if !is_there(reader.index(), connection, uid) => Err(Error::Conflict),
        Wanted::Write(route) => {
            let json = match route.to_json() {
                Ok(json) => json,
                Err(error) => return Ok(Written::Refused(error.to_string())),
            };
            if routes.is_written(&key, connection, &json) {
                return Ok(Written::Done);
            }
            let taken = routes.bytes_beside(&key, connection) + json.len();
            if connection.namespace != *key.namespace && taken > SHARE {
                return Ok(Written::Refused(OVER_SHARE.into()));
            }
            turn.attempt(connection, Some(&json));
            match put(reader, writer, integration, route, &json).await {
                Ok(Ok(secret)) => {
                    routes.wrote(&key, connection.clone(), &json);
                    turn.answered(&secret);
                    tracing::info!(accounts = route.accounts.len(), "wrote a route");
                    Ok(Written::Done)
                }
                // What passes by itself is tried again as every other request.
                Err(Error::Kubernetes(kube::Error::Api(status)))
                    if status.code != 429 && status.code < 500 =>
                {
                    Ok(Written::Refused(if is_full(&status) {
                        FULL.into()
                    } else {
                        status.message.clone()
                    }))
                }
                Ok(Err(refused)) => Ok(Written::Refused(refused)),
                Err(error) => Err(error),
            }
        }
    }
}

/// Whether the watches still know this connection, and not only another one of its name.
fn is_there(index: &Index, connection: &Connection, uid: Option<&str>) -> bool {
    let (namespace, name) = (&connection.namespace, &connection.name);
    let now = index.get::<Guarded<ZoomConnection>>(namespace, name);
    now.is_some_and(|now| now.meta().uid.as_deref() == uid)
}

/// Writes a route. Returns the Secret as it is now, or why it cannot have the route.
async fn put(
    reader: &Reader,
    writer: &Writer,
    integration: &ZoomIntegration,
    route: &Route,
    json: &str,
) -> Result<Result<Secret, String>, Error> {
    let shard = route.connection.shard();
    let name = secret_name(&integration.name_any(), shard);
    let reads: Reads<Secret> = reader.beside(integration);
    let live = reads.get_metadata_opt(&name).await?;
    let secrets: Api<Secret> = writer.beside(integration)?;
    let file = route.connection.route_key();
    match live {
        None => {
            let secret = Secret {
                metadata: routes_metadata(integration, shard),
                data: Some([(file, ByteString(json.as_bytes().to_vec()))].into()),
                ..Secret::default()
            };
            let created = secrets.create(&parameters(), &secret).await;
            Ok(Ok(created.map_err(Error::from_write)?))
        }
        Some(live) if owned(integration, &live) => {
            let mut patch = json!({"data": {file: STANDARD.encode(json)}});
            own(integration, &live.metadata, &mut patch);
            let patched = secrets
                .patch(&name, &patch_parameters(), &Patch::Merge(patch))
                .await;
            Ok(Ok(patched.map_err(Error::from_write)?))
        }
        Some(_) => Ok(Err(format!(
            "Secret {name} in the integration's namespace was not made for routes: the platform engineer deletes or renames it."
        ))),
    }
}

/// Erases one route.
///
/// # Errors
/// When the request fails.
pub(super) async fn erase(
    routes: &Routes,
    writer: &Writer,
    integration: &Key,
    connection: &Connection,
    turn: &Turn<'_>,
) -> Result<(), Error> {
    let secrets: Api<Secret> = writer.within(&integration.namespace)?;
    let name = secret_name(&integration.name, connection.shard());
    let patch = json!({"data": {connection.route_key(): null}});
    turn.attempt(connection, None);
    let patched = secrets
        .patch(&name, &patch_parameters(), &Patch::Merge(patch))
        .await;
    let secret = match patched {
        Ok(secret) => Some(secret),
        Err(kube::Error::Api(status)) if status.is_not_found() => None,
        Err(error) => return Err(Error::from_write(error)),
    };
    routes.erased(integration, connection);
    if let Some(secret) = &secret {
        turn.answered(secret);
    }
    Ok(())
}

/// Whether the API server refused a Secret because of its size.
fn is_full(status: &Status) -> bool {
    status.code == 413 || status.code == 422 && status.message.contains("Too long")
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use kube::{Client, Config, core::DeserializeGuard};

    use super::*;
    use crate::controller::{
        leadership::{Candidate, Election},
        queue::{Limits, Requeue},
    };

    #[tokio::test]
    async fn a_pass_that_outlasts_its_connection_writes_no_route() {
        let client = Client::try_from(Config::new("http://127.0.0.1:1/".parse().unwrap())).unwrap();
        let candidate = Candidate {
            namespace: "operator".into(),
            lease: "l".into(),
            identity: "pod".into(),
            duration: Duration::from_secs(15),
        };
        let (_election, leadership) = Election::new(client.clone(), candidate);
        let index = Arc::new(Index::default());
        let writer = Writer::new(
            client.clone(),
            leadership,
            "pod".into(),
            index.clone(),
            Requeue::new(Limits::new(1)),
        );
        let reader = Reader::new(client, index.clone());
        let integration: ZoomIntegration = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "app", "namespace": "platform"},
            "spec": {
                "app": {"kind": "General"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
            },
        }))
        .unwrap();
        let object = |uid: &str| -> Guarded<ZoomConnection> {
            let object = serde_json::from_value(json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
                "metadata": {
                    "name": "ada", "namespace": "clinic", "uid": uid, "resourceVersion": "1",
                },
                "spec": {"integrationRef": {"name": "app", "namespace": "platform"}},
            }));
            DeserializeGuard(Ok(object.unwrap()))
        };
        let connection = Connection::new("clinic", "ada").unwrap();
        let wanted = Wanted::Write(Box::new(Route {
            connection: connection.clone(),
            accounts: vec!["a".into()],
            sink: None,
            external_refs: std::collections::BTreeMap::new(),
        }));
        let routes = Routes::default();
        let written = async || {
            let (reader, writer) = (&reader, &writer);
            let uid = Some("one");
            bring(
                &routes,
                reader,
                writer,
                &integration,
                &connection,
                uid,
                &wanted,
            )
            .await
        };
        index.apply(object("one"));
        // Nobody answers here.
        assert!(matches!(written().await, Err(Error::Kubernetes(_))));
        index.delete(&object("one"));
        assert!(matches!(written().await, Err(Error::Conflict)));
        index.apply(object("two"));
        assert!(matches!(written().await, Err(Error::Conflict)));
    }

    #[test]
    fn a_full_secret_is_told_from_other_refusals() {
        let status = |code, message: &str| Status {
            code,
            message: message.into(),
            ..Status::default()
        };
        let long = "Secret \"a\" is invalid: data: Too long: may not be more than 1048576 bytes";
        assert!(is_full(&status(422, long)));
        assert!(is_full(&status(413, "the request is too large")));
        assert!(!is_full(&status(
            422,
            "Secret \"a\" is invalid: metadata.name: Invalid value"
        )));
        assert!(!is_full(&status(403, "exceeded quota")));
    }
}
