//! Whether and when a grant is spent.

use super::*;

#[test]
fn a_token_is_replaced_in_time_and_not_before() {
    let token = kept(Some((0, 3600)));
    assert_eq!(decided(&token, 2500), Refresh::Keep);
    assert_eq!(decided(&token, 2900), Refresh::Now);
    assert_eq!(decided(&kept(None), 0), Refresh::Now);
}

/// A clock that was ahead when the token came, and was set back.
#[test]
fn a_token_from_the_future_is_replaced_at_once() {
    let issued = |at| decided(&kept(Some((at, at + 3600))), 100);
    assert_eq!(issued(160), Refresh::Keep, "clocks differ");
    assert_eq!(issued(161), Refresh::Now);
}

#[test]
fn a_failure_delays_the_next_attempt_and_other_credentials_hasten_it() {
    let token = kept(Some((0, 3600)));
    let failure = failed(4000);
    let attempt = |credentials_version, now| {
        let client = client();
        let failed = Input {
            last_failure: Some(&failure),
            credentials_version,
            ..input(&token, &client)
        };
        decide(failed, at(now))
    };
    assert_eq!(attempt("v", 3000), Refresh::Wait(at(4000)));
    assert_eq!(attempt("w", 3000), Refresh::Now);
    assert_eq!(attempt("v", 4000), Refresh::Now);
}

#[test]
fn an_attempt_on_record_is_made_good_at_once() {
    let mut token = kept(Some((0, 3600)));
    token.grant.intent = Some(intent());
    assert_eq!(decided(&token, 2), Refresh::Now);
}

#[test]
fn a_requested_refresh_is_made_once_and_at_most_once_a_minute() {
    let token = kept(Some((100, 3700)));
    let decided = |requested, now| {
        let signals = Signals {
            requested: Some(at(requested)),
            ..Signals::default()
        };
        signalled(&token, signals, now)
    };
    assert_eq!(decided(100, 500), Refresh::Keep);
    assert_eq!(decided(101, 120), Refresh::Wait(at(160)));
    assert_eq!(decided(101, 160), Refresh::Now);
    assert_eq!(decided(900, 500), Refresh::Wait(at(900)));
}

#[test]
fn a_lost_grant_is_spent_only_with_other_credentials() {
    let wrong = Client::new("other", &"secret".to_owned().into());
    for (refused_by, wanted) in [(&client(), Refresh::Keep), (&wrong, Refresh::Now)] {
        let mut token = kept(Some((0, 3600)));
        token.grant = token.grant.refused(Lost::GrantLost, refused_by, at(10));
        assert_eq!(decided(&token, 9999), wanted);
        token.grant = token.grant.erased(Lost::GrantLost);
        assert_eq!(decided(&token, 9999), Refresh::Keep);
    }
}

#[test]
fn nothing_is_sent_with_the_credentials_of_another_app() {
    let mut token = kept(Some((0, 3600)));
    for (known, wanted) in [
        (Some("other"), Refresh::Keep),
        (Some("id"), Refresh::Now),
        (None, Refresh::Now),
    ] {
        token.grant.client_id = known.map(Into::into);
        assert_eq!(decided(&token, 9999), wanted, "{known:?}");
    }
}
