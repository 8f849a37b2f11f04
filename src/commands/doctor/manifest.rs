//! The app that credentials belong to, from a manifest or from flags.

use std::fs;

use anyhow::{Context as _, bail};
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::{Args, args::Kind, source::Data};
use crate::api::v1alpha1::{ZoomIntegration, ZoomIntegrationSpec};
use zoom::scopes::Level;

/// The app.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The spec.
    pub spec: ZoomIntegrationSpec,
    /// The name.
    pub name: String,
    /// Whether it comes from a manifest; otherwise from flags.
    pub is_declared: bool,
    /// The manifest as it is written.
    pub document: Value,
}

/// Reads the manifest, or builds one from the flags.
///
/// # Errors
/// When the file cannot be read, or does not contain exactly one integration.
pub fn read(args: &Args) -> anyhow::Result<Manifest> {
    let Some(path) = &args.spec else {
        return made_up(args.kind.unwrap_or(Kind::ServerToServer), &args.scopes);
    };
    let file = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {file}"))?;
    let found = integrations(&text).with_context(|| file.to_string())?;
    let mut found = found.into_iter();
    let (Some((integration, document)), None) = (found.next(), found.next()) else {
        bail!("{file} has to hold one ZoomIntegration, neither none nor several");
    };
    Ok(Manifest {
        name: integration.name_any(),
        spec: integration.spec,
        is_declared: true,
        document,
    })
}

fn integrations(text: &str) -> anyhow::Result<Vec<(ZoomIntegration, Value)>> {
    let mut found = Vec::new();
    for (number, document) in (1..).zip(text.split("\n---")) {
        let value: Option<Value> = serde_saphyr::from_str(document)
            .with_context(|| format!("document {number} is no YAML"))?;
        if let Some(value) = value.filter(|value| value["kind"] == "ZoomIntegration") {
            let integration = serde_saphyr::from_str(document);
            let integration = integration.with_context(|| {
                format!("document {number} is no ZoomIntegration of this version")
            })?;
            found.push((integration, value));
        }
    }
    Ok(found)
}

fn made_up(kind: Kind, scopes: &[String]) -> anyhow::Result<Manifest> {
    let app = match kind {
        Kind::ServerToServer => json!({"kind": "ServerToServer"}),
        Kind::WebhookOnly => json!({"kind": "WebhookOnly"}),
        Kind::General => {
            let admin = scopes.iter().any(|scope| Level::of(scope) != Level::User);
            let management = if admin { "Admin" } else { "User" };
            json!({"kind": "General", "management": management})
        }
    };
    let mut spec = json!({"app": app, "credentials": {"secretRef": {"name": "credentials"}}});
    if kind != Kind::WebhookOnly {
        spec["scopes"] = json!({"required": scopes});
    }
    Ok(Manifest {
        spec: serde_json::from_value(spec)?,
        name: String::new(),
        is_declared: false,
        document: Value::Null,
    })
}

// === impl Manifest ===

impl Manifest {
    /// The declared app; an app from flags gets a webhook if there is a token for it.
    #[must_use]
    pub fn with_what_is_there(&self, data: &Data) -> ZoomIntegrationSpec {
        let mut spec = self.spec.clone();
        let has_token = data.contains_key(spec.credentials.webhook_secret_token());
        if !self.is_declared && (has_token || spec.is_webhook_only()) {
            let webhook = json!({"sink": {"http": {"serviceRef": {"name": "sink"}}}});
            spec.webhook = serde_json::from_value(webhook).ok();
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::Management;

    #[test]
    fn the_integration_is_found_among_other_documents() {
        let text = "# A comment.\n---\nkind: Secret\nmetadata: {name: a}\n---\n\
            apiVersion: zoom-operator.io/v1alpha1\nkind: ZoomIntegration\nmetadata: {name: acme}\n\
            spec:\n  app: {kind: ServerToServer}\n  credentials: {secretRef: {name: zoom}}\n  \
            scopes: {required: [a:read:b:admin]}\n";
        let found = integrations(text).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.name_any(), "acme");
        assert_eq!(found[0].1["spec"]["app"]["kind"], "ServerToServer");
        let broken = text.replace("ServerToServer", "Server");
        let error = format!("{:#}", integrations(&broken).unwrap_err());
        assert!(
            error.contains("document 3 is no ZoomIntegration"),
            "{error}"
        );
    }

    #[test]
    fn scopes_tell_who_authorizes_the_app() {
        let management = |scope: &str| {
            let made = made_up(Kind::General, &[scope.to_owned()]).unwrap();
            made.spec.app.management
        };
        assert_eq!(management("user:read:user"), Some(Management::User));
        assert_eq!(management("user:read:user:admin"), Some(Management::Admin));
    }
}
