//! The rules of the definition before the real API server. The sentences are in `snapshots/`.

mod values;

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::{Value, json};

use self::values::{right, wrong, wrong_changes, wrong_connections, wrong_names};
use crate::bed::{App, Bed, Case, Tenant, path, tools};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("bad_input::refusals", refusals),
        Case::new("bad_input::acceptances", acceptances),
    ]
}

async fn refusals(bed: Bed) -> anyhow::Result<()> {
    let mut found = String::new();
    let mut note = |case: &str, why: &str| {
        let _ = writeln!(found, "{case}\n    {}", why.replace('\n', "\n    "));
    };
    for (case, change) in wrong() {
        let manifest = Tenant::server_to_server("acme").manifest_with(&change);
        let why = refused(&bed, case, bed.create(&manifest).await)?;
        note(case, &why);
    }
    for name in wrong_names() {
        let manifest = Tenant::server_to_server(&name).manifest();
        let case = format!("the name {name}");
        let why = refused(&bed, &case, bed.create(&manifest).await)?;
        note(&case, &why);
    }
    for (number, (case, before, change)) in wrong_changes().into_iter().enumerate() {
        let tenant = Tenant::server_to_server(&format!("acme-{number}"));
        bed.create(&tenant.manifest_with(&before)).await?;
        let why = refused(&bed, case, bed.change(&tenant.name, &change).await)?;
        note(case, &why);
    }
    let app = App::general("acme");
    for (case, name, spec) in wrong_connections() {
        let manifest = app.connection(&name, &spec);
        let why = refused(&bed, case, bed.create(&manifest).await)?;
        note(case, &why);
    }
    bed.create(&app.connection("ada", &json!({}))).await?;
    let moved = json!({"spec": {"integrationRef": {"name": "other"}}});
    let moved = bed.patch("zoomconnections", "ada", &moved).await;
    let case = "a connection of another integration";
    note(case, &refused(&bed, case, moved)?);
    let unsaid: Vec<String> = sentences()?
        .into_iter()
        .filter(|sentence| !found.contains(sentence))
        .collect();
    anyhow::ensure!(unsaid.is_empty(), "no case for these rules: {unsaid:#?}");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("refusals", found);
    });
    Ok(())
}

async fn acceptances(bed: Bed) -> anyhow::Result<()> {
    let create = format!(
        "{}?dryRun=All",
        path(bed.namespace(), "zoomintegrations", None)
    );
    for (case, change) in right() {
        let manifest = Tenant::server_to_server("acme").manifest_with(&change);
        bed.request("POST", &create, Some(("application/json", &manifest)))
            .await
            .map_err(|error| error.context(format!("refused: {case}")))?;
    }
    for name in ["a", "a1", "a-b", &"a".repeat(52)] {
        let manifest = Tenant::server_to_server(name).manifest();
        bed.request("POST", &create, Some(("application/json", &manifest)))
            .await
            .map_err(|error| error.context(format!("refused: the name {name}")))?;
    }
    // What may change, may change.
    let tenant = Tenant::server_to_server("acme");
    bed.create(&tenant.manifest()).await?;
    for change in [
        json!({"app": {"id": "first"}}),
        json!({"suspend": true}),
        json!({"scopes": {"required": ["meeting:read:meeting:admin"]}}),
        json!({"token": {"secretName": "other"}}),
    ] {
        bed.change("acme", &change)
            .await
            .map_err(|error| error.context(format!("refused: {change}")))?;
    }
    Ok(())
}

/// The sentence of a refusal, without names that change from run to run.
fn refused(bed: &Bed, case: &str, answer: anyhow::Result<Value>) -> anyhow::Result<String> {
    match answer {
        Ok(object) => anyhow::bail!("accepted: {case}: {object:#}"),
        Err(error) => match error.downcast_ref::<kube::Error>() {
            Some(kube::Error::Api(status)) if status.code == 422 => Ok(status
                .message
                .replace(&"a".repeat(4000), "aaa(4000)")
                .replace(bed.namespace(), "NAMESPACE")),
            _ => Err(error.context(case.to_owned())),
        },
    }
}

/// The sentences of all rules in the definitions; of a composed one, its beginning.
fn sentences() -> anyhow::Result<BTreeSet<String>> {
    let mut sentences = BTreeSet::new();
    for file in std::fs::read_dir(tools::repository().join("crds"))? {
        let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(file?.path())?)?;
        collect(&definition, &mut sentences);
    }
    anyhow::ensure!(sentences.len() > 20, "{sentences:?}");
    Ok(sentences)
}

fn collect(value: &Value, into: &mut BTreeSet<String>) {
    let children: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => return,
    };
    for rule in value["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let composed = rule["messageExpression"].as_str();
        let beginning = composed.and_then(|expression| expression.split('\'').nth(1));
        into.extend(rule["message"].as_str().or(beginning).map(Into::into));
    }
    for child in children {
        collect(child, into);
    }
}
