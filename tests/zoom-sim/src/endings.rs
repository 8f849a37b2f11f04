//! How grants end, and with them all their tokens.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    apps::{Apps, Inner},
    grants::Grant,
};

/// Why a grant is no longer worth anything.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// The same user authorized the same app again.
    Replaced,
    /// The app gave it back.
    Revoked,
    /// The user removed the app.
    Deauthorized,
    /// An admin removed the app from the account.
    RemovedByAdmin,
    /// The user is deactivated.
    OwnerGone,
}

// === impl Apps ===

impl Apps {
    /// Ends living grants of an app and tells which.
    pub fn kill(&self, client_id: &str, death: Death, whom: impl Fn(&Grant) -> bool) -> Vec<Grant> {
        let mut inner = self.lock();
        let doomed: Vec<_> = inner
            .grants
            .values()
            .filter(|grant| grant.client_id == client_id && whom(grant))
            .map(|grant| grant.id)
            .collect();
        doomed
            .into_iter()
            .filter_map(|id| inner.kill_one(id, death))
            .collect()
    }

    /// Ends the grant behind a working access token; None if it does not work.
    pub fn revoke(
        &self,
        client_id: &str,
        access_token: &str,
        now: Timestamp,
    ) -> Option<Vec<Grant>> {
        let mut inner = self.lock();
        let token = inner.tokens.get_mut(access_token)?;
        if token.client_id != client_id || token.revoked || token.expires_at <= now.as_second() {
            return None;
        }
        let Some(id) = token.grant else {
            token.revoked = true;
            return Some(Vec::new());
        };
        inner.kill_one(id, Death::Revoked).map(|grant| vec![grant])
    }

    /// Lets the newest refresh token of a grant expire; false if there is no such grant.
    pub fn expire_refresh_token(&self, client_id: &str, id: u64, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let Some(grant) = inner
            .grants
            .get(&id)
            .filter(|grant| grant.client_id == client_id)
        else {
            return false;
        };
        let newest = grant.refresh_token.clone();
        if let Some(token) = inner.refresh_tokens.get_mut(&newest) {
            token.expires_at = token.expires_at.min(now.as_second());
        }
        true
    }
}

// === impl Inner ===

impl Inner {
    /// Ends living grants.
    pub fn kill_where(&mut self, death: Death, whom: impl Fn(&Grant) -> bool) {
        let living = self
            .grants
            .values_mut()
            .filter(|grant| grant.dead.is_none());
        living
            .filter(|grant| whom(grant))
            .for_each(|grant| grant.dead = Some(death));
    }

    /// Ends a grant, and with it the codes on their way to its user; None if it is dead already.
    fn kill_one(&mut self, id: u64, death: Death) -> Option<Grant> {
        let grant = self.grants.get_mut(&id)?;
        if grant.dead.is_some() {
            return None;
        }
        grant.dead = Some(death);
        let grant = grant.clone();
        self.codes.retain(|_, code| {
            code.sent.is_spent()
                || code.client_id != grant.client_id
                || code.person.id != grant.person.id
        });
        Some(grant)
    }
}
