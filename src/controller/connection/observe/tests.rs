//! What a Secret to import holds.

use k8s_openapi::ByteString;
use secrecy::ExposeSecret as _;

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
