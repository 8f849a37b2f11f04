//! The commands for people, on a live cluster, with no more rights than to read the resources and annotate them.

mod plugin;
mod refresh;

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{Bed, Case, tools};

pub fn cases() -> Vec<Case> {
    [plugin::cases(), refresh::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Somebody with kubectl and its plugin, who may read the resources of one namespace and annotate them, and
/// nothing else.
struct Person {
    bed: Bed,
    directory: TempDir,
    kubeconfig: PathBuf,
}

// === impl Person ===

impl Person {
    async fn new(bed: &Bed) -> anyhow::Result<Self> {
        let user = format!("{}-person", bed.namespace());
        for object in rights(&user) {
            bed.apply(&object).await?;
        }
        let directory = tempfile::tempdir()?;
        let program = env!("CARGO_BIN_EXE_zoom-operator");
        symlink(program, directory.path().join("kubectl-zoom"))?;
        let kubeconfig = directory.path().join("kubeconfig");
        impersonate(&user, &kubeconfig)?;
        Ok(Self {
            bed: bed.clone(),
            directory,
            kubeconfig,
        })
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `kubectl zoom ARGS... -n NAMESPACE`, whatever its end is.
    async fn zoom(&self, args: &[&str]) -> anyhow::Result<tools::Said> {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.directory().display());
        let kubeconfig = self.kubeconfig.to_string_lossy();
        let args: Vec<&str> = ["zoom"]
            .into_iter()
            .chain(args.iter().copied())
            .chain(["--kubeconfig", &kubeconfig, "-n", self.bed.namespace()])
            .collect();
        tools::run_with("kubectl", &args, &[("PATH", &path)]).await
    }

    /// The same, to an end that is well; what it printed.
    async fn must(&self, args: &[&str]) -> anyhow::Result<String> {
        let said = self.zoom(args).await?;
        ensure!(said.success, "{args:?}: {}{}", said.stdout, said.stderr);
        Ok(said.stdout)
    }
}

fn rights(user: &str) -> [Value; 2] {
    let group = "rbac.authorization.k8s.io";
    let rules = json!([{
        "apiGroups": ["zoom-operator.io"],
        "resources": ["zoomintegrations", "zoomconnections"],
        "verbs": ["get", "list", "watch", "patch"],
    }]);
    [
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role",
            "metadata": {"name": "person"}, "rules": rules,
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding",
            "metadata": {"name": "person"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "person"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }),
    ]
}

/// The suite's own kubeconfig, as another user.
fn impersonate(user: &str, path: &Path) -> anyhow::Result<()> {
    let own = tools::kubeconfig().context("no kubeconfig")?;
    let text = std::fs::read_to_string(&own)?;
    let mut config: Value = serde_saphyr::from_str(&text)?;
    for entry in config["users"].as_array_mut().context("no users")? {
        entry["user"]["as"] = json!(user);
    }
    std::fs::write(path, config.to_string())?;
    Ok(())
}
