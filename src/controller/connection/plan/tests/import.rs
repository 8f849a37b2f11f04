//! A refresh token to import.

use super::*;
use crate::controller::connection::plan::import::was_spent;

#[test]
fn a_refresh_token_is_taken_over_once() {
    let import = Import::Present("token".to_owned().into());
    let credential = due(&import, None).unwrap();
    let mut taken = kept(None);
    assert!(due(&import, Some(&taken)).is_some());
    taken.imported = Some(credential.fingerprint());
    assert!(due(&import, Some(&taken)).is_none());
    let other = Import::Present("another".to_owned().into());
    assert!(due(&other, Some(&taken)).is_some());
    assert!(due(&Import::NotWanted, None).is_none());
}

/// Garbage, an older value that a backup brought back, the token of another app: Zoom has not judged it yet.
#[test]
fn a_refresh_token_to_import_replaces_no_grant_that_serves() {
    let with = |change: &dyn Fn(&mut Observed)| {
        let mut found = settled(100);
        found.import = Import::Present("another".to_owned().into());
        change(&mut found);
        situation(found)
    };
    let grant = |found: &mut Observed, change: &dyn Fn(&mut StoredGrant)| {
        if let GrantSecret::Ours(kept) = &mut found.grant {
            change(kept);
        }
    };
    let serving = with(&|_| ());
    assert_eq!(step(&serving, 200), None);
    assert!(import_waits(&connection(), &serving.observed));
    // Also while its access token has expired, because Zoom is down.
    assert_eq!(step(&serving, 9000).as_deref(), Some("Refresh"));

    let lost = |kept: &mut StoredGrant| {
        kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(150));
    };
    let imported = |kept: &mut StoredGrant| kept.grant.id = imported_id("f");
    let mut now = with(&|found| {
        grant(found, &imported);
        grant(found, &lost);
    });
    assert_eq!(step(&now, 200).as_deref(), Some("Store Imported"));
    assert!(!import_waits(&connection(), &now.observed));
    // Lost in this very pass: in the next one, which comes at once.
    now.tried.mark(Attempted::Refresh);
    assert_eq!(step(&now, 200), None);
    let again = look_again(&connection(), &now, RULES, at(200)).unwrap();
    assert!(again < at(201), "{again}");

    // While nothing can be written, no pass follows at once.
    now.tried.mark(Attempted::Write);
    let again = look_again(&connection(), &now, RULES, at(200));
    assert!(again.is_none_or(|again| again > at(201)), "{again:?}");

    // One that never gave a token, and one of another app.
    let mute = |kept: &mut StoredGrant| kept.grant.access = None;
    let other = |kept: &mut StoredGrant| kept.grant.client_id = Some("other".into());
    for change in [&mute as &dyn Fn(&mut StoredGrant), &other] {
        let now = with(&|found| {
            grant(found, &imported);
            grant(found, change);
        });
        assert_eq!(step(&now, 200).as_deref(), Some("Store Imported"));
    }
}

/// A person gave it, and whatever is wrong with it may be corrected in a minute: other credentials, another subject.
#[test]
fn a_refresh_token_to_import_replaces_no_consent_that_may_serve_again() {
    let with = |change: &dyn Fn(&mut StoredGrant)| {
        let mut found = settled(100);
        found.import = Import::Present("another".to_owned().into());
        if let GrantSecret::Ours(kept) = &mut found.grant {
            kept.grant.id = "zoom-consent-t".into();
            change(kept);
        }
        situation(found)
    };
    let lost = |kept: &mut StoredGrant| {
        kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(150));
    };
    let other = |kept: &mut StoredGrant| kept.grant.client_id = Some("other".into());
    let mute = |kept: &mut StoredGrant| kept.grant.access = None;
    for change in [&lost as &dyn Fn(&mut StoredGrant), &other, &mute] {
        let now = with(change);
        let step = step(&now, 200);
        assert_ne!(step.as_deref(), Some("Store Imported"));
        assert!(import_waits(&connection(), &now.observed));
    }
    let mut wrong = with(&|_| ());
    wrong.observed.other = Some(subject::Holder {
        name: "eve".into(),
        of: subject::Shared::User,
    });
    assert_ne!(step(&wrong, 200).as_deref(), Some("Store Imported"));
    // Nothing is left of it, or it is a copy.
    let erased = |kept: &mut StoredGrant| {
        lost(kept);
        kept.grant = kept.grant.erased(Lost::GrantLost);
    };
    let copied = |kept: &mut StoredGrant| kept.namespace_uid = "another".into();
    for change in [&erased as &dyn Fn(&mut StoredGrant), &copied] {
        let now = with(change);
        assert_eq!(step(&now, 200).as_deref(), Some("Store Imported"));
    }
}

#[test]
fn what_consumers_got_a_token_for_was_spent() {
    let published = |source: &str| {
        TokenSecret::Ours(Stored {
            source: source.into(),
            ..Stored::default()
        })
    };
    let source = format!("{}/7", imported_id("f"));
    assert!(was_spent("f", &published(&source)));
    assert!(!was_spent("g", &published(&source)));
    assert!(!was_spent("f", &published("")));
    assert!(!was_spent("f", &TokenSecret::Absent));
}
