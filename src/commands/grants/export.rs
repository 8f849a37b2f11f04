//! `grants export`: writes the file, erases the grants here, and completes the file. Until the last step, the
//! file says that it is incomplete, and it cannot be imported. So a grant is never usable in two places, and
//! if it is usable in none, it is in the file.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _, api::ListParams};

use super::{
    args::Export,
    bundle::{Bundle, Entry, Line},
    fence::{Fenced, File, Source},
    sealed::{self, Key},
};
use crate::{
    api::v1alpha1::ZoomConnection, commands::terminal::Session,
    controller::grants::secret::GrantSecret,
};
use grant::{Credential, Lost};

/// What to do with a grant.
#[derive(Debug)]
pub(super) enum ExportDecision {
    /// Export it.
    Take,
    /// An interrupted export already took it out; it is in that export's file.
    Taken,
    /// Keep it, for this reason.
    Refuse(&'static str),
}

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
            ExportDecision::Refuse(why) => lines.push(Line::refused(&name, why)),
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
    let api: Api<ZoomConnection> = Api::namespaced(session.client.clone(), &session.namespace);
    if args.all {
        return Ok(api.list(&ListParams::default()).await?.items);
    }
    let mut found = Vec::new();
    for name in &args.names {
        found.push(session.get(name).await?);
    }
    Ok(found)
}

/// What to do with what exists under the name of a grant's Secret.
pub(super) fn verdict(
    found: &GrantSecret,
    earlier: Option<&Entry>,
    namespace_uid: &str,
) -> ExportDecision {
    let kept = match found {
        GrantSecret::Absent => return ExportDecision::Refuse("it has no grant"),
        GrantSecret::Foreign | GrantSecret::Broken => {
            return ExportDecision::Refuse(
                "the Secret of its grant was not written by the operator, or was changed",
            );
        }
        GrantSecret::Leaving => return ExportDecision::Refuse("its grant is being removed"),
        GrantSecret::Ours(kept) => kept,
    };
    if let Some(loss) = &kept.grant.loss {
        let is_here = |entry: &Entry| {
            let grant = entry.grant();
            grant.is_some_and(|kept| kept.grant.credential.fingerprint() == loss.spent)
        };
        return match loss.reason {
            Lost::Exported if earlier.is_some_and(is_here) => ExportDecision::Taken,
            Lost::Exported => ExportDecision::Refuse("it was exported before"),
            _ => ExportDecision::Refuse("its grant is lost: the person has to authorize again"),
        };
    }
    if kept.namespace_uid != namespace_uid {
        return ExportDecision::Refuse("its grant was copied here from elsewhere and is not used");
    }
    if kept.grant.intent.is_some() {
        return ExportDecision::Refuse(
            "its refresh is under way: set spec.suspend on the integration, wait until it is over, and export again",
        );
    }
    match &kept.grant.credential {
        Credential::RefreshToken(_) => ExportDecision::Take,
        Credential::Code(_) => ExportDecision::Refuse("its consent is not finished"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use k8s_openapi::api::core::v1::Secret;
    use serde_json::json;

    use super::*;
    use crate::controller::grants::secret::{self, StoredGrant};
    use grant::{Grant, Holder, Intent};

    fn kept(change: impl Fn(&mut Grant)) -> StoredGrant {
        let mut grant = Grant {
            id: "g".into(),
            generation: 3,
            since: Timestamp::UNIX_EPOCH,
            client_id: Some("app".into()),
            credential: Credential::RefreshToken("r".to_owned().into()),
            access: None,
            intent: None,
            loss: None,
        };
        change(&mut grant);
        StoredGrant {
            grant,
            identity: None,
            identified: true,
            namespace_uid: "n".into(),
            imported: None,
        }
    }

    fn judged(kept: StoredGrant, earlier: Option<&Entry>) -> String {
        let found = GrantSecret::Ours(Box::new(kept));
        format!("{:?}", verdict(&found, earlier, "n"))
    }

    fn entry(kept: &StoredGrant) -> Entry {
        let mut secret = Secret::default();
        secret::put(&mut secret, kept);
        Entry {
            namespace: "clinics".into(),
            name: "ada".into(),
            data: secret.data.unwrap(),
        }
    }

    #[test]
    fn a_grant_that_rests_is_taken() {
        assert_eq!(judged(kept(|_| ()), None), "Take");
    }

    #[test]
    fn one_that_is_being_refreshed_or_is_lost_or_copied_stays() {
        let refreshed = kept(|grant| {
            grant.intent = Some(Intent {
                holder: Holder {
                    pod: "p".into(),
                    process: "q".into(),
                    namespace: None,
                },
                attempt: 1,
                begun: Timestamp::UNIX_EPOCH,
            });
        });
        assert!(judged(refreshed, None).contains("refresh is under way"));
        let lost = kept(|grant| *grant = grant.erased(Lost::GrantLost));
        assert!(judged(lost, None).contains("lost"));
        let copied = StoredGrant {
            namespace_uid: "other".into(),
            ..kept(|_| ())
        };
        assert!(judged(copied, None).contains("copied"));
        let absent = verdict(&GrantSecret::Absent, None, "n");
        assert!(matches!(absent, ExportDecision::Refuse(_)));
    }

    #[test]
    fn what_an_interrupted_export_erased_is_in_its_file() {
        let before = kept(|_| ());
        let erased = kept(|grant| *grant = grant.erased(Lost::Exported));
        assert_eq!(judged(erased.clone(), Some(&entry(&before))), "Taken");
        assert!(judged(erased.clone(), None).contains("exported before"));
        let other = kept(|grant| {
            grant.credential = Credential::RefreshToken("newer".to_owned().into());
        });
        assert!(judged(erased, Some(&entry(&other))).contains("exported before"));
    }

    #[test]
    fn the_erased_grant_holds_no_token_and_the_entry_all() {
        let before = kept(|_| ());
        let erased = before.grant.erased(Lost::Exported);
        assert!(erased.credential.is_empty() && erased.access.is_none());
        let read = entry(&before).grant().unwrap();
        assert_eq!(
            read.grant.credential.fingerprint(),
            before.grant.credential.fingerprint()
        );
    }

    /// An interrupted export of `ada` and `grace` is continued by another command.
    #[test]
    fn what_the_file_has_beside_the_selection_is_not_forgotten() {
        let of = |name: &str| Entry {
            name: name.into(),
            ..entry(&kept(|_| ()))
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
