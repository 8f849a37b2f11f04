//! `grants export`: writes the file, erases the grants here, and completes the file. Until the last step, the
//! file says that it is incomplete, and it cannot be imported. So a grant is never usable in two places, and
//! if it is usable in none, it is in the file.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};

use super::{
    args::Export,
    bundle::{Bundle, Entry, Line},
    fence::{Fenced, File, Source},
    sealed::{self, Key},
    verdict::{ExportDecision, is_alive, verdict},
};
use crate::{api::v1alpha1::ZoomConnection, commands::terminal::Session};

/// Exports the grants. Returns the result for each connection.
pub(super) async fn run(session: &Session, args: &Export) -> anyhow::Result<Vec<Line>> {
    let key = Key::read(&args.key_file)?;
    let earlier = earlier(args, &key)?;
    let mut file = File {
        args,
        key,
        bundle: Bundle {
            complete: false,
            entries: Vec::new(),
        },
    };
    let namespaces: Api<Namespace> = Api::all(session.client.clone());
    let namespace = namespaces.get_metadata(&session.namespace).await?;
    let source = Source {
        secrets: Api::namespaced(session.client.clone(), &session.namespace),
        namespace: session.namespace.clone(),
        namespace_uid: namespace.uid().unwrap_or_default(),
    };
    let mut lines = Vec::new();
    let mut taken = Vec::new();
    let connections = connections(session, args).await?;
    file.bundle.entries = left(session, &earlier, &connections).await?;
    for connection in connections {
        let name = connection.name_any();
        let found = source.read(&connection).await?;
        let before = earlier.iter().find(|entry| entry.name == name);
        match verdict(&found.1, before, &source.namespace_uid) {
            ExportDecision::Refuse(why) => {
                // An interrupted export erased it here, and something happened to it since.
                let only_copy = before.filter(|_| !is_alive(&found.1));
                file.bundle.entries.extend(only_copy.cloned());
                lines.push(Line::refused(&name, why));
            }
            ExportDecision::Taken => {
                file.bundle.entries.extend(before.cloned());
                lines.push(Line::done(&name, "exported"));
            }
            ExportDecision::Take => {
                file.bundle
                    .entries
                    .push(source.entry(&connection, &found.0));
                taken.push(connection);
            }
        }
    }
    if file.bundle.entries.is_empty() {
        return Ok(lines);
    }
    file.write()?;
    let mut complete = true;
    for connection in taken {
        let name = connection.name_any();
        match source.fence(&connection, &mut file).await {
            Fenced::Erased => lines.push(Line::done(&name, "exported")),
            Fenced::Kept(why) => {
                file.bundle.entries.retain(|entry| entry.name != name);
                lines.push(Line::refused(&name, &why));
            }
            Fenced::Unknown(why) => {
                complete = false;
                let next = "it is in the file, and may still be here: run the same command again";
                lines.push(Line::refused(&name, &format!("{why}; {next}")));
            }
        }
    }
    file.bundle.complete = complete;
    file.write()?;
    Ok(lines)
}

/// What an interrupted export left in the file, of connections that are gone since: this may be the only place of their
/// grants. The others have to be exported with it.
async fn left(
    session: &Session,
    earlier: &[Entry],
    connections: &[ZoomConnection],
) -> anyhow::Result<Vec<Entry>> {
    let api: Api<ZoomConnection> = Api::namespaced(session.client.clone(), &session.namespace);
    let beside = beside(earlier, &session.namespace, connections)?;
    let mut there = Vec::new();
    for entry in &beside {
        if api.get_metadata_opt(&entry.name).await?.is_some() {
            there.push(entry.name.as_str());
        }
    }
    if !there.is_empty() {
        bail!(
            "the file is of an interrupted export that has {} as well: name them too, or use --all",
            there.join(" ")
        );
    }
    Ok(beside.into_iter().cloned().collect())
}

/// What an interrupted export has beside these connections.
fn beside<'a>(
    earlier: &'a [Entry],
    namespace: &str,
    connections: &[ZoomConnection],
) -> anyhow::Result<Vec<&'a Entry>> {
    if let Some(other) = earlier.iter().find(|entry| entry.namespace != namespace) {
        bail!(
            "the file is of an interrupted export of namespace {}: continue that one, or name another file",
            other.namespace
        );
    }
    let names: BTreeSet<String> = connections.iter().map(ZoomConnection::name_any).collect();
    let is_beside = |entry: &&Entry| !names.contains(&entry.name);
    Ok(earlier.iter().filter(is_beside).collect())
}

/// The entries that an interrupted export left in the file.
fn earlier(args: &Export, key: &Key) -> anyhow::Result<Vec<Entry>> {
    let text = match std::fs::read_to_string(&args.output) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context("failed to read the output file"),
    };
    let bundle = sealed::open(&text, key)?;
    if bundle.complete {
        bail!(
            "{} holds a complete export: name another file, since this one may be the only place of its grants",
            args.output.display()
        );
    }
    Ok(bundle.entries)
}

async fn connections(session: &Session, args: &Export) -> anyhow::Result<Vec<ZoomConnection>> {
    if args.all {
        return session.list_whole().await;
    }
    let mut found = Vec::new();
    for name in &args.names {
        found.push(session.get(name).await?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    /// An interrupted export of `ada` and `grace` is continued by another command.
    #[test]
    fn what_the_file_has_beside_the_selection_is_not_forgotten() {
        let of = |name: &str| Entry {
            namespace: "clinics".into(),
            name: name.into(),
            data: BTreeMap::new(),
        };
        let earlier = [of("ada"), of("grace")];
        let connection = |name: &str| -> ZoomConnection {
            serde_json::from_value(json!({
                "metadata": {"name": name, "namespace": "clinics"},
                "spec": {"integrationRef": {"name": "app"}},
            }))
            .unwrap()
        };
        let names = |selected: &[ZoomConnection], namespace: &str| {
            let found = beside(&earlier, namespace, selected);
            found.map(|found| {
                found
                    .iter()
                    .map(|entry| entry.name.clone())
                    .collect::<Vec<_>>()
            })
        };
        let all = [connection("ada"), connection("grace"), connection("new")];
        assert_eq!(names(&all, "clinics").unwrap(), Vec::<String>::new());
        assert_eq!(names(&all[..1], "clinics").unwrap(), ["grace"]);
        let error = names(&all, "other").unwrap_err().to_string();
        assert!(error.contains("namespace clinics"), "{error}");
    }
}
