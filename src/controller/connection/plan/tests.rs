//! Which situation leads to which step.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

mod access;
mod consent;
mod import;
mod order;
mod refresh;
mod removal;
mod several_consents;

use serde_json::{Value, json};

use super::{
    import::{due, imported_id},
    refresh::{Input, Signals, decide},
    *,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::v1alpha1::{ConsentStatus, TokenFailure, ZoomConnectionStatus},
    controller::{
        connection::{
            model::{Asked, Consent, Import, Integration},
            subject,
        },
        credentials::Credentials,
        token_secret::Stored,
    },
};
use contract::consent::Handoff;
use grant::{Access, Client, Code, Credential, Holder, Intent};
use zoom::{App, Identity};

const RULES: Rules = Rules {
    sealed_grant: Duration::from_secs(1000),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn kept(access: Option<(i64, i64)>) -> StoredGrant {
    StoredGrant {
        grant: Grant {
            id: "g".into(),
            generation: 1,
            since: at(0),
            client_id: None,
            credential: Credential::RefreshToken("r".to_owned().into()),
            access: access.map(|(issued, expires)| Access {
                token: "a".to_owned().into(),
                token_type: "bearer".into(),
                issued_at: at(issued),
                expires_at: at(expires),
                scope: String::new(),
                api_url: "https://api.zoom.us".into(),
            }),
            intent: None,
            loss: None,
        },
        identity: None,
        identified: false,
        namespace_uid: "n".into(),
        imported: None,
    }
}

fn client() -> Client {
    Client::new("id", &"secret".to_owned().into())
}

/// The attempt of another Pod.
fn intent() -> Intent {
    Intent {
        holder: Holder {
            pod: "p".into(),
            process: "x".into(),
            namespace: None,
        },
        attempt: 1,
        begun: at(1),
    }
}

fn failed(retry_at: i64) -> TokenFailure {
    serde_json::from_value(json!({
        "reason": "ZoomUnavailable", "message": "m", "attempts": 3,
        "time": at(1).to_string(), "retryAt": at(retry_at).to_string(), "credentialsVersion": "v",
    }))
    .unwrap()
}

/// Nothing failed, and nobody said anything.
fn input<'a>(kept: &'a StoredGrant, client: &'a Client) -> Input<'a> {
    Input {
        kept,
        uid: "u",
        last_failure: None,
        credentials_version: "v",
        client,
        signals: Signals::default(),
    }
}

fn decided(kept: &StoredGrant, now: i64) -> Refresh {
    decide(input(kept, &client()), at(now))
}

/// The same once people have said something.
fn signalled(kept: &StoredGrant, signals: Signals, now: i64) -> Refresh {
    let client = client();
    let said = Input {
        signals,
        ..input(kept, &client)
    };
    decide(said, at(now))
}

fn consent(change: Value) -> Consent {
    let mut json = json!({
        "namespace": "clinics", "integration": "app", "integrationUid": "i",
        "connection": "ada", "connectionUid": "c", "clientId": "id",
        "redirectUrl": "https://connect.example.com/callback/clinics/app",
        "code": "code", "codeVerifier": "verifier",
        "begun": at(0).to_string(), "authorized": at(100).to_string(),
    });
    for (key, value) in change.as_object().unwrap() {
        json[key] = value.clone();
    }
    Consent {
        secret_name: "zoom-consent-x".into(),
        uid: Some("s".into()),
        handoff: Handoff::from_json(json.to_string().as_bytes()).ok(),
        grant: Some(Grant {
            id: "zoom-consent-x".into(),
            generation: 0,
            since: at(100),
            credential: Credential::Code(Code {
                code: "code".to_owned().into(),
                verifier: "verifier".to_owned().into(),
                redirect_url: "https://connect.example.com/callback/clinics/app".into(),
            }),
            ..kept(None).grant
        }),
        identity: None,
        end: None,
        wait: None,
    }
}

/// A consent whose code led to a token that expires then.
fn redeemed(expires: i64) -> Consent {
    let mut consent = consent(json!({}));
    consent.grant = Some(Grant {
        id: "zoom-consent-x".into(),
        since: at(100),
        ..kept(Some((100, expires))).grant
    });
    consent
}

fn connection() -> ZoomConnection {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "uid": "c"},
        "spec": {"integrationRef": {"name": "app"}},
    }))
    .unwrap()
}

fn integration() -> Integration {
    Integration {
        resource: serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "app", "namespace": "clinics", "uid": "i"},
            "spec": {
                "app": {"kind": "General", "management": "User"},
                "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
            },
        }))
        .unwrap(),
        credentials: Credentials {
            client_id: Some("id".into()),
            app: Some(App {
                client_id: "id".into(),
                client_secret: "secret".to_owned().into(),
            }),
            version: "v".into(),
            ..Credentials::default()
        },
    }
}

fn observed(grant: GrantSecret) -> Observed {
    Observed {
        integration: Some(integration()),
        grant_version: matches!(grant, GrantSecret::Ours(_)).then(|| "1".into()),
        grant,
        access: AppAccess::Own,
        follows_policy: true,
        foreign_attempts: Vec::new(),
        token: TokenSecret::Absent,
        old_token_secret: None,
        import: Import::NotWanted,
        consents: Vec::new(),
        namespace_uid: "n".into(),
        removed_at: None,
        claimed_at: None,
        other: None,
    }
}

fn situation(observed: Observed) -> Situation {
    Situation::new(&connection(), observed, Timestamp::MAX, Timestamp::MAX)
}

fn step(situation: &Situation, now: i64) -> Option<String> {
    let step = next(&connection(), situation, RULES, at(now))?;
    Some(match step {
        Step::Store(_, purpose) => format!("Store {purpose:?}"),
        Step::EndConsent(_, end) => format!("EndConsent {}", end.reason.as_str()),
        other => {
            let shown = format!("{other:?}");
            shown
                .split(['(', ' '])
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    })
}

fn ours(kept: StoredGrant) -> GrantSecret {
    GrantSecret::Ours(Box::new(kept))
}

/// A grant of a known user, published.
fn settled(issued: i64) -> Observed {
    let mut kept = kept(Some((issued, issued + 3600)));
    kept.identified = true;
    let source = source(&kept.grant);
    Observed {
        token: TokenSecret::Ours(Stored {
            source,
            intact: true,
            has_wanted_metadata: true,
            restarted_for: None,
            ..Stored::default()
        }),
        ..observed(ours(kept))
    }
}

fn status_of(consent: &Consent, outcome: &str, reason: Reason) -> ConsentStatus {
    ConsentStatus {
        transaction: consent.transaction().to_owned(),
        outcome: outcome.into(),
        reason,
        message: String::new(),
        attempts: None,
        retry_at: None,
    }
}
