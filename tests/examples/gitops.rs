//! `examples/gitops`: what other people's tools read. The live cluster has the kinds that are ours.

use std::{fmt::Write as _, fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{files, folder, read};

fn gitops() -> PathBuf {
    folder().join("gitops")
}

/// Every document below `examples/gitops`, with its file.
fn documents() -> Vec<(String, Value)> {
    files(&gitops())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .filter(|path| !super::is_rendered(path))
        .flat_map(|path| {
            let name = path.strip_prefix(gitops()).unwrap().display().to_string();
            read(&path).into_iter().map(move |d| (name.clone(), d))
        })
        .collect()
}

fn only(kind: &str, api: &str) -> Vec<(String, Value)> {
    let mut found = documents();
    found.retain(|(_, document)| document["kind"] == kind && document["apiVersion"] == api);
    assert!(!found.is_empty(), "no {kind} of {api}");
    found
}

#[test]
fn every_kind_is_one_that_its_tool_knows() {
    let known = [
        "v1 ConfigMap",
        "v1 Namespace",
        "kustomize.config.k8s.io/v1beta1 Kustomization",
        "zoom-operator.io/v1alpha1 ZoomIntegration",
        "zoom-operator.io/v1alpha1 ZoomConnection",
        "argoproj.io/v1alpha1 Application",
        "argoproj.io/v1alpha1 AppProject",
        "argoproj.io/v1alpha1 ApplicationSet",
        "source.toolkit.fluxcd.io/v1 GitRepository",
        "kustomize.toolkit.fluxcd.io/v1 Kustomization",
        "helm.toolkit.fluxcd.io/v2 HelmRelease",
        "external-secrets.io/v1 ExternalSecret",
        "bitnami.com/v1alpha1 SealedSecret",
        "cert-manager.io/v1 ClusterIssuer",
        "cert-manager.io/v1 Certificate",
    ];
    for (file, document) in documents() {
        let of = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
        let kind = format!("{} {}", of("apiVersion"), of("kind"));
        assert!(known.contains(&kind.as_str()), "{file}: {kind}");
    }
}

/// Argo CD's config map holds our scripts to the letter; `UPDATE_EXAMPLES=1` writes it.
#[test]
fn argo_cd_is_given_the_scripts_as_they_are() {
    let file = gitops().join("argocd/argocd-cm.yaml");
    let wanted = argocd_cm();
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        found, wanted,
        "UPDATE_EXAMPLES=1 cargo test --test examples"
    );
    let read: Value = serde_saphyr::from_str(&found).unwrap();
    for kind in ["ZoomIntegration", "ZoomConnection"] {
        let part = |of: &str| {
            let key = format!("resource.customizations.{of}.zoom-operator.io_{kind}");
            read["data"][&key].as_str().unwrap().to_owned()
        };
        assert_eq!(part("health"), script("health.lua"));
        let actions: Value = serde_saphyr::from_str(&part("actions")).unwrap();
        let discovery = script("actions/discovery.lua");
        assert_eq!(actions["discovery.lua"], json!(discovery));
        let defined = actions["definitions"].as_array().unwrap();
        for action in defined {
            let name = action["name"].as_str().unwrap();
            assert_eq!(
                action["action.lua"],
                json!(script(&format!("actions/{name}.lua")))
            );
            assert!(discovery.contains(&format!("actions[\"{name}\"]")));
        }
        let offered = discovery.matches("\n  actions[\"").count();
        assert_eq!(offered, ACTIONS.len(), "each has its script");
        let of_kind = if kind == "ZoomConnection" {
            1
        } else {
            ACTIONS.len()
        };
        assert_eq!(defined.len(), of_kind, "{kind}");
    }
}

const ACTIONS: [&str; 3] = ["refresh", "suspend", "resume"];

fn script(name: &str) -> String {
    let docs = folder().parent().unwrap().join("docs/argocd");
    fs::read_to_string(docs.join(name)).unwrap()
}

fn argocd_cm() -> String {
    let mut text = String::from(
        "# Health and actions of our kinds, from docs/argocd. This is not a complete argocd-cm: merge it into Argo CD's own.\n\
         # kubectl patch configmap argocd-cm -n argocd --type=merge --patch-file argocd-cm.yaml\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n  labels:\n    \
         app.kubernetes.io/part-of: argocd\ndata:\n",
    );
    for (kind, actions) in [
        ("ZoomIntegration", ACTIONS.as_slice()),
        ("ZoomConnection", &["refresh"]),
    ] {
        let _ = writeln!(
            text,
            "  resource.customizations.health.zoom-operator.io_{kind}: |\n{}",
            indented(&script("health.lua"), 4)
        );
        let _ = writeln!(
            text,
            "  resource.customizations.actions.zoom-operator.io_{kind}: |\n    discovery.lua: |\n{}\n    definitions:",
            indented(&script("actions/discovery.lua"), 6)
        );
        for action in actions {
            let script = script(&format!("actions/{action}.lua"));
            let _ = writeln!(
                text,
                "    - name: {action}\n      action.lua: |\n{}",
                indented(&script, 8)
            );
        }
    }
    text
}

fn indented(text: &str, by: usize) -> String {
    let lines = text.trim_end().lines().map(|line| match line {
        "" => String::new(),
        line => format!("{}{line}", " ".repeat(by)),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What an `ExternalSecret` or a `SealedSecret` makes has the name and the keys that the integration asks for.
#[test]
fn each_tenants_credentials_are_those_that_the_app_asks_for() {
    let (_, app) = only("ZoomIntegration", "zoom-operator.io/v1alpha1").remove(0);
    let secret = &app["spec"]["credentials"]["secretRef"]["name"];
    let wanted = ["client-id", "client-secret", "webhook-secret-token"];
    for (file, external) in only("ExternalSecret", "external-secrets.io/v1") {
        let spec = &external["spec"];
        assert_eq!(&spec["target"]["name"], secret, "{file}");
        let keys: Vec<&str> = spec["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["secretKey"].as_str().unwrap())
            .collect();
        assert_eq!(keys, wanted, "{file}");
    }
    for (file, sealed) in only("SealedSecret", "bitnami.com/v1alpha1") {
        let template = &sealed["spec"]["template"]["metadata"];
        assert_eq!(&template["name"], secret, "{file}");
        assert_eq!(template["namespace"], sealed["metadata"]["namespace"]);
        let data = sealed["spec"]["encryptedData"].as_object().unwrap();
        assert!(data.values().all(|value| value == "REPLACE-ME"), "{file}");
        assert!(data.keys().eq(wanted), "{file}: {data:?}");
    }
}

/// The issuer that a tenant's annotation and the Gateway's certificate name is there.
#[test]
fn certificates_come_from_the_issuer() {
    let (_, issuer) = only("ClusterIssuer", "cert-manager.io/v1").remove(0);
    let name = &issuer["metadata"]["name"];
    let (_, certificate) = only("Certificate", "cert-manager.io/v1").remove(0);
    assert_eq!(&certificate["spec"]["issuerRef"]["name"], name);
    let (_, app) = only("ZoomIntegration", "zoom-operator.io/v1alpha1").remove(0);
    let ingress = &app["spec"]["webhook"]["endpoint"]["ingress"];
    assert_eq!(
        &ingress["annotations"]["cert-manager.io/cluster-issuer"],
        name
    );
    assert!(ingress["tlsSecretName"].is_string());
}

/// A wave waits until the one before is healthy: a tenant without credentials, or whose person has not authorized, would keep
/// the sync running, and Argo CD starts no other meanwhile.
#[test]
fn no_sync_of_a_tenant_waits() {
    for (file, document) in documents() {
        let annotations = document["metadata"]["annotations"].as_object();
        for name in annotations.into_iter().flat_map(|all| all.keys()) {
            let waits = name.ends_with("/sync-wave") || name.ends_with("/hook");
            assert!(!waits, "{file}: {name}");
        }
    }
}

/// A file that is missing by mistake deletes no grant, neither by itself nor with its namespace.
#[test]
fn grants_are_never_pruned() {
    let namespaces = only("Namespace", "v1");
    let connections = only("ZoomConnection", "zoom-operator.io/v1alpha1");
    for (file, document) in namespaces.into_iter().chain(connections) {
        let annotations = &document["metadata"]["annotations"];
        let argocd = &annotations["argocd.argoproj.io/sync-options"];
        let flux = &annotations["kustomize.toolkit.fluxcd.io/prune"];
        assert_eq!(
            (argocd, flux),
            (&json!("Prune=false"), &json!("disabled")),
            "{file}"
        );
    }
}

/// Whichever tool deploys the operator, it gets the same values.
#[test]
fn the_operator_is_the_same_for_argo_cd_and_flux() {
    let (_, application) = only("Application", "argoproj.io/v1alpha1").remove(0);
    let (_, release) = only("HelmRelease", "helm.toolkit.fluxcd.io/v2").remove(0);
    let (source, flux) = (&application["spec"]["source"], &release["spec"]);
    assert_eq!(source["helm"]["valuesObject"], flux["values"]);
    assert_eq!(source["helm"]["releaseName"], flux["releaseName"]);
    let path = source["path"].as_str().unwrap();
    assert_eq!(flux["chart"]["spec"]["chart"], format!("./{path}"));
    let sources = only("GitRepository", "source.toolkit.fluxcd.io/v1");
    let named = &flux["chart"]["spec"]["sourceRef"]["name"];
    let found = sources
        .iter()
        .find(|(_, s)| &s["metadata"]["name"] == named);
    let repository = &found.unwrap().1["spec"];
    assert_eq!(source["repoURL"], repository["url"]);
    assert_eq!(source["targetRevision"], repository["ref"]["tag"]);
}

/// A foreground deletion removes a receiver before it has delivered what it stored.
#[test]
fn argo_cd_prunes_in_the_background() {
    let (_, set) = only("ApplicationSet", "argoproj.io/v1alpha1").remove(0);
    let options = &set["spec"]["template"]["spec"]["syncPolicy"]["syncOptions"];
    let wanted = json!("PrunePropagationPolicy=background");
    assert!(options.as_array().unwrap().contains(&wanted), "{options}");
}

/// Each folder below `tenants/` is its own namespace, and Flux and Argo CD lead there.
#[test]
fn a_tenants_folder_is_its_namespace() {
    let flux = only("Kustomization", "kustomize.toolkit.fluxcd.io/v1");
    let (_, set) = only("ApplicationSet", "argoproj.io/v1alpha1").remove(0);
    let directory = &set["spec"]["generators"][0]["git"]["directories"][0]["path"];
    assert_eq!(directory, "tenants/*");
    let mut tenants = 0;
    for entry in fs::read_dir(gitops().join("tenants")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let overlay = &read(&path.join("kustomization.yaml"))[0];
        assert_eq!(overlay["namespace"], name);
        for file in overlay["resources"].as_array().unwrap() {
            assert!(path.join(file.as_str().unwrap()).exists(), "{name}: {file}");
        }
        assert_eq!(
            read(&path.join("namespace.yaml"))[0]["metadata"]["name"],
            name
        );
        let by_flux = flux
            .iter()
            .find(|(_, k)| k["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("Flux does not know {name}"));
        assert_eq!(by_flux.1["spec"]["path"], format!("./tenants/{name}"));
        assert_eq!(by_flux.1["spec"]["dependsOn"][0]["name"], "zoom-operator");
        tenants += 1;
    }
    assert!(tenants >= 2);
}
