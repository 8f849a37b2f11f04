//! A tenant: a Zoom app, its credentials, and the objects that a person would write for it.

use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Bed, Sim};

/// A scope that every tenant has.
pub const SCOPE: &str = "user:read:list_users:admin";

/// A tenant. Secrets are the test's own and cannot be guessed, so that finding one anywhere means something.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub name: String,
    pub client_id: String,
    pub client_secret: String,
    pub account_id: String,
    pub webhook_secret: String,
}

// === impl Tenant ===

impl Tenant {
    /// A tenant with an app of its own.
    pub fn server_to_server(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            client_id: unique("id"),
            client_secret: unique("client-secret"),
            account_id: unique("account"),
            webhook_secret: unique("webhook-secret"),
        }
    }

    /// Its Secret's name.
    pub fn secret_name(&self) -> String {
        format!("{}-credentials", self.name)
    }

    /// Its token Secret's name, by default.
    pub fn token_secret(&self) -> String {
        format!("{}-zoom-token", self.name)
    }

    /// Its Secret, with all keys.
    pub fn secret(&self) -> Value {
        secret(
            &self.secret_name(),
            &[
                ("client-id", self.client_id.as_bytes()),
                ("client-secret", self.client_secret.as_bytes()),
                ("account-id", self.account_id.as_bytes()),
                ("webhook-secret-token", self.webhook_secret.as_bytes()),
            ],
        )
    }

    /// Its `ZoomIntegration`, without webhook.
    pub fn manifest(&self) -> Value {
        json!({
            "apiVersion": "zoom-operator.io/v1alpha1",
            "kind": "ZoomIntegration",
            "metadata": {"name": self.name},
            "spec": {
                "app": {"kind": "ServerToServer"},
                "credentials": {"secretRef": {"name": self.secret_name()}},
                "scopes": {"required": [SCOPE]},
            },
        })
    }

    /// Its `ZoomIntegration` with further fields of `spec`; `null` removes one.
    pub fn manifest_with(&self, spec: &Value) -> Value {
        let mut manifest = self.manifest();
        merge(&mut manifest["spec"], spec);
        manifest
    }

    /// Its `ZoomIntegration` with a webhook that leads to the sink of the namespace.
    pub fn manifest_with_webhook(&self) -> Value {
        self.manifest_with(&json!({"webhook": {
            "subscriptions": [{"name": "meetings", "events": ["meeting.started", "meeting.ended"]}],
            "sink": {"http": {"serviceRef": {"name": "sink", "path": "/zoom"}}},
        }}))
    }

    /// Makes its app known at Zoom, and applies its Secret and this manifest.
    pub async fn declare(
        &self,
        bed: &Bed,
        sim: &Sim,
        settings: Value,
        manifest: &Value,
    ) -> anyhow::Result<()> {
        sim.put_app(self, settings).await?;
        bed.apply(&self.secret()).await?;
        bed.apply(manifest).await?;
        Ok(())
    }

    /// Where the offline Zoom finds its receiver.
    pub fn receiver_url(&self) -> String {
        format!("http://{}-receiver/", self.name)
    }
}

/// A Secret.
pub fn secret(name: &str, data: &[(&str, &[u8])]) -> Value {
    let data: Map<String, Value> = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(ByteString(value.to_vec()))))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "Opaque",
        "data": data,
    })
}

/// A value that nobody used before.
pub fn unique(what: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = jiff::Timestamp::now().as_nanosecond();
    let seed = format!("{} {now} {count}", std::process::id());
    let digest = Sha256::digest(seed);
    let digits: Vec<String> = digest.iter().take(12).map(|b| format!("{b:02x}")).collect();
    format!("{what}-{}", digits.concat())
}

/// JSON merge patch (RFC 7386).
pub fn merge(into: &mut Value, patch: &Value) {
    let (Some(fields), true) = (patch.as_object(), into.is_object()) else {
        *into = patch.clone();
        return;
    };
    for (key, value) in fields {
        if value.is_null() {
            into.as_object_mut().map(|object| object.remove(key));
        } else {
            merge(&mut into[key], value);
        }
    }
}
