//! A release of the chart besides the usual one of a test.

use anyhow::Context as _;

use super::{Bed, Operator, Options, tools};

/// A release that the test uninstalls itself: what it has outside of namespaces stays otherwise.
pub struct Release {
    bed: Bed,
    name: String,
}

// === impl Release ===

impl Release {
    /// Installs it. `namespaced`: it serves the test's namespace, and else those that `values` say.
    pub async fn install(
        bed: &Bed,
        name: &str,
        values: &[String],
        namespaced: bool,
    ) -> anyhow::Result<Self> {
        let options = Options {
            values: values.to_vec(),
            ..Options::default()
        };
        let mut args = vec!["install".to_owned(), name.to_owned()];
        args.extend(Operator::chart_args(bed, &options));
        if !namespaced {
            let served = args
                .iter()
                .position(|arg| arg.starts_with("watchNamespaces="));
            let served = served.context("no namespaces")?;
            args.drain(served - 1..=served);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        tools::must("helm", &args).await?;
        Ok(Self {
            bed: bed.clone(),
            name: name.to_owned(),
        })
    }

    pub async fn uninstall(&self) -> anyhow::Result<()> {
        let namespace = format!("--namespace={}", self.bed.namespace());
        tools::must("helm", &["uninstall", &self.name, &namespace, "--wait"]).await?;
        Ok(())
    }
}
