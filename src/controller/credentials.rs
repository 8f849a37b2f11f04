//! The credentials Secret as the controller sees it. Pure.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use secrecy::SecretString;

use super::integration::resources::authentication_keys;
use crate::{api::v1alpha1::ZoomIntegrationSpec, zoom};

/// What the credentials Secret holds.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Name of the Secret.
    pub secret_name: String,
    /// Whether it exists.
    pub exists: bool,
    /// UID and resourceVersion; changes with every change of the Secret.
    pub version: String,
    /// What is wrong with its keys.
    pub problems: Vec<Problem>,
    /// The client id, if it can be read.
    pub client_id: Option<String>,
    /// Client id and secret, if complete.
    pub app: Option<zoom::App>,
    /// What a Server-to-Server token request needs, if complete.
    pub server_to_server: Option<zoom::Credentials>,
    /// What Zoom signs webhooks with, if there is a webhook.
    pub webhook_secret_token: Option<SecretString>,
}

/// A key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: String,
    /// What is wrong with it.
    pub kind: ProblemKind,
}

/// What can be wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// It is not there.
    Missing,
    /// It is there and holds nothing but white space.
    Empty,
    /// It holds bytes that are no printable text.
    NotText,
}

// === impl Credentials ===

impl Credentials {
    /// Reads the Secret; `None` when it does not exist.
    #[must_use]
    pub fn read(spec: &ZoomIntegrationSpec, secret: Option<&Secret>) -> Self {
        let name = spec.credentials.secret_ref.name.clone();
        let Some(secret) = secret else {
            return Self {
                secret_name: name,
                ..Self::default()
            };
        };
        let mut problems = Vec::new();
        let mut text = |key: &str| {
            let value = secret.data.as_ref().and_then(|data| data.get(key));
            match value.map(read_text) {
                Some(Ok(text)) => Some(text),
                Some(Err(kind)) => {
                    problems.push(Problem {
                        key: key.into(),
                        kind,
                    });
                    None
                }
                None => {
                    problems.push(Problem {
                        key: key.into(),
                        kind: ProblemKind::Missing,
                    });
                    None
                }
            }
        };
        let keys = &spec.credentials;
        let client_id = text(keys.client_id());
        let client_secret = text(keys.client_secret()).map(SecretString::from);
        let account_id = spec
            .is_server_to_server()
            .then(|| text(keys.account_id()))
            .flatten();
        let webhook_secret_token = spec
            .webhook
            .is_some()
            .then(|| text(keys.webhook_secret_token()))
            .flatten()
            .map(SecretString::from);
        problems.extend(authentication_problems(spec, secret));
        let app = client_id
            .clone()
            .zip(client_secret)
            .map(|(client_id, client_secret)| zoom::App {
                client_id,
                client_secret,
            });
        Self {
            secret_name: name,
            exists: true,
            version: version(secret),
            problems,
            server_to_server: app
                .clone()
                .zip(account_id)
                .map(|(app, account_id)| zoom::Credentials { app, account_id }),
            app,
            client_id,
            webhook_secret_token,
        }
    }

    /// What is missing, as a sentence for the status.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if !self.exists {
            return Some(format!(
                "Secret {} does not exist: create it with the app's credentials.",
                self.secret_name
            ));
        }
        let problems: Vec<String> = self
            .problems
            .iter()
            .map(|problem| match problem.kind {
                ProblemKind::Missing => format!("key {} is missing", problem.key),
                ProblemKind::Empty => format!("key {} is empty", problem.key),
                ProblemKind::NotText => format!("key {} is not printable text", problem.key),
            })
            .collect();
        (!problems.is_empty()).then(|| {
            format!(
                "Secret {}: {}. Copy the values from the app's page in the Zoom App Marketplace.",
                self.secret_name,
                problems.join(", ")
            )
        })
    }
}

/// What is wrong with the keys of Zoom's further authentication. Their values may hold anything.
fn authentication_problems(spec: &ZoomIntegrationSpec, secret: &Secret) -> Vec<Problem> {
    let webhook = spec.webhook.as_ref();
    let wanted = webhook.and_then(|webhook| webhook.authentication.as_ref());
    let keys = wanted.map_or(&[] as &[&str], authentication_keys);
    let problem = |key: &&str| {
        let value = secret.data.as_ref().and_then(|data| data.get(*key));
        let kind = match value {
            None => ProblemKind::Missing,
            Some(value) if value.0.trim_ascii().is_empty() => ProblemKind::Empty,
            Some(_) => return None,
        };
        Some(Problem {
            key: (*key).to_owned(),
            kind,
        })
    };
    keys.iter().filter_map(problem).collect()
}

/// UID and resourceVersion of a Secret.
fn version(secret: &Secret) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!(
        "{}/{}",
        part(&secret.metadata.uid),
        part(&secret.metadata.resource_version)
    )
}

/// White space at both ends is dropped: a line break that an editor appended is the commonest mistake.
fn read_text(value: &ByteString) -> Result<String, ProblemKind> {
    let text = str::from_utf8(&value.0)
        .map_err(|_| ProblemKind::NotText)?
        .trim();
    if text.is_empty() {
        Err(ProblemKind::Empty)
    } else if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Err(ProblemKind::NotText)
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
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
        assert!(found.complaint().is_some());
        assert!(
            found
                .complaint()
                .unwrap()
                .starts_with("Secret zoom does not exist")
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
}
