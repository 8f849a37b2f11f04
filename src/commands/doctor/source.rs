//! Where credentials come from. The values are named like the keys of the credentials Secret.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::Args;
use crate::{api::v1alpha1::ZoomIntegrationSpec, setup::warning::is_verification_token};

/// A credential has a few dozen bytes.
const LARGEST: u64 = 64 * 1024;
const PREFIX: &str = "ZOOM_";

/// The values of the credentials Secret, by its keys.
pub type Data = BTreeMap<String, Vec<u8>>;

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Environment variables.
    Environment,
    /// A file with lines like environment variables.
    File(PathBuf),
    /// A directory with a file for each key.
    Directory(PathBuf),
    /// A Secret in the cluster.
    Secret(String),
}

// === impl Origin ===

impl Origin {
    /// The source that the flags select.
    #[must_use]
    pub fn of(args: &Args) -> Option<Self> {
        if args.from_env {
            return Some(Self::Environment);
        }
        if let Some(path) = &args.from_file {
            let path = path.clone();
            return Some(if path.is_dir() {
                Self::Directory(path)
            } else {
                Self::File(path)
            });
        }
        args.secret.clone().map(Self::Secret)
    }

    /// The name of a key's value in this source, for people.
    #[must_use]
    pub fn called(&self, key: &str, spec: &ZoomIntegrationSpec) -> String {
        match self {
            Self::Environment | Self::File(_) => canonical(key, spec).map_or_else(
                || key.to_owned(),
                |name| format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_")),
            ),
            Self::Directory(_) | Self::Secret(_) => key.to_owned(),
        }
    }

    /// Reads the credentials.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(&self, args: &Args, spec: &ZoomIntegrationSpec) -> anyhow::Result<Data> {
        match self {
            Self::Environment => {
                let variables = std::env::vars_os().filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_encoded_bytes()))
                });
                Ok(named(variables, spec))
            }
            Self::File(path) => {
                let text = String::from_utf8(contents(path)?)
                    .with_context(|| format!("{} is no text", path.display()))?;
                Ok(named(assignments(&text), spec))
            }
            Self::Directory(path) => directory(path),
            Self::Secret(name) => {
                let session = args.cluster.session().await?;
                let namespace = &session.namespace;
                let secrets: Api<Secret> = Api::namespaced(session.client, namespace);
                let found = secrets.get_opt(name).await;
                let found = found.with_context(|| format!("failed to read Secret {name}"))?;
                let found = found.with_context(|| {
                    format!("there is no Secret {name} in namespace {namespace}")
                })?;
                let data = found.data.unwrap_or_default();
                Ok(data
                    .into_iter()
                    .map(|(key, value)| (key, value.0))
                    .collect())
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("the environment"),
            Self::File(path) | Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Secret(name) => write!(f, "Secret {name}"),
        }
    }
}

/// The keys to look for, by their usual names.
fn keys(spec: &ZoomIntegrationSpec) -> [(&'static str, &str); 4] {
    let keys = &spec.credentials;
    [
        ("client-id", keys.client_id()),
        ("client-secret", keys.client_secret()),
        ("account-id", keys.account_id()),
        ("webhook-secret-token", keys.webhook_secret_token()),
    ]
}

fn canonical(key: &str, spec: &ZoomIntegrationSpec) -> Option<&'static str> {
    let found = keys(spec).into_iter().find(|(_, own)| *own == key);
    found.map(|(name, _)| name)
}

/// Variables such as `ZOOM_CLIENT_ID`, by the keys that they stand for. All others are ignored.
fn named(
    variables: impl IntoIterator<Item = (String, Vec<u8>)>,
    spec: &ZoomIntegrationSpec,
) -> Data {
    let known = keys(spec);
    variables
        .into_iter()
        .filter_map(|(name, value)| {
            let name = name.strip_prefix(PREFIX)?;
            let usual = name.to_ascii_lowercase().replace('_', "-");
            let own = known.iter().find(|(known, _)| *known == usual);
            let key = own.map(|(_, own)| (*own).to_owned());
            let key = key.or_else(|| is_verification_token(&usual).then_some(usual));
            Some((key?, value))
        })
        .collect()
}

/// Lines `NAME=VALUE`, optionally with `export` in front and quotation marks around the value.
fn assignments(text: &str) -> impl Iterator<Item = (String, Vec<u8>)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        let value = value.trim();
        let quoted = |mark: char| value.strip_prefix(mark)?.strip_suffix(mark);
        let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
        (!name.starts_with('#')).then(|| (name.to_owned(), value.as_bytes().to_vec()))
    })
}

fn directory(path: &Path) -> anyhow::Result<Data> {
    let failed = || format!("failed to read {}", path.display());
    let mut data = Data::new();
    for entry in fs::read_dir(path).with_context(failed)? {
        let file = entry.with_context(failed)?.path();
        let name = file.file_name().and_then(|name| name.to_str());
        // A mounted Secret also has links that begin with a dot.
        let Some(name) = name.filter(|name| !name.starts_with('.')) else {
            continue;
        };
        if file.is_file() {
            data.insert(name.to_owned(), contents(&file)?);
        }
    }
    Ok(data)
}

fn contents(path: &Path) -> anyhow::Result<Vec<u8>> {
    let failed = || format!("failed to read {}", path.display());
    if fs::metadata(path).with_context(failed)?.len() > LARGEST {
        bail!("{} is too large for credentials", path.display());
    }
    fs::read(path).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::tests::fixtures::spec;

    fn text(data: &Data, key: &str) -> String {
        String::from_utf8(data.get(key).cloned().unwrap_or_default()).unwrap()
    }

    #[test]
    fn variables_stand_for_keys() {
        let spec = spec("quickstart/zoomintegration.yaml");
        let file = "# ZOOM_CLIENT_ID=old\nexport ZOOM_CLIENT_ID=\"an id\"\nZOOM_CLIENT_SECRET = 'a=b'\n\
                    ZOOM_WEBHOOK_SECRET_TOKEN=t\nZOOM_VERIFICATION_TOKEN=v\nZOOM_OAUTH_URL=u\nHOME=/\n";
        let data = named(assignments(file), &spec);
        assert_eq!(text(&data, "client-id"), "an id");
        assert_eq!(text(&data, "client-secret"), "a=b");
        let keys: Vec<&String> = data.keys().collect();
        assert_eq!(
            keys,
            [
                "client-id",
                "client-secret",
                "verification-token",
                "webhook-secret-token"
            ]
        );
        let called = |origin: Origin| origin.called("client-id", &spec);
        assert_eq!(called(Origin::Environment), "ZOOM_CLIENT_ID");
        assert_eq!(called(Origin::Secret("zoom".into())), "client-id");
    }

    #[test]
    fn a_directory_has_a_file_for_each_key() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("client-id"), "id\n").unwrap();
        fs::create_dir(directory.path().join("..data")).unwrap();
        fs::write(directory.path().join(".hidden"), "x").unwrap();
        let data = super::directory(directory.path()).unwrap();
        assert_eq!(
            data.into_iter().collect::<Vec<_>>(),
            [("client-id".into(), b"id\n".to_vec())]
        );
    }
}
