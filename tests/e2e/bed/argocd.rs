//! An Argo CD of the test's own on the host: application controller, repository server and API server, with a Redis and a
//! Git server, and a namespace for its objects.

use std::{fs::Permissions, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Bed,
    object::text,
    process::Process,
    tools,
    wait::{LIMIT, wait_for},
};

/// The module that the program and the definitions are from.
const MODULE: &str = "github.com/argoproj/argo-cd/v3";

/// It calls kustomize for a folder with a `kustomization.yaml`; kubectl has the same inside.
const KUSTOMIZE: &str = r#"#!/bin/sh
case $1 in
  build) shift; exec kubectl kustomize "$@" ;;
  version) echo v5.8.1 ;;
  *) echo "kustomize $1: not here" >&2; exit 1 ;;
esac
"#;

/// It ends when this is dropped. Its namespace is removed by [`ArgoCd::remove`].
pub struct ArgoCd {
    /// Its namespace.
    pub bed: Bed,
    server: String,
    git: String,
    directory: TempDir,
    processes: Vec<Process>,
}

// === impl ArgoCd ===

impl ArgoCd {
    /// Starts one that watches the namespaces of a test, of which the first is the test's own; `settings` are further
    /// keys of its `argocd-cm`.
    pub async fn start(tenants: &[&Bed], settings: &Value) -> anyhow::Result<Self> {
        let program = tools::cluster("build", &["argocd"]).await?;
        tools::cluster("install", &["redis-server=redis-server"]).await?;
        define().await?;
        let own = tenants.first().context("no namespace")?;
        let bed = own.neighbour("argocd").await?;
        for object in configuration(tenants, settings) {
            bed.apply(&object).await?;
        }
        let mut argocd = Self {
            bed,
            server: free_address()?,
            git: free_address()?,
            directory: tempfile::tempdir()?,
            processes: Vec::new(),
        };
        let (redis, repositories) = (free_address()?, free_address()?);
        argocd.serve_data(&redis)?;
        let redis = format!("--redis={redis}");
        let repo_server = format!("--repo-server={repositories}");
        let plaintext = "--repo-server-plaintext";
        let (host, repositories_port) = repositories.split_once(':').context("no port")?;
        let (_, server_port) = argocd.server.split_once(':').context("no port")?;
        let repositories_port = format!("--port={repositories_port}");
        let server_port = format!("--port={server_port}");
        let address = format!("--address={host}");
        let parts: [(&str, &[&str]); 3] = [
            (
                "repo-server",
                &[&address, &repositories_port, "--disable-tls"],
            ),
            (
                "application-controller",
                &[
                    &repo_server,
                    plaintext,
                    "--app-resync=5",
                    "--persist-resource-health",
                ],
            ),
            (
                "server",
                &[
                    &address,
                    &server_port,
                    &repo_server,
                    plaintext,
                    "--insecure",
                    "--disable-auth",
                ],
            ),
        ];
        for (part, args) in parts {
            argocd.run(program.trim(), part, &[args, &[&redis]].concat())?;
        }
        let server = argocd.server.clone();
        for process in &mut argocd.processes {
            process.runs()?;
        }
        wait_for("Argo CD answers", LIMIT, || async {
            let said = tools::straight("GET", &server, "/healthz").await?;
            Ok((said.trim() == "ok").then_some(()))
        })
        .await?;
        Ok(argocd)
    }

    fn process(&mut self, name: &str, program: &str, args: &[&str]) -> anyhow::Result<()> {
        let log = self.directory.path().join(format!("{name}.log"));
        self.processes.push(Process::start(program, args, &log)?);
        Ok(())
    }

    /// Redis and the Git server.
    fn serve_data(&mut self, redis: &str) -> anyhow::Result<()> {
        let (host, port) = redis.split_once(':').context("no port")?;
        let directory = self.directory.path().to_string_lossy().into_owned();
        let args = [
            "--bind", host, "--port", port, "--save", "", "--dir", &directory,
        ];
        self.process("redis", "redis-server", &args)?;
        let git = self.git.clone();
        let (host, port) = git.split_once(':').context("no port")?;
        let options = [
            format!("--base-path={directory}"),
            format!("--listen={host}"),
            format!("--port={port}"),
        ];
        let mut args = vec!["daemon", "--export-all", "--reuseaddr"];
        args.extend(options.iter().map(String::as_str));
        self.process("git", "git", &args)
    }

    /// One of its programs, with tools and temporary files of its own.
    fn run(&mut self, program: &str, part: &str, args: &[&str]) -> anyhow::Result<()> {
        let home = self.directory.path().join(part);
        let bin = home.join("bin");
        std::fs::create_dir_all(&bin)?;
        let kustomize = bin.join("kustomize");
        std::fs::write(&kustomize, KUSTOMIZE)?;
        std::fs::set_permissions(&kustomize, Permissions::from_mode(0o755))?;
        let path = std::env::var("PATH").unwrap_or_default();
        let ours = tools::repository().join(".cluster/bin");
        let kubeconfig = tools::kubeconfig().context("no kubeconfig")?;
        let environment = [
            format!("ARGOCD_BINARY_NAME=argocd-{part}"),
            // The destination https://kubernetes.default.svc is what the kubeconfig says.
            "ARGOCD_FAKE_IN_CLUSTER=true".to_owned(),
            "ARGOCD_GPG_ENABLED=false".to_owned(),
            format!("ARGOCD_TLS_DATA_PATH={}", home.display()),
            format!("ARGOCD_SSH_DATA_PATH={}", home.display()),
            format!("HOME={}", home.display()),
            format!("TMPDIR={}", home.display()),
            format!("KUBECONFIG={}", kubeconfig.display()),
            format!("PATH={}:{}:{path}", bin.display(), ours.display()),
        ];
        let metrics = free_address()?;
        let (_, metrics) = metrics.split_once(':').context("no port")?;
        let metrics = format!("--metrics-port={metrics}");
        let namespace = format!("--namespace={}", self.bed.namespace());
        let mut all: Vec<&str> = environment.iter().map(String::as_str).collect();
        all.extend([program, &metrics]);
        if part != "repo-server" {
            all.push(&namespace);
        }
        all.extend(args);
        self.process(part, "env", &all)
    }

    /// Where the repository of [`ArgoCd::commit`] is found.
    pub fn repository(&self) -> String {
        format!("git://{}/repository", self.git)
    }

    /// Writes files, by path and content, and commits all of them.
    pub async fn commit(&self, files: &[(String, String)]) -> anyhow::Result<()> {
        let folder = self.directory.path().join("repository");
        for (path, content) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            std::fs::write(path, content)?;
        }
        let git = async |args: &[&str]| {
            let folder = folder.to_string_lossy();
            let author = [
                "-C",
                &folder,
                "-c",
                "user.name=test",
                "-c",
                "user.email=test@example.com",
            ];
            tools::must("git", &[&author, args].concat()).await
        };
        git(&["init", "--quiet", "--initial-branch=main"]).await?;
        git(&["add", "--all"]).await?;
        git(&["commit", "--quiet", "--message=change"]).await?;
        Ok(())
    }

    /// Applies one of its own objects.
    pub async fn apply(&self, object: &Value) -> anyhow::Result<()> {
        let path = self.path(text(object, "/kind"), text(object, "/metadata/name"));
        let path = format!("{path}?fieldManager=e2e&force=true");
        let body = Some(("application/apply-patch+yaml", object));
        self.bed.request("PATCH", &path, body).await?;
        Ok(())
    }

    fn path(&self, kind: &str, name: &str) -> String {
        let (namespace, kind) = (self.bed.namespace(), kind.to_lowercase());
        format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/{kind}s/{name}")
    }

    /// An Application as it is now.
    pub async fn application(&self, name: &str) -> anyhow::Result<Value> {
        let path = self.path("Application", name);
        self.bed.request("GET", &path, None).await
    }

    /// Waits until an Application is as wished.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        wish: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let found = wait_for(&format!("Application {name}: {what}"), LIMIT, || async {
            Ok(Some(self.application(name).await?).filter(&wish))
        })
        .await;
        if found.is_err() {
            let last = self.application(name).await.unwrap_or_default();
            return found.with_context(|| format!("status: {:#}\n{}", last["status"], self.logs()));
        }
        found
    }

    /// Has it compare again, past its caches, and waits until it has.
    pub async fn refresh(&self, name: &str) -> anyhow::Result<Value> {
        let before = self.application(name).await?;
        let hard = json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}});
        let body = Some(("application/merge-patch+json", &hard));
        let path = self.path("Application", name);
        self.bed.request("PATCH", &path, body).await?;
        self.until(name, "compared again", |application| {
            application["status"]["reconciledAt"] != before["status"]["reconciledAt"]
                && application["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null()
        })
        .await
    }

    /// Asks its API server about a resource's actions, or for one of them.
    pub async fn actions(
        &self,
        application: &str,
        object: &Value,
        action: Option<&str>,
    ) -> anyhow::Result<Value> {
        let (group, version) = text(object, "/apiVersion")
            .split_once('/')
            .context("no group")?;
        let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        let namespace = text(object, "/metadata/namespace");
        let base = format!("/api/v1/applications/{application}/resource/actions");
        let said = match action {
            None => {
                let query = format!(
                    "?namespace={namespace}&resourceName={name}&version={version}&group={group}&kind={kind}"
                );
                tools::straight("GET", &self.server, &format!("{base}{query}")).await?
            }
            Some(action) => {
                let body = json!({
                    "name": application, "namespace": namespace, "resourceName": name,
                    "version": version, "group": group, "kind": kind, "action": action,
                });
                let path = format!("{base}/v2");
                tools::straight_with("POST", &self.server, &path, &body.to_string()).await?
            }
        };
        let said: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        ensure!(said["error"].is_null(), "{said:#}");
        Ok(said)
    }

    /// The ends of its logs.
    fn logs(&self) -> String {
        let log = |part: &str| {
            let file = self.directory.path().join(format!("{part}.log"));
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!(
                "--- {part}\n{}\n",
                lines[lines.len().saturating_sub(15)..].join("\n")
            )
        };
        ["application-controller", "repo-server", "server"]
            .map(log)
            .concat()
    }

    /// Lets go of an Application without touching what it deployed.
    pub async fn forget(&self, name: &str) -> anyhow::Result<()> {
        let path = self.path("Application", name);
        self.bed.request("DELETE", &path, None).await?;
        Ok(())
    }

    /// Removes its namespace.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.bed.remove().await
    }
}

fn free_address() -> anyhow::Result<String> {
    // Free now; should somebody else take it first, the process ends and says so.
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Makes its kinds known to the cluster. They stay.
async fn define() -> anyhow::Result<()> {
    let module = tools::repository().join("tests/cluster/tools/argocd");
    let module = module.to_string_lossy();
    // Also if somebody removed it after the program was built.
    let download = ["-C", &module, "mod", "download", "-json", MODULE];
    let downloaded: Value = serde_json::from_str(&tools::must("go", &download).await?)?;
    let definitions = Path::new(text(&downloaded, "/Dir")).join("manifests/crds");
    for kind in ["application", "applicationset", "appproject"] {
        define_kind(&definitions.join(format!("{kind}-crd.yaml"))).await?;
    }
    Ok(())
}

/// Makes a kind known to the cluster, by the file with its definition. It stays.
pub async fn define_kind(definition: &Path) -> anyhow::Result<()> {
    let file = format!("--filename={}", definition.display());
    let apply = ["apply", "--server-side", "--force-conflicts", &file];
    tools::must("kubectl", &apply).await?;
    let args = ["wait", "--for=condition=Established", &file];
    // It fails on a definition that has no conditions yet.
    wait_for("the kind is known", LIMIT, || async {
        tools::must("kubectl", &args).await.map(Some)
    })
    .await?;
    Ok(())
}

/// What it reads from its namespace.
fn configuration(tenants: &[&Bed], settings: &Value) -> Vec<Value> {
    let namespaces: Vec<&str> = tenants.iter().map(|bed| bed.namespace()).collect();
    let labels = json!({"app.kubernetes.io/part-of": "argocd"});
    let config_map = |name: &str, data: &Value| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels},
            "data": data,
        })
    };
    // Only the test's namespaces, and what belongs to none.
    let cluster = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cluster", "labels": {"argocd.argoproj.io/secret-type": "cluster"}},
        "stringData": {
            "name": "in-cluster",
            "server": "https://kubernetes.default.svc",
            "namespaces": namespaces.join(","),
            "clusterResources": "true",
            "config": "{}",
        },
    });
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-secret", "labels": labels},
    });
    let mut objects = vec![cluster, secret, config_map("argocd-cm", settings)];
    objects.extend(
        [
            "argocd-rbac-cm",
            "argocd-ssh-known-hosts-cm",
            "argocd-tls-certs-cm",
            "argocd-gpg-keys-cm",
        ]
        .map(|name| config_map(name, &json!({}))),
    );
    objects
}
