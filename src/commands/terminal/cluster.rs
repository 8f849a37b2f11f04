//! Selects cluster and namespace in the same way as kubectl.

use std::path::PathBuf;

use anyhow::Context as _;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// The cluster and namespace.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Cluster {
    /// Namespace of the resource. Default: the context's.
    #[arg(long, short, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig. Default: the current one.
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The kubeconfig. Default: `KUBECONFIG`, then `~/.kube/config`, then the Pod's service account.
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// A connection to a cluster, and a namespace in it.
#[derive(Clone)]
pub struct Session {
    /// The client for the API server.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
}

// === impl Cluster ===

impl Cluster {
    /// Finds the cluster, without sending a request yet.
    ///
    /// # Errors
    /// When there is no configuration.
    pub async fn session(&self) -> anyhow::Result<Session> {
        let config = self.config().await?;
        let namespace = self.namespace.clone();
        Ok(Session {
            namespace: namespace.unwrap_or_else(|| config.default_namespace.clone()),
            client: Client::try_from(config)?,
        })
    }

    async fn config(&self) -> anyhow::Result<Config> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path)
                .with_context(|| format!("failed to read {}", path.display()))?,
            None if self.context.is_some() => Kubeconfig::read()?,
            None => {
                let found = Config::infer().await;
                return found.context("no cluster: set KUBECONFIG, or give --kubeconfig");
            }
        };
        Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cluster_is_reached_through_a_proxy_of_the_kubeconfig() -> anyhow::Result<()> {
        for scheme in ["http", "socks5"] {
            let kubeconfig = Kubeconfig::from_yaml(&format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
                 contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n\
                 clusters: [{{name: c, cluster: {{server: 'http://10.0.0.1', proxy-url: '{scheme}://127.0.0.1:1080'}}}}]\n"
            ))?;
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
            assert!(config.proxy_url.is_some());
            Client::try_from(config).with_context(|| scheme.to_owned())?;
        }
        Ok(())
    }
}
