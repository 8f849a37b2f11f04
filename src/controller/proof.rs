//! Which app a consent proved an account to. An app that takes the place of another one, under the same name,
//! inherits no proof: a plain user may consent to a user-managed app, and proves nothing about the account. Pure.

use crate::api::v1alpha1::{AccountStatus, Management};

/// What tells one app from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppId<'a> {
    /// Its client id; `None` while unknown.
    pub client_id: Option<&'a str>,
    /// Who manages it.
    pub management: Option<Management>,
}

// === impl AppId ===

impl AppId<'_> {
    /// Whether the account was proved by a consent to this app. `None` if the status does not say to which one: an
    /// earlier version wrote it.
    #[must_use]
    pub fn has_proof(&self, account: &AccountStatus) -> Option<bool> {
        let of = account.client_id.as_deref();
        if of.is_none() && account.management.is_none() {
            return None;
        }
        let is_client = of.zip(self.client_id).is_none_or(|(of, own)| of == own);
        Some(is_client && account.management == self.management)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_proof_is_of_one_app() {
        let app = AppId {
            client_id: Some("id"),
            management: Some(Management::Admin),
        };
        let proof = |of: Value| {
            let mut account = json!({"id": "a", "since": "2026-03-01T10:00:00Z"});
            for (key, value) in of.as_object().unwrap() {
                account[key] = value.clone();
            }
            app.has_proof(&serde_json::from_value(account).unwrap())
        };
        let own = json!({"clientId": "id", "management": "Admin"});
        assert_eq!(proof(own.clone()), Some(true));
        let other = json!({"clientId": "other", "management": "Admin"});
        assert_eq!(proof(other), Some(false));
        let users = json!({"clientId": "id", "management": "User"});
        assert_eq!(proof(users), Some(false));
        assert_eq!(proof(json!({})), None);
        // Without its credentials nobody knows better.
        let unknown = AppId {
            client_id: None,
            ..app
        };
        let account = json!({"id": "a", "since": "2026-03-01T10:00:00Z", "clientId": "id", "management": "Admin"});
        let account = serde_json::from_value(account).unwrap();
        assert_eq!(unknown.has_proof(&account), Some(true));
    }
}
