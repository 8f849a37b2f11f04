//! Credentials from a source, read in the same way as the controller reads the Secret. Pure.

use contract::secret_value;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use secrecy::SecretString;

use super::source::Data;
use crate::{
    api::v1alpha1::ZoomIntegrationSpec,
    controller::credentials::{Credentials, ProblemKind},
    setup::facts::SecretFacts,
};

/// Credentials.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Names of keys, and what is wrong with them.
    pub secret: SecretFacts,
    /// Keys that are needed but missing or unusable.
    pub lacking: Vec<String>,
    /// Client id and secret, if complete.
    pub app: Option<zoom::App>,
    /// The account id of a Server-to-Server app.
    pub account_id: Option<String>,
    /// The webhook secret token.
    pub secret_token: Option<SecretString>,
    /// Whether the app's kind has an account id.
    pub is_server_to_server: bool,
    /// Whether the app has a Team Chat bot.
    pub has_bot: bool,
}

// === impl Values ===

impl Values {
    /// Reads the credentials of an app.
    #[must_use]
    pub fn read(spec: &ZoomIntegrationSpec, data: &Data) -> Self {
        let bytes = data.iter();
        let bytes = bytes.map(|(key, value)| (key.clone(), ByteString(value.clone())));
        let secret = Secret {
            data: Some(bytes.collect()),
            ..Secret::default()
        };
        let found = Credentials::read(spec, Some(&secret));
        let unusable = found
            .problems
            .iter()
            .filter(|problem| problem.kind != ProblemKind::Missing)
            .map(|problem| problem.key.clone());
        let keys = found.usable.iter().chain(&found.legacy).cloned();
        let token = spec.credentials.webhook_secret_token();
        let token = Some(token).filter(|key| found.usable.iter().any(|usable| usable == key));
        Self {
            secret: SecretFacts {
                exists: true,
                keys: keys.chain(unusable.clone()).collect(),
                unusable: unusable.collect(),
                same: found.same,
            },
            lacking: found
                .problems
                .iter()
                .map(|problem| problem.key.clone())
                .collect(),
            account_id: found.server_to_server.map(|found| found.account_id),
            app: found.app,
            secret_token: token.and_then(|key| text(data.get(key)?)),
            is_server_to_server: spec.is_server_to_server(),
            has_bot: spec.has_bot(),
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

fn text(value: &[u8]) -> Option<SecretString> {
    Some(secret_value::read(value).ok()?.to_owned().into())
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
