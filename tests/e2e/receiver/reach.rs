//! Whether the webhook URL leads to the receiver, as the operator sees it.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, ensure};
use futures::FutureExt as _;
use runtime::outgoing::{
    guard::{Guard, Lookup},
    policy::Policy,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;
use zoom_operator::reach::{self, Cause};

use super::{
    RECEIVER,
    back_end::{lead, node_address},
    connected,
};
use crate::bed::{
    Authority, Bed, Case, Front, LIMIT, Options,
    object::{condition, message, reason, seen, status, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::reachability_is_tried", tried),
        Case::new("receiver::reachable_through_its_ingress", through).needs_host(),
    ]
}

const TYPE: &str = "EndpointReachable";

async fn found(bed: &Bed, wanted: (&str, &str)) -> anyhow::Result<Value> {
    let what = format!("{TYPE} is {wanted:?}");
    bed.until("acme", &what, |object| {
        (status(object, TYPE), reason(object, TYPE)) == wanted
    })
    .await
}

async fn tried(bed: Bed) -> anyhow::Result<()> {
    let options = Options {
        values: vec!["receiver.reachability.enabled=true".into()],
        ..Options::default()
    };
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    let namespace = bed.namespace().to_owned();
    let endpoint =
        |service: &str| json!({"webhook": {"endpoint": {"host": host(&namespace, service)}}});
    let tenant = connected(&bed, &sim, endpoint("absent")).await?;

    let object = found(&bed, ("False", "NameNotFound")).await?;
    let said = message(&object, TYPE);
    let start = format!(
        "Seen from the operator: {} has no address.",
        host(&namespace, "absent")
    );
    ensure!(said.starts_with(&start), "{said}");
    // It is advice, and stands in nobody's way.
    ensure!(reason(&object, "Ready") == "Connected", "{object:#}");
    ensure!(condition(&object, "Stalled").is_none_or(|found| found["status"] != "True"));
    is_named_in_the_setup(&object, said)?;
    // The secret token was used, and is nowhere.
    ensure!(!object.to_string().contains(&tenant.webhook_secret));

    let _way_in = WayIn::start(&bed, "way-in").await?;
    bed.change("acme", &endpoint("way-in")).await?;
    let object = found(&bed, ("False", "CertificateInvalid")).await?;
    let said = message(&object, TYPE);
    ensure!(
        said.contains("is not signed by a public authority"),
        "{said}"
    );
    ensure!(said.contains("private addresses only"), "{said}");

    let api = json!({"webhook": {"endpoint": {"host": "kubernetes.default.svc.cluster.local"}}});
    bed.change("acme", &api).await?;
    found(&bed, ("False", "AddressRefused")).await?;

    let report = sim.validate(&tenant).await?;
    ensure!(report["ok"] == true, "{report:#}");
    found(&bed, ("True", "Validated")).await?;
    Ok(())
}

fn host(namespace: &str, service: &str) -> String {
    format!("{service}.{namespace}.svc.cluster.local")
}

/// Whoever looks for what is left to do is told why Validate would fail.
fn is_named_in_the_setup(object: &Value, said: &str) -> anyhow::Result<()> {
    let steps = object["status"]["setup"].as_array().context("no setup")?;
    let step = steps.iter().find(|step| step["id"] == "Endpoint");
    let step = step.context("no step for the endpoint")?;
    ensure!(step["state"] == "Open", "{step:#}");
    ensure!(text(step, "/message").contains(said), "{step:#}");
    Ok(())
}

/// A way in with TLS, by an authority that nobody trusts: a Service that leads to the node.
struct WayIn {
    _connections: JoinSet<()>,
}

impl WayIn {
    async fn start(bed: &Bed, service: &str) -> anyhow::Result<Self> {
        let authority = Authority::create().await?;
        let name = format!("DNS:{}", host(bed.namespace(), service));
        let certified = authority.certify("way-in", &[name]).await?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(certified.certificate)?],
                PrivateKeyDer::from_pem_file(certified.key)?,
            )?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((node_address(bed).await?, 0)).await?;
        lead(bed, service, 443, listener.local_addr()?).await?;
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Nobody gets through.
                let _ = acceptor.accept(stream).await;
            }
        });
        Ok(Self {
            _connections: connections,
        })
    }
}

const HOST: &str = "reach.hooks.example.com";

/// From here, where the way in is.
async fn through(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let ingress = json!({"className": "nginx", "tlsSecretName": "hooks-tls"});
    let endpoint = json!({"host": HOST, "path": "/zoom/event", "ingress": ingress});
    let tenant = connected(&bed, &sim, json!({"webhook": {"endpoint": endpoint}})).await?;
    let object = bed.integration("acme").await?;
    ensure!(status(&object, TYPE) == "absent", "{object:#}");
    let front = Front::start(&bed).await?;
    let options = options(&front)?;
    let ask = async |path: &str, secret: &str| -> anyhow::Result<Cause> {
        let url = front.url(HOST, path).parse()?;
        let key = secret.as_bytes().to_vec().into();
        Ok(reach::check(&url, &key, &options).await.cause)
    };
    let secret = &tenant.webhook_secret;
    // The Service leads to the Pod a moment after that is ready.
    wait_for("an answer", LIMIT, || async {
        let cause = ask("/zoom/event", secret).await?;
        ensure!(cause == Cause::Reachable, "{cause:?}");
        Ok(Some(()))
    })
    .await?;
    ensure!(ask("/zoom", secret).await? == Cause::UnexpectedStatus(404));
    ensure!(ask("/zoom/event", "another").await? == Cause::UnexpectedStatus(404));
    // A person may press Validate while it is suspended, too.
    bed.change("acme", &json!({"suspend": true})).await?;
    bed.until("acme", "suspended", |object| {
        text(object, "/status/phase") == "Suspended" && seen(object)
    })
    .await?;
    bed.until_deployed(RECEIVER).await?;
    // For a moment the Service may lead to the former Pod.
    wait_for("an answer while suspended", LIMIT, || async {
        let cause = ask("/zoom/event", secret).await?;
        ensure!(cause == Cause::Reachable, "{cause:?}");
        Ok(Some(()))
    })
    .await?;
    let object = bed.integration("acme").await?;
    ensure!(text(&object, "/status/webhook/lastValidated").is_empty());
    Ok(())
}

fn options(front: &Front) -> anyhow::Result<reach::Options> {
    let SocketAddr::V4(address) = front.address() else {
        anyhow::bail!("no IPv4");
    };
    let address = *address.ip();
    let lookup = Lookup::new(move |_| async move { Ok(vec![address.into()]) }.boxed());
    let guard = Guard::new(Policy::internet(vec!["127.0.0.0/8".parse()?]), lookup);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(
        front.authority().certificate(),
    )?)?;
    Ok(reach::Options::new(roots, guard)?)
}
