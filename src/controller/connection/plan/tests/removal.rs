//! What a person removes, and what is erased or removed in time.

use super::*;

#[test]
fn a_removal_is_checked_by_a_token_request_and_not_again() {
    let token = kept(Some((100, 3700)));
    let seen = |removed| {
        let signals = Signals {
            removed: Some(at(removed)),
            ..Signals::default()
        };
        signalled(&token, signals, 200)
    };
    assert_eq!(seen(150), Refresh::Now);
    assert_eq!(seen(100), Refresh::Now);
    assert_eq!(seen(99), Refresh::Keep);
}

/// A receiver tells whole seconds, and a token has fractions of one.
#[test]
fn a_removal_in_the_second_of_the_token_is_checked_once() {
    let decided = |issued: i64, now| {
        let mut token = kept(Some((100, 3700)));
        if let Some(access) = &mut token.grant.access {
            access.issued_at = Timestamp::from_millisecond(issued).unwrap();
        }
        let signals = Signals {
            removed: Some(at(100)),
            ..Signals::default()
        };
        signalled(&token, signals, now)
    };
    assert_eq!(decided(100_400, 100), Refresh::Wait(at(101)));
    assert_eq!(decided(100_400, 101), Refresh::Now);
    assert_eq!(decided(101_000, 101), Refresh::Keep, "the answer is there");
}

/// Whoever can send requests to the webhook's URL can claim a removal, as often as they want.
#[test]
fn a_claimed_removal_is_one_question_in_ten_minutes() {
    let token = kept(Some((100, 3700)));
    let decided = |claimed, now| {
        let said = Signals {
            claimed: Some(at(claimed)),
            ..Signals::default()
        };
        signalled(&token, said, now)
    };
    assert_eq!(decided(150, 200), Refresh::Wait(at(700)));
    assert_eq!(decided(699, 699), Refresh::Wait(at(700)));
    assert_eq!(decided(150, 700), Refresh::Now);
    assert_eq!(decided(99, 700), Refresh::Keep, "the last token answers it");
}

/// A grant that Zoom refuses while the wrong credentials are in the Secret comes back with the right ones: what
/// anybody can claim must not erase it.
#[test]
fn a_claimed_removal_erases_nothing() {
    let mut found = settled(0);
    if let GrantSecret::Ours(kept) = &mut found.grant {
        kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(50));
    }
    found.claimed_at = Some(at(60));
    assert_eq!(step(&situation(found), 100), None);
}

#[test]
fn a_sealed_token_is_erased_in_time() {
    let keep = Duration::from_secs(100);
    let mut token = kept(None);
    assert_eq!(erase_at(&token, keep), None);
    token.grant = token.grant.refused(Lost::GrantLost, &client(), at(10));
    assert_eq!(erase_at(&token, keep), Some(at(110)));
    // Written in between by an earlier version of the operator.
    token.grant.loss.as_mut().unwrap().sealed = None;
    assert_eq!(erase_at(&token, keep), Some(Timestamp::MIN));
    token.grant = token.grant.erased(Lost::GrantLost);
    assert_eq!(erase_at(&token, keep), None);
}

#[test]
fn a_confirmed_removal_erases_and_so_does_time() {
    let mut found = settled(0);
    if let GrantSecret::Ours(kept) = &mut found.grant {
        kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(50));
    }
    let mut now = situation(found);
    assert_eq!(step(&now, 100), None, "sealed, and not used");
    assert_eq!(step(&now, 1050).as_deref(), Some("Store Expired"));
    now.observed.removed_at = Some(at(40));
    assert_eq!(step(&now, 100).as_deref(), Some("Store Removed"));
    // Also while the integration is suspended or its credentials are missing.
    if let Some(integration) = &mut now.observed.integration {
        integration.credentials.app = None;
    }
    assert_eq!(step(&now, 100).as_deref(), Some("Store Removed"));
    if let GrantSecret::Ours(kept) = &mut now.observed.grant {
        kept.grant = kept.grant.removed(at(40));
    }
    assert_eq!(step(&now, 100), None);
    now.observed.integration = Some(integration());
    assert_eq!(step(&now, 100).as_deref(), Some("RemoveToken"));
}

/// A removal that Zoom disproved by a later token says nothing about a loss after that.
#[test]
fn an_old_removal_that_a_token_disproved_erases_nothing() {
    for (removed, is_erased) in [(40, false), (99, false), (100, true), (140, true)] {
        let mut found = settled(100);
        if let GrantSecret::Ours(kept) = &mut found.grant {
            kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(150));
        }
        found.removed_at = Some(at(removed));
        let step = step(&situation(found), 200);
        assert_eq!(
            step.as_deref(),
            is_erased.then_some("Store Removed"),
            "{removed}"
        );
    }
}

/// Receivers tell whole seconds: the person connected and removed the app within one.
#[test]
fn a_removal_in_the_second_of_the_consent_erases() {
    for (since, is_erased) in [(99_999, true), (100_400, true), (101_000, false)] {
        let since = Timestamp::from_millisecond(since).unwrap();
        let mut found = settled(100);
        if let GrantSecret::Ours(kept) = &mut found.grant {
            kept.grant.since = since;
            if let Some(access) = &mut kept.grant.access {
                access.issued_at = since;
            }
            kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(103));
        }
        found.removed_at = Some(at(100));
        let step = step(&situation(found), 104);
        assert_eq!(
            step.as_deref(),
            is_erased.then_some("Store Removed"),
            "{since}"
        );
    }
}

/// Somebody may have put another Secret in its place since.
#[test]
fn exactly_the_secret_that_was_read_is_removed() {
    let mut found = settled(0);
    if let TokenSecret::Ours(stored) = &mut found.token {
        (stored.uid, stored.resource_version) = (Some("s".into()), "7".into());
    }
    if let GrantSecret::Ours(kept) = &mut found.grant {
        kept.grant = kept.grant.removed(at(40));
    }
    let step = next(&connection(), &situation(found), RULES, at(100));
    let Some(Step::RemoveToken(secret)) = step else {
        panic!("{step:?}");
    };
    assert_eq!(secret.name, "ada-zoom-token");
    assert_eq!(secret.uid.as_deref(), Some("s"));
    assert_eq!(secret.resource_version.as_deref(), Some("7"));
}
