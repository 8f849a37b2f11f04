//! Whose events are a connection's. It is proved, never claimed: by a consent to an admin-managed app that the
//! operator's own pages handed over, or by the platform's statement in `accounts`. Pure.

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::{
        condition::{Status, Type},
        reason::Reason,
        v1alpha1::{
            AccountClaim, AccountStatus, Management, NamespacesFrom, ZoomConnection,
            ZoomIntegration,
        },
    },
    controller::proof::AppId,
};

/// The accounts of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Those whose events are its own.
    pub own: Vec<String>,
    /// Those that another connection has, although this one claims them too.
    pub lost: Vec<String>,
    /// Those that another connection claims in vain.
    pub contested: Vec<String>,
}

/// What tells which account a connection has: in its status, or in the pass that writes it next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence<'a> {
    /// The account that allowed an app on the operator's own pages.
    pub consented: Option<&'a AccountStatus>,
    /// The account of a grant that may be used: it is not lost, of this app, and its subject is the right one.
    pub granted: Option<&'a str>,
    /// Whether it is in the integration's own namespace.
    pub is_home: bool,
}

/// Whether the integration's receiver tells accounts apart. `has_sinks`: whether a connection of its own
/// namespace has a sink. Of other namespaces this does not matter: another tenant must restart nothing.
#[must_use]
pub fn is_on(integration: &ZoomIntegration, has_sinks: bool) -> bool {
    let spec = &integration.spec;
    let is_shared = spec
        .allowed_namespaces
        .as_ref()
        .is_some_and(|allowed| allowed.from != NamespacesFrom::Same);
    let has_policy = spec
        .webhook
        .as_ref()
        .is_some_and(|webhook| webhook.unclaimed_accounts.is_some());
    spec.is_general() && (is_shared || has_policy || !spec.accounts.is_empty() || has_sinks)
}

/// Whether the connection's status says that its events go to its sink.
#[must_use]
pub fn is_routed(connection: &ZoomConnection) -> bool {
    let status = connection.status.as_ref();
    let stated = status.and_then(|status| Type::EventsRouted.find(&status.conditions));
    // Unknown: the receivers have more to tell than they can.
    stated.is_some_and(|stated| stated.status != Status::False.as_str())
}

/// The accounts that a connection may have: the `proved` one, and those that the integration states.
pub fn claimed<'a>(
    integration: &'a ZoomIntegration,
    connection: &'a ZoomConnection,
    proved: Option<&'a str>,
) -> impl Iterator<Item = &'a str> {
    let claims = integration.spec.accounts.iter();
    let stated = claims.filter(|claim| is_for(claim, connection));
    proved
        .into_iter()
        .chain(stated.map(|claim| claim.account_id.as_str()))
}

/// The accounts of `connection`, to which a consent `proved` one. `all`: the connections of the integration, or
/// of them those that have to do with an account that this one may have. `app`: the integration's.
#[must_use]
pub fn accounts<'a>(
    integration: &ZoomIntegration,
    app: AppId<'_>,
    connection: &ZoomConnection,
    proved: Option<&str>,
    all: impl IntoIterator<Item = &'a ZoomConnection>,
) -> Accounts {
    let others: Vec<&ZoomConnection> = all
        .into_iter()
        .filter(|other| other.uid() != connection.uid())
        .collect();
    let mine = held(app, connection);
    let is_mine = |claim: &&AccountClaim| is_for(claim, connection);
    let mut found = Accounts::default();
    if let Some(account) = proved {
        let first = others.iter().any(|other| {
            held(app, other).is_some_and(|theirs| {
                theirs.account == account && mine.as_ref().is_none_or(|mine| theirs < *mine)
            })
        });
        if first {
            found.lost.push(account.to_owned());
        } else {
            found.own.push(account.to_owned());
        }
    }
    for claim in integration.spec.accounts.iter().filter(is_mine) {
        let account = &claim.account_id;
        if proved == Some(account) {
            continue;
        }
        let is_proved_elsewhere = others
            .iter()
            .any(|other| held(app, other).is_some_and(|held| held.account == account));
        if is_proved_elsewhere {
            found.lost.push(account.clone());
        } else {
            found.own.push(account.clone());
        }
    }
    let is_claimed = |account: &String| {
        let claims = integration.spec.accounts.iter();
        let stated = claims.filter(|claim| claim.account_id == *account);
        stated.clone().any(|claim| !is_for(claim, connection))
            || others
                .iter()
                .any(|other| held(app, other).is_some_and(|held| held.account == account))
    };
    found.contested = found
        .own
        .iter()
        .filter(|own| is_claimed(own))
        .cloned()
        .collect();
    found
}

/// An account that a consent proved, in the order of who comes first.
#[derive(PartialEq, PartialOrd)]
struct Held<'a> {
    since: Option<Timestamp>,
    uid: Option<String>,
    account: &'a str,
}

/// The account that a connection's status proves.
fn held<'a>(app: AppId<'_>, connection: &'a ZoomConnection) -> Option<Held<'a>> {
    let status = connection.status.as_ref()?;
    let account = Evidence::of(connection).proves(app)?;
    let proved = status.account.as_ref();
    let of_grant = status.grant.as_ref().and_then(|grant| grant.since.as_ref());
    let since = proved.map(|proved| &proved.since).or(of_grant);
    Some(Held {
        since: since.map(|since| since.0),
        uid: connection.uid(),
        account,
    })
}

// === impl Evidence ===

impl<'a> Evidence<'a> {
    /// What a connection's status says. Only the controller writes a status.
    #[must_use]
    pub fn of(connection: &'a ZoomConnection) -> Self {
        let Some(status) = &connection.status else {
            return Self::default();
        };
        let grant = status.grant.as_ref();
        let verified = Type::SubjectVerified.find(&status.conditions);
        let is_sound = grant.is_some_and(|grant| grant.lost.is_none())
            && verified.is_some_and(|verified| verified.status == Status::True.as_str())
            && Type::TokenFresh
                .find(&status.conditions)
                .and_then(Reason::of)
                != Some(Reason::ClientIdChanged);
        let subject = status.subject.as_ref().filter(|_| is_sound);
        let (home, _) = connection.integration();
        Self {
            consented: status.account.as_ref(),
            granted: subject.and_then(|subject| subject.account_id.as_deref()),
            is_home: connection.metadata.namespace.as_deref() == Some(home),
        }
    }

    /// The account that is proved. A consent proves it until the account removes the app: the grant may be lost
    /// for other reasons. In the app's own namespace, where its credentials lie, a usable grant is as good.
    #[must_use]
    pub fn proves(&self, app: AppId<'_>) -> Option<&'a str> {
        let is_admin = app.management == Some(Management::Admin);
        let proof = self.consented;
        let proof = proof.filter(|proof| app.has_proof(proof) == Some(true));
        let of_consent = proof.map(|proof| proof.id.as_str());
        let of_grant = self.granted.filter(|_| self.is_home);
        let found = of_consent.or(of_grant).filter(|_| is_admin)?;
        (!found.is_empty()).then_some(found)
    }

    /// The accounts that it names.
    pub fn accounts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let consented = self.consented.map(|proof| proof.id.as_str());
        let granted = self.granted.filter(|_| self.is_home);
        consented.into_iter().chain(granted)
    }
}

fn is_for(claim: &AccountClaim, connection: &ZoomConnection) -> bool {
    Some(&claim.namespace) == connection.metadata.namespace.as_ref()
        && Some(&claim.connection) == connection.metadata.name.as_ref()
}

#[cfg(test)]
mod tests;
