//! A NATS server of the test's own, with `JetStream` on a volume.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use async_nats::jetstream::{self, stream};
use serde_json::{Value, json};

use super::{
    Authority, Bed,
    object::text,
    program,
    wait::{LIMIT, wait_for},
};

/// Name of its objects.
const NAME: &str = "nats";

/// Name of the Secret with further files.
const FILES: &str = "nats-files";

/// One message of a stream.
#[derive(Debug)]
pub struct Stored {
    pub subject: String,
    pub headers: async_nats::HeaderMap,
    pub payload: Vec<u8>,
}

/// A NATS server in the test's namespace.
#[derive(Clone)]
pub struct Nats {
    bed: Bed,
}

// === impl Nats ===

impl Nats {
    /// Deploys one that lets everybody in, and waits until it is ready.
    pub async fn deploy(bed: &Bed) -> anyhow::Result<Self> {
        Self::deploy_with(bed, "").await
    }

    /// Deploys one that wants TLS and shows a certificate of this authority, for both its addresses.
    pub async fn deploy_with_tls(
        bed: &Bed,
        authority: &Authority,
        configuration: &str,
    ) -> anyhow::Result<Self> {
        let nats = Self { bed: bed.clone() };
        bed.apply(&service()).await?;
        let names = [
            format!("DNS:{NAME}.{}.svc", bed.namespace()),
            format!("IP:{}", nats.address().await?.ip()),
        ];
        let certified = authority.certify(NAME, &names).await?;
        bed.apply(&json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": FILES},
            "stringData": {
                "tls.crt": std::fs::read_to_string(certified.certificate)?,
                "tls.key": std::fs::read_to_string(certified.key)?,
            },
        }))
        .await?;
        let tls = "tls {cert_file: /files/tls.crt, key_file: /files/tls.key}";
        Self::deploy_with(bed, &format!("{tls}\n{configuration}")).await
    }

    /// Deploys one with further lines of configuration, as in `authorization {token: "…"}`. What a Secret called
    /// `nats-files` holds, if there is one, it finds in `/files`.
    pub async fn deploy_with(bed: &Bed, configuration: &str) -> anyhow::Result<Self> {
        let image = program::image("nats-server").await?;
        let configuration = format!(
            "port: 4222\nhttp_port: 8222\nserver_name: {NAME}\n\
             jetstream {{store_dir: /data, max_file_store: 64MB, max_memory_store: 16MB}}\n{configuration}\n"
        );
        let labels = labels();
        let container = json!({
            "image": image,
            "args": ["--config", "/etc/nats/nats.conf"],
            "ports": [{"name": "nats", "containerPort": 4222}, {"name": "http", "containerPort": 8222}],
            "readinessProbe": {
                "httpGet": {"path": "/healthz", "port": "http"},
                "periodSeconds": 1,
            },
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "configuration", "mountPath": "/etc/nats"},
                {"name": "files", "mountPath": "/files"},
            ],
        });
        let volumes = json!({"volumes": [
            {"name": "configuration", "secret": {"secretName": NAME}},
            {"name": "files", "secret": {"secretName": FILES, "optional": true}},
        ]});
        let objects = [
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": NAME},
                "stringData": {"nats.conf": configuration},
            }),
            service(),
            json!({
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": {"name": NAME},
                "spec": {
                    "serviceName": NAME,
                    "replicas": 1,
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": program::pod_spec(volumes, container),
                    },
                    "volumeClaimTemplates": [{
                        "metadata": {"name": "data"},
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "64Mi"}},
                        },
                    }],
                },
            }),
        ];
        for object in &objects {
            bed.apply(object).await?;
        }
        let nats = Self { bed: bed.clone() };
        nats.until_ready(1).await?;
        Ok(nats)
    }

    async fn until_ready(&self, replicas: u64) -> anyhow::Result<()> {
        let what = format!("{replicas} ready");
        self.bed
            .until_object("statefulsets", NAME, &what, |set| {
                let number = |pointer: &str| set.pointer(pointer).and_then(Value::as_u64);
                super::object::seen(set)
                    && number("/status/readyReplicas").unwrap_or_default() == replicas
                    && number("/status/replicas").unwrap_or_default() == replicas
            })
            .await?;
        Ok(())
    }

    /// Its address for Pods, as in `nats://nats.NAMESPACE.svc:4222`.
    pub fn url(&self) -> String {
        format!("nats://{NAME}.{}.svc:4222", self.bed.namespace())
    }

    /// Its address for the host of the local cluster.
    pub async fn address(&self) -> anyhow::Result<SocketAddr> {
        let service = self.bed.get("services", NAME).await?;
        let address = text(&service, "/spec/clusterIP").parse()?;
        Ok(SocketAddr::new(address, 4222))
    }

    /// Ends it; its volume stays.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.scale(0).await
    }

    /// Starts it again.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.scale(1).await
    }

    async fn scale(&self, replicas: u64) -> anyhow::Result<()> {
        let patch = json!({"spec": {"replicas": replicas}});
        self.bed.patch("statefulsets", NAME, &patch).await?;
        self.until_ready(replicas).await
    }

    /// A client that everybody may be.
    pub async fn client(&self) -> anyhow::Result<async_nats::Client> {
        self.client_with(async_nats::ConnectOptions::new()).await
    }

    /// A client with credentials.
    pub async fn client_with(
        &self,
        options: async_nats::ConnectOptions,
    ) -> anyhow::Result<async_nats::Client> {
        let address = self.address().await?.to_string();
        // The address of a Service leads to its Pods a moment after they are ready.
        wait_for("NATS answers", LIMIT, || async {
            let options = options.clone().connection_timeout(Duration::from_secs(5));
            Ok(Some(options.connect(&address).await?))
        })
        .await
    }

    /// Makes a stream, on disk, of these subjects.
    pub async fn put_stream(
        &self,
        client: &async_nats::Client,
        name: &str,
        subjects: &[&str],
    ) -> anyhow::Result<()> {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
            storage: stream::StorageType::File,
            ..stream::Config::default()
        };
        jetstream::new(client.clone())
            .create_stream(config)
            .await
            .with_context(|| format!("the stream {name}"))?;
        Ok(())
    }

    /// All messages that a stream holds, in order.
    pub async fn stored(
        &self,
        client: &async_nats::Client,
        name: &str,
    ) -> anyhow::Result<Vec<Stored>> {
        let mut stream = jetstream::new(client.clone()).get_stream(name).await?;
        let state = stream.info().await?.state.clone();
        let mut stored = Vec::new();
        if state.messages > 0 {
            for sequence in state.first_sequence..=state.last_sequence {
                let message = stream.get_raw_message(sequence).await?;
                stored.push(Stored {
                    subject: message.subject.to_string(),
                    headers: message.headers,
                    payload: message.payload.to_vec(),
                });
            }
        }
        Ok(stored)
    }
}

fn labels() -> Value {
    json!({"app.kubernetes.io/name": NAME})
}

fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME},
        "spec": {"selector": labels(), "ports": [{"name": "nats", "port": 4222, "targetPort": "nats"}]},
    })
}
