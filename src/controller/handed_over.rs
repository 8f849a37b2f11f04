//! Reads the consents that the pages handed over: a few at a time. Anybody with a link can start many.

use contract::consent;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{
    connection::model::Wait,
    error::Error,
    key::Key,
    published,
    reader::{Reader, Reads},
    writer::Writer,
};
use crate::api::annotation;

/// So many consents are read in a pass. The others come once these are over.
const MOST: usize = 8;

/// So many are listed by each selector where the watch does not know all of them, without what they hold.
const LISTED: u32 = 100;

/// What to read.
pub struct Wanted<'a> {
    /// The namespace of the Secrets.
    pub namespace: &'a str,
    /// The object that they are handed over to.
    pub key: &'a Key,
    /// The labels by which they are found where the watch does not know all of them.
    pub selectors: &'a [String],
    /// One that is read in any case, if it exists.
    pub told: Option<&'a str>,
}

/// Secrets that hand over consents to an object: those that the watch knows, by name.
///
/// # Errors
/// When a request to the API server fails.
pub async fn handed_over(reader: &Reader, wanted: Wanted<'_>) -> Result<Vec<Secret>, Error> {
    let secrets: Reads<Secret> = reader.within(wanted.namespace);
    let names = match reader.index().consents(wanted.key) {
        Some(names) => names,
        None => listed(&secrets, wanted.selectors).await?,
    };
    let names = chosen(names, wanted.told);
    let found = names.iter().map(|name| secrets.get_opt(name));
    let found = futures::future::try_join_all(found).await?;
    let mut found: Vec<Secret> = found.into_iter().flatten().collect();
    found.retain(|secret| secret.type_.as_deref() == Some(consent::SECRET_TYPE));
    Ok(found)
}

/// Records in a consent's Secret how often it failed and until when it waits.
///
/// # Errors
/// When the API server refuses it.
pub async fn remember(
    writer: &Writer,
    namespace: &str,
    by: Key,
    secret: &str,
    wait: Wait,
) -> Result<(), Error> {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {
        annotation::ATTEMPTS: wait.attempts.to_string(),
        annotation::RETRY_AT: wait.until.to_string(),
    }}}));
    let secrets: Api<Secret> = writer.within(namespace)?;
    let write = writer.begin_consent(by, secret);
    let params = PatchParams::default();
    let patched = secrets.patch_metadata(secret, &params, &patch).await;
    if let Ok(patched) = &patched {
        write.done_all(patched.resource_version().into_iter().collect());
    }
    published::ok_if_gone(patched)
}

/// The names, the oldest first.
async fn listed(secrets: &Reads<Secret>, selectors: &[String]) -> Result<Vec<String>, Error> {
    let mut found: Vec<(Option<Timestamp>, String)> = Vec::new();
    for selector in selectors {
        let params = ListParams::default().labels(selector).limit(LISTED);
        let listed = secrets.list_metadata(&params).await?;
        let created = listed.iter().map(|secret| {
            let created = secret.creation_timestamp().map(|time| time.0);
            (created, secret.name_any())
        });
        found.extend(created);
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// Those of `names`, the oldest first, that are read: the oldest, the newest, whose person is in front of a page and
/// whose grant may take the place of the others, and the one that is `told` of.
fn chosen(names: Vec<String>, told: Option<&str>) -> Vec<String> {
    let last = names.len().saturating_sub(1);
    let is_special = |place: usize, name: &str| place == last || Some(name) == told;
    let special = names.iter().enumerate();
    let special = special.filter(|(place, name)| is_special(*place, name));
    let mut room = MOST.saturating_sub(special.count());
    let mut chosen = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        if is_special(place, &name) {
            chosen.push(name);
        } else if room > 0 {
            room -= 1;
            chosen.push(name);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_consents_a_few_are_read() {
        let names = |count: usize| -> Vec<String> { (0..count).map(|n| format!("c{n}")).collect() };
        assert!(chosen(Vec::new(), Some("c1")).is_empty());
        assert_eq!(chosen(names(8), None), names(8));
        let of_many = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c999"];
        assert_eq!(chosen(names(1000), None), of_many);
        assert_eq!(chosen(names(1000), Some("gone")), of_many);
        assert_eq!(chosen(names(1000), Some("c2")), of_many);
        let with_it = ["c0", "c1", "c2", "c3", "c4", "c5", "c500", "c999"];
        assert_eq!(chosen(names(1000), Some("c500")), with_it);
    }
}
