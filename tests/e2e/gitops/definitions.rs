//! What `examples/gitops` says to Argo CD, Flux, cert-manager, External Secrets and Sealed Secrets, compared with their own
//! definitions. The cluster need not have them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde_json::{Deserializer, Value, json};

use crate::bed::{Bed, Case, object::text, tools};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::other_tools_definitions", fit).needs_host()]
}

/// The definitions: a module that `tests/cluster/tools/gitops-definitions` pins, and a file in it.
const DEFINITIONS: [(&str, &str); 9] = [
    (
        "github.com/argoproj/argo-cd/v3",
        "manifests/crds/application-crd.yaml",
    ),
    (
        "github.com/argoproj/argo-cd/v3",
        "manifests/crds/applicationset-crd.yaml",
    ),
    (
        "github.com/argoproj/argo-cd/v3",
        "manifests/crds/appproject-crd.yaml",
    ),
    SEALED_SECRETS,
    (
        "github.com/cert-manager/cert-manager",
        "deploy/crds/cert-manager.io_certificates.yaml",
    ),
    (
        "github.com/cert-manager/cert-manager",
        "deploy/crds/cert-manager.io_clusterissuers.yaml",
    ),
    (
        "github.com/external-secrets/external-secrets",
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
    (
        "github.com/fluxcd/kustomize-controller",
        "config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",
    ),
    (
        "github.com/fluxcd/source-controller",
        "config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",
    ),
];

const SEALED_SECRETS: (&str, &str) = (
    "github.com/bitnami-labs/sealed-secrets",
    "helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml",
);

/// The definition of `SealedSecret`.
pub(super) async fn sealed_secrets() -> anyhow::Result<PathBuf> {
    let (module, file) = SEALED_SECRETS;
    let modules = modules(&[module]).await?;
    let found = modules.first().context(module)?;
    Ok(Path::new(text(found, "/Dir")).join(file))
}

async fn fit(_bed: Bed) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let schemas = folder.path().join("schemas");
    fs::create_dir(&schemas)?;
    let mut kinds = Vec::new();
    let modules = modules(&DEFINITIONS.map(|(module, _)| module)).await?;
    for (module, file) in DEFINITIONS {
        let found = modules.iter().find(|found| text(found, "/Path") == module);
        let directory = text(found.context(module)?, "/Dir");
        kinds.extend(write_schemas(&Path::new(directory).join(file), &schemas)?);
    }
    let mut compared = Vec::new();
    for document in documents(&tools::repository().join("examples/gitops"))? {
        let of = |pointer: &str| text(&document, pointer).to_owned();
        let kind = (of("/apiVersion"), of("/kind"));
        if kinds.contains(&kind) {
            if let Some(complaint) = complaint(&schemas, &document).await? {
                anyhow::bail!("{complaint}: {document:#}");
            }
            // Whatever is misspelt is noticed.
            let mut misspelt = document.clone();
            misspelt["spec"]["misspelt"] = json!(true);
            let complaint = complaint(&schemas, &misspelt).await?;
            ensure!(complaint.is_some(), "{kind:?} takes all");
            compared.push(kind);
        }
    }
    for kind in kinds {
        let versions = |other: &(String, String)| other.1 == kind.1;
        ensure!(compared.iter().any(versions), "no example of {kind:?}");
    }
    Ok(())
}

/// These modules with their directories, downloaded unless they are there.
async fn modules(names: &[&str]) -> anyhow::Result<Vec<Value>> {
    let directory = tools::repository().join("tests/cluster/tools/gitops-definitions");
    let directory = directory.to_string_lossy();
    let mut args = vec!["-C", &directory, "mod", "download", "-json"];
    args.extend(names);
    let said = tools::must("go", &args).await?;
    let found: Result<Vec<Value>, _> = Deserializer::from_str(&said).into_iter().collect();
    Ok(found?)
}

/// A JSON schema for each version of a definition; apiVersion and kind of each.
fn write_schemas(definition: &Path, into: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let yaml = fs::read_to_string(definition).with_context(|| definition.display().to_string())?;
    let definition: Value = serde_saphyr::from_str(yaml.trim_start_matches("---\n"))?;
    let (group, kind) = (
        text(&definition, "/spec/group"),
        text(&definition, "/spec/names/kind"),
    );
    let mut written = Vec::new();
    for version in definition["spec"]["versions"]
        .as_array()
        .context("no versions")?
    {
        let name = text(version, "/name");
        let mut schema = strict(&version["schema"]["openAPIV3Schema"]);
        schema["properties"]["metadata"] = json!({"type": "object"});
        // As kubeconform's template below names them.
        let first = group.split('.').next().unwrap_or_default();
        let file = format!("{}-{first}-{name}.json", kind.to_lowercase());
        fs::write(into.join(file), schema.to_string())?;
        written.push((format!("{group}/{name}"), kind.to_owned()));
    }
    Ok(written)
}

/// A structural schema as plain JSON schema, in which an unknown field is an error.
fn strict(schema: &Value) -> Value {
    let Some(fields) = schema.as_object() else {
        return match schema {
            Value::Array(items) => items.iter().map(strict).collect(),
            other => other.clone(),
        };
    };
    if schema["x-kubernetes-int-or-string"] == true {
        return json!({"type": ["string", "integer"]});
    }
    let mut plain: Value = fields
        .iter()
        .filter(|(name, _)| !name.starts_with("x-kubernetes-") && *name != "format")
        .map(|(name, value)| {
            let value = match (name.as_str(), value.as_object()) {
                // Names of fields, not words of the schema.
                ("properties", Some(properties)) => properties
                    .iter()
                    .map(|(name, property)| (name.clone(), strict(property)))
                    .collect(),
                ("default" | "enum" | "example", _) => value.clone(),
                _ => strict(value),
            };
            (name.clone(), value)
        })
        .collect();
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true
        || fields.contains_key("additionalProperties");
    if fields.contains_key("properties") && !open {
        plain["additionalProperties"] = json!(false);
    }
    plain
}

/// What is wrong with a document.
async fn complaint(schemas: &Path, document: &Value) -> anyhow::Result<Option<String>> {
    let file = tempfile::NamedTempFile::with_suffix(".json")?;
    fs::write(file.path(), document.to_string())?;
    let template = format!(
        "{}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
        schemas.display()
    );
    let file = file.path().to_string_lossy();
    let args = ["-strict", "-schema-location", &template, &file];
    let said = tools::run("kubeconform", &args).await?;
    ensure!(
        !said.stdout.contains("could not find schema"),
        "{}",
        said.stdout
    );
    Ok((!said.success).then_some(said.stdout))
}

/// Every document below a folder.
fn documents(folder: &Path) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(documents(&path)?);
        } else if path.extension().is_some_and(|end| end == "yaml") {
            for document in fs::read_to_string(&path)?.split("\n---\n") {
                found.push(serde_saphyr::from_str(document)?);
            }
        }
    }
    Ok(found)
}
