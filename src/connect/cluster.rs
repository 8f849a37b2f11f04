//! All requests to Kubernetes: two kinds of objects are read, and one kind of Secret is created.

use std::{collections::BTreeMap, time::Duration};

use futures::future::{BoxFuture, FutureExt as _};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, Config,
    api::{ObjectMeta, PostParams},
};
use tracing::warn;

use crate::api::{
    label,
    v1alpha1::{ZoomConnection, ZoomIntegration},
};
use contract::consent::{Handoff, SECRET_KEY, SECRET_TYPE};

/// Field manager of the created Secrets.
const FIELD_MANAGER: &str = "zoom-operator-connect";

/// A code on its way to the controller.
#[derive(Clone)]
pub struct Parcel {
    /// Name of the Secret.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// A [`Handoff`] as JSON.
    pub content: Vec<u8>,
}

/// The outcome of handing over a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It was created.
    Created,
    /// It already existed.
    AlreadyExists,
}

/// The API server gave no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server gave no usable answer")]
pub struct Unavailable;

/// The part of Kubernetes that the pages need.
pub trait Cluster: Send + Sync {
    /// Reads an integration; `None` if it does not exist or must not be read.
    fn integration<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<ZoomIntegration>, Unavailable>>;

    /// Reads a connection; `None` if it does not exist or must not be read.
    fn connection<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<ZoomConnection>, Unavailable>>;

    /// Hands over a code.
    fn hand_over(&self, parcel: Parcel) -> BoxFuture<'_, Result<Delivered, Unavailable>>;
}

/// The cluster in which the process runs.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
    namespace: String,
}

// === impl Parcel ===

impl Parcel {
    /// Creates the parcel of a transaction.
    ///
    /// # Errors
    /// When the content is too large.
    pub fn new(name: String, handoff: &Handoff) -> Result<Self, contract::consent::Invalid> {
        let labels = [
            (label::MANAGED_BY, label::MANAGER),
            (label::USE, label::CONSENT),
            (label::INTEGRATION, &handoff.integration),
            (label::CONNECTION, &handoff.connection),
            (label::NAMESPACE, &handoff.namespace),
        ];
        let elsewhere = handoff.integration_namespace.as_deref();
        let elsewhere = elsewhere.map(|namespace| (label::INTEGRATION_NAMESPACE, namespace));
        Ok(Self {
            name,
            labels: labels
                .into_iter()
                .chain(elsewhere)
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            content: handoff.to_json()?,
        })
    }

    fn into_secret(self) -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name),
                labels: Some(self.labels),
                ..ObjectMeta::default()
            },
            type_: Some(SECRET_TYPE.to_owned()),
            data: Some([(SECRET_KEY.to_owned(), ByteString(self.content))].into()),
            ..Secret::default()
        }
    }
}

// === impl Kubernetes ===

impl Kubernetes {
    /// The cluster of this client. Secrets are created in `namespace`.
    #[must_use]
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
        }
    }

    /// The cluster of the service account or the kubeconfig. Secrets are created in `namespace`.
    ///
    /// # Errors
    /// If there is neither.
    pub async fn infer(namespace: &str, timeout: Duration) -> anyhow::Result<Self> {
        let mut config = Config::infer().await?;
        config.connect_timeout = Some(timeout);
        config.read_timeout = Some(timeout);
        config.write_timeout = Some(timeout);
        Ok(Self::new(Client::try_from(config)?, namespace))
    }
}

impl Cluster for Kubernetes {
    fn integration<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<ZoomIntegration>, Unavailable>> {
        let api = Api::namespaced(self.client.clone(), namespace);
        async move { found(api.get(name).await, namespace) }.boxed()
    }

    fn connection<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<ZoomConnection>, Unavailable>> {
        let api = Api::namespaced(self.client.clone(), namespace);
        async move { found(api.get(name).await, namespace) }.boxed()
    }

    fn hand_over(&self, parcel: Parcel) -> BoxFuture<'_, Result<Delivered, Unavailable>> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        async move {
            let params = PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            match api.create(&params, &parcel.into_secret()).await {
                Ok(_) => Ok(Delivered::Created),
                Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
                    Ok(Delivered::AlreadyExists)
                }
                Err(error) => Err(unavailable(&error)),
            }
        }
        .boxed()
    }
}

/// A namespace that the service account cannot read is empty for these pages.
fn found<T>(result: kube::Result<T>, namespace: &str) -> Result<Option<T>, Unavailable> {
    match result {
        Ok(object) => Ok(Some(object)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            warn!(namespace, "not allowed to read in this namespace");
            Ok(None)
        }
        Err(error) => Err(unavailable(&error)),
    }
}

/// What the text of a refusal says, without anything that was sent.
fn cause(message: &str) -> &'static str {
    if message.contains("exceeded quota") {
        "a ResourceQuota of the namespace has no room for the Secret"
    } else if [
        "admission webhook",
        "ValidatingAdmissionPolicy",
        "denied the request",
    ]
    .iter()
    .any(|policy| message.contains(policy))
    {
        "an admission policy refuses the Secret"
    } else {
        "see code and reason"
    }
}

/// Logs what kind of refusal the API server's answer is, not its text, which can quote what was sent.
fn unavailable(error: &kube::Error) -> Unavailable {
    if let kube::Error::Api(status) = error {
        let (code, reason) = (status.code, &status.reason);
        let cause = cause(&status.message);
        warn!(code, reason, cause, "the API server refused");
    } else {
        warn!("the API server cannot be reached or understood");
    }
    Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_who_refuses_and_quotes_nothing() {
        let quota = "secrets \"zoom-consent-a\" is forbidden: exceeded quota: secrets, requested: count/secrets=1, used: count/secrets=9, limited: count/secrets=9";
        assert!(cause(quota).contains("ResourceQuota"));
        let webhook = "admission webhook \"validate.kyverno.svc\" denied the request: data.code is not allowed";
        let policy = "secrets \"a\" is forbidden: ValidatingAdmissionPolicy 'labels' with binding 'all' denied request: no label";
        for denied in [webhook, policy] {
            assert!(cause(denied).contains("admission policy"), "{denied}");
        }
        assert_eq!(
            cause("etcdserver: request timed out"),
            "see code and reason"
        );
    }
}
