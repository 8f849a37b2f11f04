//! The parts of other makers that tests are built from: that they do here what the tests rely on.

use std::time::Duration;

use async_nats::ConnectOptions;
use serde_json::{Value, json};

use crate::bed::{
    Authority, Bed, Case, Front, Kwok, LIMIT, Nats, gateway,
    object::{name, text},
    program,
    volume::{self, Claim},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("parts::nats", nats).needs_host(),
        Case::new("parts::nats_credentials", nats_credentials).needs_host(),
        Case::new("parts::volume", volumes).needs_host(),
        Case::new("parts::volume_in_memory", volume_in_memory).needs_host(),
        Case::new("parts::front", front).needs_host(),
        Case::new("parts::kwok", kwok).needs_host(),
    ]
}

/// What `JetStream` has taken survives its server.
async fn nats(bed: Bed) -> anyhow::Result<()> {
    let nats = Nats::deploy(&bed).await?;
    let client = nats.client().await?;
    nats.put_stream(&client, "zoom", &["zoom.>"]).await?;
    let stream = async_nats::jetstream::new(client.clone());
    stream.publish("zoom.acme", "one".into()).await?.await?;
    nats.stop().await?;
    nats.start().await?;
    let client = nats.client().await?;
    let stored = nats.stored(&client, "zoom").await?;
    anyhow::ensure!(stored.len() == 1, "{stored:?}");
    anyhow::ensure!(
        stored[0].subject == "zoom.acme" && stored[0].payload == b"one",
        "{stored:?}"
    );
    // With its claim goes its volume.
    nats.stop().await?;
    Claim::of(&bed, "data-nats-0").remove().await
}

/// It lets in who trusts its authority and has the credentials, and nobody else.
async fn nats_credentials(bed: Bed) -> anyhow::Result<()> {
    let authority = Authority::create().await?;
    let settings = "authorization {token: \"letmein\"}";
    let nats = Nats::deploy_with_tls(&bed, &authority, settings).await?;
    let trusting = || {
        ConnectOptions::new()
            .require_tls(true)
            .add_root_certificates(authority.certificate())
    };
    nats.client_with(trusting().token("letmein".to_owned()))
        .await?;
    let address = nats.address().await?.to_string();
    let wrong = trusting().token("wrong".to_owned()).connect(&address).await;
    let refusal = wrong.err().map(|error| error.to_string());
    anyhow::ensure!(
        refusal
            .as_deref()
            .is_some_and(|text| text.contains("authorization violation")),
        "{refusal:?}"
    );
    let stranger = ConnectOptions::new().require_tls(true);
    let stranger = stranger.token("letmein".to_owned()).connect(&address).await;
    let refusal = stranger.err().map(|error| error.to_string());
    anyhow::ensure!(
        refusal
            .as_deref()
            .is_some_and(|text| text.contains("UnknownIssuer")),
        "{refusal:?}"
    );
    Ok(())
}

/// A Pod that is not root may write to a volume, the next one finds what is there, and nothing is left.
async fn volumes(bed: Bed) -> anyhow::Result<()> {
    let claim = Claim::create(&bed, "data", "1Mi").await?;
    let script = "/busybox touch /volume/file && /busybox stat -c %g /volume";
    let (said, code) = program::shell(&bed, "first", claim.volume(), script).await?;
    anyhow::ensure!(code == 0, "{said}");
    anyhow::ensure!(said.trim() == program::USER.to_string(), "{said}");
    let (said, code) =
        program::shell(&bed, "second", claim.volume(), "/busybox rm /volume/file").await?;
    anyhow::ensure!(code == 0, "{said}");
    for pod in ["first", "second"] {
        bed.delete("pods", pod).await?;
    }
    claim.remove().await
}

/// A volume in memory is full at its size, and has room again.
async fn volume_in_memory(bed: Bed) -> anyhow::Result<()> {
    let script = "fill() { /busybox dd if=/dev/zero of=/volume/$1 bs=64k count=$2 2>&1; }
        fill half 8 || exit 1
        fill rest 9 && exit 2
        /busybox rm /volume/half
        fill again 8 || exit 3";
    let (said, code) = program::shell(&bed, "full", volume::in_memory("1Mi"), script).await?;
    anyhow::ensure!(code == 0, "{code}: {said}");
    anyhow::ensure!(said.contains("No space left on device"), "{said}");
    Ok(())
}

/// Requests go where the objects say, and elsewhere once these say so.
async fn front(bed: Bed) -> anyhow::Result<()> {
    gateway::define(&bed).await?;
    program::web(&bed, "one", json!({"hook": "one", "hooks": "no"})).await?;
    program::web(&bed, "two", json!({"hook": "two"})).await?;
    let ingress = |service: &str| {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "way-in"},
            "spec": {"rules": [{"host": "ingress.example.com", "http": {"paths": [{
                "path": "/hook",
                "pathType": "Prefix",
                "backend": {"service": {"name": service, "port": {"name": "http"}}},
            }]}}]},
        })
    };
    bed.apply(&ingress("one")).await?;
    let mut front = Front::start(&bed).await?;
    until_says(&front, "ingress.example.com", "/hook", "one").await?;
    // Whole elements of the path only.
    let url = front.url("ingress.example.com", "/hooks");
    let answer = front.client()?.get(url).send().await?;
    anyhow::ensure!(answer.status() == 404, "{answer:?}");
    // Nothing of what the objects say is remembered.
    bed.apply(&ingress("two")).await?;
    bed.apply(&json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "way-in"},
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "hostnames": ["route.example.com"],
            "rules": [{
                "matches": [{"path": {"type": "Exact", "value": "/hook"}}],
                "backendRefs": [{"name": "one", "port": 80}],
            }],
        },
    }))
    .await?;
    front.reload().await?;
    until_says(&front, "ingress.example.com", "/hook", "two").await?;
    until_says(&front, "route.example.com", "/hook", "one").await
}

async fn until_says(front: &Front, host: &str, path: &str, wanted: &str) -> anyhow::Result<()> {
    let client = front.client()?;
    // The address of a Service leads to its Pods a moment after they are ready.
    wait_for(&format!("{host}{path} says {wanted}"), LIMIT, || async {
        let answer = client.get(front.url(host, path)).send().await?;
        anyhow::ensure!(answer.status() == 200, "{answer:?}");
        Ok((answer.text().await? == wanted).then_some(()))
    })
    .await
}

/// Deployments on the node that only seems to be one become ready, many at a time.
async fn kwok(bed: Bed) -> anyhow::Result<()> {
    const MANY: usize = 200;
    let kwok = Kwok::start(&bed).await?;
    for number in 0..MANY {
        let labels = json!({"app.kubernetes.io/name": format!("many-{number}")});
        let container = json!({"image": "localhost/nothing:none"});
        let spec = program::pod_spec(kwok.placement(), container);
        bed.create(&json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": format!("many-{number}")},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }))
        .await?;
    }
    let ready = |deployment: &Value| deployment["status"]["readyReplicas"] == 1;
    wait_for("all are ready", Duration::from_mins(5), || async {
        let deployments = bed.list("deployments", "").await?;
        Ok((deployments.iter().filter(|one| ready(one)).count() == MANY).then_some(()))
    })
    .await?;
    for pod in bed.list("pods", "").await? {
        anyhow::ensure!(text(&pod, "/spec/nodeName") == kwok.node(), "{pod:#}");
    }
    for deployment in bed.list("deployments", "").await? {
        bed.delete("deployments", name(&deployment)).await?;
    }
    kwok.until_empty().await
}
