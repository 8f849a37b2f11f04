//! The objects: each integration has an app, an account and a credentials Secret of its own.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, GONE, each, until},
    zoom::Zoom,
};

/// Namespaces over which a fleet is spread.
const NAMESPACES: u32 = 20;
/// A scope of every app.
const SCOPE: &str = "user:read:list_users:admin";

/// Integrations with numbers, all of one kind.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// What its namespaces and accounts begin with.
    pub name: &'static str,
    /// How many namespaces it is spread over.
    pub namespaces: u32,
    /// Whether the credentials are right.
    pub is_right: bool,
    /// Whether the controller leaves it to another operator.
    pub is_left_alone: bool,
}

/// One integration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

// === impl Fleet ===

impl Fleet {
    /// One that is spread over many namespaces.
    pub fn spread(name: &'static str) -> Self {
        Self {
            name,
            namespaces: NAMESPACES,
            is_right: true,
            is_left_alone: false,
        }
    }

    /// One in one namespace.
    pub fn together(name: &'static str, is_right: bool) -> Self {
        Self {
            name,
            namespaces: 1,
            is_right,
            is_left_alone: false,
        }
    }

    /// One in one namespace that the controller does not work on.
    pub fn left_alone(name: &'static str) -> Self {
        Self {
            is_left_alone: true,
            ..Self::together(name, true)
        }
    }

    fn namespace(&self, number: u32) -> String {
        format!("fleet-{}-{}", self.name, number % self.namespaces)
    }

    /// The integration with this number.
    pub fn tenant(&self, number: u32) -> Tenant {
        Tenant {
            namespace: self.namespace(number),
            name: format!("{}-{number}", self.name),
        }
    }

    /// Makes the apps known to the offline Zoom, and the namespaces and credentials to the cluster.
    pub async fn prepare(
        &self,
        cluster: &Cluster,
        zoom: &Zoom,
        count: u32,
        in_flight: usize,
    ) -> anyhow::Result<()> {
        each(0..self.namespaces, in_flight, |number| async move {
            cluster.create_namespace(&self.namespace(number)).await
        })
        .await?;
        each(0..count, in_flight, |number| async move {
            let tenant = self.tenant(number);
            let app = json!({
                "kind": "ServerToServer",
                "client_secret": tenant.client_secret(),
                "account_id": tenant.account_id(),
                "scopes": [SCOPE],
                "token_lifetime_seconds": 3600,
            });
            zoom.put(&format!("apps/{}", tenant.client_id()), &app)
                .await?;
            let secret = tenant.client_secret();
            let secret = if self.is_right {
                secret
            } else {
                secret + "-wrong"
            };
            let object = json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": tenant.credentials()},
                "stringData": {
                    "client-id": tenant.client_id(),
                    "client-secret": secret,
                    "account-id": tenant.account_id(),
                },
            });
            cluster.create(&tenant.secrets(), &object).await?;
            Ok(())
        })
        .await
    }

    /// Creates the integrations with these numbers.
    pub async fn create(
        &self,
        cluster: &Cluster,
        numbers: std::ops::Range<u32>,
        in_flight: usize,
    ) -> anyhow::Result<()> {
        each(numbers, in_flight, |number| async move {
            let tenant = self.tenant(number);
            cluster
                .create(&tenant.collection(), &self.integration(&tenant))
                .await?;
            Ok(())
        })
        .await
    }

    /// An integration of it.
    pub fn integration(&self, tenant: &Tenant) -> Value {
        let mut integration = tenant.integration();
        if self.is_left_alone {
            integration["spec"]["operatorClass"] = "bare-client".into();
        }
        integration
    }

    /// Deletes its integrations, and waits until they and their token Secrets are gone.
    pub async fn delete(&self, cluster: &Cluster) -> anyhow::Result<()> {
        for number in 0..self.namespaces {
            let namespace = self.namespace(number);
            cluster.delete_all(&integrations(&namespace)).await?;
        }
        until("the integrations are gone", GONE, || async {
            for number in 0..self.namespaces {
                let path = format!("{}?limit=1", integrations(&self.namespace(number)));
                let list = cluster.get(&path).await?;
                if list["items"]
                    .as_array()
                    .is_none_or(|items| !items.is_empty())
                {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    /// Removes its namespaces with everything in them.
    pub async fn remove(&self, cluster: &Cluster) -> anyhow::Result<()> {
        let names: Vec<String> = (0..self.namespaces)
            .map(|number| self.namespace(number))
            .collect();
        cluster.remove_namespaces(&names).await
    }
}

// === impl Tenant ===

impl Tenant {
    /// Zoom's id of its app.
    pub fn client_id(&self) -> String {
        format!("client-{}", self.name)
    }

    /// The secret of its app: this Zoom is offline.
    pub fn client_secret(&self) -> String {
        format!("bench-secret-of-{}-0123456789", self.name)
    }

    /// Zoom's id of its account.
    pub fn account_id(&self) -> String {
        format!("account-{}", self.name)
    }

    fn credentials(&self) -> String {
        format!("{}-credentials", self.name)
    }

    fn integration(&self) -> Value {
        json!({
            "apiVersion": "zoom-operator.io/v1alpha1",
            "kind": "ZoomIntegration",
            "metadata": {"name": self.name},
            "spec": {
                "app": {"kind": "ServerToServer"},
                "credentials": {"secretRef": {"name": self.credentials()}},
                "scopes": {"required": [SCOPE]},
            },
        })
    }

    /// Where its integration is created.
    pub fn collection(&self) -> String {
        integrations(&self.namespace)
    }

    /// Its integration.
    pub fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }

    /// The Secrets of its namespace.
    pub fn secrets(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets", self.namespace)
    }

    /// Its token Secret.
    pub fn token_secret(&self) -> String {
        format!("{}-zoom-token", self.name)
    }
}

/// The integrations of a namespace.
pub fn integrations(namespace: &str) -> String {
    format!("/apis/zoom-operator.io/v1alpha1/namespaces/{namespace}/zoomintegrations")
}
