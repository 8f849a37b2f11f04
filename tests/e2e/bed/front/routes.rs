//! What `Ingress` and `HTTPRoute` objects say.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::Context as _;
use serde_json::Value;

use crate::bed::{
    Bed,
    object::{name, text},
};

/// Hosts, and where their requests go.
pub type Hosts = BTreeMap<String, Vec<Target>>;

/// A path of a host, and where its requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub path: String,
    /// This path alone, not what is below.
    pub exact: bool,
    /// The Service's own address and port.
    pub backend: SocketAddr,
}

// === impl Target ===

impl Target {
    /// The `location`s of nginx that mean the same.
    pub fn locations(&self) -> Vec<String> {
        let path = &self.path;
        if self.exact {
            return vec![format!("= {path}")];
        }
        match path.trim_end_matches('/') {
            "" => vec!["/".to_owned()],
            // By whole elements: /a is not /ab.
            stem => vec![format!("= {stem}"), format!("^~ {stem}/")],
        }
    }

    /// Whether it is for every path.
    pub fn takes_all(&self) -> bool {
        !self.exact && self.path == "/"
    }
}

/// Reads all objects of the test's namespace.
pub async fn read(bed: &Bed) -> anyhow::Result<Hosts> {
    let mut hosts = Hosts::new();
    for ingress in bed.list("ingresses", "").await? {
        add_ingress(bed, &ingress, &mut hosts)
            .await
            .with_context(|| format!("the Ingress {}", name(&ingress)))?;
    }
    // A cluster need not know Gateway API.
    let known = bed
        .request("GET", "/apis/gateway.networking.k8s.io/v1", None)
        .await;
    if known.is_ok() {
        for route in bed.list("httproutes", "").await? {
            add_route(bed, &route, &mut hosts)
                .await
                .with_context(|| format!("the HTTPRoute {}", name(&route)))?;
        }
    }
    Ok(hosts)
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

async fn add_ingress(bed: &Bed, ingress: &Value, hosts: &mut Hosts) -> anyhow::Result<()> {
    only(&ingress["spec"], &["ingressClassName", "rules", "tls"])?;
    let encrypted: Vec<&str> = items(ingress, "/spec/tls")
        .flat_map(|tls| items(tls, "/hosts"))
        .filter_map(Value::as_str)
        .collect();
    for rule in items(ingress, "/spec/rules") {
        let host = text(rule, "/host");
        anyhow::ensure!(!host.is_empty(), "a rule without a host");
        anyhow::ensure!(
            encrypted.is_empty() || encrypted.contains(&host),
            "{host} is not among the hosts of tls"
        );
        for path in items(rule, "/http/paths") {
            let service = &path["backend"]["service"];
            let target = Target {
                path: text(path, "/path").to_owned(),
                exact: match text(path, "/pathType") {
                    "Exact" => true,
                    "Prefix" => false,
                    other => anyhow::bail!("pathType {other}"),
                },
                backend: backend(bed, text(service, "/name"), &service["port"]).await?,
            };
            hosts.entry(host.to_owned()).or_default().push(target);
        }
    }
    Ok(())
}

async fn add_route(bed: &Bed, route: &Value, hosts: &mut Hosts) -> anyhow::Result<()> {
    only(&route["spec"], &["parentRefs", "hostnames", "rules"])?;
    let names: Vec<&str> = items(route, "/spec/hostnames")
        .filter_map(Value::as_str)
        .collect();
    anyhow::ensure!(!names.is_empty(), "no hostnames");
    for rule in items(route, "/spec/rules") {
        only(rule, &["name", "matches", "backendRefs"])?;
        let backends: Vec<&Value> = items(rule, "/backendRefs").collect();
        let [one] = backends[..] else {
            anyhow::bail!("{} backends", backends.len());
        };
        only(one, &["group", "kind", "name", "port", "weight"])?;
        anyhow::ensure!(one["kind"] == "Service", "a backend that is no Service");
        let port = serde_json::json!({"number": one["port"]});
        let backend = backend(bed, text(one, "/name"), &port).await?;
        // The API server fills in the match of everything, and the kind of path.
        for found in items(rule, "/matches") {
            only(found, &["path"])?;
            let target = Target {
                path: text(found, "/path/value").to_owned(),
                exact: match text(found, "/path/type") {
                    "Exact" => true,
                    "PathPrefix" => false,
                    other => anyhow::bail!("path type {other}"),
                },
                backend,
            };
            for &name in &names {
                hosts
                    .entry(name.to_owned())
                    .or_default()
                    .push(target.clone());
            }
        }
    }
    Ok(())
}

/// Fails if there is anything else in the object.
fn only(object: &Value, known: &[&str]) -> anyhow::Result<()> {
    for field in object.as_object().into_iter().flat_map(|map| map.keys()) {
        anyhow::ensure!(known.contains(&field.as_str()), "{field} is not understood");
    }
    Ok(())
}

/// The address of a Service and of its port, which is `{"number": …}` or `{"name": …}`.
async fn backend(bed: &Bed, name: &str, port: &Value) -> anyhow::Result<SocketAddr> {
    let service = bed
        .find("services", name)
        .await?
        .with_context(|| format!("there is no Service {name}"))?;
    let found = items(&service, "/spec/ports")
        .find(|offered| match port["name"].as_str() {
            Some(name) => offered["name"] == name,
            None => offered["port"] == port["number"],
        })
        .with_context(|| format!("the Service {name} has no port {port}"))?;
    let number = found["port"].as_u64().context("a port without number")?;
    let address = text(&service, "/spec/clusterIP")
        .parse()
        .with_context(|| format!("the Service {name} has no address"))?;
    Ok(SocketAddr::new(address, u16::try_from(number)?))
}
