//! When the webhook endpoint was last proved, and last doubted. Pure.
//!
//! Every request that comes in changes what the receiver knows, and a status is not written for each of
//! them: the times are those of the first request in an hour.

use jiff::{SignedDuration, Timestamp};

use crate::{api::v1alpha1::WebhookStatus, receiver::facts::Facts};

/// A newer time is written once it is newer by this.
const STEP: SignedDuration = SignedDuration::from_hours(1);

/// The times to publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Proofs {
    /// When a request was last signed rightly.
    pub verified: Option<Timestamp>,
    /// When a request was last signed by no secret that is known, and no right one came since.
    pub rejected: Option<Timestamp>,
}

/// What is said anew, after what was said and what the receivers know, if they can be asked.
pub(super) fn proofs(known: &WebhookStatus, facts: Option<&Facts>) -> Proofs {
    let before = Proofs {
        verified: known.last_verified.as_ref().map(|time| time.0),
        rejected: known.last_rejected.as_ref().map(|time| time.0),
    };
    let Some(facts) = facts else {
        return before;
    };
    let proof = facts
        .last_verified
        .max(facts.last_validated)
        .max(before.verified)
        .max(known.last_validated.as_ref().map(|time| time.0));
    let verified = match (before.verified, facts.last_verified) {
        // It also ends a doubt at once.
        (Some(last), Some(new))
            if !is_later(new, last) && before.rejected.is_none_or(|at| at < last || at > new) =>
        {
            Some(last)
        }
        (last, new) => last.max(new),
    };
    let rejected = match (before.rejected, facts.last_rejected) {
        (Some(last), Some(new)) if is_later(new, last) && Some(new) > proof => Some(new),
        (None, Some(new)) if Some(new) > proof => Some(new),
        (last, _) => last,
    };
    Proofs { verified, rejected }
}

fn is_later(new: Timestamp, last: Timestamp) -> bool {
    new.duration_since(last) >= STEP
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    /// Minutes of the last right and the last wrong signature, before and as the receiver knows them.
    fn said(
        before: (Option<i64>, Option<i64>),
        facts: (Option<i64>, Option<i64>),
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        let known = WebhookStatus {
            last_verified: before.0.map(at).map(Time),
            last_rejected: before.1.map(at).map(Time),
            ..WebhookStatus::default()
        };
        let mut now = Facts::default();
        now.last_verified = facts.0.map(at);
        now.last_rejected = facts.1.map(at);
        let proofs = proofs(&known, Some(&now));
        (proofs.verified, proofs.rejected)
    }

    #[test]
    fn the_first_right_signature_is_said_and_then_one_in_an_hour() {
        assert_eq!(said((None, None), (Some(5), None)).0, Some(at(5)));
        assert_eq!(said((Some(5), None), (Some(64), None)).0, Some(at(5)));
        assert_eq!(said((Some(5), None), (Some(65), None)).0, Some(at(65)));
        assert_eq!(said((Some(65), None), (Some(5), None)).0, Some(at(65)));
        assert_eq!(said((Some(65), None), (None, None)).0, Some(at(65)));
    }

    #[test]
    fn a_wrong_signature_is_said_as_long_as_no_right_one_came_since() {
        assert_eq!(said((None, None), (None, Some(5))).1, Some(at(5)));
        assert_eq!(said((None, None), (Some(6), Some(5))).1, None);
        assert_eq!(said((Some(4), None), (Some(4), Some(5))).1, Some(at(5)));
        // As the receiver knows it, not as it was said to the hour.
        assert_eq!(said((Some(4), None), (Some(6), Some(5))).1, None);
        // Anybody can send one every second.
        assert_eq!(said((None, Some(5)), (None, Some(64))).1, Some(at(5)));
        assert_eq!(said((None, Some(5)), (None, Some(65))).1, Some(at(65)));
    }

    #[test]
    fn a_right_signature_ends_a_doubt_at_once() {
        assert_eq!(
            said((Some(4), Some(5)), (Some(6), Some(5))),
            (Some(at(6)), Some(at(5)))
        );
        // Said once, and then to the hour again.
        assert_eq!(
            said((Some(6), Some(5)), (Some(7), Some(5))),
            (Some(at(6)), Some(at(5)))
        );
    }

    #[test]
    fn a_receiver_that_cannot_be_asked_changes_nothing() {
        let known = WebhookStatus {
            last_verified: Some(Time(at(4))),
            last_rejected: Some(Time(at(5))),
            ..WebhookStatus::default()
        };
        let expected = Proofs {
            verified: Some(at(4)),
            rejected: Some(at(5)),
        };
        assert_eq!(proofs(&known, None), expected);
    }

    #[test]
    fn a_validation_is_a_proof_too() {
        let mut facts = Facts::default();
        facts.last_validated = Some(at(6));
        facts.last_rejected = Some(at(5));
        assert_eq!(
            proofs(&WebhookStatus::default(), Some(&facts)).rejected,
            None
        );
    }
}
