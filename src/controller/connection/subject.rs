//! Who a grant belongs to, and whether the connection may use it. Pure.

use crate::api::{
    reason::Reason,
    v1alpha1::{Management, Subject},
};
use zoom::Identity;

/// What to compare an identity with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The person that the connection was made for.
    pub subject: Option<&'a Subject>,
    /// The person who authorized it before.
    pub pinned: Option<Pinned<'a>>,
    /// Who authorizes this kind of app.
    pub management: Option<Management>,
    /// Another connection of the same app that holds a grant of the same user or account.
    pub other: Option<&'a Holder>,
    /// The scopes that the integration declares.
    pub declared: &'a [String],
}

/// Who authorized before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned<'a> {
    /// Id of the user.
    pub user_id: Option<&'a str>,
    /// Id of the account.
    pub account_id: Option<&'a str>,
}

/// Another connection, and what it has in common with this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What it is called in a message.
    pub name: String,
    /// What they have in common.
    pub of: Shared,
}

/// What two connections have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// The Zoom user.
    User,
    /// The Zoom account, which allows an admin-managed app once.
    Account,
}

/// Why a connection must not use a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The reason, for machines.
    pub reason: Reason,
    /// The message, for people.
    pub message: String,
}

/// Judges who authorized; `None` if Zoom does not say.
///
/// # Errors
/// When the connection must not use the grant.
pub fn judge(found: Option<&Identity>, expected: Expected<'_>) -> Result<(), Mismatch> {
    let wrong = |message: String| Mismatch {
        reason: Reason::WrongSubject,
        message,
    };
    let subject = expected.subject;
    let email = subject.and_then(|subject| subject.email.as_deref());
    let account = subject.and_then(|subject| subject.account_id.as_deref());
    let pinned = expected
        .pinned
        .and_then(|pinned| match expected.management {
            // An account can be authorized by any of its administrators, a user only by themselves.
            Some(Management::Admin) => pinned.account_id,
            _ => pinned.user_id,
        });
    let Some(found) = found else {
        return if email.is_some() || account.is_some() || pinned.is_some() {
            Err(Mismatch {
                reason: Reason::SubjectUnverifiable,
                message: unverifiable(expected),
            })
        } else {
            Ok(())
        };
    };
    if let (Some(email), true) = (email, found.email.is_empty()) {
        return Err(Mismatch {
            reason: Reason::SubjectUnverifiable,
            message: format!(
                "Zoom has not verified the email address of the person who authorized, so the operator cannot compare it with {email}: confirm the address in Zoom and authorize again, or set subject.accountId instead of subject.email."
            ),
        });
    }
    if let Some(email) = email.filter(|email| !email.eq_ignore_ascii_case(&found.email)) {
        return Err(wrong(format!(
            "Somebody other than {email} authorized: open status.installUrl as that person, signed in to Zoom with that address."
        )));
    }
    if account.is_some_and(|account| account != found.account_id) {
        return Err(wrong(
            "Somebody of another Zoom account than subject.accountId authorized: open status.installUrl signed in to that account.".into(),
        ));
    }
    let now = match expected.management {
        Some(Management::Admin) => &found.account_id,
        _ => &found.user_id,
    };
    if pinned.is_some_and(|before| before != now) {
        return Err(wrong(
            "A different person authorized than the first time: a ZoomConnection belongs to one person. Create another one for another person.".into(),
        ));
    }
    match expected.other {
        Some(Holder { name, of }) => Err(match of {
            Shared::User => Mismatch {
                reason: Reason::SubjectAlreadyConnected,
                message: format!(
                    "This Zoom user authorized {name} of the same app before, and Zoom keeps one authorization for each user and app: delete one of the two; if the earlier one stays, authorize it again."
                ),
            },
            Shared::Account => Mismatch {
                reason: Reason::AccountAlreadyConnected,
                message: format!(
                    "This Zoom account authorized the app through {name} before, and an admin-managed app has one connection for each account: delete one of the two; if the earlier one stays, authorize it again."
                ),
            },
        }),
        None => Ok(()),
    }
}

/// What is missing if Zoom does not say who authorized.
fn unverifiable(expected: Expected<'_>) -> String {
    let scope = match expected.management {
        Some(Management::Admin) => "user:read:user:admin",
        _ => "user:read:user",
    };
    // Declared but not granted: only the app in Zoom lacks it.
    let place = if expected.declared.iter().any(|declared| declared == scope) {
        "on the app's Scopes page, where it is missing"
    } else {
        "to scopes.required and on the app's Scopes page"
    };
    format!(
        "Zoom does not say who authorized: add {scope} {place}, and let the person authorize again."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(user: &str, account: &str) -> Identity {
        Identity {
            user_id: user.into(),
            account_id: account.into(),
            email: "ada@example.com".into(),
        }
    }

    const NOBODY: Expected<'_> = Expected {
        subject: None,
        pinned: None,
        management: Some(Management::User),
        other: None,
        declared: &[],
    };

    fn reason(found: Option<&Identity>, expected: Expected<'_>) -> Option<Reason> {
        judge(found, expected).err().map(|mismatch| mismatch.reason)
    }

    #[test]
    fn whoever_comes_first_is_welcome_without_expectations() {
        assert_eq!(reason(Some(&identity("u", "a")), NOBODY), None);
        assert_eq!(reason(None, NOBODY), None);
    }

    #[test]
    fn the_expected_person_is_told_from_others() {
        let subject = |email: &str, account: &str| Subject {
            display_name: None,
            email: (!email.is_empty()).then(|| email.into()),
            account_id: (!account.is_empty()).then(|| account.into()),
        };
        for (email, account, wanted) in [
            ("ADA@example.com", "", None),
            ("grace@example.com", "", Some(Reason::WrongSubject)),
            ("", "a", None),
            ("", "b", Some(Reason::WrongSubject)),
            ("ada@example.com", "b", Some(Reason::WrongSubject)),
        ] {
            let subject = subject(email, account);
            let expected = Expected {
                subject: Some(&subject),
                ..NOBODY
            };
            assert_eq!(
                reason(Some(&identity("u", "a")), expected),
                wanted,
                "{email} {account}"
            );
            assert_eq!(reason(None, expected), Some(Reason::SubjectUnverifiable));
        }
    }

    #[test]
    fn an_address_that_zoom_has_not_verified_proves_nobody() {
        let unverified = Identity {
            email: String::new(),
            ..identity("u", "a")
        };
        let subject = |email: Option<&str>| Subject {
            display_name: None,
            email: email.map(Into::into),
            account_id: Some("a".into()),
        };
        for (email, wanted) in [
            (Some("ada@example.com"), Some(Reason::SubjectUnverifiable)),
            (None, None),
        ] {
            let subject = subject(email);
            let expected = Expected {
                subject: Some(&subject),
                ..NOBODY
            };
            assert_eq!(reason(Some(&unverified), expected), wanted);
        }
    }

    #[test]
    fn another_user_or_account_is_refused_later() {
        let pinned = Pinned {
            user_id: Some("u"),
            account_id: Some("a"),
        };
        for (management, user, account, wanted) in [
            (Management::User, "u", "a", None),
            (Management::User, "v", "a", Some(Reason::WrongSubject)),
            (Management::Admin, "v", "a", None),
            (Management::Admin, "v", "b", Some(Reason::WrongSubject)),
        ] {
            let expected = Expected {
                pinned: Some(pinned),
                management: Some(management),
                ..NOBODY
            };
            assert_eq!(reason(Some(&identity(user, account)), expected), wanted);
            assert_eq!(
                reason(None, expected),
                Some(Reason::SubjectUnverifiable),
                "nobody else unseen"
            );
        }
    }

    #[test]
    fn one_user_or_account_has_one_connection() {
        for (of, reason) in [
            (Shared::User, Reason::SubjectAlreadyConnected),
            (Shared::Account, Reason::AccountAlreadyConnected),
        ] {
            let other = Holder {
                name: "ZoomConnection ada-2".into(),
                of,
            };
            let expected = Expected {
                other: Some(&other),
                ..NOBODY
            };
            let mismatch = judge(Some(&identity("u", "a")), expected).unwrap_err();
            assert_eq!(mismatch.reason, reason);
            assert!(mismatch.message.contains("ZoomConnection ada-2"));
        }
    }
}
