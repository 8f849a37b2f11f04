//! Grants: what users gave to General apps, and the refresh tokens that rotate.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    apps::{Apps, Inner, Issued},
    counters::RefreshCounters,
    endings::Death,
    errors::{Denied, TokenError},
    exchanges::{ExchangeId, Sent, Spendable},
    people::Person,
    settings::Management,
    token,
};

/// What one user gave to one app by one authorization.
#[derive(Clone)]
pub struct Grant {
    pub id: u64,
    pub client_id: String,
    pub person: Person,
    pub scopes: Vec<String>,
    pub management: Management,
    pub dead: Option<Death>,
    pub counters: RefreshCounters,
    /// The newest.
    pub refresh_token: String,
    generation: u64,
    created_at: Timestamp,
    rotated_at: Option<Timestamp>,
}

/// A refresh token, the newest of its grant or an older one.
pub struct RefreshToken {
    pub client_id: String,
    pub sent: Sent,
    pub expires_at: i64,
    grant: u64,
}

/// What the admin API tells about a grant.
#[derive(Serialize)]
pub struct GrantView {
    id: u64,
    user: String,
    user_id: String,
    account_id: String,
    scopes: Vec<String>,
    alive: bool,
    dead_because: Option<Death>,
    /// Number of rotations.
    generation: u64,
    created_at: String,
    rotated_at: Option<String>,
    refresh_token_expires_at: Option<String>,
    counters: RefreshCounters,
}

// === impl Apps ===

impl Apps {
    /// Gives an app a grant without consent page and code. None if there is no such app.
    pub fn mint_grant(
        &self,
        client_id: &str,
        person: &Person,
        now: Timestamp,
    ) -> Option<(u64, Issued)> {
        let mut inner = self.lock();
        let settings = inner.apps.get(client_id)?.settings.clone();
        inner.authorize(client_id, person, settings.scopes, settings.management, now)
    }

    /// Takes a refresh token and gives its successor; the one taken is dead at once.
    pub fn refresh(
        &self,
        client_id: &str,
        refresh_token: &str,
        exchange: ExchangeId,
        now: Timestamp,
    ) -> Result<Issued, Denied> {
        let mut inner = self.lock();
        let invalid = || Denied::from(TokenError::InvalidGrant);
        let token = inner
            .refresh_tokens
            .get(refresh_token)
            .ok_or_else(invalid)?;
        let id = token.grant;
        if token.client_id != client_id
            || token.sent.is_spent()
            || token.expires_at <= now.as_second()
        {
            return Err(invalid());
        }
        let grant = inner.grants.get(&id).ok_or_else(invalid)?;
        match grant.dead {
            Some(Death::Replaced) => return Err(Denied::Numeric(4741)),
            Some(Death::OwnerGone) => return Err(Denied::Numeric(4735)),
            Some(_) => return Err(invalid()),
            None => {}
        }
        if inner.policy(&grant.person.account_id, client_id).disabled {
            return Err(Denied::Numeric(4738));
        }
        if let Some(token) = inner.refresh_tokens.get_mut(refresh_token) {
            token.sent.spend(exchange);
        }
        if let Some(grant) = inner.grants.get_mut(&id) {
            grant.generation += 1;
            grant.rotated_at = Some(now);
        }
        inner.count_issued(client_id);
        inner.issue_for(id, now).ok_or_else(invalid)
    }

    pub fn grants(&self, client_id: &str) -> Option<Vec<GrantView>> {
        let inner = self.lock();
        inner.apps.get(client_id)?;
        let of_app = inner
            .grants
            .values()
            .filter(|grant| grant.client_id == client_id);
        Some(of_app.map(|grant| inner.told(grant)).collect())
    }

    pub fn grant(&self, client_id: &str, id: u64) -> Option<GrantView> {
        let inner = self.lock();
        let grant = inner.grants.get(&id)?;
        (grant.client_id == client_id).then(|| inner.told(grant))
    }

    /// Counts what became of a request with a refresh token.
    pub fn refresh_outcome(&self, client_id: &str, spendable: &Spendable, outcome: &str) {
        let mut inner = self.lock();
        let grant = inner.grant_of(spendable);
        if let Some(grant) = grant.filter(|grant| grant.client_id == client_id) {
            grant.counters.outcome(outcome);
        }
    }
}

// === impl Inner ===

impl Inner {
    /// A new grant; older ones of the same user for the same app become invalid.
    pub fn authorize(
        &mut self,
        client_id: &str,
        person: &Person,
        scopes: Vec<String>,
        management: Management,
        now: Timestamp,
    ) -> Option<(u64, Issued)> {
        self.kill_where(Death::Replaced, |grant| {
            grant.client_id == client_id && grant.person.id == person.id
        });
        let id = self.next_id();
        self.grants.insert(
            id,
            Grant {
                id,
                client_id: client_id.to_owned(),
                person: person.clone(),
                scopes,
                management,
                dead: None,
                counters: RefreshCounters::default(),
                generation: 0,
                created_at: now,
                rotated_at: None,
                refresh_token: String::new(),
            },
        );
        Some((id, self.issue_for(id, now)?))
    }

    /// The grant that a refresh token belongs to.
    pub fn grant_of(&mut self, spendable: &Spendable) -> Option<&mut Grant> {
        let Spendable::RefreshToken(token) = spendable else {
            return None;
        };
        let id = self.refresh_tokens.get(token)?.grant;
        self.grants.get_mut(&id)
    }

    pub fn count_issued(&mut self, client_id: &str) {
        if let Some(app) = self.apps.get_mut(client_id) {
            app.traffic.counters.tokens_issued += 1;
        }
    }

    fn issue_for(&mut self, id: u64, now: Timestamp) -> Option<Issued> {
        let grant = self.grants.get(&id)?;
        let (client_id, account_id) = (grant.client_id.clone(), grant.person.account_id.clone());
        let scopes = grant.scopes.clone();
        let scope = Some(scopes.join(" "));
        let (access_token, expires_in) =
            self.mint_access_token(&client_id, &account_id, scopes, Some(id), now)?;
        let lifetime = self
            .apps
            .get(&client_id)?
            .settings
            .refresh_token_lifetime_seconds;
        let now = now.as_second();
        let expires_at = now + i64::from(lifetime);
        let refresh_token = token::mint(&client_id, &account_id, now, expires_at);
        self.grants
            .get_mut(&id)?
            .refresh_token
            .clone_from(&refresh_token);
        self.refresh_tokens.insert(
            refresh_token.clone(),
            RefreshToken {
                client_id,
                sent: Sent::default(),
                grant: id,
                expires_at,
            },
        );
        Some(Issued {
            access_token,
            refresh_token: Some(refresh_token),
            expires_in,
            scope,
        })
    }

    fn told(&self, grant: &Grant) -> GrantView {
        let expires_at = self
            .refresh_tokens
            .get(&grant.refresh_token)
            .and_then(|token| Timestamp::from_second(token.expires_at).ok());
        GrantView {
            id: grant.id,
            user: grant.person.email.clone(),
            user_id: grant.person.id.clone(),
            account_id: grant.person.account_id.clone(),
            scopes: grant.scopes.clone(),
            alive: grant.dead.is_none(),
            dead_because: grant.dead,
            generation: grant.generation,
            created_at: grant.created_at.to_string(),
            rotated_at: grant.rotated_at.map(|at| at.to_string()),
            refresh_token_expires_at: expires_at.map(|at| at.to_string()),
            counters: grant.counters.clone(),
        }
    }
}
