//! `uninstall-check`: which objects would wait forever without the operator. The chart runs it before a
//! release is removed, because a finalizer that nobody handles blocks the deletion of its object and of that
//! object's namespace.

use anyhow::Context as _;
use kube::{Api, Client, api::ListParams, core::NamespaceResourceScope};

use super::terminal::{block_on, print};
use crate::api::v1alpha1::{ZoomConnection, ZoomIntegration};

/// Prefix of the finalizers that the controller handles.
const OURS: &str = "zoom-operator.io/";

/// Objects in one answer of the API server.
const PAGE: u32 = 200;

/// Arguments of `uninstall-check`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Namespaces that the operator serves, separated by commas. Empty: all.
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
}

/// An object whose deletion waits for the operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    kind: &'static str,
    namespace: String,
    name: String,
    finalizers: Vec<String>,
}

/// Prints which objects wait for the operator. Returns `true` if there are none.
///
/// # Errors
/// When a request to the API server fails.
pub fn main(args: &Args) -> anyhow::Result<bool> {
    let waiting = block_on(find(args))?;
    print(&report(&waiting))?;
    Ok(waiting.is_empty())
}

async fn find(args: &Args) -> anyhow::Result<Vec<Waiting>> {
    let client = Client::try_default().await?;
    let mut found = list::<ZoomIntegration>(&client, args, "zint").await?;
    found.extend(list::<ZoomConnection>(&client, args, "zconn").await?);
    found.sort();
    Ok(found)
}

async fn list<K>(client: &Client, args: &Args, kind: &'static str) -> anyhow::Result<Vec<Waiting>>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let names = args.watch_namespaces.iter().map(|name| name.trim());
    let mut apis: Vec<Api<K>> = names
        .filter(|name| !name.is_empty())
        .map(|name| Api::namespaced(client.clone(), name))
        .collect();
    if apis.is_empty() {
        apis.push(Api::all(client.clone()));
    }
    let mut found = Vec::new();
    for api in apis {
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = match api.list_metadata(&params).await {
                Ok(page) => page,
                // Without the definitions there are no objects.
                Err(kube::Error::Api(status)) if status.is_not_found() => break,
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

fn waiting(kind: &'static str, object: &impl kube::ResourceExt) -> Option<Waiting> {
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

fn report(waiting: &[Waiting]) -> String {
    if waiting.is_empty() {
        return "no object waits for the operator\n".to_owned();
    }
    let lines = waiting.iter().map(|object| {
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
        "These objects have finalizers that only the operator removes; without it they, and their namespaces, could \
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
        let text = report(&objects);
        assert!(
            text.contains("  zint/acme -n clinics  (zoom-operator.io/buffer)\n"),
            "{text}"
        );
        assert!(text.contains("helm uninstall --no-hooks"), "{text}");
        assert_eq!(report(&[]), "no object waits for the operator\n");
    }
}
