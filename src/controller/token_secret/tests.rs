//! How a token Secret is built and read back.

use super::*;

fn integration(uid: &str, policy: &str) -> Owner {
    let integration: ZoomIntegration = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1",
        "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": uid},
        "spec": {
            "app": {"kind": "ServerToServer"},
            "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": ["user:read:list_users:admin"]},
            "token": {"deletionPolicy": policy},
        },
    }))
    .unwrap();
    Owner::integration(&integration)
}

fn token() -> AccessToken {
    AccessToken {
        secret: "TOKEN".to_owned().into(),
        token_type: "bearer".into(),
        expires_at: "2026-03-01T11:00:00.75Z".parse().unwrap(),
        issued_at: "2026-03-01T10:00:00.75Z".parse().unwrap(),
        scope: "user:read:list_users:admin".into(),
        api_url: "https://api-us.zoom.us".parse().unwrap(),
    }
}

fn built(owner: &Owner) -> Secret {
    let refresh_at = "2026-03-01T10:45:00Z".parse().unwrap();
    let mut secret = build(owner, &token(), refresh_at, "uid/7", None);
    secret.metadata.resource_version = Some("42".into());
    secret
}

#[test]
fn consumers_find_the_documented_keys() {
    let secret = built(&integration("u1", "Delete"));
    let data: BTreeMap<String, String> = secret
        .data
        .unwrap()
        .into_iter()
        .map(|(key, value)| (key, String::from_utf8(value.0).unwrap()))
        .collect();
    assert_eq!(
        serde_json::to_value(data).unwrap(),
        json!({
            "access-token": "TOKEN",
            "token-type": "bearer",
            "expires-at": "2026-03-01T11:00:00Z",
            "scope": "user:read:list_users:admin",
            "api-url": "https://api-us.zoom.us",
        })
    );
}

#[test]
fn what_was_written_is_read_back() {
    let owner = integration("u1", "Delete");
    assert_eq!(
        read(&owner, Some(&built(&owner))),
        TokenSecret::Ours(Stored {
            uid: None,
            resource_version: "42".into(),
            expires_at: Some("2026-03-01T11:00:00Z".parse().unwrap()),
            issued_at: Some("2026-03-01T10:00:00.75Z".parse().unwrap()),
            refresh_at: Some("2026-03-01T10:45:00Z".parse().unwrap()),
            source: "uid/7".into(),
            scope: "user:read:list_users:admin".into(),
            intact: true,
            has_wanted_metadata: true,
            restarted_for: None,
        })
    );
}

#[test]
fn a_hand_edited_secret_is_noticed() {
    let owner = integration("u1", "Delete");
    let mut secret = built(&owner);
    secret
        .data
        .as_mut()
        .unwrap()
        .insert("access-token".into(), ByteString(b"OTHER".to_vec()));
    let TokenSecret::Ours(stored) = read(&owner, Some(&secret)) else {
        panic!("still ours");
    };
    assert!(!stored.intact);
}

#[test]
fn somebody_elses_secret_is_foreign() {
    let owner = integration("u1", "Delete");
    let mut bare = built(&owner);
    bare.metadata.labels = None;
    bare.metadata.owner_references = None;
    assert_eq!(read(&owner, Some(&bare)), TokenSecret::Foreign);

    let mut other = built(&owner);
    let reference = &mut other.metadata.owner_references.as_mut().unwrap()[0];
    reference.kind = "Deployment".into();
    reference.uid = "other".into();
    assert_eq!(read(&owner, Some(&other)), TokenSecret::Foreign);
}

/// `token.secretName` can name any of them.
#[test]
fn another_secret_of_ours_is_no_token() {
    for policy in ["Delete", "Retain"] {
        let connection: ZoomConnection = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "ada", "namespace": "clinics", "uid": "u1"},
            "spec": {
                "integrationRef": {"name": "app"},
                "token": {"secretName": "ada-zoom-grant", "deletionPolicy": policy},
            },
        }))
        .unwrap();
        let (of_connection, of_integration) =
            (Owner::connection(&connection), integration("u1", policy));
        for (owner, type_, purpose) in [
            (&of_connection, "zoom-operator.io/grant", Some("grant")),
            (&of_connection, "Opaque", Some("grant")),
            (&of_connection, "zoom-operator.io/grant", None),
            (&of_integration, "Opaque", Some("control")),
            (&of_integration, "Opaque", Some("routes")),
            // The states that the sink is told of, and what somebody else labelled.
            (&of_integration, "Opaque", None),
            (&of_integration, "Opaque", Some("sink")),
        ] {
            let mut labels = owner.labels();
            labels.extend(purpose.map(|purpose| (label::USE.to_owned(), purpose.to_owned())));
            let secret = Secret {
                metadata: ObjectMeta {
                    name: Some(owner.secret_name.clone()),
                    labels: Some(labels),
                    owner_references: Some(owner.references()),
                    ..ObjectMeta::default()
                },
                type_: Some(type_.into()),
                ..Secret::default()
            };
            let found = read(owner, Some(&secret));
            assert_eq!(found, TokenSecret::Foreign, "{policy} {type_} {purpose:?}");
        }
    }
}

#[test]
fn a_token_of_an_earlier_version_has_no_label_and_is_ours() {
    let owner = integration("u1", "Delete");
    let mut secret = built(&owner);
    let labels = secret.metadata.labels.as_mut().unwrap();
    labels.remove(label::USE);
    assert!(is_has_wanted_metadata(&owner, &secret), "nothing to write");
    let labels = secret.metadata.labels.as_mut().unwrap();
    labels.insert(label::USE.into(), label::SINK.into());
    assert!(matches!(read(&owner, Some(&secret)), TokenSecret::Ours(_)));
}

#[test]
fn the_secret_of_a_deleted_namesake_is_leaving() {
    let before = built(&integration("u0", "Delete"));
    assert_eq!(
        read(&integration("u1", "Delete"), Some(&before)),
        TokenSecret::Leaving
    );
}

#[test]
fn a_retained_secret_is_taken_up_by_a_namesake() {
    let before = built(&integration("u0", "Retain"));
    assert!(before.owner_references().is_empty());
    let TokenSecret::Ours(stored) = read(&integration("u1", "Delete"), Some(&before)) else {
        panic!("taken up");
    };
    assert!(
        !stored.has_wanted_metadata,
        "it must get an owner reference"
    );
}

fn with_metadata(labels: &Value, annotations: &Value) -> Owner {
    let integration = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []}, "token": {"labels": labels, "annotations": annotations},
        },
    });
    Owner::integration(&serde_json::from_value(integration).unwrap())
}

fn is_has_wanted_metadata(owner: &Owner, secret: &Secret) -> bool {
    match read(owner, Some(secret)) {
        TokenSecret::Ours(stored) => stored.has_wanted_metadata,
        other => panic!("{other:?}"),
    }
}

#[test]
fn labels_and_annotations_of_the_resource_are_on_the_secret_and_ours_win() {
    let owner = with_metadata(
        &json!({"team": "a", "app.kubernetes.io/managed-by": "me", "not a key": "x"}),
        &json!({"reflector/allowed": "true", "zoom-operator.io/checksum": "forged"}),
    );
    let secret = built(&owner);
    assert_eq!(
        json!(secret.labels()),
        json!({
            "team": "a", "app.kubernetes.io/managed-by": "zoom-operator",
            "zoom-operator.io/integration": "acme", "zoom-operator.io/use": "token",
        })
    );
    assert_eq!(secret.annotations()["reflector/allowed"], "true");
    assert_ne!(secret.annotations()[annotation::CHECKSUM], "forged");
    assert!(is_has_wanted_metadata(&owner, &secret));
}

#[test]
fn what_is_no_longer_wanted_is_taken_back_and_what_others_added_stays() {
    let before = with_metadata(&json!({"team": "a", "old": "b"}), &json!({"x/y": "1"}));
    let mut secret = built(&before);
    let labels = secret.metadata.labels.as_mut().unwrap();
    labels.insert("theirs".into(), "c".into());
    let after = with_metadata(&json!({"team": "b"}), &json!({}));
    assert!(!is_has_wanted_metadata(&after, &secret));
    let patch = after.alteration(&secret.metadata);
    let labels = &patch["metadata"]["labels"];
    assert_eq!(
        (&labels["team"], &labels["old"]),
        (&json!("b"), &Value::Null)
    );
    assert!(labels.as_object().unwrap().contains_key("old"));
    assert!(!labels.as_object().unwrap().contains_key("theirs"));
    let annotations = &patch["metadata"]["annotations"];
    assert_eq!(
        annotations,
        &json!({"x/y": null, (annotation::OWN_METADATA): "l:team"})
    );
    assert_eq!(patch["metadata"]["resourceVersion"], "42");
    // And then no labels or annotations at all.
    let bare = with_metadata(&json!(null), &json!(null));
    assert!(!is_has_wanted_metadata(&bare, &secret));
    let patch = bare.alteration(&secret.metadata);
    assert_eq!(
        patch["metadata"]["annotations"],
        json!({"x/y": null, (annotation::OWN_METADATA): null})
    );
}

#[test]
fn nobody_takes_our_own_labels_away_through_the_list() {
    let owner = with_metadata(&json!(null), &json!(null));
    let mut secret = built(&owner);
    let annotations = secret.metadata.annotations.as_mut().unwrap();
    let forged = "l:zoom-operator.io/integration,a:zoom-operator.io/checksum";
    annotations.insert(annotation::OWN_METADATA.into(), forged.into());
    let patch = owner.alteration(&secret.metadata);
    assert_eq!(
        patch["metadata"]["labels"]["zoom-operator.io/integration"],
        "acme"
    );
    let annotations = patch["metadata"]["annotations"].as_object().unwrap();
    assert!(!annotations.contains_key(annotation::CHECKSUM));
}
