//! `grants import`: creates the Secrets of grants for existing connections that have no grant.

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{Api, ResourceExt as _, api::PostParams};

use super::{
    args::Import,
    bundle::{Entry, Line},
    sealed::{self, Key},
};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    commands::terminal::Session,
    controller::grants::secret::{self, GrantSecret, StoredGrant},
};

/// Field manager of the writes.
const FIELD_MANAGER: &str = "kubectl-zoom";

/// Imports into the namespaces of the file, or everything into one. Returns the result for each connection.
pub(super) async fn run(
    session: &Session,
    namespace: Option<&str>,
    args: &Import,
) -> anyhow::Result<Vec<Line>> {
    let key = Key::read(&args.key_file)?;
    let text = std::fs::read_to_string(&args.file);
    let text = text.with_context(|| format!("failed to read {}", args.file.display()))?;
    let bundle = sealed::open(&text, &key)?;
    if !bundle.complete {
        bail!(
            "the export of this file was interrupted, and some grants may still be used where they came from: run the same `grants export` again first"
        );
    }
    let mut lines = Vec::new();
    for entry in &bundle.entries {
        let namespace = namespace.unwrap_or(&entry.namespace);
        lines.push(match import(session, namespace, entry).await? {
            Ok(()) => Line::done(&entry.name, "imported"),
            Err(why) => Line::refused(&entry.name, &why),
        });
    }
    Ok(lines)
}

async fn import(
    session: &Session,
    namespace: &str,
    entry: &Entry,
) -> anyhow::Result<Result<(), String>> {
    let client = &session.client;
    let connections: Api<ZoomConnection> = Api::namespaced(client.clone(), namespace);
    let Some(connection) = connections.get_opt(&entry.name).await? else {
        return Ok(Err(format!(
            "there is no ZoomConnection {} in namespace {namespace}: create it first",
            entry.name
        )));
    };
    let reference = &connection.spec.integration_ref;
    let home = reference.namespace(namespace);
    let integrations: Api<ZoomIntegration> = Api::namespaced(client.clone(), home);
    let integration = match integrations.get_opt(&reference.name).await {
        // Who imports into a tenant's namespace need not be able to read the app's.
        Err(kube::Error::Api(status)) if status.is_forbidden() && home != namespace => None,
        found => found?,
    };
    let client_id = integration.and_then(|found| found.status?.client_id);
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let uid = namespaces.get_metadata(namespace).await?.uid();
    let wanted = match wanted(&connection, entry, client_id.as_deref(), uid) {
        Ok(wanted) => wanted,
        Err(why) => return Ok(Err(why)),
    };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PostParams::default()
    };
    match secrets.create(&params, &wanted).await {
        Ok(_) => Ok(Ok(())),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = secrets.get_opt(&wanted.name_any()).await?;
            Ok(there(&secret::read(&connection, found.as_ref()), &wanted))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether what is there under the name of the grant's Secret is this grant, which an import before put there, and
/// which may have been refreshed since. A copy that is not used here, or an older state, is not: it would be thought
/// safe to destroy the file.
fn there(found: &GrantSecret, wanted: &Secret) -> Result<(), String> {
    let (name, of_file) = (wanted.name_any(), secret::get(wanted));
    let same = match (found, &of_file) {
        (GrantSecret::Ours(kept), Some(of_file)) if kept.grant.id == of_file.grant.id => {
            Some((kept, of_file))
        }
        _ => None,
    };
    let Some((kept, of_file)) = same.filter(|(kept, _)| kept.grant.loss.is_none()) else {
        return Err(format!(
            "Secret {name} exists: delete it if its grant is not needed"
        ));
    };
    let what = if kept.namespace_uid != of_file.namespace_uid {
        "a copy of this grant that is not used here"
    } else if kept.grant.generation < of_file.grant.generation {
        "an older state of this grant, which Zoom no longer accepts"
    } else {
        return Ok(());
    };
    Err(format!(
        "Secret {name} exists and holds {what}: delete it, import again, and keep the file until then"
    ))
}

/// The Secret of the grant in this cluster.
fn wanted(
    connection: &ZoomConnection,
    entry: &Entry,
    client_id: Option<&str>,
    namespace_uid: Option<String>,
) -> Result<Secret, String> {
    let kept = entry.grant().ok_or("its grant cannot be read")?;
    if let (Some(of_grant), Some(here)) = (kept.grant.client_id.as_deref(), client_id)
        && of_grant != here
    {
        return Err(format!(
            "its grant was given to the app with client id {of_grant}, and the integration here has {here}"
        ));
    }
    Ok(secret::build(
        connection,
        &StoredGrant {
            namespace_uid: namespace_uid.unwrap_or_default(),
            ..kept
        },
    ))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use serde_json::json;

    use super::{super::fixture::kept, *};
    use grant::{Grant, Lost};

    fn entry(client_id: Option<&str>) -> Entry {
        let mut secret = Secret::default();
        let kept = StoredGrant {
            namespace_uid: "there".into(),
            imported: Some("f".into()),
            ..kept(|grant| grant.client_id = client_id.map(Into::into))
        };
        secret::put(&mut secret, &kept);
        Entry {
            namespace: "clinics".into(),
            name: "ada".into(),
            data: secret.data.unwrap(),
        }
    }

    fn connection() -> ZoomConnection {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "ada", "namespace": "clinics", "uid": "here-too"},
            "spec": {"integrationRef": {"name": "app"}},
        }))
        .unwrap()
    }

    #[test]
    fn the_secret_is_that_of_this_cluster() {
        let entry = entry(Some("app"));
        let built = wanted(&connection(), &entry, Some("app"), Some("here".into())).unwrap();
        let GrantSecret::Ours(kept) = secret::read(&connection(), Some(&built)) else {
            panic!("ours");
        };
        assert_eq!(kept.namespace_uid, "here");
        assert_eq!((kept.grant.generation, kept.identified), (3, true));
        assert_eq!(kept.imported.as_deref(), Some("f"));
        assert_eq!(built.metadata.owner_references.unwrap()[0].uid, "here-too");
    }

    /// A backup of objects brought the Secret back, or an earlier connection of this name left it behind: only the file
    /// has the grant.
    #[test]
    fn a_copy_and_an_older_state_are_no_import() {
        let wanted = wanted(&connection(), &entry(None), None, Some("here".into())).unwrap();
        let judged = |change: &dyn Fn(&mut StoredGrant)| {
            let mut kept = secret::get(&wanted).unwrap();
            change(&mut kept);
            there(&GrantSecret::Ours(Box::new(kept)), &wanted)
        };
        for elsewhere in ["there", "elsewhere", ""] {
            let why = judged(&|kept| kept.namespace_uid = elsewhere.into()).unwrap_err();
            assert!(why.contains("Secret ada-zoom-grant exists"), "{why}");
            assert!(why.contains("a copy of this grant"), "{why}");
        }
        let why = judged(&|kept| kept.grant.generation = 2).unwrap_err();
        assert!(why.contains("an older state of this grant"), "{why}");
        assert!(why.contains("delete it, import again"), "{why}");
    }

    /// The Secret of a connection that was to revoke its grant, and is gone without that.
    #[test]
    fn what_another_connection_left_behind_is_no_import() {
        let mut left = wanted(&connection(), &entry(None), None, Some("here".into())).unwrap();
        let wanted = left.clone();
        left.metadata.owner_references = None;
        let uid = ByteString(b"another".to_vec());
        left.data
            .get_or_insert_default()
            .insert("connection-uid".into(), uid);
        let read = secret::read(&connection(), Some(&left));
        assert!(there(&read, &wanted).is_err());
    }

    /// The reply to the import was lost, and it is tried again after the grant was refreshed.
    #[test]
    fn a_grant_that_is_there_is_imported() {
        let wanted = wanted(&connection(), &entry(None), None, Some("here".into())).unwrap();
        let judged = |change: &dyn Fn(&mut Grant)| {
            let mut kept = secret::get(&wanted).unwrap();
            change(&mut kept.grant);
            there(&GrantSecret::Ours(Box::new(kept)), &wanted)
        };
        assert_eq!(judged(&|grant| grant.generation = 4), Ok(()));
        assert!(judged(&|grant| grant.id = "other".into()).is_err());
        assert!(judged(&|grant| *grant = grant.erased(Lost::Exported)).is_err());
        assert!(there(&GrantSecret::Foreign, &wanted).is_err());
    }

    #[test]
    fn a_grant_of_another_app_is_refused() {
        let of = |grant: Option<&str>, here: Option<&str>| {
            wanted(&connection(), &entry(grant), here, None).map(drop)
        };
        assert!(of(Some("a"), Some("b")).is_err());
        for (grant, here) in [(None, Some("b")), (Some("a"), None), (Some("a"), Some("a"))] {
            assert!(of(grant, here).is_ok());
        }
        let mut broken = entry(None);
        broken.data.clear();
        assert!(wanted(&connection(), &broken, None, None).is_err());
    }
}
