//! The credentials Secret as the controller sees it. Pure.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use contract::{mac, secret_value};
use data_encoding::HEXLOWER;
use hmac::Mac as _;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::integration::resources::authentication_keys;
use crate::{
    api::v1alpha1::{AppKind, ZoomIntegrationSpec},
    setup,
};

/// Naming more keys would not help the reader.
const MOST_NAMED: usize = 5;

/// What the credentials Secret holds.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Name of the Secret.
    pub secret_name: String,
    /// Whether it exists.
    pub exists: bool,
    /// UID and resourceVersion of the Secret when it first held this client id, client secret and account
    /// id, as far as [`Versions`] remembers.
    pub version: String,
    /// Its UID, if it is immutable.
    pub immutable_uid: Option<String>,
    /// What is wrong with its keys.
    pub problems: Vec<Problem>,
    /// The keys that are needed and can be used.
    pub usable: Vec<String>,
    /// Keys that are not needed, if one that is needed is missing: it may be among them under another name.
    pub others: Vec<String>,
    /// Pairs of keys that hold the same value: the one that is probably wrong, and the other.
    pub same: Vec<(String, String)>,
    /// Keys that look like Zoom's Verification Token.
    pub legacy: Vec<String>,
    /// The client id, if it is readable.
    pub client_id: Option<String>,
    /// Client id and secret, if complete.
    pub app: Option<zoom::App>,
    /// What a Server-to-Server token request needs, if complete.
    pub server_to_server: Option<zoom::Credentials>,
    /// The secret that Zoom signs webhooks with, if there is a webhook.
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
    /// It does not exist.
    Missing,
    /// It exists, but its value cannot be used.
    Unusable(secret_value::Problem),
}

// === impl Credentials ===

impl Credentials {
    /// Reads the Secret; `None` when it does not exist.
    #[must_use]
    pub fn read(spec: &ZoomIntegrationSpec, secret: Option<&Secret>) -> Self {
        let name = spec.credentials.secret_ref.name.clone();
        let exists = secret.is_some();
        let none = Secret::default();
        let secret = secret.unwrap_or(&none);
        let mut problems = Vec::new();
        let mut usable: Vec<(String, String)> = Vec::new();
        let mut text = |key: &str| {
            let value = secret.data.as_ref().and_then(|data| data.get(key));
            match value.map(read_text) {
                Some(Ok(text)) => {
                    usable.push((key.into(), text.clone()));
                    Some(text)
                }
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
        let has_client = !spec.is_webhook_only();
        let mut of_client = |key| has_client.then(|| text(key)).flatten();
        let client_id = of_client(keys.client_id());
        let client_secret = of_client(keys.client_secret()).map(SecretString::from);
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
        let same = same(&usable);
        let mut usable: Vec<String> = usable.into_iter().map(|(key, _)| key).collect();
        let further = authentication_problems(spec, secret);
        let is_sound = |key: &&&str| further.iter().all(|problem| problem.key != **key);
        let sound = further_keys(spec).iter().filter(is_sound);
        usable.extend(sound.map(|key| (*key).to_owned()));
        problems.extend(further);
        let app = client_id
            .clone()
            .zip(client_secret)
            .map(|(client_id, client_secret)| zoom::App {
                client_id,
                client_secret,
            });
        let is_immutable = secret.immutable == Some(true);
        Self {
            secret_name: name,
            exists,
            version: exists.then_some(secret).map(version).unwrap_or_default(),
            immutable_uid: is_immutable.then(|| secret.metadata.uid.clone()).flatten(),
            others: others(secret, &problems, &usable),
            problems,
            usable,
            same,
            legacy: legacy(secret),
            server_to_server: app
                .clone()
                .zip(account_id)
                .map(|(app, account_id)| zoom::Credentials { app, account_id }),
            app,
            client_id,
            webhook_secret_token,
        }
    }

    /// The keys that exist but cannot be used.
    pub fn unusable(&self) -> impl Iterator<Item = &str> {
        self.problems
            .iter()
            .filter(|problem| problem.kind != ProblemKind::Missing)
            .map(|problem| problem.key.as_str())
    }

    /// A keyed digest of what a token was requested with. It is stored beside the token, and only somebody
    /// who has the token can compare it with a guess.
    #[must_use]
    pub fn seal(&self, access_token: &[u8]) -> Option<String> {
        let parts = self.parts()?;
        let mut mac = mac::keyed(access_token);
        for part in parts {
            mac.update(&length(part));
            mac.update(part.as_bytes());
        }
        Some(HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    /// Identifies the secret that signs webhooks, to notice when it changes. Never stored.
    #[must_use]
    pub fn webhook_version(&self) -> String {
        let token = self.webhook_secret_token.as_ref();
        token.map_or_else(String::new, |token| {
            HEXLOWER.encode(&Sha256::digest(token.expose_secret()))
        })
    }

    /// What a request to Zoom contains; `None` while it is incomplete.
    fn parts(&self) -> Option<[&str; 3]> {
        let app = self.app.as_ref()?;
        let account = self.server_to_server.as_ref();
        Some([
            app.client_id.as_str(),
            app.client_secret.expose_secret(),
            account.map_or("", |account| account.account_id.as_str()),
        ])
    }

    /// Whether any value proves the app to Zoom, or Zoom to the app.
    #[must_use]
    pub fn are_complete(&self, spec: &ZoomIntegrationSpec) -> bool {
        match spec.app.kind {
            AppKind::ServerToServer => self.server_to_server.is_some(),
            AppKind::General => self.app.is_some(),
            AppKind::WebhookOnly => self.webhook_secret_token.is_some(),
        }
    }

    /// What is missing, as a sentence for the status.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        self.complaint_of(|_| true)
    }

    /// What a grant of the app lacks: a key that only webhooks or the app's own token need is no matter of a connection.
    #[must_use]
    pub fn client_complaint(&self, spec: &ZoomIntegrationSpec) -> Option<String> {
        let keys = &spec.credentials;
        self.complaint_of(|key| [keys.client_id(), keys.client_secret()].contains(&key))
    }

    fn complaint_of(&self, matters: impl Fn(&str) -> bool) -> Option<String> {
        if !self.exists {
            return Some(format!(
                "Secret {} does not exist: create it with {}.",
                self.secret_name,
                keys_of(self.problems.iter().map(|problem| &problem.key))
            ));
        }
        let problems: Vec<String> = self
            .problems
            .iter()
            .filter(|problem| matters(&problem.key))
            .map(|problem| match problem.kind {
                ProblemKind::Missing => format!("key {} is missing", problem.key),
                ProblemKind::Unusable(what) => format!("key {} {what}", problem.key),
            })
            .collect();
        (!problems.is_empty()).then(|| {
            let others = match self.others.as_slice() {
                [] => String::new(),
                others => format!(" It also has {}.", keys_of(others)),
            };
            format!(
                "Secret {}: {}.{others} Copy the values from the app's page in the Zoom App Marketplace.",
                self.secret_name,
                problems.join(", ")
            )
        })
    }
}

/// The versions of credentials, by UID of the integration. A Secret that is rewritten with the same
/// credentials, as some Secret stores do every few minutes, keeps its version. In memory only.
#[derive(Default)]
pub struct Versions(Mutex<HashMap<String, ([u8; 32], String)>>);

// === impl Versions ===

impl Versions {
    /// Restores the previous version if the credentials did not change.
    pub fn keep(&self, uid: &str, credentials: &mut Credentials) {
        let Some(parts) = credentials.parts() else {
            return;
        };
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(length(part));
            digest.update(part);
        }
        let digest = digest.finalize().into();
        let mut known = self.lock();
        match known.get(uid) {
            Some((same, version)) if *same == digest => credentials.version.clone_from(version),
            _ => {
                known.insert(uid.to_owned(), (digest, credentials.version.clone()));
            }
        }
    }

    /// Remembers that a token was requested with these credentials at this version.
    pub fn learn(&self, uid: &str, credentials: &mut Credentials, version: &str) {
        self.forget(uid);
        version.clone_into(&mut credentials.version);
        self.keep(uid, credentials);
    }

    /// Forgets a deleted integration.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, ([u8; 32], String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn length(part: &str) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}

/// Pairs of keys that hold the same value. They are in the order of Zoom's form; the last value copied is
/// most likely the wrong one.
fn same(values: &[(String, String)]) -> Vec<(String, String)> {
    let before = |at: usize| {
        let (key, value) = &values[at];
        let first = values[..at]
            .iter()
            .find(|(other, known)| known == value && other != key);
        first.map(|(other, _)| (key.clone(), other.clone()))
    };
    (0..values.len()).filter_map(before).collect()
}

/// The keys that are there beside the needed ones, if a needed one is missing.
fn others(secret: &Secret, problems: &[Problem], usable: &[String]) -> Vec<String> {
    let is_missing = |problem: &Problem| problem.kind == ProblemKind::Missing;
    if !problems.iter().any(is_missing) {
        return Vec::new();
    }
    let is_needed =
        |key: &String| usable.contains(key) || problems.iter().any(|problem| problem.key == *key);
    let keys = secret.data.iter().flatten().map(|(key, _)| key);
    keys.filter(|key| !is_needed(key))
        .take(MOST_NAMED)
        .cloned()
        .collect()
}

/// Keys in a sentence.
fn keys_of(keys: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let keys: Vec<_> = keys.into_iter().collect();
    let names: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
    let noun = if names.len() == 1 {
        "the key"
    } else {
        "the keys"
    };
    format!("{noun} {}", names.join(", "))
}

/// Keys that look like Zoom's Verification Token.
fn legacy(secret: &Secret) -> Vec<String> {
    let keys = secret.data.iter().flatten().map(|(key, _)| key);
    keys.filter(|key| setup::warning::is_verification_token(key))
        .take(MOST_NAMED)
        .cloned()
        .collect()
}

/// The keys of Zoom's further authentication.
fn further_keys(spec: &ZoomIntegrationSpec) -> &'static [&'static str] {
    let webhook = spec.webhook.as_ref();
    let wanted = webhook.and_then(|webhook| webhook.authentication.as_ref());
    wanted.map_or(&[], authentication_keys)
}

/// What is wrong with the keys of Zoom's further authentication. Their values may contain anything.
fn authentication_problems(spec: &ZoomIntegrationSpec, secret: &Secret) -> Vec<Problem> {
    let keys = further_keys(spec);
    let problem = |key: &&str| {
        let value = secret.data.as_ref().and_then(|data| data.get(*key));
        let kind = match value {
            None => ProblemKind::Missing,
            Some(value) if value.0.trim_ascii().is_empty() => {
                ProblemKind::Unusable(secret_value::Problem::Empty)
            }
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

/// Reads the value in the same way as the receiver.
fn read_text(value: &ByteString) -> Result<String, ProblemKind> {
    secret_value::read(&value.0)
        .map(str::to_owned)
        .map_err(ProblemKind::Unusable)
}

#[cfg(test)]
mod tests;
