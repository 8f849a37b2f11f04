//! Decides what the result page shows, from the browser's ticket and the state of the connection.

use jiff::Timestamp;

use super::ticket::Ticket;
use crate::api::{reason::Reason, v1alpha1::ZoomConnection};

/// After this many seconds it takes longer than usual.
const USUAL: i64 = 60;

/// After this many seconds a code has expired: a person without a connection by then was refused.
const CODE_LIFE: i64 = 360;

/// Maximum length of a message that is shown, in characters.
const MAX_MESSAGE: usize = 500;

/// The result of a consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentResult {
    /// The controller has no result yet.
    Pending {
        /// Whether it takes longer than usual.
        slow: bool,
    },
    /// Zoom or the cluster does not do what is needed; it is retried.
    Waiting,
    /// It is connected; with the person that Zoom named.
    Connected(Option<String>),
    /// It failed.
    Failed {
        /// The reason, for a text in the person's language.
        reason: Reason,
        /// The controller's message.
        message: String,
    },
    /// The connection no longer exists, or another one took its name.
    Gone,
}

/// Judges the ticket's connection at `now`.
#[must_use]
pub fn judge(
    ticket: &Ticket,
    connection: Option<&ZoomConnection>,
    now: Timestamp,
) -> ConsentResult {
    let since = ticket.authorized.unwrap_or(ticket.begun);
    let slow = now.as_second() - since.as_second() >= USUAL;
    let pending = ConsentResult::Pending { slow };
    let Some(connection) = connection else {
        // Self service: the controller creates it once Zoom has accepted the code.
        return if ticket.connection_uid.is_some() {
            ConsentResult::Gone
        } else if now.as_second() - since.as_second() > CODE_LIFE {
            ConsentResult::Failed {
                reason: Reason::CodeRejected,
                message: String::new(),
            }
        } else {
            pending
        };
    };
    let same = ticket.connection_uid.is_none() || ticket.connection_uid == connection.metadata.uid;
    let reference = &connection.spec.integration_ref;
    let is_same_app = reference.name == ticket.integration
        && reference.namespace(&ticket.namespace) == ticket.integration_namespace();
    if !same || !is_same_app {
        return ConsentResult::Gone;
    }
    let status = connection.status.as_ref();
    let consent = status
        .and_then(|status| status.consent.as_ref())
        .filter(|consent| consent.transaction == ticket.transaction().as_str());
    match consent {
        Some(consent) if consent.has_succeeded() => {
            let subject = status.and_then(|status| status.subject.as_ref());
            ConsentResult::Connected(subject.and_then(|subject| subject.email.clone()))
        }
        Some(consent) if consent.has_failed() => ConsentResult::Failed {
            reason: consent.reason,
            message: consent.message.chars().take(MAX_MESSAGE).collect(),
        },
        Some(consent) if consent.is_waiting() => ConsentResult::Waiting,
        _ => pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::{
        ConsentStatus, IntegrationRef, SubjectStatus, ZoomConnectionSpec, ZoomConnectionStatus,
    };
    use contract::Language;

    fn ticket(uid: Option<&str>) -> Ticket {
        Ticket {
            state: "s".into(),
            verifier: "v".into(),
            start: "/connections/clinics/ada/n".into(),
            namespace: "clinics".into(),
            integration_namespace: None,
            integration: "app".into(),
            integration_uid: "i".into(),
            connection: "ada".into(),
            connection_uid: uid.map(Into::into),
            client_id: "id".into(),
            redirect_url: "https://x".into(),
            begun: Timestamp::UNIX_EPOCH,
            authorized: None,
            expires: Timestamp::MAX,
            language: Language::English,
        }
    }

    fn connection(transaction: &str, outcome: &str, reason: &str) -> ZoomConnection {
        let mut connection = ZoomConnection::new(
            "ada",
            ZoomConnectionSpec {
                integration_ref: IntegrationRef::local("app"),
                sink: None,
                subject: None,
                import_secret_ref: None,
                token: None,
                external_refs: None,
            },
        );
        connection.metadata.uid = Some("c".into());
        connection.status = Some(ZoomConnectionStatus {
            subject: Some(SubjectStatus {
                email: Some("ada@example.com".into()),
                ..SubjectStatus::default()
            }),
            consent: Some(ConsentStatus {
                attempts: None,
                retry_at: None,
                transaction: transaction.into(),
                outcome: outcome.into(),
                reason: Reason::parse(reason).unwrap_or_default(),
                message: "m".into(),
            }),
            ..ZoomConnectionStatus::default()
        });
        connection
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap_or_default()
    }

    #[test]
    fn only_this_transaction_counts() {
        let ticket = ticket(Some("c"));
        let ours = ticket.transaction();
        let shown = |transaction: &str, outcome: &str| {
            judge(
                &ticket,
                Some(&connection(transaction, outcome, "WrongSubject")),
                at(0),
            )
        };
        let pending = ConsentResult::Pending { slow: false };
        assert_eq!(shown("another", "Succeeded"), pending);
        assert_eq!(shown(ours.as_str(), "Perhaps"), pending);
        assert_eq!(
            shown(ours.as_str(), "Succeeded"),
            ConsentResult::Connected(Some("ada@example.com".into()))
        );
        assert_eq!(
            shown(ours.as_str(), "Failed"),
            ConsentResult::Failed {
                reason: Reason::WrongSubject,
                message: "m".into()
            }
        );
    }

    #[test]
    fn an_integration_of_the_same_name_elsewhere_is_another_one() {
        let mut connection = connection("another", "Succeeded", "");
        connection.spec.integration_ref.namespace = Some("platform".into());
        let shown = |ticket: &Ticket| judge(ticket, Some(&connection), at(0));
        assert_eq!(shown(&ticket(Some("c"))), ConsentResult::Gone);
        let mut elsewhere = ticket(Some("c"));
        elsewhere.integration_namespace = Some("platform".into());
        assert_eq!(shown(&elsewhere), ConsentResult::Pending { slow: false });
    }

    #[test]
    fn what_is_missing_is_awaited_only_when_it_has_to_be_made() {
        let slow = |slow| ConsentResult::Pending { slow };
        assert_eq!(judge(&ticket(None), None, at(59)), slow(false));
        assert_eq!(judge(&ticket(None), None, at(60)), slow(true));
        assert_eq!(judge(&ticket(Some("c")), None, at(0)), ConsentResult::Gone);
        let mut handed = ticket(None);
        handed.authorized = Some(at(300));
        assert_eq!(judge(&handed, None, at(310)), slow(false));
        let other = connection("x", "Succeeded", "");
        assert_eq!(
            judge(&ticket(Some("d")), Some(&other), at(0)),
            ConsentResult::Gone
        );
    }
}
