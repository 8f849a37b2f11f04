//! When Zoom is asked whether it accepts a General app's credentials.

use super::*;

#[test]
fn the_pods_of_a_secret_that_is_about_to_be_created_again_stay() {
    let secret = |uid: &str, immutable: bool| -> Secret {
        serde_json::from_value(json!({
            "metadata": {"name": "zoom", "uid": uid}, "immutable": immutable,
        }))
        .unwrap()
    };
    let mut observed = Observed::default();
    let spec = integration(json!({}), None).spec;
    let live = json!({"spec": {"selector": {}, "template": {
        "metadata": {"annotations": {(annotation::SECRET_UID): "s1"}},
    }}});
    observed.receiver.deployment = Some(serde_json::from_value(live).unwrap());
    for (secret, uid) in [
        (None, Some("s1")),
        (Some(secret("s2", true)), Some("s2")),
        (Some(secret("s3", false)), None),
    ] {
        observed.credentials = Credentials::read(&spec, secret.as_ref());
        assert_eq!(mounted_secret(&observed), uid);
    }
}
use crate::{
    api::v1alpha1::CredentialsStatus,
    controller::integration::{model::Checked, plan},
};

const GENERAL: &str = r#"{
    "app": {"kind": "General", "management": "User"},
    "scopes": {"required": ["user:read:user"]}
}"#;

/// The step for a General app's credentials of version `c/1`, with a connection to which Zoom refused them at
/// this time.
fn check(change: Value, known: Value, rejected: Option<i64>) -> CredentialsStep {
    let mut spec: Value = serde_json::from_str(GENERAL).unwrap();
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let known: Option<CredentialsStatus> = serde_json::from_value(known).unwrap();
    let observed = Observed {
        checked: known.as_ref().map(Checked::of).unwrap_or_default(),
        ..observed(TokenSecret::Absent)
    };
    checked(&integration(spec, None), &observed, rejected)
}

fn checked(
    integration: &ZoomIntegration,
    observed: &Observed,
    rejected: Option<i64>,
) -> CredentialsStep {
    let (image, receivers) = (image(), receivers());
    let rules = Rules {
        has_pages: true,
        knows_labels: true,
        rejected: rejected.map(at),
        own_host: None,
        image: &image,
        receivers: &receivers,
        routes: false,
    };
    plan::plan(integration, observed, rules, at(NOW)).credentials
}

#[test]
fn zoom_is_asked_once_for_each_change_of_a_general_apps_secret() {
    let accepted = |version: &str| json!({"acceptedVersion": version});
    assert_eq!(check(json!({}), Value::Null, None), CredentialsStep::Ask);
    assert_eq!(
        check(json!({}), accepted("c/0"), None),
        CredentialsStep::Ask
    );
    assert_eq!(
        check(json!({}), accepted("c/1"), None),
        CredentialsStep::Keep
    );
    assert_eq!(
        check(json!({"suspend": true}), Value::Null, None),
        CredentialsStep::Keep
    );
}

#[test]
fn what_a_connection_is_told_casts_doubt_on_what_zoom_took() {
    let taken = |checked| json!({"acceptedVersion": "c/1", "checkedAt": checked});
    let step = |checked: i64, rejected| check(json!({}), taken(json!(at(checked))), rejected);
    assert_eq!(step(NOW - 300, None), CredentialsStep::Keep);
    assert_eq!(step(NOW - 300, Some(NOW - 1)), CredentialsStep::Ask);
    let wait = CredentialsStep::Wait(at(NOW + 1));
    assert_eq!(step(NOW - 299, Some(NOW - 1)), wait);
    // Zoom was asked after that.
    assert_eq!(step(NOW - 300, Some(NOW - 301)), CredentialsStep::Keep);
    let before = check(json!({}), taken(Value::Null), Some(NOW - 1));
    assert_eq!(before, CredentialsStep::Ask, "of an older version");
}

#[test]
fn however_often_the_secret_changes_zoom_is_asked_every_ten_seconds_at_most() {
    let step = |known: Value, checked: i64| {
        let mut known = known;
        known["checkedAt"] = json!(at(checked));
        check(json!({}), known, None)
    };
    for known in [
        json!({}),
        json!({"acceptedVersion": "c/0"}),
        json!({"failure": failure(NOW + 3000, "c/0")}),
        json!({"failure": failure(NOW - 5, "c/1")}),
    ] {
        let soon = step(known.clone(), NOW - 4);
        assert_eq!(soon, CredentialsStep::Wait(at(NOW + 6)), "{known}");
    }
    let accepted = json!({"acceptedVersion": "c/0"});
    assert_eq!(step(accepted, NOW - 10), CredentialsStep::Ask);
}

#[test]
fn refused_credentials_are_tried_again_slowly_and_changed_ones_soon() {
    let refused = |retry_at, version| json!({"failure": failure(retry_at, version)});
    for (retry_at, version, step) in [
        (NOW + 60, "c/1", CredentialsStep::Wait(at(NOW + 60))),
        (NOW, "c/1", CredentialsStep::Ask),
        // Two seconds after the failure, three seconds of the minimum distance remain.
        (NOW + 3000, "c/0", CredentialsStep::Wait(at(NOW + 3))),
    ] {
        assert_eq!(check(json!({}), refused(retry_at, version), None), step);
        let rejected = Some(NOW - 1);
        assert_eq!(check(json!({}), refused(retry_at, version), rejected), step);
    }
}

#[test]
fn without_credentials_or_with_a_token_there_is_nothing_to_ask() {
    let server = integration(json!({}), None);
    let ready = observed(TokenSecret::Absent);
    assert_eq!(checked(&server, &ready, None), CredentialsStep::Forget);
    let general = integration(serde_json::from_str(GENERAL).unwrap(), None);
    let mut missing = observed(TokenSecret::Absent);
    missing.credentials.app = None;
    assert_eq!(checked(&general, &missing, None), CredentialsStep::Forget);
}
