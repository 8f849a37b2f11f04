//! The accounts whose people can log in, who of them is deactivated, and what the account thinks of an app.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    apps::{Apps, Inner},
    endings::Death,
    people::{self, Hired, Person},
};

/// An account's stand on an app.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Nobody can add the app until an admin has approved it.
    pub requires_approval: bool,
    /// Nobody can add or use the app; grants sleep until this is over.
    pub disabled: bool,
}

/// What is special about an account.
#[derive(Default)]
pub struct Account {
    deactivated: BTreeSet<String>,
    policies: BTreeMap<String, Policy>,
    hired: Vec<Hired>,
}

// === impl Apps ===

impl Apps {
    /// Makes an account known, so that its people can log in.
    pub fn register_account(&self, account_id: &str) {
        self.lock()
            .accounts
            .entry(account_id.to_owned())
            .or_default();
    }

    /// The people of a known account.
    pub fn people(&self, account_id: &str) -> Option<Vec<Value>> {
        let inner = self.lock();
        let account = inner.accounts.get(account_id)?;
        let told = people::users(account_id, &account.hired)
            .into_iter()
            .map(|mut user| {
                let gone = account
                    .deactivated
                    .contains(user["id"].as_str().unwrap_or_default());
                user["account_id"] = json!(account_id);
                user["deactivated"] = json!(gone);
                user
            });
        Some(told.collect())
    }

    /// Gives an account a user with this e-mail address, in lower case; the account is known from then on.
    pub fn hire(&self, account_id: &str, hired: Hired) {
        let mut inner = self.lock();
        let account = inner.accounts.entry(account_id.to_owned()).or_default();
        account.hired.retain(|known| known.email != hired.email);
        account.hired.push(hired);
    }

    /// Users of an account with an e-mail address of their own.
    pub fn hired(&self, account_id: &str) -> Vec<Hired> {
        let inner = self.lock();
        let account = inner.accounts.get(account_id);
        account.map_or_else(Vec::new, |account| account.hired.clone())
    }

    /// The active person with this e-mail address, in any known account.
    pub fn person(&self, email: &str) -> Option<Person> {
        self.lock().person(email)
    }

    /// Deactivates a user, whose grants die, or activates them again, which brings no grant back. False if there is no
    /// such user.
    pub fn set_user_active(&self, account_id: &str, user: &str, active: bool) -> bool {
        let mut inner = self.lock();
        let Some(account) = inner.accounts.get_mut(account_id) else {
            return false;
        };
        let Some(person) = Person::find(account_id, &account.hired, user) else {
            return false;
        };
        if active {
            account.deactivated.remove(&person.id);
        } else {
            account.deactivated.insert(person.id.clone());
            inner.kill_where(Death::OwnerGone, |grant| grant.person.id == person.id);
        }
        true
    }

    pub fn policy(&self, account_id: &str, client_id: &str) -> Policy {
        self.lock().policy(account_id, client_id)
    }

    /// Sets an account's stand on an app; false if there is no such account or app.
    pub fn set_policy(&self, account_id: &str, client_id: &str, policy: Policy) -> bool {
        let mut inner = self.lock();
        let known = inner.apps.contains_key(client_id);
        match inner.accounts.get_mut(account_id).filter(|_| known) {
            Some(account) => {
                account.policies.insert(client_id.to_owned(), policy);
                true
            }
            None => false,
        }
    }
}

// === impl Inner ===

impl Inner {
    pub fn policy(&self, account_id: &str, client_id: &str) -> Policy {
        self.accounts
            .get(account_id)
            .and_then(|account| account.policies.get(client_id))
            .copied()
            .unwrap_or_default()
    }

    pub fn is_deactivated(&self, person: &Person) -> bool {
        self.accounts
            .get(&person.account_id)
            .is_some_and(|account| account.deactivated.contains(&person.id))
    }

    fn person(&self, email: &str) -> Option<Person> {
        self.accounts.iter().find_map(|(account_id, account)| {
            Person::find(account_id, &account.hired, &email.trim().to_lowercase())
                .filter(|person| !account.deactivated.contains(&person.id))
        })
    }
}
