//! Zoom's last answers about the credentials of General apps. Zoom is not asked again only because an answer
//! could not be written to the status.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::model::Checked;

/// The last answers, by UID of the integration.
#[derive(Default)]
pub struct Answers(Mutex<HashMap<String, Checked>>);

// === impl Answers ===

impl Answers {
    /// The newest answer about an integration's credentials: from its status, or learned since.
    #[must_use]
    pub fn newest(&self, uid: &str, status: Checked) -> Checked {
        let answers = self.lock();
        let learned = answers.get(uid);
        learned
            .filter(|learned| learned.checked_at > status.checked_at)
            .cloned()
            .unwrap_or(status)
    }

    /// Remembers an answer until the status has it.
    pub fn learn(&self, uid: String, checked: &Checked) {
        // Most apps' credentials are never checked on their own.
        if checked.checked_at.is_some() {
            self.lock().insert(uid, checked.clone());
        } else {
            self.lock().remove(&uid);
        }
    }

    /// Forgets a deleted integration.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Checked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn checked(second: Option<i64>) -> Checked {
        Checked {
            checked_at: second.map(|second| Timestamp::from_second(second).unwrap()),
            ..Checked::default()
        }
    }

    #[test]
    fn an_answer_counts_until_the_status_has_it() {
        let answers = Answers::default();
        assert_eq!(answers.newest("u", checked(None)), checked(None));
        answers.learn("u".into(), &checked(Some(5)));
        assert_eq!(answers.newest("u", checked(None)), checked(Some(5)));
        assert_eq!(answers.newest("u", checked(Some(4))), checked(Some(5)));
        assert_eq!(answers.newest("u", checked(Some(6))), checked(Some(6)));
        assert_eq!(answers.newest("v", checked(None)), checked(None));
        answers.forget("u");
        assert_eq!(answers.newest("u", checked(None)), checked(None));
        answers.learn("u".into(), &checked(None));
        assert!(answers.lock().is_empty(), "what says nothing takes no room");
    }
}
