//! Who removed an app, as the tenants' receivers were told by Zoom. A hint: whether a grant is really
//! dead, Zoom says when it is spent.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::api::v1alpha1::{Management, SubjectStatus};
use contract::facts::Removal;

/// What the receivers of all integrations were told.
#[derive(Default)]
pub struct Removals(Mutex<HashMap<(String, String), Vec<Removal>>>);

// === impl Removals ===

impl Removals {
    /// Takes note of what the receivers of an integration know; what is new in it.
    pub fn learn(&self, namespace: &str, integration: &str, removals: &[Removal]) -> Vec<Removal> {
        let key = (namespace.to_owned(), integration.to_owned());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.insert(key, removals.to_vec()).unwrap_or_default();
        removals
            .iter()
            .filter(|removal| !before.contains(removal))
            .cloned()
            .collect()
    }

    /// When this subject last removed the app of an integration.
    #[must_use]
    pub fn last(
        &self,
        namespace: &str,
        integration: &str,
        subject: &SubjectStatus,
        management: Option<Management>,
    ) -> Option<Timestamp> {
        let key = (namespace.to_owned(), integration.to_owned());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&key)?
            .iter()
            .filter(|removal| concerns(removal, subject, management))
            .map(|removal| removal.at)
            .max()
    }
}

/// Whether a removal is of this subject's grant: any administrator can remove an account's app.
#[must_use]
pub fn concerns(
    removal: &Removal,
    subject: &SubjectStatus,
    management: Option<Management>,
) -> bool {
    subject.user_id.as_deref() == Some(&removal.user_id)
        || management == Some(Management::Admin)
            && subject.account_id.as_deref() == Some(&removal.account_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal(second: i64, user: &str) -> Removal {
        Removal {
            at: Timestamp::from_second(second).unwrap(),
            user_id: user.into(),
            account_id: "a".into(),
        }
    }

    fn subject(user: &str) -> SubjectStatus {
        SubjectStatus {
            user_id: Some(user.into()),
            account_id: Some("a".into()),
            email: None,
        }
    }

    #[test]
    fn what_is_new_is_told_once() {
        let removals = Removals::default();
        let first = [removal(1, "ada")];
        assert_eq!(removals.learn("n", "app", &first), first);
        assert!(removals.learn("n", "app", &first).is_empty());
        let second = [removal(1, "ada"), removal(2, "grace")];
        assert_eq!(removals.learn("n", "app", &second), [removal(2, "grace")]);
        assert_eq!(removals.learn("n", "other", &first), first);
    }

    #[test]
    fn a_user_speaks_for_himself_and_an_administrator_for_the_account() {
        let removals = Removals::default();
        removals.learn("n", "app", &[removal(1, "ada"), removal(5, "grace")]);
        let last = |user: &str, management| {
            removals
                .last("n", "app", &subject(user), Some(management))
                .map(Timestamp::as_second)
        };
        assert_eq!(last("ada", Management::User), Some(1));
        assert_eq!(last("barbara", Management::User), None);
        assert_eq!(last("barbara", Management::Admin), Some(5));
    }
}
