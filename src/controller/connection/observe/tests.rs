//! What a Secret to import holds.

use contract::consent::SECRET_KEY;
use k8s_openapi::ByteString;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::*;

/// What goes to Zoom is the token alone; a value that is none is named, and costs no grant.
#[test]
fn a_refresh_token_to_import_is_read_like_every_other_value() {
    let found = |value: Option<&str>| {
        let data = value.map(|value| {
            let value = ByteString(value.as_bytes().to_vec());
            [(REFRESH_TOKEN.to_owned(), value)].into()
        });
        let secret = Secret {
            data,
            ..Secret::default()
        };
        match import_in("token", &secret) {
            Import::Present(token) => token.expose_secret().to_owned(),
            Import::Awaited(why) => why,
            Import::NotWanted => String::new(),
        }
    };
    for value in [
        "eyJ.a-b_c.d\n",
        "\u{feff}eyJ.a-b_c.d\r\n",
        "\u{200b}eyJ.a-b_c.d\u{a0}",
        "\"eyJ.a-b_c.d\"\n",
    ] {
        assert_eq!(found(Some(value)), "eyJ.a-b_c.d", "{value:?}");
    }
    for (value, why) in [
        (None, "has no key refresh-token"),
        (Some(" \n"), "key refresh-token is empty"),
        (Some("eyJ.a b"), "blank or an invisible character"),
        (Some("dmFsdWUtMV9BCg=="), "encoded in base64 twice"),
    ] {
        let told = found(value);
        assert!(told.contains(why), "{told}");
        assert!(told.contains("Secret token of importSecretRef"), "{told}");
    }
}

/// The Pod that handed over the first one has a clock that is ahead.
#[test]
fn consents_are_sorted_by_the_clock_of_the_api_server() {
    let of = |name: &str, created: &str, authorized: &str| {
        let handoff = json!({
            "namespace": "clinics", "integration": "app", "integrationUid": "i",
            "connection": "ada", "connectionUid": "c", "clientId": "id",
            "redirectUrl": "https://connect.example.com/cb", "code": "code", "codeVerifier": "v",
            "begun": authorized, "authorized": authorized,
        });
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": name, "creationTimestamp": created},
        }))
        .unwrap();
        Consent::of(&Secret {
            data: Some(
                [(
                    SECRET_KEY.to_owned(),
                    ByteString(handoff.to_string().into()),
                )]
                .into(),
            ),
            ..secret
        })
    };
    let mut consents = [
        of("second", "2026-01-01T10:01:00Z", "2026-01-01T10:00:59Z"),
        of("first", "2026-01-01T10:00:00Z", "2026-01-01T10:04:00Z"),
    ];
    consents.sort_by_key(Consent::since);
    let names = consents.map(|consent| consent.secret_name);
    assert_eq!(names, ["first", "second"]);
}
