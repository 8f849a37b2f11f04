//! Mistakes in the keys of the credentials Secret.

use crate::{
    api::v1alpha1::ZoomIntegrationSpec,
    setup::{facts::Facts, step::Mistake},
};

/// The keys without a usable value.
pub(super) fn unusable(keys: &[&str], spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<Mistake> {
    let secret = &spec.credentials.secret_ref.name;
    if !facts.secret.exists {
        return vec![Mistake::NoSecret(secret.clone())];
    }
    keys.iter()
        .filter(|key| !facts.secret.has(key))
        .map(|key| {
            let (secret, key) = (secret.clone(), (*key).to_owned());
            if facts.secret.keys.contains(&key) {
                Mistake::BadKey { secret, key }
            } else {
                Mistake::NoKey { secret, key }
            }
        })
        .collect()
}

/// The keys with the value of another key.
pub(super) fn same_value(keys: &[&str], facts: &Facts) -> Vec<Mistake> {
    facts
        .secret
        .same
        .iter()
        .filter(|(key, _)| keys.contains(&key.as_str()))
        .map(|(key, other)| Mistake::SameValue {
            key: key.clone(),
            other: other.clone(),
        })
        .collect()
}
