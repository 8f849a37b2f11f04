//! Writes routes: one key of one Secret for each connection.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::receiver::routes::{Connection, Route, secret_name};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{decide::Wanted, memory::Routes};
use crate::{
    api::{FIELD_MANAGER, v1alpha1::ZoomIntegration},
    controller::{
        error::Error,
        integration::{ownership::owned, resources::routes_metadata},
        key::Key,
        published::{ok_if_gone, parameters},
        reader::{Reader, Reads},
        writer::Writer,
    },
};

/// What became of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is as wanted.
    Done,
    /// It cannot be written, for this reason.
    Refused(String),
}

/// Writes or erases a connection's route, unless that is done already.
///
/// # Errors
/// When a request to the API server fails, or somebody wrote in between.
pub async fn bring(
    routes: &Routes,
    reader: &Reader,
    writer: &Writer,
    integration: &ZoomIntegration,
    connection: &Connection,
    wanted: &Wanted,
) -> Result<Written, Error> {
    let key = Key::from(integration);
    let _turn = routes.turn(connection).await;
    match wanted {
        Wanted::Keep => Ok(Written::Done),
        Wanted::Erase => {
            if !routes.is_absent(&key, connection) {
                erase(writer, &key, connection).await?;
                routes.erased(&key, connection);
            }
            Ok(Written::Done)
        }
        Wanted::Write(route) => {
            let json = match route.to_json() {
                Ok(json) => json,
                Err(error) => return Ok(Written::Refused(error.to_string())),
            };
            if routes.is_written(&key, connection, &json) {
                return Ok(Written::Done);
            }
            match put(reader, writer, integration, route, &json).await {
                Ok(Written::Done) => {
                    routes.wrote(&key, connection.clone(), &json);
                    tracing::info!(accounts = route.accounts.len(), "wrote a route");
                    Ok(Written::Done)
                }
                // What passes by itself is tried again as every other request.
                Err(Error::Kubernetes(kube::Error::Api(status)))
                    if status.code != 429 && status.code < 500 =>
                {
                    Ok(Written::Refused(status.message.clone()))
                }
                other => other,
            }
        }
    }
}

async fn put(
    reader: &Reader,
    writer: &Writer,
    integration: &ZoomIntegration,
    route: &Route,
    json: &str,
) -> Result<Written, Error> {
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
            created.map_err(Error::from_write)?;
        }
        Some(live) if owned(integration, &live) => {
            let patch = json!({"data": {file: STANDARD.encode(json)}});
            let patched = secrets.patch(&name, &params(), &Patch::Merge(patch)).await;
            patched.map_err(Error::from_write)?;
        }
        Some(_) => {
            return Ok(Written::Refused(format!(
                "Secret {name} in the integration's namespace was not made for routes: who runs the app deletes or renames it."
            )));
        }
    }
    Ok(Written::Done)
}

/// Erases one route.
///
/// # Errors
/// When the request fails.
pub(super) async fn erase(
    writer: &Writer,
    integration: &Key,
    connection: &Connection,
) -> Result<(), Error> {
    let secrets: Api<Secret> = writer.within(&integration.namespace)?;
    let name = secret_name(&integration.name, connection.shard());
    let patch = json!({"data": {connection.route_key(): null}});
    ok_if_gone(secrets.patch(&name, &params(), &Patch::Merge(patch)).await)
}

/// Of a patch of one key.
pub(super) fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    }
}
