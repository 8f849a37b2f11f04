//! Reads the consents that the pages handed over.

use contract::consent;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;

use super::{
    error::Error,
    key::Key,
    reader::{Reader, Reads},
};

/// So many consents are read by name. More wait only where somebody follows a link again and again, or where many
/// people connect by self service at the same time.
const BY_NAME: usize = 8;

/// The Secrets that hand over consents to an object: those that the watch knows, by name. Only where it does not know
/// all of them, or where they are many, they are listed by their labels.
///
/// # Errors
/// When a request to the API server fails.
pub async fn handed_over(
    reader: &Reader,
    namespace: &str,
    key: &Key,
    selector: &str,
) -> Result<Vec<Secret>, Error> {
    let secrets: Reads<Secret> = reader.within(namespace);
    let mut found = match reader.index().consents(key) {
        Some(names) if names.len() <= BY_NAME => {
            let found = names.iter().map(|name| secrets.get_opt(name));
            let found = futures::future::try_join_all(found).await?;
            found.into_iter().flatten().collect()
        }
        _ => {
            let params = ListParams::default().labels(selector);
            secrets.list(&params).await?.items
        }
    };
    found.retain(|secret| secret.type_.as_deref() == Some(consent::SECRET_TYPE));
    Ok(found)
}
