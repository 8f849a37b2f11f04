//! Reading a credentials Secret.

use serde_json::json;

use super::*;

fn spec(webhook: bool) -> ZoomIntegrationSpec {
    let mut spec = json!({
        "app": {"kind": "ServerToServer"},
        "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": ["user:read:list_users:admin"]},
    });
    if webhook {
        spec["webhook"] = json!({"sink": {"http": {"url": "http://sink"}}});
    }
    serde_json::from_value(spec).unwrap()
}

fn secret(data: &[(&str, &[u8])]) -> Secret {
    Secret {
        data: Some(
            data.iter()
                .map(|(key, value)| ((*key).into(), ByteString(value.to_vec())))
                .collect(),
        ),
        ..Secret::default()
    }
}

const COMPLETE: [(&str, &[u8]); 3] = [
    ("client-id", b" id\n"),
    ("client-secret", b"secret\r\n"),
    ("account-id", b"account"),
];

#[test]
fn a_line_break_at_the_end_is_no_part_of_a_secret() {
    let found = Credentials::read(&spec(false), Some(&secret(&COMPLETE)));
    assert_eq!(found.complaint(), None);
    let credentials = found.server_to_server.unwrap();
    assert_eq!(credentials.app.client_id, "id");
    assert_eq!(credentials.app.client_secret.expose_secret(), "secret");
}

#[test]
fn a_missing_secret_is_named() {
    let found = Credentials::read(&spec(false), None);
    assert_eq!(
        found.complaint().unwrap(),
        "Secret zoom does not exist: create it with the keys client-id, client-secret, account-id."
    );
    assert!(!found.exists && found.version.is_empty());
}

#[test]
fn keys_of_other_names_are_shown_beside_the_missing_ones() {
    let data: [(&str, &[u8]); 2] = [("clientId", b"id"), ("client-secret", b"secret")];
    let found = Credentials::read(&spec(false), Some(&secret(&data)));
    assert_eq!(
        found.complaint().unwrap(),
        "Secret zoom: key client-id is missing, key account-id is missing. It also has the key clientId. Copy the values from the app's page in the Zoom App Marketplace."
    );
}

#[test]
fn every_problem_is_named_at_once() {
    let found = Credentials::read(
        &spec(true),
        Some(&secret(&[
            ("client-id", b"\xff\xfe"),
            ("client-secret", b" \n"),
            ("account-id", b"a\0b"),
        ])),
    );
    assert_eq!(
        found.complaint().unwrap(),
        "Secret zoom: key client-id is not printable text, key client-secret is empty, key account-id is not printable text, key webhook-secret-token is missing. Copy the values from the app's page in the Zoom App Marketplace."
    );
    assert!(found.server_to_server.is_none());
}

#[test]
fn a_token_can_be_had_while_the_webhook_secret_is_missing() {
    let found = Credentials::read(&spec(true), Some(&secret(&COMPLETE)));
    assert!(found.complaint().is_some());
    assert!(found.server_to_server.is_some());
}

#[test]
fn further_authentication_needs_its_keys() {
    let mut basic = spec(true);
    let webhook = basic.webhook.as_mut().unwrap();
    webhook.authentication = Some(crate::api::v1alpha1::Authentication {
        type_: crate::api::v1alpha1::AuthenticationType::Basic,
        header_name: None,
    });
    let mut data = COMPLETE.to_vec();
    data.extend([
        ("webhook-secret-token", b"token".as_slice()),
        ("webhook-username", b"ada"),
    ]);
    let found = Credentials::read(&basic, Some(&secret(&data)));
    let complaint = found.complaint().unwrap();
    assert!(complaint.starts_with("Secret zoom: key webhook-password is missing."));
    data.push(("webhook-password", b"with a blank"));
    let found = Credentials::read(&basic, Some(&secret(&data)));
    assert_eq!(found.complaint(), None);
}

#[test]
fn nothing_secret_is_printed() {
    let found = Credentials::read(&spec(false), Some(&secret(&COMPLETE)));
    assert!(!format!("{found:?}").contains("\"secret\""));
}

#[test]
fn usable_and_unusable_keys_are_told_apart() {
    let data: [(&str, &[u8]); 3] = [
        ("client-id", b"id"),
        ("client-secret", b" \n"),
        ("something-else", b"x"),
    ];
    let found = Credentials::read(&spec(true), Some(&secret(&data)));
    assert_eq!(found.usable, ["client-id"]);
    assert_eq!(found.unusable().collect::<Vec<_>>(), ["client-secret"]);
    assert!(!found.are_complete(&spec(true)));
    let found = Credentials::read(&spec(false), Some(&secret(&COMPLETE)));
    assert_eq!(found.usable, ["client-id", "client-secret", "account-id"]);
    assert!(found.are_complete(&spec(false)));
}

#[test]
fn what_was_copied_twice_is_named_by_the_later_key() {
    let data: [(&str, &[u8]); 4] = [
        ("client-id", b"id"),
        ("client-secret", b"secret"),
        ("account-id", b"id\n"),
        ("webhook-secret-token", b"secret"),
    ];
    let pair = |key: &str, other: &str| (key.to_owned(), other.to_owned());
    let found = Credentials::read(&spec(true), Some(&secret(&data)));
    assert_eq!(
        found.same,
        [
            pair("account-id", "client-id"),
            pair("webhook-secret-token", "client-secret")
        ]
    );
    // Without a webhook, the latter is not needed.
    let found = Credentials::read(&spec(false), Some(&secret(&data)));
    assert_eq!(found.same, [pair("account-id", "client-id")]);
}

#[test]
fn one_key_for_two_purposes_is_no_copy() {
    let mut spec = spec(false);
    let keys = serde_json::json!({"clientId": "both", "clientSecret": "both"});
    spec.credentials.keys = Some(serde_json::from_value(keys).unwrap());
    let data: [(&str, &[u8]); 2] = [("both", b"x"), ("account-id", b"y")];
    let found = Credentials::read(&spec, Some(&secret(&data)));
    assert!(found.same.is_empty(), "{found:?}");
}

#[test]
fn a_verification_token_is_known_by_its_key() {
    let data: [(&str, &[u8]); 3] = [
        ("client-id", b"id"),
        ("verification-token", b"old"),
        ("ZOOM_VERIFICATION_TOKEN", b"old"),
    ];
    let found = Credentials::read(&spec(false), Some(&secret(&data)));
    assert_eq!(
        found.legacy,
        ["ZOOM_VERIFICATION_TOKEN", "verification-token"]
    );
}

#[test]
fn what_surrounds_a_value_is_dropped_and_what_hides_in_it_is_named() {
    let found = Credentials::read(
        &spec(true),
        Some(&secret(&[
            ("client-id", "\u{feff}id\u{200b}".as_bytes()),
            ("client-secret", "sec\u{a0}ret".as_bytes()),
            ("account-id", b"\"account\""),
            ("webhook-secret-token", b"ZmxkLXNlY3JldC10b2tlbg=="),
        ])),
    );
    assert_eq!(found.client_id.as_deref(), Some("id"));
    let complaint = found.complaint().unwrap();
    for part in [
        "key client-secret has a blank or an invisible character in the middle",
        "key webhook-secret-token is encoded in base64 twice",
    ] {
        assert!(complaint.contains(part), "{complaint}");
    }
    assert!(!complaint.contains("account-id"), "{complaint}");
}

#[test]
fn a_secret_that_is_written_again_with_the_same_credentials_keeps_its_version() {
    let versions = Versions::default();
    let version = |resource_version: &str, data: &[(&str, &[u8])]| {
        let mut secret = secret(data);
        secret.metadata.resource_version = Some(resource_version.into());
        let mut found = Credentials::read(&spec(false), Some(&secret));
        versions.keep("u1", &mut found);
        found.version
    };
    let first = version("1", &COMPLETE);
    assert_eq!(version("2", &COMPLETE), first);
    // Keys that are not sent to Zoom do not count, and neither does white space around a value.
    let mut more = COMPLETE.to_vec();
    more.push(("something", b"else"));
    assert_eq!(version("3", &more), first);
    // A changed value counts, and so does changing it back.
    let mut other = COMPLETE.to_vec();
    other[1].1 = b"another";
    let second = version("4", &other);
    assert_ne!(second, first);
    assert_eq!(version("5", &other), second);
    assert!(version("6", &COMPLETE).ends_with("/6"));
    versions.forget("u1");
    assert!(version("7", &COMPLETE).ends_with("/7"));
}

#[test]
fn the_digest_beside_a_token_is_of_no_use_without_it() {
    let found = Credentials::read(&spec(false), Some(&secret(&COMPLETE)));
    let seal = found.seal(b"token").unwrap();
    assert_eq!(found.seal(b"token").unwrap(), seal);
    assert_ne!(found.seal(b"other").unwrap(), seal);
    let incomplete = Credentials::read(&spec(false), Some(&secret(&COMPLETE[1..])));
    assert_eq!(incomplete.seal(b"token"), None);
}

#[test]
fn a_webhook_only_app_has_a_secret_token_and_no_client() {
    let spec: ZoomIntegrationSpec = serde_json::from_value(serde_json::json!({
        "app": {"kind": "WebhookOnly"}, "credentials": {"secretRef": {"name": "zoom"}},
        "webhook": {"sink": {"http": {"url": "https://s"}}},
    }))
    .unwrap();
    let found = Credentials::read(
        &spec,
        Some(&secret(&[
            ("webhook-secret-token", b"token".as_slice()),
            ("client-id", b"id"),
        ])),
    );
    assert_eq!(found.complaint(), None);
    assert_eq!(found.usable, ["webhook-secret-token"]);
    assert!(found.are_complete(&spec) && found.app.is_none() && found.client_id.is_none());
    let found = Credentials::read(&spec, Some(&secret(&[("client-id", b"id".as_slice())])));
    assert!(!found.are_complete(&spec));
    assert!(
        found
            .complaint()
            .unwrap()
            .starts_with("Secret zoom: key webhook-secret-token is missing.")
    );
}
