//! The way in: objects from which a proxy finds the receiver, and whose host it is.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{RECEIVER, connected, distinct, traffic};
use crate::bed::{
    Bed, Case, Front, LIMIT, Options, Sim, Tenant, gateway,
    object::{message, reason, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::exposed_by_ingress_then_httproute", exposed).needs_host(),
        Case::new("receiver::labels_and_annotations_of_the_way_in", dressed),
        Case::new("receiver::hosts_belong_to_the_first", claims),
        Case::new("receiver::hosts_by_policy", policy),
    ]
}

/// What Zoom would be answered by `https://HOST PATH`.
async fn status(
    front: &Front,
    tenant: &Tenant,
    host: &str,
    path: &str,
    body: &str,
) -> anyhow::Result<u16> {
    let client = front.client()?;
    let request = traffic::signed(
        &client,
        &front.url(host, path),
        &tenant.webhook_secret,
        body,
    );
    Ok(request.send().await?.status().as_u16())
}

async fn until_status(
    front: &Front,
    tenant: &Tenant,
    path: &str,
    expected: u16,
) -> anyhow::Result<()> {
    wait_for("an answer through the front", LIMIT, || async {
        let body = super::meeting_ended(path).to_string();
        let status = status(front, tenant, HOST, path, &body).await?;
        ensure!(status == expected, "{path}: {status}");
        Ok(Some(()))
    })
    .await
}

const HOST: &str = "acme.hooks.example.com";

async fn exposed(bed: Bed) -> anyhow::Result<()> {
    gateway::define(&bed).await?;
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let ingress = json!({"className": "nginx", "tlsSecretName": "hooks-tls"});
    let endpoint = json!({"host": HOST, "path": "/zoom/event", "ingress": ingress});
    let spec = json!({"webhook": {"endpoint": endpoint}});
    let tenant = connected(&bed, &sim, spec).await?;
    let object = bed.integration("acme").await?;
    let url = text(&object, "/status/webhook/url");
    ensure!(url == format!("https://{HOST}/zoom/event"), "{url}");
    let ingress = bed.get("ingresses", RECEIVER).await?;
    ensure!(
        ingress["spec"]["ingressClassName"] == "nginx",
        "{ingress:#}"
    );
    ensure!(
        ingress["spec"]["tls"] == json!([{"hosts": [HOST], "secretName": "hooks-tls"}]),
        "{ingress:#}"
    );
    let mut front = Front::start(&bed).await?;
    until_status(&front, &tenant, "/zoom/event", 204).await?;
    until_status(&front, &tenant, "/zoom/event/more", 404).await?;
    until_status(&front, &tenant, "/", 404).await?;
    let events = sim.events().await?;
    ensure!(distinct(&events).len() == 1, "{events:#?}");

    let gateway = json!({"parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}]});
    let endpoint = json!({"ingress": null, "gateway": gateway});
    bed.change("acme", &json!({"webhook": {"endpoint": endpoint}}))
        .await?;
    bed.until_gone("ingresses", RECEIVER).await?;
    let route = wait_for("the HTTPRoute", LIMIT, || async {
        bed.find("httproutes", RECEIVER).await
    })
    .await?;
    ensure!(
        route["spec"]["parentRefs"][0]["sectionName"] == "https",
        "{route:#}"
    );
    front.reload().await?;
    until_status(&front, &tenant, "/zoom/event", 204).await?;
    until_status(&front, &tenant, "/zoom/event/more", 404).await?;

    bed.change("acme", &json!({"webhook": {"endpoint": {"gateway": null}}}))
        .await?;
    bed.until_gone("httproutes", RECEIVER).await?;
    Ok(())
}

async fn dressed(bed: Bed) -> anyhow::Result<()> {
    gateway::define(&bed).await?;
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let ingress = json!({
        "pathType": "Prefix", "tlsSecretName": "hooks-tls",
        "annotations": {
            "cert-manager.io/cluster-issuer": "letsencrypt",
            "nginx.ingress.kubernetes.io/configuration-snippet": "return 200;",
        },
    });
    let spec = json!({"webhook": {"endpoint": {"host": HOST, "ingress": ingress}}});
    connected(&bed, &sim, spec).await?;
    let ingress = bed.get("ingresses", RECEIVER).await?;
    let annotations = &ingress["metadata"]["annotations"];
    ensure!(
        annotations["cert-manager.io/cluster-issuer"] == "letsencrypt",
        "{ingress:#}"
    );
    let snippet = "nginx.ingress.kubernetes.io/configuration-snippet";
    ensure!(annotations[snippet].is_null(), "{ingress:#}");
    let path = &ingress["spec"]["rules"][0]["http"]["paths"][0];
    ensure!(path["pathType"] == "Prefix", "{ingress:#}");
    let object = bed.integration("acme").await?;
    let said = message(&object, "ReceiverAvailable");
    ensure!(
        reason(&object, "ReceiverAvailable") == "MetadataRefused" && said.contains(snippet),
        "{said}"
    );
    ensure!(reason(&object, "Ready") == "Connected", "{object:#}");
    // What is no longer wanted is taken back.
    let change = json!({"webhook": {"endpoint": {"ingress": {"annotations": null}}}});
    bed.change("acme", &change).await?;
    wait_for("the Ingress without annotations", LIMIT, || async {
        let ingress = bed.get("ingresses", RECEIVER).await?;
        let annotations = &ingress["metadata"]["annotations"];
        Ok(annotations["cert-manager.io/cluster-issuer"]
            .is_null()
            .then_some(()))
    })
    .await?;

    // A Gateway that does not take the route says so.
    let gateway = json!({"parentRefs": [{"name": "public", "namespace": "gateways"}]});
    let change = json!({"webhook": {"endpoint": {"ingress": null, "gateway": gateway}}});
    bed.change("acme", &change).await?;
    let route = wait_for("the HTTPRoute", LIMIT, || async {
        bed.find("httproutes", RECEIVER).await
    })
    .await?;
    let judged = |status: &str| {
        let condition = json!({
            "type": "Accepted", "status": status, "reason": "NotAllowedByListeners",
            "message": "no listener allows this namespace",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        json!({"status": {"parents": [{
            "controllerName": "example.com/gateways", "conditions": [condition],
            "parentRef": {"name": "public", "namespace": "gateways"},
        }]}})
    };
    let status = format!("{RECEIVER}/status");
    bed.patch("httproutes", &status, &judged("False")).await?;
    wait_for("the Gateway's sentence", LIMIT, || async {
        let object = bed.integration("acme").await?;
        let said = message(&object, "EndpointReachable");
        let is_told = reason(&object, "EndpointReachable") == "RouteRefused"
            && said.contains("no listener allows this namespace");
        Ok(is_told.then_some(()))
    })
    .await?;
    bed.patch("httproutes", &status, &judged("True")).await?;
    wait_for("no objection", LIMIT, || async {
        let object = bed.integration("acme").await?;
        Ok((reason(&object, "EndpointReachable") != "RouteRefused").then_some(()))
    })
    .await
}

/// An integration that waits for its installation only, with a webhook on this host and path.
fn with_host(tenant: &Tenant, host: &str, path: &str) -> Value {
    let mut manifest = tenant.manifest_with_webhook();
    manifest["spec"]["app"] = json!({"kind": "General", "management": "User"});
    manifest["spec"]["scopes"] = json!({"required": ["user:read:user"]});
    manifest["spec"]["oauth"] = json!({
        "consent": {"mode": "External"},
        "redirectUrl": "https://back-end.example.com/callback",
    });
    manifest["spec"]["readyWhen"] = json!("Installable");
    manifest["spec"]["webhook"]["endpoint"] = json!({"host": host, "path": path, "ingress": {}});
    manifest
}

async fn add(bed: &Bed, sim: &Sim, name: &str, host: &str, path: &str) -> anyhow::Result<()> {
    let tenant = Tenant::server_to_server(name);
    tenant
        .declare(
            bed,
            sim,
            json!({"kind": "General", "management": "User"}),
            &with_host(&tenant, host, path),
        )
        .await?;
    Ok(())
}

async fn claims(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    add(&bed, &sim, "first", HOST, "/zoom").await?;
    bed.until_reason("first", "ReadyToInstall").await?;
    add(&bed, &sim, "second", HOST, "/zoom").await?;
    let object = bed.until_reason("second", "HostClaimed").await?;
    println!("{}", message(&object, "Ready"));
    ensure!(bed.find("ingresses", "second-receiver").await?.is_none());
    add(&bed, &sim, "third", HOST, "/other").await?;
    bed.until_reason("third", "ReadyToInstall").await?;
    ensure!(reason(&bed.integration("first").await?, "Ready") == "ReadyToInstall");
    // Free again.
    bed.delete("zoomintegrations", "first").await?;
    bed.until_reason("second", "ReadyToInstall").await?;
    ensure!(bed.find("ingresses", "second-receiver").await?.is_some());
    Ok(())
}

async fn policy(bed: Bed) -> anyhow::Result<()> {
    let options = Options {
        values: vec![
            "receiver.hosts[0].pattern=*.hooks.example.com".into(),
            format!("receiver.hosts[0].namespace={}", bed.namespace()),
            "receiver.hosts[1].pattern=other.example.com".into(),
            "receiver.hosts[1].namespace=somebody-else".into(),
        ],
        ..Options::default()
    };
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    add(&bed, &sim, "allowed", HOST, "/").await?;
    add(&bed, &sim, "others", "other.example.com", "/").await?;
    add(&bed, &sim, "nobodys", "hooks.example.com", "/").await?;
    bed.until_reason("allowed", "ReadyToInstall").await?;
    for name in ["others", "nobodys"] {
        bed.until_reason(name, "HostNotAllowed").await?;
    }
    Ok(())
}
