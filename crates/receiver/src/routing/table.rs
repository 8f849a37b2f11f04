//! The routes in force: which tenant an account is of. Pure, but for the tenants that it holds.
//!
//! One wrong file harms only its own route: what it said before stays in force, and the problem is named.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use contract::{
    receiver::routes::{Connection, Route},
    routing_facts::{ConnectionFacts, MAX_TEXT, RoutingFacts},
};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::{directory::File, tenant::Tenant};

/// The problem of a route whose account another one has.
const CONTESTED: &str = "another connection has one of its accounts";

/// The routes in force.
#[derive(Debug, Default)]
pub struct Table {
    entries: BTreeMap<Connection, Entry>,
    accounts: HashMap<String, Arc<Tenant>>,
}

#[derive(Debug)]
struct Entry {
    /// Of the file's text.
    digest: Option<[u8; 32]>,
    /// What the last right file said.
    tenant: Option<Arc<Tenant>>,
    /// Why the file cannot be used.
    problem: Option<String>,
    /// Another connection has one of its accounts.
    is_contested: bool,
}

// === impl Table ===

impl Table {
    /// The table after `previous`, of these files. `make` makes the tenant of a route that changed.
    pub fn next(
        previous: &Self,
        files: &[File],
        make: impl Fn(Route) -> Result<Tenant, String>,
    ) -> Self {
        let mut table = Self::default();
        for file in files {
            let entry = Entry::next(previous.entries.get(&file.connection), file, &make);
            table.entries.insert(file.connection.clone(), entry);
        }
        table.claim(previous);
        table
    }

    /// Gives every account to one tenant: the one that had it before, else the first by name.
    fn claim(&mut self, previous: &Self) {
        let mut accounts: HashMap<String, Arc<Tenant>> = HashMap::new();
        let had = |tenant: &Tenant, account: &str| {
            let before = previous.accounts.get(account);
            before.is_some_and(|before| before.connection == tenant.connection)
        };
        for tenant in self
            .entries
            .values()
            .filter_map(|entry| entry.tenant.as_ref())
        {
            for account in &tenant.accounts {
                if !accounts.contains_key(account) || had(tenant, account) {
                    accounts.insert(account.clone(), Arc::clone(tenant));
                }
            }
        }
        for entry in self.entries.values_mut() {
            let Some(tenant) = &entry.tenant else {
                continue;
            };
            let is_others = |account: &&String| {
                let owner = accounts.get(*account);
                owner.is_some_and(|owner| owner.connection != tenant.connection)
            };
            entry.is_contested = tenant.accounts.iter().any(|account| is_others(&account));
        }
        self.accounts = accounts;
    }

    /// The tenant that an account is of.
    #[must_use]
    pub fn tenant(&self, account: &str) -> Option<&Arc<Tenant>> {
        self.accounts.get(account)
    }

    /// All accounts that have a tenant.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.accounts.keys().map(String::as_str)
    }

    /// All tenants, by name.
    pub fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.entries
            .values()
            .filter_map(|entry| entry.tenant.as_ref())
    }

    /// How many routes are in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tenants().count()
    }

    /// Whether there is no route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connections whose file cannot be used, or not entirely, and why.
    pub fn problems(&self) -> impl Iterator<Item = (&Connection, &str)> {
        self.entries
            .iter()
            .filter_map(|(connection, entry)| Some((connection, entry.problem()?)))
    }

    /// Why the file of a connection cannot be used.
    #[must_use]
    pub fn problem(&self, connection: &Connection) -> Option<&str> {
        self.entries.get(connection)?.problem()
    }

    /// Adds what the controller learns.
    pub fn tell(&self, facts: &mut RoutingFacts) {
        facts.routes = self.len() as u64;
        for (connection, entry) in &self.entries {
            let own = entry.tenant.as_ref().map(|tenant| tenant.facts());
            let told = ConnectionFacts {
                route_problem: entry.problem().map(str::to_owned),
                ..own.unwrap_or_default()
            };
            facts.insert(connection.clone(), told);
        }
    }
}

impl PartialEq for Table {
    /// Whether both have the same tenants and problems.
    fn eq(&self, other: &Self) -> bool {
        let same = |(one, other): (&Entry, &Entry)| {
            let tenants = match (&one.tenant, &other.tenant) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (None, None) => true,
                _ => false,
            };
            tenants && one.problem() == other.problem()
        };
        self.entries.len() == other.entries.len()
            && self.entries.keys().eq(other.entries.keys())
            && self.entries.values().zip(other.entries.values()).all(same)
    }
}

// === impl Entry ===

impl Entry {
    fn next(
        previous: Option<&Self>,
        file: &File,
        make: impl Fn(Route) -> Result<Tenant, String>,
    ) -> Self {
        let last = previous.and_then(|entry| entry.tenant.clone());
        let wrong = |digest, problem: String| Self {
            digest,
            tenant: last.clone(),
            problem: Some(bounded(&problem)),
            is_contested: false,
        };
        let text = match &file.text {
            Ok(text) => text.expose_secret(),
            Err(problem) => return wrong(None, (*problem).into()),
        };
        let digest: [u8; 32] = Sha256::digest(text).into();
        if let Some(previous) = previous.filter(|entry| entry.digest == Some(digest)) {
            return Self {
                digest: Some(digest),
                tenant: last,
                problem: previous.problem.clone(),
                is_contested: false,
            };
        }
        let route = match Route::from_json(text) {
            Ok(route) if route.connection == file.connection => route,
            Ok(_) => return wrong(Some(digest), "the route is another connection's".into()),
            Err(error) => return wrong(Some(digest), error.to_string()),
        };
        match make(route) {
            Ok(tenant) => Self {
                digest: Some(digest),
                tenant: Some(Arc::new(tenant)),
                problem: None,
                is_contested: false,
            },
            Err(problem) => wrong(Some(digest), problem),
        }
    }

    fn problem(&self) -> Option<&str> {
        let contested = self.is_contested.then_some(CONTESTED);
        self.problem.as_deref().or(contested)
    }
}

/// As much of a text as may be shown.
fn bounded(text: &str) -> String {
    let plain = text.chars().filter(|symbol| !symbol.is_control());
    let mut shown = String::new();
    for symbol in plain {
        if shown.len() + symbol.len_utf8() > MAX_TEXT {
            break;
        }
        shown.push(symbol);
    }
    shown
}

#[cfg(test)]
mod tests;
