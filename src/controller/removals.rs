//! Who removed an app, according to what Zoom told the tenants' receivers. This is only a hint: whether a
//! grant is really dead, Zoom says when the grant is used. Pure.

use jiff::Timestamp;

use crate::api::v1alpha1::{Management, SubjectStatus};
use contract::facts::Removal;

/// What the receivers of an integration were told of removals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removals {
    /// By requests that Zoom signed.
    pub verified: Vec<Removal>,
    /// By requests with a wrong signature. Anybody can send these: a reason to ask Zoom, and nothing more.
    pub unverified: Vec<Removal>,
}

// === impl Removals ===

impl Removals {
    /// What is new in it.
    #[must_use]
    pub fn since(&self, before: &Self) -> Vec<Removal> {
        let new = |now: &[Removal], before: &[Removal]| -> Vec<Removal> {
            let is_new = |removal: &&Removal| !before.contains(removal);
            now.iter().filter(is_new).cloned().collect()
        };
        let mut all = new(&self.verified, &before.verified);
        all.extend(new(&self.unverified, &before.unverified));
        all
    }
}

/// When this subject last removed the app, as far as the receivers of its integration know.
#[must_use]
pub fn last(
    removals: &[Removal],
    subject: &SubjectStatus,
    management: Option<Management>,
) -> Option<Timestamp> {
    removals
        .iter()
        .filter(|removal| concerns(removal, subject, management))
        .map(|removal| removal.at)
        .max()
}

/// Whether a removal concerns this subject's grant: any administrator can remove an account's app.
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
    fn users_speak_for_themselves_and_administrators_for_the_account() {
        let removals = [removal(1, "ada"), removal(5, "grace")];
        let last = |user: &str, management| {
            last(&removals, &subject(user), Some(management)).map(Timestamp::as_second)
        };
        assert_eq!(last("ada", Management::User), Some(1));
        assert_eq!(last("barbara", Management::User), None);
        assert_eq!(last("barbara", Management::Admin), Some(5));
    }

    #[test]
    fn an_account_that_removes_the_app_ends_no_other_accounts_grant() {
        let removals = [removal(1, "ada")];
        for (account, wanted) in [("a", Some(1)), ("b", None)] {
            let mut barbara = subject("barbara");
            barbara.account_id = Some(account.into());
            let last = last(&removals, &barbara, Some(Management::Admin));
            assert_eq!(last.map(Timestamp::as_second), wanted);
        }
    }
}
