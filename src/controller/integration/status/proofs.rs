//! When the webhook endpoint was last proved, and last in doubt. Pure.
//!
//! Every incoming request changes the receiver's facts, but the status must not be written for each of them:
//! it holds the time of the first request in an hour.
//!
//! A receiver does not know which URL a request was sent to. So requests from before the URL became the
//! current one prove nothing about it.

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::v1alpha1::{Webhook, WebhookStatus, ZoomIntegration},
    controller::{
        integration::model::{Applied, Observed},
        schedule,
    },
};
use contract::facts::Facts;

/// A time in the status is replaced once the new one is later by this much.
const STEP: SignedDuration = SignedDuration::from_hours(1);

/// The times to publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Proofs {
    /// When a request last had a correct signature.
    pub verified: Option<Timestamp>,
    /// When a request last had an unknown signature, if no correct one came since.
    pub rejected: Option<Timestamp>,
}

/// The parts of the last status and of the receivers' facts that count.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    /// The published URL.
    pub url: Option<String>,
    /// Since when it is the URL, if it was another one before.
    pub since: Option<Timestamp>,
    /// The last status.
    pub known: WebhookStatus,
    /// The receivers' facts, if they can be asked.
    pub facts: Option<Facts>,
}

// === impl Counted ===

impl Counted {
    /// When Zoom last validated the endpoint. An earlier answer is kept while a receiver cannot be asked.
    pub(super) fn validated(&self) -> Option<Timestamp> {
        let known = self.known.last_validated.as_ref().map(|time| time.0);
        let facts = self.facts.as_ref();
        known.max(facts.and_then(|facts| facts.last_validated))
    }
}

/// When Zoom last validated the endpoint at the declared URL.
#[must_use]
pub fn validated(
    integration: &ZoomIntegration,
    observed: &Observed,
    applied: &Applied,
    now: Timestamp,
) -> Option<Timestamp> {
    counted(integration, observed, applied, now).validated()
}

/// When the last request with Zoom's signature arrived.
pub(super) fn latest(webhook: &WebhookStatus) -> Option<Timestamp> {
    let times = [&webhook.last_validated, &webhook.last_verified];
    times.into_iter().flatten().map(|time| time.0).max()
}

/// What counts in this pass.
pub(super) fn counted(
    integration: &ZoomIntegration,
    observed: &Observed,
    applied: &Applied,
    now: Timestamp,
) -> Counted {
    let declared = integration.spec.webhook.as_ref();
    let declared = declared.and_then(Webhook::url);
    // A URL that leads to somebody else must not be pasted into Zoom, and no incoming request can prove it.
    let withheld = declared.is_some() && !applied.is_exposed();
    let url = declared.filter(|_| !withheld);
    let before = integration.status.as_ref();
    let before = before.and_then(|before| before.webhook.as_ref());
    let facts = observed.facts.as_ref();
    count(before, facts, url, withheld, now)
}

fn count(
    before: Option<&WebhookStatus>,
    facts: Option<&Facts>,
    url: Option<String>,
    withheld: bool,
    now: Timestamp,
) -> Counted {
    let mut known = before.cloned().unwrap_or_default();
    let mut facts = facts.cloned();
    let mut since = known.proved_since.as_ref().map(|time| time.0);
    let changed = before.is_some_and(|before| before.url != url);
    if changed {
        since = Some(change(facts.as_ref(), now));
    }
    if changed || withheld {
        known.last_validated = None;
        known.last_verified = None;
        known.last_rejected = None;
    }
    if let Some(facts) = &mut facts {
        let counts = |at: &Timestamp| !withheld && since.is_none_or(|since| *at >= since);
        facts.last_validated = facts.last_validated.filter(counts);
        facts.last_verified = facts.last_verified.filter(counts);
        facts.last_rejected = facts.last_rejected.filter(counts);
    }
    Counted {
        url,
        since,
        known,
        facts,
    }
}

/// From when on a request counts: after all that the receivers have seen, whose times are in whole seconds.
fn change(facts: Option<&Facts>, now: Timestamp) -> Timestamp {
    let seen = facts.and_then(|facts| {
        facts
            .last_validated
            .max(facts.last_verified)
            .max(facts.last_rejected)
    });
    let after = seen.map(|seen| schedule::later(seen, std::time::Duration::from_secs(1)));
    let now = schedule::later(now, std::time::Duration::ZERO);
    after.map_or(now, |after| after.max(now))
}

/// The times to publish, from the last status and the receivers' facts, if they can be asked.
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
        // A correct signature also ends a doubt at once.
        (Some(last), Some(new))
            if !is_later(new, last) && before.rejected.is_none_or(|at| at < last || at > new) =>
        {
            Some(last)
        }
        (last, new) => last.max(new),
    };
    let rejected = match (before.rejected, facts.last_rejected) {
        // A doubt that a correct signature has ended does not affect the next one.
        (Some(last), Some(new))
            if Some(new) > proof && (is_later(new, last) || Some(last) < proof) =>
        {
            Some(new)
        }
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

    /// Minutes of the last correct and the last wrong signature, in the status before and in the facts.
    fn published(
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
        assert_eq!(published((None, None), (Some(5), None)).0, Some(at(5)));
        assert_eq!(published((Some(5), None), (Some(64), None)).0, Some(at(5)));
        assert_eq!(published((Some(5), None), (Some(65), None)).0, Some(at(65)));
        assert_eq!(published((Some(65), None), (Some(5), None)).0, Some(at(65)));
        assert_eq!(published((Some(65), None), (None, None)).0, Some(at(65)));
    }

    #[test]
    fn a_wrong_signature_is_said_as_long_as_no_right_one_came_since() {
        assert_eq!(published((None, None), (None, Some(5))).1, Some(at(5)));
        assert_eq!(published((None, None), (Some(6), Some(5))).1, None);
        assert_eq!(
            published((Some(4), None), (Some(4), Some(5))).1,
            Some(at(5))
        );
        // Compared with the exact time of the receiver, not with the hourly time of the status.
        assert_eq!(published((Some(4), None), (Some(6), Some(5))).1, None);
        // Anybody can send a wrong signature every second.
        assert_eq!(published((None, Some(5)), (None, Some(64))).1, Some(at(5)));
        assert_eq!(published((None, Some(5)), (None, Some(65))).1, Some(at(65)));
    }

    #[test]
    fn a_wrong_signature_after_a_right_one_is_said_at_once() {
        // The last published doubt was ended by a correct signature.
        assert_eq!(
            published((Some(6), Some(5)), (Some(6), Some(20))).1,
            Some(at(20))
        );
        assert_eq!(
            published((Some(4), Some(5)), (Some(10), Some(20))).1,
            Some(at(20))
        );
        assert_eq!(
            published((Some(4), Some(5)), (Some(4), Some(20))).1,
            Some(at(5))
        );
    }

    #[test]
    fn a_right_signature_ends_a_doubt_at_once() {
        assert_eq!(
            published((Some(4), Some(5)), (Some(6), Some(5))),
            (Some(at(6)), Some(at(5)))
        );
        // Published once, and then at most hourly again.
        assert_eq!(
            published((Some(6), Some(5)), (Some(7), Some(5))),
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

    /// The minute of the validation that counts, and from when on any counts.
    fn counts(
        before: Option<(Option<&str>, Option<i64>, Option<i64>)>,
        validated: Option<i64>,
        url: Option<&str>,
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        let before = before.map(|(url, validated, since)| WebhookStatus {
            url: url.map(Into::into),
            last_validated: validated.map(at).map(Time),
            last_verified: validated.map(at).map(Time),
            last_rejected: validated.map(at).map(Time),
            proved_since: since.map(at).map(Time),
            ..WebhookStatus::default()
        });
        let mut facts = Facts::default();
        facts.last_validated = validated.map(at);
        facts.last_verified = validated.map(at);
        facts.last_rejected = validated.map(at);
        let url = url.map(ToOwned::to_owned);
        let withheld = url.is_none();
        let counted = count(before.as_ref(), Some(&facts), url, withheld, at(10));
        let known = &counted.known;
        assert_eq!(known.last_validated, known.last_verified);
        assert_eq!(known.last_validated, known.last_rejected);
        let facts = counted.facts.as_ref().unwrap();
        assert_eq!(facts.last_validated, facts.last_verified);
        assert_eq!(facts.last_validated, facts.last_rejected);
        (counted.validated(), counted.since)
    }

    #[test]
    fn what_proved_another_url_does_not_prove_this_one() {
        let (a, b) = (Some("https://a/"), Some("https://b/"));
        let changed = Some(at(10));
        assert_eq!(
            counts(Some((a, Some(5), None)), Some(6), b),
            (None, changed)
        );
        assert_eq!(counts(Some((a, Some(5), None)), None, b), (None, changed));
        // In the following passes.
        let since = |validated| counts(Some((b, None, Some(8))), validated, b);
        assert_eq!(since(Some(6)), (None, Some(at(8))));
        assert_eq!(since(Some(8)), (Some(at(8)), Some(at(8))));
        assert_eq!(since(None), (None, Some(at(8))));
        // A receiver whose clock is fast.
        let ahead = counts(Some((a, None, None)), Some(20), b).1.unwrap();
        assert_eq!(ahead.as_second(), 20 * 60 + 1);
    }

    #[test]
    fn the_first_url_and_one_that_an_older_version_wrote_lose_nothing() {
        let a = Some("https://a/");
        assert_eq!(counts(None, Some(6), a), (Some(at(6)), None));
        let known = counts(Some((a, Some(5), None)), None, a);
        assert_eq!(known, (Some(at(5)), None));
    }

    #[test]
    fn a_url_that_is_withheld_is_not_proved() {
        let a = Some("https://a/");
        let changed = Some(at(10));
        assert_eq!(
            counts(Some((a, Some(5), None)), Some(6), None),
            (None, changed)
        );
        // However long it lasts and whatever arrives, nothing is written for it.
        let meanwhile = counts(Some((None, None, Some(8))), Some(9), None);
        assert_eq!(meanwhile, (None, Some(at(8))));
        let upgraded = counts(Some((None, Some(5), None)), Some(9), None);
        assert_eq!(upgraded, (None, None));
        let free = counts(Some((None, None, Some(8))), Some(9), a);
        assert_eq!(free, (None, changed));
    }
}
