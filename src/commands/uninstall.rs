//! `uninstall-check`: which objects would wait forever without the operator. The chart runs it before a
//! release is removed, because a finalizer that nobody handles blocks the deletion of its object and of that
//! object's namespace.

use std::collections::{BTreeSet, HashSet};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    api::ListParams,
    core::{DeserializeGuard, NamespaceResourceScope},
};

use super::terminal::{block_on, print};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::Scope,
};

/// Prefix of the finalizers that the controller handles.
const OURS: &str = "zoom-operator.io/";

/// Objects in one answer of the API server.
const PAGE: u32 = 200;

/// Arguments of `uninstall-check`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the section's help")]
    pub scope: Scope,
}

/// An object whose deletion waits for the operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    kind: &'static str,
    namespace: String,
    name: String,
    finalizers: Vec<String>,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    waiting: Vec<Waiting>,
    /// Namespaces that the API server does not let us look into. It says the same of one that does not exist.
    refused: BTreeSet<String>,
}

/// Prints which objects wait for the operator. Returns `true` if there are none.
///
/// # Errors
/// When a request to the API server fails, or it lets us look into no namespace.
pub fn main(args: &Args) -> anyhow::Result<bool> {
    let found = block_on(async { find(&Client::try_default().await?, args).await })?;
    print(&report(&found))?;
    Ok(found.waiting.is_empty())
}

async fn find(client: &Client, args: &Args) -> anyhow::Result<Found> {
    let mut refused = BTreeSet::new();
    let mut found = list::<ZoomIntegration>(client, args, "zint", &mut refused).await?;
    found.extend(list::<ZoomConnection>(client, args, "zconn", &mut refused).await?);
    let watched = args.scope.namespaces().unwrap_or_default();
    anyhow::ensure!(
        refused.is_empty() || refused.len() < watched.len(),
        "cannot look into any of the namespaces {}: no permission",
        watched.join(", ")
    );
    let selected = selected(client, args).await?;
    let mut served = Vec::new();
    for object in found {
        let is_selected = selected
            .as_ref()
            .is_none_or(|namespaces| namespaces.contains(&object.namespace));
        if is_selected && is_of_class(client, &object, &args.scope).await? {
            served.push(object);
        }
    }
    served.sort();
    Ok(Found {
        waiting: served,
        refused,
    })
}

/// The namespaces whose labels match; `None` if labels do not matter.
async fn selected(client: &Client, args: &Args) -> anyhow::Result<Option<HashSet<String>>> {
    let Some(selector) = args.scope.selector() else {
        return Ok(None);
    };
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let params = ListParams::default().labels_from(selector);
    let found = namespaces
        .list_metadata(&params)
        .await
        .context("failed to list namespaces")?;
    Ok(Some(
        found.items.iter().map(ResourceExt::name_any).collect(),
    ))
}

/// Whether the operator of this class serves the object. Few objects have finalizers, so each is read again. One that
/// this version cannot read counts: it waits for some operator.
async fn is_of_class(client: &Client, object: &Waiting, scope: &Scope) -> anyhow::Result<bool> {
    let class = scope.class();
    let integrations: Api<DeserializeGuard<ZoomIntegration>> =
        Api::namespaced(client.clone(), &object.namespace);
    if object.kind == "zint" {
        let found = integrations.get_opt(&object.name).await?;
        let found = found.and_then(|found| found.0.ok());
        return Ok(found.is_none_or(|found| found.spec.operator_class.as_deref() == class));
    }
    let connections: Api<DeserializeGuard<ZoomConnection>> =
        Api::namespaced(client.clone(), &object.namespace);
    let connection = connections.get_opt(&object.name).await?;
    let Some(connection) = connection.and_then(|found| found.0.ok()) else {
        return Ok(true);
    };
    let (namespace, name) = connection.integration();
    // With Roles in some namespaces only, the controller does not read others either.
    let is_watched = scope
        .namespaces()
        .is_none_or(|watched| watched.iter().any(|name| name == namespace));
    let integration = if is_watched {
        let integrations: Api<DeserializeGuard<ZoomIntegration>> =
            Api::namespaced(client.clone(), namespace);
        readable(integrations.get_opt(name).await)?.and_then(|found| found.0.ok())
    } else {
        None
    };
    Ok(connection.operator_class(integration.as_ref()) == class)
}

/// What was read; nothing where we may not read.
fn readable<T>(read: kube::Result<Option<T>>) -> kube::Result<Option<T>> {
    match read {
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        read => read,
    }
}

async fn list<K>(
    client: &Client,
    args: &Args,
    kind: &'static str,
    refused: &mut BTreeSet<String>,
) -> anyhow::Result<Vec<Waiting>>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let apis: Vec<(Option<String>, Api<K>)> = match args.scope.namespaces() {
        None => vec![(None, Api::all(client.clone()))],
        Some(names) => names
            .into_iter()
            .map(|name| {
                let api = Api::namespaced(client.clone(), &name);
                (Some(name), api)
            })
            .collect(),
    };
    let mut found = Vec::new();
    for (namespace, api) in apis {
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = match api.list_metadata(&params).await {
                Ok(page) => page,
                // Without the definitions there are no objects.
                Err(kube::Error::Api(status)) if status.is_not_found() => break,
                Err(kube::Error::Api(status)) if status.is_forbidden() && namespace.is_some() => {
                    refused.extend(namespace);
                    break;
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("failed to list {kind}"));
                }
            };
            found.extend(page.items.iter().filter_map(|object| waiting(kind, object)));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(found)
}

fn waiting(kind: &'static str, object: &impl ResourceExt) -> Option<Waiting> {
    let finalizers = object.finalizers().iter();
    let finalizers: Vec<String> = finalizers
        .filter(|name| name.starts_with(OURS))
        .cloned()
        .collect();
    (!finalizers.is_empty()).then(|| Waiting {
        kind,
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        finalizers,
    })
}

fn report(found: &Found) -> String {
    let refused = found.refused.iter().map(|namespace| {
        format!("cannot look into {namespace} (no such namespace, or no permission)\n")
    });
    let refused: String = refused.collect();
    if found.waiting.is_empty() {
        return format!("{refused}no object waits for the operator\n");
    }
    let lines = found.waiting.iter().map(|object| {
        let Waiting {
            kind,
            namespace,
            name,
            finalizers,
        } = object;
        format!(
            "  {kind}/{name} -n {namespace}  ({})\n",
            finalizers.join(", ")
        )
    });
    let lines: String = lines.collect();
    format!(
        "{refused}These objects have finalizers that only the operator removes; without it they, and their namespaces, could \
         never be deleted:\n{lines}\
         Delete them first, or set what makes them wait to another value: webhook.buffer of a ZoomIntegration, \
         token.deletionPolicy of a ZoomConnection. To remove the operator all the same: helm uninstall --no-hooks.\n"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn integration(finalizers: &[&str]) -> ZoomIntegration {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics", "finalizers": finalizers},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
            },
        }))
        .unwrap()
    }

    #[test]
    fn only_our_finalizers_count() {
        assert_eq!(waiting("zint", &integration(&[])), None);
        assert_eq!(
            waiting(
                "zint",
                &integration(&["foregroundDeletion", "example.com/x"])
            ),
            None
        );
        let found = waiting(
            "zint",
            &integration(&["example.com/x", "zoom-operator.io/buffer"]),
        );
        let finalizers = found.map(|object| object.finalizers);
        assert_eq!(finalizers, Some(vec!["zoom-operator.io/buffer".to_owned()]));
    }

    #[test]
    fn each_object_is_named_with_the_way_out() {
        let objects: Vec<Waiting> = [&["zoom-operator.io/buffer"][..]]
            .iter()
            .filter_map(|finalizers| waiting("zint", &integration(finalizers)))
            .collect();
        let found = |waiting, refused: &[&str]| Found {
            waiting,
            refused: refused.iter().map(ToString::to_string).collect(),
        };
        let text = report(&found(objects, &[]));
        assert!(
            text.contains("  zint/acme -n clinics  (zoom-operator.io/buffer)\n"),
            "{text}"
        );
        assert!(text.contains("helm uninstall --no-hooks"), "{text}");
        assert_eq!(
            report(&Found::default()),
            "no object waits for the operator\n"
        );
        let text = report(&found(Vec::new(), &["gone"]));
        assert!(
            text.starts_with("cannot look into gone (no such namespace"),
            "{text}"
        );
        assert!(
            text.ends_with("\nno object waits for the operator\n"),
            "{text}"
        );
    }
}
