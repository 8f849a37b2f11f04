//! Which objects an operator serves: in which namespaces, and of which class.

use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;

/// What distinguishes the objects of one operator from those of another.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Scope {
    /// Namespaces to watch, separated by commas. Empty: all.
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,

    /// Serve only namespaces whose labels match this `LabelSelector`. For this, the operator needs permission to
    /// list and watch namespaces.
    #[arg(
        long,
        env = "WATCH_NAMESPACE_SELECTOR",
        value_name = "JSON",
        default_value = "{}"
    )]
    pub watch_namespace_selector: NamespaceSelector,

    /// Serve only integrations with this `operatorClass`, and their connections. Empty: only those without one.
    #[arg(long, env = "OPERATOR_CLASS", default_value = "")]
    pub operator_class: String,
}

/// A `LabelSelector` for namespaces, from JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceSelector(Selector);

// === impl Scope ===

impl Scope {
    /// The class of objects that are served; `None` for those without one.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        Some(self.operator_class.as_str()).filter(|class| !class.is_empty())
    }

    /// The namespaces to watch; `None` for all of them.
    #[must_use]
    pub fn namespaces(&self) -> Option<Vec<String>> {
        let mut namespaces: Vec<String> = self
            .watch_namespaces
            .iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        namespaces.sort();
        namespaces.dedup();
        (!namespaces.is_empty()).then_some(namespaces)
    }

    /// The labels of the namespaces that are served; `None` if labels do not matter.
    #[must_use]
    pub fn selector(&self) -> Option<&Selector> {
        let NamespaceSelector(selector) = &self.watch_namespace_selector;
        (!selector.selects_all()).then_some(selector)
    }
}

// === impl NamespaceSelector ===

impl FromStr for NamespaceSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let selector: LabelSelector = serde_json::from_str(text)
            .map_err(|error| format!("must be a LabelSelector as JSON: {error}"))?;
        let selector = Selector::try_from(selector).map_err(|error| error.to_string())?;
        Ok(Self(selector))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        scope: Scope,
    }

    fn parse(flags: &[&str]) -> Result<Scope, clap::Error> {
        let line = ["operator"].iter().chain(flags);
        Cli::try_parse_from(line).map(|cli| cli.scope)
    }

    #[test]
    fn without_flags_everything_without_a_class_is_served() {
        let scope = parse(&[]).unwrap();
        assert_eq!(scope.class(), None);
        assert_eq!(scope.namespaces(), None);
        assert_eq!(scope.selector(), None);
        let names = parse(&["--watch-namespaces=b, a,,b"]).unwrap();
        assert_eq!(
            names.namespaces(),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn a_selector_is_written_as_kubernetes_reads_it() {
        let json = r#"{"matchLabels":{"team":"a"},"matchExpressions":[
            {"key":"stage","operator":"NotIn","values":["test"]},{"key":"zoom","operator":"Exists"}]}"#;
        let scope = parse(&["--watch-namespace-selector", json]).unwrap();
        let text = scope.selector().unwrap().to_string();
        for part in ["team=a", "stage notin (test)", "zoom"] {
            assert!(text.contains(part), "{text}");
        }
        for wrong in [
            "team=a",
            r#"{"matchExpressions":[{"key":"a","operator":"Like"}]}"#,
        ] {
            assert!(
                parse(&["--watch-namespace-selector", wrong]).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_class_has_a_name() {
        let scope = parse(&["--operator-class=blue"]).unwrap();
        assert_eq!(scope.class(), Some("blue"));
    }
}
