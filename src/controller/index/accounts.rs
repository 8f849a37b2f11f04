//! The connections of an account: by proof, or by `accounts` of an integration.

use std::collections::BTreeSet;

use super::{
    cache::names,
    objects::{Name, Objects, integration_of, named},
};
use crate::{
    api::v1alpha1::{AccountClaim, ZoomConnection},
    controller::{key::Key, routing::Evidence},
};

/// What decides whose events are a connection's: a change concerns others who claim the account.
pub fn standing(connection: &ZoomConnection) -> impl PartialEq + use<'_> {
    let status = connection.status.as_ref();
    let since = status.and_then(|status| status.grant.as_ref()?.since.clone());
    let account = status.and_then(|status| status.account.clone());
    (Evidence::of(connection), account, since)
}

impl Objects {
    /// Records by which account a connection is found.
    pub fn note_accounts(&mut self, connection: &ZoomConnection, name: &Name) {
        for account in Evidence::of(connection).accounts() {
            let account = (integration_of(connection), account.into());
            self.accounts.insert(account, name.clone());
        }
    }

    /// Forgets what was recorded of this version of a connection.
    pub fn drop_accounts(&mut self, connection: &ZoomConnection, name: &Name) {
        for account in Evidence::of(connection).accounts() {
            let account = (integration_of(connection), account.into());
            self.accounts.remove(&account, name);
        }
    }

    /// The other connections that prove an account of this one, or claim it by a statement.
    pub fn rivals_of(&self, connection: &ZoomConnection) -> BTreeSet<Key> {
        let (namespace, name) = names(connection);
        let integration = integration_of(connection);
        let app = self.app(&integration.0, &integration.1);
        let stated = app.map_or(&[][..], |app| &app.stated);
        let own_claims = stated
            .iter()
            .filter(|claim| (&*claim.namespace, &*claim.connection) == (namespace, name))
            .map(|claim| &*claim.account_id);
        let proved = Evidence::of(connection).accounts();
        let accounts: BTreeSet<&str> = proved.chain(own_claims).collect();
        self.others(&integration, (namespace, name), stated, accounts)
    }

    /// Whether another connection proves one of these accounts, or claims it by a statement. Asked for every route, so
    /// that it reads no object.
    pub fn has_others(&self, integration: &Name, name: &Name, accounts: &[String]) -> bool {
        let is_other = |(namespace, other): &Name| {
            let key = || Key::connection(namespace, other);
            (namespace, other) != (&name.0, &name.1) && self.has(&key())
        };
        let app = self.app(&integration.0, &integration.1);
        accounts.iter().any(|account| {
            let by_proof = (integration.clone(), account.as_str().into());
            let mut by_proof = self.accounts.of(&by_proof);
            let stated = app.into_iter().flat_map(|app| app.stated(account));
            by_proof.any(is_other)
                || stated
                    .map(|claim| named(&claim.namespace, &claim.connection))
                    .any(|other| is_other(&other))
        })
    }

    fn others(
        &self,
        integration: &Name,
        (namespace, name): (&str, &str),
        stated: &[AccountClaim],
        accounts: BTreeSet<&str>,
    ) -> BTreeSet<Key> {
        let of_account = accounts.into_iter().flat_map(|account| {
            let by_proof = self.accounts.of(&(integration.clone(), account.into()));
            let by_statement = stated
                .iter()
                .filter(move |claim| claim.account_id == account)
                .map(|claim| named(&claim.namespace, &claim.connection));
            by_proof.cloned().chain(by_statement)
        });
        let others = of_account.filter(|other: &Name| (&*other.0, &*other.1) != (namespace, name));
        let keys = others.map(|(namespace, name)| Key::connection(&namespace, &name));
        keys.filter(|key| self.has(key)).collect()
    }
}
