//! What an answer leads to.

mod redeemed;
mod waits;

use serde_json::json;

use super::*;
use crate::{
    api::v1alpha1::AccountStatus,
    controller::{
        connection::{
            model::{AppAccess, Consent, Import, Integration, Observed},
            subject::{Holder, Shared},
        },
        credentials::Credentials,
        grants::secret::{GrantSecret, StoredGrant},
    },
};
use grant::{Access, Code, Credential, Grant, Lost, Refusal};
use zoom::{App, Error, Fault, Identity};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn connection() -> ZoomConnection {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "uid": "c"},
        "spec": {"integrationRef": {"name": "app"}},
    }))
    .unwrap()
}

fn app() -> App {
    App {
        client_id: "id".into(),
        client_secret: "secret".to_owned().into(),
    }
}

fn grant(generation: u64) -> Grant {
    Grant {
        id: "zoom-consent-t".into(),
        generation,
        since: at(100),
        client_id: Some("id".into()),
        credential: if generation == 0 {
            Credential::Code(Code {
                code: "code".to_owned().into(),
                verifier: "v".to_owned().into(),
                redirect_url: "https://connect.example.com/cb".into(),
            })
        } else {
            Credential::RefreshToken("refresh".to_owned().into())
        },
        access: (generation > 0).then(|| Access {
            token: "access".to_owned().into(),
            token_type: "bearer".into(),
            issued_at: at(100),
            expires_at: at(3700),
            scope: String::new(),
            api_url: "https://api.zoom.us".into(),
        }),
        intent: None,
        loss: None,
    }
}

fn read(grant: Grant) -> Read {
    Read {
        grant: GrantSecret::Ours(Box::new(StoredGrant {
            grant,
            identity: None,
            identified: true,
            namespace_uid: "n".into(),
            imported: None,
        })),
        version: Some("2".into()),
        follows_policy: true,
    }
}

/// A connection with a grant, and a consent whose code was issued at 100.
fn situation(generation: u64) -> Situation {
    let stored = read(grant(1));
    let handoff = json!({
        "namespace": "clinics", "integration": "app", "integrationUid": "i",
        "connection": "ada", "connectionUid": "c", "clientId": "id",
        "redirectUrl": "https://connect.example.com/cb", "code": "code", "codeVerifier": "v",
        "begun": at(0).to_string(), "authorized": at(100).to_string(),
    });
    let observed = Observed {
        integration: None,
        access: AppAccess::Own,
        grant: stored.grant,
        grant_version: stored.version,
        follows_policy: true,
        foreign_attempts: Vec::new(),
        token: TokenSecret::Absent,
        old_token_secret: None,
        import: Import::NotWanted,
        consents: vec![Consent {
            secret_name: "zoom-consent-t".into(),
            uid: None,
            handoff: serde_json::from_value(handoff).unwrap(),
            grant: Some(grant(generation)),
            identity: None,
            end: None,
            wait: None,
        }],
        namespace_uid: "n".into(),
        removed_at: None,
        claimed_at: None,
        other: None,
    };
    Situation::new(&connection(), observed, Timestamp::MAX, Timestamp::MAX)
}

fn limited(seconds: Option<u64>) -> Error {
    Error {
        retry_after: seconds.map(Duration::from_secs),
        ..Error::new(Fault::RateLimited, "HTTP 429")
    }
}

fn refused(error: Error) -> grant::SpendOutcome<Error> {
    grant::SpendOutcome::Refused(Refusal {
        ambiguous: error.ambiguous,
        ends: None,
        error,
    })
}

fn redeem(situation: Situation, outcome: grant::SpendOutcome<Error>, now: i64) -> Situation {
    let consent = situation.observed.consents[0].clone();
    let step = Step::Redeem(app(), Box::new(consent));
    let outcome = Outcome::Redeemed(outcome);
    settle(&connection(), situation, &step, outcome, at(now))
}

fn ask(situation: Situation, answer: Result<Asked, Error>, now: i64) -> Situation {
    let step = Step::AskWhoConsented(Box::new(grant(1)));
    settle(
        &connection(),
        situation,
        &step,
        Outcome::Who(answer),
        at(now),
    )
}

fn waiting(situation: &Situation) -> (Timestamp, i32) {
    let consent = situation.consent.as_ref().unwrap();
    assert!(consent.is_waiting(), "{consent:?}");
    let retry_at = consent.retry_at.as_ref().unwrap().0;
    (retry_at, consent.attempts.unwrap())
}

fn ended(situation: &Situation) -> Option<Reason> {
    let consent = situation.observed.consents.first()?;
    consent.end.as_ref().map(|end| end.reason)
}

/// A redeemed code and its answer to users/me obey the rule of every other request.
#[test]
fn zooms_wait_is_kept_for_codes_and_for_users_me() {
    let asked = redeem(situation(0), refused(limited(Some(40))), 110);
    assert!(waiting(&asked).0 >= at(150));
    let asked = ask(situation(1), Err(limited(Some(14 * 3600))), 110);
    let (until, _) = waiting(&asked);
    assert!(until >= at(110 + 14 * 3600) && until <= at(110 + 14 * 3600 + 120));
}

#[test]
fn without_retry_after_the_pauses_grow() {
    let mut now = 110;
    let mut found = situation(1);
    let mut last = 0;
    for attempt in 1..8 {
        found = ask(found, Err(limited(None)), now);
        let (until, attempts) = waiting(&found);
        let pause = until.as_second() - now;
        assert_eq!(attempts, attempt);
        assert!(pause > last, "{attempt}: {pause} after {last}");
        (last, now) = (pause, until.as_second());
    }
    assert!(last >= 300);
}

#[test]
fn a_code_that_does_not_live_for_so_long_ends_with_the_time() {
    let ended_at = redeem(situation(0), refused(limited(Some(600))), 110);
    assert_eq!(ended(&ended_at), Some(Reason::RateLimited));
    let message = &ended_at.observed.consents[0].end.as_ref().unwrap().message;
    assert!(
        message.contains("open the link again after that"),
        "{message}"
    );
}

#[test]
fn what_a_person_must_change_ends_a_consent_and_a_lost_code_too() {
    let rejected = Error::new(Fault::CredentialsRejected, "HTTP 400");
    let found = redeem(situation(0), refused(rejected), 110);
    assert_eq!(ended(&found), Some(Reason::CredentialsRejected));
    let lost = grant::SpendOutcome::Lost(Lost::GrantLost);
    assert_eq!(
        ended(&redeem(situation(0), lost, 110)),
        Some(Reason::CodeRejected)
    );
    let gone = Error::new(Fault::OwnerGone, "HTTP 400");
    let found = ask(situation(1), Err(gone), 110);
    assert_eq!(ended(&found), Some(Reason::SubjectUnverifiable));
}

/// The refresh token of a consent is kept if the failure has another possible cause.
#[test]
fn a_redeemed_grant_is_not_given_up_at_a_refusal() {
    for outcome in [
        grant::SpendOutcome::Lost(Lost::GrantLost),
        grant::SpendOutcome::OtherClient,
    ] {
        let found = redeem(situation(1), outcome, 4000);
        assert_eq!(ended(&found), None);
        waiting(&found);
    }
}

#[test]
fn a_refused_refresh_is_recorded_with_zooms_wait() {
    let step = Step::Refresh(app());
    let outcome = Outcome::Refreshed(refused(limited(Some(50))), read(grant(1)));
    let found = settle(&connection(), situation(0), &step, outcome, at(200));
    let failure = found.failure.unwrap();
    assert_eq!(failure.reason, Reason::RateLimited);
    assert_eq!(failure.not_before.unwrap().0, at(250));
    assert!(found.tried.has(Attempted::Refresh));
}

#[test]
fn a_success_ends_the_count_and_another_process_is_waited_for() {
    let step = Step::Refresh(app());
    let settled = |outcome, before: Situation| {
        let outcome = Outcome::Refreshed(outcome, read(grant(2)));
        settle(&connection(), before, &step, outcome, at(200))
    };
    let failed = settled(refused(limited(None)), situation(0));
    assert!(failed.failure.is_some());
    let stored = settled(grant::SpendOutcome::Stored(Box::new(grant(2))), failed);
    assert!(stored.failure.is_none());
    assert_eq!(stored.kept().unwrap().grant.generation, 2);
    let waits = settled(grant::SpendOutcome::Waiting, situation(0));
    assert_eq!(waits.look_again, Some(at(205)));
}

#[test]
fn whoever_is_too_early_comes_back_at_the_moment_of_its_turn() {
    let wait = std::time::Duration::from_millis(340);
    let turn = Some(at(200).checked_add(wait).unwrap());
    let postponed = |step: Step| {
        let outcome = Outcome::Postponed(TooEarly(wait));
        settle(&connection(), situation(0), &step, outcome, at(200))
    };
    let refresh = postponed(Step::Refresh(app()));
    assert_eq!((refresh.look_again, refresh.turn), (turn, None));
    assert!(refresh.tried.has(Attempted::Refresh) && refresh.failure.is_none());
    let consent = situation(0).observed.consents[0].clone();
    let redeem = postponed(Step::Redeem(app(), Box::new(consent)));
    assert_eq!((redeem.look_again, redeem.turn), (turn, turn));
    assert!(redeem.tried.has(Attempted::Consent) && redeem.consent.is_none());
}

/// The API server's own words reach the status.
/// Owners and labels that a policy refuses: an Event tells of it, and nothing waits for it.
#[test]
fn refused_metadata_is_no_failure_of_the_token() {
    let wait = Duration::from_mins(1);
    let outcome = Outcome::NotReowned(wait);
    let found = settle(
        &connection(),
        situation(0),
        &Step::ReownGrant,
        outcome,
        at(200),
    );
    assert!(found.failure.is_none());
    assert!(found.tried.has(Attempted::Metadata));
    assert_eq!(found.look_again, Some(at(260)));
}

#[test]
fn a_secret_that_is_not_written_is_named() {
    let refusal = || Refused("secrets \"x\" is forbidden: exceeded quota: q".into());
    let step = Step::Publish(Box::new(grant(1)));
    let outcome = Outcome::Published(Err(refusal()));
    let found = settle(&connection(), situation(0), &step, outcome, at(200));
    let failure = found.failure.unwrap();
    assert_eq!(failure.reason, Reason::TokenSecretNotWritten);
    assert!(
        failure.message.contains("exceeded quota"),
        "{}",
        failure.message
    );
    // A consent under such a quota waits, and its status says why.
    let step = Step::Store(Box::new(read_kept()), Purpose::Adopted);
    let outcome = Outcome::Stored(Err(refusal()));
    let found = settle(&connection(), situation(1), &step, outcome, at(200));
    let consent = found.consent.as_ref().unwrap();
    assert_eq!(consent.reason, Reason::TokenSecretNotWritten);
    assert!(
        consent.message.contains("exceeded quota"),
        "{}",
        consent.message
    );
    assert_eq!(found.observed.consents.len(), 1, "it is not given up");
}

fn read_kept() -> StoredGrant {
    match read(grant(1)).grant {
        GrantSecret::Ours(kept) => *kept,
        _ => unreachable!(),
    }
}

#[test]
fn who_it_is_is_known_before_it_is_stored() {
    let asked = Asked {
        identity: Some(Identity {
            user_id: "z".into(),
            account_id: "a".into(),
            email: "ada@example.com".into(),
        }),
        other: Some(Holder {
            name: "ZoomConnection ada-2".into(),
            of: Shared::User,
        }),
    };
    let found = ask(situation(1), Ok(asked.clone()), 110);
    assert_eq!(found.observed.consents[0].identity, Some(asked.clone()));
    let step = Step::AskWho(Box::new(grant(1)));
    let outcome = Outcome::Who(Ok(asked));
    let found = settle(&connection(), found, &step, outcome, at(120));
    let step = Step::Store(Box::new(read_kept()), Purpose::Identified);
    let outcome = Outcome::Stored(Ok(read(grant(1))));
    let found = settle(&connection(), found, &step, outcome, at(121));
    assert_eq!(found.observed.other.unwrap().name, "ZoomConnection ada-2");
    assert!(found.asked.is_none());
}

#[test]
fn another_administrator_of_the_account_costs_no_seniority() {
    let of = |management: &str, user: &str, second: i64, before: Option<AccountStatus>| {
        let mut situation = situation(1);
        situation.account = before;
        situation.observed.access = AppAccess::Allowed;
        situation.observed.integration = Some(Integration {
            resource: serde_json::from_value(json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
                "metadata": {"name": "app", "namespace": "platform"},
                "spec": {
                    "app": {"kind": "General", "management": management},
                    "credentials": {"secretRef": {"name": "zoom"}}, "scopes": {"required": []},
                },
            }))
            .unwrap(),
            credentials: Credentials::default(),
        });
        situation.observed.consents[0].identity = Some(Asked {
            identity: Some(Identity {
                user_id: user.into(),
                account_id: "a".into(),
                email: String::new(),
            }),
            other: None,
        });
        let step = Step::Store(Box::new(read_kept()), Purpose::Adopted);
        let outcome = Outcome::Stored(Ok(read(grant(1))));
        let found = settle(&connection(), situation, &step, outcome, at(second));
        found.account.unwrap()
    };
    for (management, user, since) in [
        ("Admin", "bob", 200),
        ("User", "bob", 300),
        ("User", "ada", 200),
    ] {
        let first = of(management, "ada", 200, None);
        // An app of another client that takes its place inherits nothing.
        assert_eq!(first.client_id.as_deref(), Some("id"));
        let mut of_other = first.clone();
        of_other.client_id = Some("other".into());
        let new = of(management, "ada", 300, Some(of_other));
        assert_eq!(new.since.0, at(300));
        let again = of(management, user, 300, Some(first));
        assert_eq!(again.user_id.as_deref(), Some(user));
        assert_eq!(again.since.0, at(since), "{management} {user}");
    }
}
