//! Whether the webhook URL leads to the receiver, as seen from here.

use jiff::Timestamp;

use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::{WebhookStatus, ZoomIntegrationStatus},
    },
    controller::reach::{self, ReachState},
    reach::Finding,
};

/// The condition; `None` without a published URL, or if URLs are not checked.
pub(super) fn endpoint_reachable(
    webhook: Option<&WebhookStatus>,
    seen: Option<&ReachState>,
    before: &ZoomIntegrationStatus,
    now: Timestamp,
) -> Option<Statement> {
    let (webhook, seen) = (webhook?, seen?);
    webhook.url.as_ref()?;
    let say = |status: Status, reason: Reason, message: &str| {
        Some(Statement::new(
            Type::EndpointReachable,
            status,
            reason,
            message,
        ))
    };
    let validated = webhook.last_validated.as_ref().map(|time| time.0);
    if reach::is_proven(validated, now) {
        let message = "Zoom's own URL validation came through.";
        return say(Status::True, Reason::Validated, message);
    }
    let known = earlier_finding(webhook, before).filter(|_| seen.tried);
    let is_obstacle = |finding: &Finding| finding.is_obstacle();
    let was_up = known.as_ref().is_some_and(|statement| {
        statement.status == Status::True || statement.reason == Reason::ReceiverDown
    });
    let obstacle = seen.finding.as_ref().is_some_and(is_obstacle);
    if seen.tried && !seen.ready && !obstacle && (was_up || seen.finding.is_some()) {
        let message =
            "The receiver accepts no requests: the operator tries the URL again once it does.";
        return say(Status::Unknown, Reason::ReceiverDown, message);
    }
    let Some(finding) = &seen.finding else {
        return known
            .filter(|statement| statement.reason != Reason::ReceiverDown)
            .or_else(|| {
                let message = "The operator tries the URL as soon as the receiver accepts requests and the credentials hold the webhook secret token.";
                say(Status::Unknown, Reason::NotChecked, message)
            });
    };
    let status = if finding.is_reachable() {
        Status::True
    } else if finding.is_obstacle() {
        Status::False
    } else {
        Status::Unknown
    };
    let message = format!("Seen from the operator: {}", finding.message);
    say(status, finding.cause.into(), &message)
}

/// The finding of an earlier process at the same URL, until this process has checked it.
fn earlier_finding(webhook: &WebhookStatus, before: &ZoomIntegrationStatus) -> Option<Statement> {
    let known = before.webhook.as_ref()?;
    let statement = Type::EndpointReachable.find(&before.conditions)?;
    let status = [Status::True, Status::False, Status::Unknown]
        .into_iter()
        .find(|status| status.as_str() == statement.status)?;
    let reason = Reason::of(statement)?;
    let is_a_finding = !matches!(reason, Reason::NotChecked | Reason::Validated);
    (is_a_finding && known.url == webhook.url)
        .then(|| Statement::new(Type::EndpointReachable, status, reason, &statement.message))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::{api::condition, reach::Cause};

    const URL: &str = "https://hooks.example.com/";
    const DAY: i64 = 24 * 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn webhook(url: Option<&str>, validated: Option<i64>) -> WebhookStatus {
        WebhookStatus {
            url: url.map(Into::into),
            last_validated: validated.map(at).map(Time),
            ..WebhookStatus::default()
        }
    }

    fn seen(cause: Option<Cause>) -> ReachState {
        ReachState {
            tried: true,
            ready: true,
            finding: cause.map(|cause| Finding {
                cause,
                message: "as found.".into(),
            }),
            again: None,
        }
    }

    fn say(webhook: &WebhookStatus, seen: Option<&ReachState>) -> Option<Statement> {
        let before = ZoomIntegrationStatus::default();
        endpoint_reachable(Some(webhook), seen, &before, at(10 * DAY))
    }

    #[test]
    fn a_finding_is_told() {
        let webhook = webhook(Some(URL), Some(5 * DAY));
        for (cause, status) in [
            (Cause::Reachable, Status::True),
            (Cause::NameNotFound, Status::False),
            (Cause::UnexpectedStatus(404), Status::False),
            (Cause::ResolverFailed, Status::Unknown),
        ] {
            let statement = say(&webhook, Some(&seen(Some(cause)))).unwrap();
            assert_eq!((statement.status, statement.reason), (status, cause.into()));
            assert_eq!(statement.message, "Seen from the operator: as found.");
        }
    }

    #[test]
    fn zooms_own_validation_counts_more() {
        let webhook = webhook(Some(URL), Some(8 * DAY));
        let statement = say(&webhook, Some(&seen(Some(Cause::NameNotFound)))).unwrap();
        assert_eq!(
            (statement.status, statement.reason),
            (Status::True, Reason::Validated)
        );
    }

    #[test]
    fn nothing_is_said_of_what_is_not_given_out_or_not_tried() {
        let unseen = seen(None);
        assert_eq!(say(&webhook(None, None), Some(&unseen)), None);
        assert_eq!(say(&webhook(Some(URL), Some(9 * DAY)), None), None);
        let statement = say(&webhook(Some(URL), None), Some(&unseen)).unwrap();
        assert_eq!(
            (statement.status, statement.reason),
            (Status::Unknown, Reason::NotChecked)
        );
    }

    #[test]
    fn after_a_restart_the_same_is_said_until_it_is_tried_again() {
        let first = say(
            &webhook(Some(URL), None),
            Some(&seen(Some(Cause::NameNotFound))),
        );
        let first = first.unwrap();
        let before = ZoomIntegrationStatus {
            conditions: condition::merge(&[], vec![first.clone()], Some(1), at(1)),
            webhook: Some(webhook(Some(URL), None)),
            ..ZoomIntegrationStatus::default()
        };
        let say = |url: &str, seen: ReachState, before: &ZoomIntegrationStatus| {
            let webhook = webhook(Some(url), None);
            let statement = endpoint_reachable(Some(&webhook), Some(&seen), before, at(10 * DAY));
            statement.unwrap()
        };
        assert_eq!(say(URL, seen(None), &before), first);
        let reason =
            |url: &str, seen, before: &ZoomIntegrationStatus| say(url, seen, before).reason;
        assert_eq!(
            reason("https://other/", seen(None), &before),
            Reason::NotChecked
        );
        // Suspended or without a key: it will not be checked.
        assert_eq!(
            reason(URL, ReachState::default(), &before),
            Reason::NotChecked
        );
        // Zoom's proof has expired.
        let mut before = before.clone();
        before.conditions[0].reason = Reason::Validated.into();
        assert_eq!(reason(URL, seen(None), &before), Reason::NotChecked);
    }

    #[test]
    fn without_a_receiver_no_old_finding_says_that_it_is_reachable() {
        let webhook = webhook(Some(URL), None);
        let down = |cause| ReachState {
            ready: false,
            ..seen(cause)
        };
        let reason = |seen: &ReachState| say(&webhook, Some(seen)).unwrap().reason;
        let statement = say(&webhook, Some(&down(Some(Cause::Reachable)))).unwrap();
        assert_eq!(
            (statement.status, statement.reason),
            (Status::Unknown, Reason::ReceiverDown)
        );
        // An obstacle remains an obstacle. A URL that was never reachable gets no statement.
        assert_eq!(
            reason(&down(Some(Cause::NameNotFound))),
            Reason::NameNotFound
        );
        assert_eq!(reason(&down(None)), Reason::NotChecked);

        let after = |statement: Statement, seen: &ReachState| {
            let before = ZoomIntegrationStatus {
                conditions: condition::merge(&[], vec![statement], Some(1), at(1)),
                webhook: Some(webhook.clone()),
                ..ZoomIntegrationStatus::default()
            };
            endpoint_reachable(Some(&webhook), Some(seen), &before, at(10 * DAY)).unwrap()
        };
        let up = say(&webhook, Some(&seen(Some(Cause::Reachable)))).unwrap();
        let statement = after(up, &down(None));
        assert_eq!(statement.reason, Reason::ReceiverDown);
        assert_eq!(after(statement.clone(), &down(None)), statement);
        assert_eq!(after(statement, &seen(None)).reason, Reason::NotChecked);
    }
}
