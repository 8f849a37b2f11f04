//! Credentials as they were handed in. Pure.

use secrecy::{ExposeSecret as _, SecretString};

use super::source::Data;
use crate::{
    api::v1alpha1::ZoomIntegrationSpec,
    setup::{facts::SecretFacts, warning::is_verification_token},
    zoom,
};

/// Credentials.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Names of keys, and what is wrong with them.
    pub secret: SecretFacts,
    /// Keys that are needed and are not there, or cannot be used.
    pub lacking: Vec<String>,
    /// Client id and secret, if complete.
    pub app: Option<zoom::App>,
    /// The account id, of a Server-to-Server app.
    pub account_id: Option<String>,
    /// The webhook secret token.
    pub secret_token: Option<SecretString>,
    /// Whether the app is of the kind that has an account id.
    pub is_server_to_server: bool,
}

// === impl Values ===

impl Values {
    /// Reads what was handed in for an app.
    #[must_use]
    pub fn read(spec: &ZoomIntegrationSpec, data: &Data) -> Self {
        let keys = &spec.credentials;
        let is_server_to_server = spec.is_server_to_server();
        let wanted = wanted(spec);
        let text = |key: &str| data.get(key).and_then(|value| read_text(value));
        let usable: Vec<(&str, SecretString)> = wanted
            .iter()
            .filter_map(|key| Some((*key, text(key)?)))
            .collect();
        let is_lacking = |key: &&&str| usable.iter().all(|(known, _)| known != *key);
        let lacking: Vec<String> = wanted
            .iter()
            .filter(is_lacking)
            .map(ToString::to_string)
            .collect();
        let there = lacking.iter().filter(|key| data.contains_key(*key));
        let app = text(keys.client_id()).zip(text(keys.client_secret()));
        Self {
            secret: SecretFacts {
                exists: true,
                keys: data
                    .keys()
                    .filter(|key| wanted.contains(&key.as_str()) || is_verification_token(key))
                    .cloned()
                    .collect(),
                unusable: there.cloned().collect(),
                same: same(&usable),
            },
            lacking,
            app: app.map(|(id, client_secret)| zoom::App {
                client_id: id.expose_secret().to_owned(),
                client_secret,
            }),
            account_id: text(keys.account_id())
                .filter(|_| is_server_to_server)
                .map(|id| id.expose_secret().to_owned()),
            secret_token: text(keys.webhook_secret_token()),
            is_server_to_server,
        }
    }

    /// What a Server-to-Server token request needs, if complete.
    #[must_use]
    pub fn server_to_server(&self) -> Option<zoom::Credentials> {
        Some(zoom::Credentials {
            app: self.app.clone()?,
            account_id: self.account_id.clone()?,
        })
    }
}

/// The keys that the app needs, in the order of Zoom's form.
fn wanted(spec: &ZoomIntegrationSpec) -> Vec<&str> {
    let keys = &spec.credentials;
    let mut wanted = Vec::new();
    if spec.is_server_to_server() {
        wanted.push(keys.account_id());
    }
    wanted.extend([keys.client_id(), keys.client_secret()]);
    if spec.webhook.is_some() {
        wanted.push(keys.webhook_secret_token());
    }
    wanted
}

/// Keys that hold the same value: the later one, which is probably wrong, and the earlier.
fn same(values: &[(&str, SecretString)]) -> Vec<(String, String)> {
    let before = |at: usize| {
        let (key, value) = &values[at];
        let first = values[..at]
            .iter()
            .find(|(_, other)| other.expose_secret() == value.expose_secret());
        first.map(|(other, _)| ((*key).to_owned(), (*other).to_owned()))
    };
    (0..values.len()).filter_map(before).collect()
}

/// As the controller reads a Secret: white space at both ends is dropped, none is allowed within.
fn read_text(value: &[u8]) -> Option<SecretString> {
    let text = str::from_utf8(value).ok()?.trim();
    let sound = !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    sound.then(|| text.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::tests::fixtures::spec;

    fn read(data: &[(&str, &str)]) -> Values {
        let data = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
            .collect();
        Values::read(&spec("quickstart/zoomintegration.yaml"), &data)
    }

    #[test]
    fn what_is_lacking_and_what_is_there_twice() {
        let values = read(&[
            ("client-id", " id\n"),
            ("client-secret", "secret"),
            ("account-id", "a b"),
            ("webhook-secret-token", "secret"),
            ("verification-token", "v"),
            ("other", "x"),
        ]);
        assert_eq!(values.lacking, ["account-id"]);
        assert!(values.secret.unusable.contains("account-id"));
        assert!(values.secret.keys.contains("verification-token"));
        assert!(!values.secret.keys.contains("other"));
        assert_eq!(
            values.secret.same,
            [("webhook-secret-token".into(), "client-secret".into())]
        );
        assert_eq!(values.app.as_ref().unwrap().client_id, "id");
        assert!(values.server_to_server().is_none());
        assert!(!format!("{values:?}").contains("\"secret\""));
    }
}
