//! One app and the accounts that allow it: each account has a connection in one of the tenants' namespaces.

use contract::consent::{Handoff, SECRET_KEY, SECRET_TYPE, Transaction, callback_path};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    cluster::{Cluster, each},
    tenants::{Tenant, integrations},
    zoom::Zoom,
};

/// Namespaces of the tenants.
const NAMESPACES: u32 = 20;
/// Namespace of the app.
const HOME: &str = "fleet-app";
/// The app's name.
const APP: &str = "shared";
/// Its scope, by which Zoom tells who allowed it.
const SCOPE: &str = "user:read:user:admin";

/// The app, whose consents go through the operator of a namespace.
pub struct App<'a> {
    pub cluster: &'a Cluster,
    pub zoom: &'a Zoom,
    /// Namespace of the operator.
    pub operator: &'a str,
    /// Where the consent pages are.
    pub pages: &'a str,
}

/// Zoom's id of the app.
pub const CLIENT_ID: &str = "client-shared";

/// The connection with this number.
pub fn connection(number: u32) -> Tenant {
    Tenant {
        namespace: namespace(number),
        name: format!("customer-{number}"),
    }
}

fn namespace(number: u32) -> String {
    format!("fleet-customer-{}", number % NAMESPACES)
}

/// Where a connection is.
pub fn path(tenant: &Tenant) -> String {
    format!("{}/{}", collection(&tenant.namespace), tenant.name)
}

fn collection(namespace: &str) -> String {
    format!("/apis/zoom-operator.io/v1alpha1/namespaces/{namespace}/zoomconnections")
}

fn secrets(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets")
}

// === impl App ===

impl App<'_> {
    fn redirect_url(&self) -> String {
        format!("{}{}", self.pages, callback_path(HOME, APP))
    }

    /// Makes the app known to both sides, and the accounts to Zoom.
    pub async fn prepare(&self, count: u32, in_flight: usize) -> anyhow::Result<()> {
        let app = json!({
            "kind": "General",
            "management": "Admin",
            "client_secret": secret(0),
            "account_id": "account-of-the-vendor",
            "scopes": [SCOPE],
            "redirect_urls": [self.redirect_url()],
            "token_lifetime_seconds": 3600,
        });
        self.zoom.put(&format!("apps/{CLIENT_ID}"), &app).await?;
        each(0..count, in_flight, |number| async move {
            let account = format!("accounts/{}", connection(number).account_id());
            self.zoom.put(&account, &Value::Null).await?;
            Ok(())
        })
        .await?;
        self.cluster.create_namespace(HOME).await?;
        for number in 0..NAMESPACES {
            self.cluster.create_namespace(&namespace(number)).await?;
        }
        let credentials = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": APP},
            "stringData": {"client-id": CLIENT_ID, "client-secret": secret(0)},
        });
        self.cluster.create(&secrets(HOME), &credentials).await?;
        let integration = json!({
            "apiVersion": "zoom-operator.io/v1alpha1",
            "kind": "ZoomIntegration",
            "metadata": {"name": APP},
            "spec": {
                "app": {"kind": "General", "management": "Admin"},
                "credentials": {"secretRef": {"name": APP}},
                "scopes": {"required": [SCOPE]},
                "allowedNamespaces": {"from": "All"},
                "readyWhen": "Installable",
            },
        });
        self.cluster
            .create(&integrations(HOME), &integration)
            .await?;
        Ok(())
    }

    /// Creates a connection, and hands over the code that its account's owner would bring back from Zoom, as the pages do.
    pub async fn consent(&self, number: u32) -> anyhow::Result<()> {
        let tenant = connection(number);
        let object = json!({
            "apiVersion": "zoom-operator.io/v1alpha1",
            "kind": "ZoomConnection",
            "metadata": {"name": tenant.name},
            "spec": {"integrationRef": {"name": APP, "namespace": HOME}},
        });
        let created = self
            .cluster
            .create(&collection(&tenant.namespace), &object)
            .await?;
        let app = format!("{}/{APP}", integrations(HOME));
        let integration = self.cluster.get(&app).await?;
        let people = format!("accounts/{}/users", tenant.account_id());
        let people = self.zoom.get(&people).await?;
        let verifier = format!("verifier-of-{}-that-is-as-long-as-it-must-be", tenant.name);
        let consent = json!({
            "user": people["users"][0]["email"],
            "redirect_uri": self.redirect_url(),
            "code_challenge": BASE64URL_NOPAD.encode(&Sha256::digest(&verifier)),
        });
        let codes = format!("apps/{CLIENT_ID}/codes");
        let told = self.zoom.post(&codes, &consent).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let now = Timestamp::now();
        let handoff = Handoff {
            namespace: tenant.namespace.clone(),
            integration_namespace: Some(HOME.to_owned()),
            integration: APP.to_owned(),
            integration_uid: text(&integration["metadata"]["uid"]),
            connection: tenant.name.clone(),
            connection_uid: created["metadata"]["uid"].as_str().map(str::to_owned),
            client_id: CLIENT_ID.to_owned(),
            redirect_url: self.redirect_url(),
            code: text(&told["code"]).into(),
            code_verifier: verifier.into(),
            begun: now,
            authorized: now,
        };
        let name = Transaction::of(&format!("{}-{now}", tenant.name)).secret_name();
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": {
                "app.kubernetes.io/managed-by": "zoom-operator",
                "zoom-operator.io/use": "consent",
                "zoom-operator.io/integration": APP,
                "zoom-operator.io/integration-namespace": HOME,
                "zoom-operator.io/connection": tenant.name,
                "zoom-operator.io/namespace": tenant.namespace,
            }},
            "type": SECRET_TYPE,
            "data": {SECRET_KEY: BASE64.encode(&handoff.to_json()?)},
        });
        self.cluster
            .create(&secrets(self.operator), &secret)
            .await?;
        Ok(())
    }

    /// Replaces the client secret, at Zoom and in the app's Secret.
    pub async fn rotate(&self) -> anyhow::Result<()> {
        let app = format!("apps/{CLIENT_ID}");
        self.zoom
            .patch(&app, &json!({"client_secret": secret(1)}))
            .await?;
        let path = format!("{}/{APP}", secrets(HOME));
        let change = json!({"stringData": {"client-secret": secret(1)}});
        self.cluster.merge(&path, &change).await
    }

    /// Removes its namespaces with everything in them.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let tenants: Vec<String> = (0..NAMESPACES).map(namespace).collect();
        self.cluster.remove_namespaces(&tenants).await?;
        self.cluster.remove_namespaces(&[HOME.to_owned()]).await
    }
}

/// The app's secrets: this Zoom is offline.
fn secret(version: u32) -> String {
    format!("bench-secret-of-the-shared-app-{version}")
}
