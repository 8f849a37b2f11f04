//! A token that is valid, expired, refused, or lacks scopes.

use super::*;

#[test]
fn a_failing_refresh_changes_nothing_while_the_token_is_valid() {
    let (spec, scopes, failure) = (spec(json!({})), granted(), failure("ZoomUnavailable", 9));
    is(
        &token_case(&spec, connected(), 500, &scopes, Some(&failure)),
        Phase::Connected,
        Status::True,
        Flow::Settled,
        "Connected",
    );
}

#[test]
fn an_expired_token_is_lost_for_now() {
    let (spec, scopes, failure) = (spec(json!({})), granted(), failure("ZoomUnavailable", 9));
    is(
        &token_case(&spec, connected(), 100, &scopes, Some(&failure)),
        Phase::Degraded,
        Status::False,
        Flow::Reconciling,
        "TokenExpired",
    );
    let lost = before("False", Phase::Degraded, Some(Type::Reconciling));
    is(
        &token_case(&spec, lost, 100, &scopes, Some(&failure)),
        Phase::Degraded,
        Status::False,
        Flow::Reconciling,
        "TokenExpired",
    );
}

#[test]
fn a_token_that_zoom_does_not_take_is_not_connected() {
    let (spec, scopes, failure) = (spec(json!({})), granted(), failure("ProbeRefused", 1));
    let case = token_case(&spec, connected(), 500, &scopes, Some(&failure));
    is(
        &case,
        Phase::Degraded,
        Status::False,
        Flow::Stalled,
        "ProbeRefused",
    );
    let fresh = crate::controller::verdict::token_fresh(case.token.as_ref().unwrap());
    let decided = (fresh.status, fresh.reason);
    assert_eq!(decided, (Status::False, Reason::ProbeRefused));
}

#[test]
fn missing_scopes_get_one_repetition_before_they_stall() {
    let (spec, scopes) = (spec(json!({})), lacking());
    let (first, second) = (failure("MissingScopes", 1), failure("MissingScopes", 2));
    is(
        &token_case(&spec, unseen(), 500, &scopes, Some(&first)),
        Phase::Connecting,
        Status::Unknown,
        Flow::Reconciling,
        "ScopesPending",
    );
    is(
        &token_case(&spec, unseen(), 500, &scopes, Some(&second)),
        Phase::MissingScopes,
        Status::False,
        Flow::Stalled,
        "MissingScopes",
    );
}
