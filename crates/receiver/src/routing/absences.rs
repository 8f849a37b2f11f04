//! How long each account has had no route. Events wait for one, and an old event must not be sent elsewhere at once
//! because its route is replaced, or because the receiver has just started.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::table::Table;

/// Since when accounts have no route.
#[derive(Debug)]
pub struct Absences {
    /// Nothing is known of the time before.
    since: Instant,
    /// When accounts lost their route; only those that have none.
    lost: HashMap<String, Instant>,
}

// === impl Absences ===

impl Absences {
    /// From now on.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            lost: HashMap::new(),
        }
    }

    /// The routes changed. What lost its route more than `most` ago is forgotten.
    pub fn update(&mut self, previous: &Table, next: &Table, most: Duration, now: Instant) {
        self.lost.retain(|account, at| {
            next.tenant(account).is_none() && now.saturating_duration_since(*at) < most
        });
        let lost = previous.accounts();
        for account in lost.filter(|account| next.tenant(account).is_none()) {
            self.lost.insert(account.to_owned(), now);
        }
    }

    /// How long the account is known to have no route, provided that it has none.
    #[must_use]
    pub fn lasted(&self, account: &str, now: Instant) -> Duration {
        let since = self.lost.get(account).unwrap_or(&self.since);
        now.saturating_duration_since(*since)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use secrecy::SecretSlice;

    use super::*;
    use crate::routing::{directory::File, tenant::Tenant};

    fn table(previous: &Table, accounts: &[&str]) -> Table {
        let file = |account: &&str| {
            let text = format!(r#"{{"connection":"ns/{account}","accounts":["{account}"]}}"#);
            File {
                connection: format!("ns/{account}").parse().unwrap(),
                text: Ok(SecretSlice::from(text.into_bytes())),
            }
        };
        let files: Vec<File> = accounts.iter().map(file).collect();
        let make = |route| Tenant::new(route, Duration::from_secs(1));
        let next = Table::next(previous, &files, make);
        assert_eq!(next.len(), accounts.len());
        next
    }

    #[test]
    fn an_account_is_without_a_route_since_the_start_or_since_it_lost_it() {
        let most = Duration::from_secs(150);
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut absences = Absences::new(start);
        let none = Table::default();
        let both = table(&none, &["a", "b"]);
        absences.update(&none, &both, most, at(1000));
        let one = table(&both, &["b"]);
        absences.update(&both, &one, most, at(1000));
        assert_eq!(absences.lasted("a", at(1040)), Duration::from_secs(40));
        assert_eq!(absences.lasted("c", at(1040)), Duration::from_secs(1040));
        // Found again, and lost once more.
        let again = table(&one, &["a", "b"]);
        absences.update(&one, &again, most, at(1050));
        absences.update(&again, &none, most, at(1060));
        assert_eq!(absences.lasted("a", at(1070)), Duration::from_secs(10));
        // What is long ago makes no difference and is not kept.
        absences.update(&none, &none, most, at(1300));
        assert!(absences.lost.is_empty());
        assert!(absences.lasted("a", at(1300)) > most);
    }
}
