//! The status of a grant besides its state.

use serde_json::{Value, json};

use super::*;
use crate::{
    api::{condition::Type, reason::Reason},
    controller::{
        connection::subject::{Holder, Shared},
        credentials::{Credentials, Problem, ProblemKind},
        grants::secret::GrantSecret,
        published::Exactly,
        token_secret::Stored,
    },
};
use grant::{Access, Client, Credential, Grant, Lost};
use zoom::Identity;

const DAY: i64 = 24 * 3600;
const SETTING: Setting<'_> = Setting {
    operator_class: None,
    pages: None,
    refresh_token_life: Duration::from_hours(24 * 90),
    sealed_grant: Duration::from_hours(24 * 7),
    data_deletion: Duration::from_hours(24 * 10),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn connection() -> ZoomConnection {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "uid": "u", "generation": 1},
        "spec": {"integrationRef": {"name": "app"}},
    }))
    .unwrap()
}

fn observed(suspend: bool) -> Observed {
    let resource: Value = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "app", "namespace": "clinics"},
        "spec": {
            "suspend": suspend,
            "app": {"kind": "General", "management": "User"},
            "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": ["user:read:user"]},
        },
    });
    Observed {
        integration: Some(Integration {
            resource: serde_json::from_value(resource).unwrap(),
            credentials: Credentials {
                secret_name: "zoom".into(),
                exists: true,
                ..Credentials::default()
            },
        }),
        grant: GrantSecret::Absent,
        grant_version: None,
        access: AppAccess::Own,
        follows_policy: true,
        foreign_attempts: Vec::new(),
        removed_at: None,
        claimed_at: None,
        other: None,
        token: TokenSecret::Absent,
        old_token_secret: None,
        import: Import::NotWanted,
        consents: Vec::new(),
        namespace_uid: "n".into(),
    }
}

/// A grant that was last used at `used`.
fn with_grant(used: i64, suspend: bool) -> Situation {
    let observed = Observed {
        grant: GrantSecret::Ours(Box::new(StoredGrant {
            grant: Grant {
                id: "g".into(),
                generation: 1,
                since: at(0),
                client_id: None,
                credential: Credential::RefreshToken("r".to_owned().into()),
                access: Some(Access {
                    token: "a".to_owned().into(),
                    token_type: "bearer".into(),
                    issued_at: at(used),
                    expires_at: at(used + 3600),
                    scope: "user:read:user".into(),
                    api_url: "https://api.zoom.us".into(),
                }),
                intent: None,
                loss: None,
            },
            identity: Some(Identity {
                user_id: "z".into(),
                account_id: "a".into(),
                email: "ada@example.com".into(),
            }),
            identified: true,
            namespace_uid: "n".into(),
            imported: None,
        })),
        token: TokenSecret::Ours(Stored {
            expires_at: Some(at(used + 3600)),
            intact: true,
            ..Stored::default()
        }),
        ..observed(suspend)
    };
    Situation::new(&connection(), observed, Timestamp::MAX, Timestamp::MAX)
}

fn fresh(status: &ZoomConnectionStatus) -> (&str, &str) {
    let found = Type::TokenFresh.find(&status.conditions).unwrap();
    (&found.status, &found.reason)
}

#[test]
fn the_secret_that_is_told_is_the_one_that_was_written() {
    let old = || {
        Some(Exactly {
            name: "old".into(),
            uid: None,
            resource_version: None,
        })
    };
    let there = || TokenSecret::Ours(Stored::default());
    for (token, old, wanted) in [
        (there(), None, Some("ada-zoom-token")),
        (there(), old(), Some("old")),
        (TokenSecret::Foreign, old(), Some("old")),
        // What has this name later is not the operator's to remove.
        (TokenSecret::Foreign, None, None),
        (TokenSecret::Absent, None, None),
    ] {
        let mut situation = with_grant(0, false);
        situation.observed.token = token;
        situation.observed.old_token_secret = old;
        let (said, _) = status(&connection(), &situation, SETTING, at(100));
        let name = said.token.and_then(|token| token.secret_name);
        assert_eq!(name.as_deref(), wanted);
    }
}

#[test]
fn a_grant_that_is_not_used_is_announced_to_die_two_weeks_before() {
    let published = |now: i64| status(&connection(), &with_grant(0, true), SETTING, at(now));
    let (early, wait) = published(76 * DAY - 1);
    assert_eq!(fresh(&early), ("True", "Refreshed"));
    assert!(
        wait <= Duration::from_secs(2),
        "the announcement is not overslept: {wait:?}"
    );
    let (late, _) = published(76 * DAY);
    assert_eq!(fresh(&late), ("False", "GrantExpiring"));
    let dies = late.grant.unwrap().expires_at.unwrap();
    assert_eq!(dies.0, at(90 * DAY));
}

#[test]
fn every_use_moves_the_end_of_a_grant() {
    let (published, wait) = status(&connection(), &with_grant(DAY, false), SETTING, at(DAY));
    let grant = published.grant.clone().unwrap();
    assert_eq!(grant.since.unwrap().0, at(0));
    assert_eq!(grant.expires_at.unwrap().0, at(91 * DAY));
    assert_eq!(
        published.subject.unwrap().email.as_deref(),
        Some("ada@example.com")
    );
    assert!(
        wait < Duration::from_hours(1),
        "until the token is refreshed: {wait:?}"
    );
}

#[test]
fn who_removed_the_app_is_owed_the_deletion_of_his_data() {
    let mut gone = with_grant(0, false);
    let GrantSecret::Ours(kept) = &mut gone.observed.grant else {
        unreachable!()
    };
    kept.grant = kept.grant.removed(at(100));
    let (published, _) = status(&connection(), &gone, SETTING, at(200));
    let ready = Type::Ready.find(&published.conditions).unwrap();
    assert_eq!(ready.reason, "Deauthorized");
    let until = at(100 + 10 * DAY).to_string();
    assert!(ready.message.contains(&until), "{}", ready.message);
    assert_eq!(
        published.grant.unwrap().lost.as_deref(),
        Some("Deauthorized")
    );
}

#[test]
fn nobody_is_named_before_it_is_known_that_they_may() {
    let mut wrong = with_grant(0, false);
    wrong.observed.other = Some(Holder {
        name: "ZoomConnection ada-2".into(),
        of: Shared::User,
    });
    let (published, wait) = status(&connection(), &wrong, SETTING, at(200));
    assert_eq!(published.subject, None);
    let verified = Type::SubjectVerified.find(&published.conditions).unwrap();
    assert_eq!(
        (verified.status.as_str(), verified.reason.as_str()),
        ("False", "SubjectAlreadyConnected")
    );
    assert!(
        wait <= Duration::from_secs(31),
        "the other one may go: {wait:?}"
    );
}

/// The person did their part: they are not asked to open the link again.
#[test]
fn a_consent_that_waits_for_zoom_says_so() {
    let mut waiting = Situation::new(
        &connection(),
        observed(false),
        Timestamp::MAX,
        Timestamp::MAX,
    );
    waiting.consent = Some(crate::api::v1alpha1::ConsentStatus {
        transaction: "t".into(),
        outcome: crate::api::v1alpha1::ConsentStatus::WAITING.into(),
        reason: Reason::RateLimited,
        message: "Zoom limits the rate.".into(),
        attempts: Some(1),
        retry_at: Some(Time(at(900))),
    });
    let (published, _) = status(&connection(), &waiting, SETTING, at(200));
    let (ready, reason, message) = condition(&published, Type::Ready);
    assert_eq!((ready, reason), ("Unknown", "RateLimited"));
    assert!(message.contains(&at(900).to_string()), "{message}");
    assert!(!message.contains("installUrl"), "{message}");
}

#[test]
fn a_token_that_a_quota_keeps_from_consumers_is_not_ready() {
    let mut refused = with_grant(0, false);
    refused.observed.token = TokenSecret::Absent;
    refused.failure = serde_json::from_value(json!({
        "reason": "TokenSecretNotWritten", "message": "exceeded quota: q", "attempts": 1,
        "time": at(190).to_string(), "retryAt": at(195).to_string(), "credentialsVersion": "",
    }))
    .unwrap();
    let (published, _) = status(&connection(), &refused, SETTING, at(200));
    let (fresh, reason, message) = condition(&published, Type::TokenFresh);
    assert_eq!((fresh, reason), ("False", "TokenSecretNotWritten"));
    assert!(message.contains("exceeded quota"), "{message}");
    assert_ne!(condition(&published, Type::Ready).0, "True");
}

fn client(id: &str) -> Client {
    Client::new(id, &"secret".to_owned().into())
}

fn condition(status: &ZoomConnectionStatus, type_: Type) -> (&str, &str, &str) {
    let found = type_.find(&status.conditions).unwrap();
    (&found.status, &found.reason, &found.message)
}

#[test]
fn a_lost_grant_says_what_is_left_of_it() {
    for (known, explanation) in [(Some("id"), "tried once more"), (None, "another app")] {
        let mut lost = with_grant(0, false);
        let GrantSecret::Ours(kept) = &mut lost.observed.grant else {
            unreachable!()
        };
        kept.grant.client_id = known.map(Into::into);
        kept.grant = kept.grant.refused(Lost::GrantLost, &client("id"), at(100));
        let (published, _) = status(&connection(), &lost, SETTING, at(200));
        let (ready, reason, message) = condition(&published, Type::Ready);
        assert_eq!((ready, reason), ("False", "GrantLost"));
        assert!(message.contains(explanation), "{message}");
        assert_eq!(
            published.phase,
            Some(crate::api::v1alpha1::Phase::ReauthorizationRequired)
        );
        let (fresh, reason, message) = condition(&published, Type::TokenFresh);
        assert_eq!((fresh, reason), ("False", "GrantLost"));
        assert!(message.contains(&at(3600).to_string()), "{message}");
        let grant = published.grant.unwrap();
        assert_eq!(grant.sealed_until.unwrap().0, at(100 + 7 * DAY));
        assert_eq!(grant.expires_at, None);
        assert_eq!(
            published.token.unwrap().refresh_at,
            None,
            "nothing is refreshed"
        );
    }
}

#[test]
fn the_credentials_of_another_app_are_named_and_the_grant_is_kept() {
    let mut other = with_grant(0, false);
    let GrantSecret::Ours(kept) = &mut other.observed.grant else {
        unreachable!()
    };
    kept.grant.client_id = Some("own".into());
    if let Some(integration) = &mut other.observed.integration {
        integration.credentials.client_id = Some("other".into());
    }
    let (published, _) = status(&connection(), &other, SETTING, at(200));
    let (ready, reason, message) = condition(&published, Type::Ready);
    assert_eq!((ready, reason), ("False", "ClientIdChanged"));
    assert!(
        message.contains("Secret zoom ") && message.contains(" own"),
        "{message}"
    );
    assert!(
        !message.contains("other,"),
        "what the Secret holds is not shown: {message}"
    );
    assert_eq!(condition(&published, Type::TokenFresh).1, "ClientIdChanged");
    assert_eq!(published.grant.unwrap().lost, None);
}

/// One wrong key in the platform's Secret must not turn all tenants' connections.
#[test]
fn a_key_that_only_webhooks_need_does_not_concern_a_connection() {
    let with_problem = |key: &str| {
        let mut now = with_grant(0, false);
        let integration = now.observed.integration.as_mut().unwrap();
        integration.credentials.problems = vec![Problem {
            key: key.into(),
            kind: ProblemKind::Missing,
        }];
        let (published, _) = status(&connection(), &now, SETTING, at(200));
        let (ready, reason, message) = condition(&published, Type::Ready);
        (ready.to_owned(), reason.to_owned(), message.to_owned())
    };
    for key in ["webhook-secret-token", "basic-password", "account-id"] {
        let (ready, reason, message) = with_problem(key);
        assert_eq!((&*ready, &*reason), ("True", "Connected"), "{message}");
    }
    for key in ["client-id", "client-secret"] {
        let (ready, reason, message) = with_problem(key);
        assert_eq!((&*ready, &*reason), ("False", "AwaitingCredentials"));
        assert!(message.contains(key), "{message}");
    }
}

// === An integration of another namespace ===

fn tenant(link: Option<&str>) -> ZoomConnection {
    let mut connection = connection();
    connection.spec.integration_ref.namespace = Some("platform".into());
    connection.status = link.map(|link| ZoomConnectionStatus {
        install_url: Some(link.into()),
        ..ZoomConnectionStatus::default()
    });
    connection
}

#[test]
fn a_tenant_is_not_told_whether_an_integration_exists_elsewhere() {
    let mut situation = with_grant(0, false);
    situation.observed.integration = None;
    situation.observed.access = AppAccess::Refused(None);
    let link = "https://connect.example.com/connections/clinics/ada/0123456789012345678901";
    let (status, _) = status(&tenant(Some(link)), &situation, SETTING, at(100));
    let ready = Type::Ready.find(&status.conditions).unwrap();
    assert_eq!(
        (ready.status.as_str(), ready.reason.as_str()),
        ("False", "NamespaceNotAllowed")
    );
    assert!(ready.message.starts_with(
        "There is no ZoomIntegration app in namespace platform that allows namespace clinics"
    ));
    assert!(
        ready.message.contains("the grant is kept until"),
        "{}",
        ready.message
    );
    let allowed = Type::NamespaceAllowed.find(&status.conditions).unwrap();
    assert_eq!(allowed.status, "False");
    // The link that a person has works again later.
    assert_eq!(status.install_url.as_deref(), Some(link));
}

#[test]
fn an_allowed_namespace_is_stated_and_the_own_one_is_not() {
    let mut situation = with_grant(0, false);
    let stated = |situation: &Situation, connection: &ZoomConnection| {
        let (status, _) = status(connection, situation, SETTING, at(100));
        let found = Type::NamespaceAllowed.find(&status.conditions);
        found.map(|condition| condition.status.clone())
    };
    assert_eq!(stated(&situation, &connection()), None);
    situation.observed.access = AppAccess::Allowed;
    assert_eq!(stated(&situation, &tenant(None)).as_deref(), Some("True"));
}
