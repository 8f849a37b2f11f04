//! Argo CD's actions, as Argo CD performs them: a script changes the object, and the difference is a merge patch.

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::bed::{
    Bed, Case, Options, Tenant, lua,
    object::{seen, text},
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::argocd_actions", argocd_actions)]
}

const REQUESTED: &str = "zoom-operator.io/refresh-requested-at";

async fn argocd_actions(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    tenant
        .declare(&bed, &sim, json!({}), &tenant.manifest())
        .await?;
    let connected = bed.until_reason("acme", "Connected").await?;
    offers(&connected, &["refresh", "suspend"], &["resume"]).await?;

    let patch = perform(&bed, "suspend").await?;
    ensure!(patch == json!({"spec": {"suspend": true}}), "{patch}");
    let suspended = bed
        .until("acme", "suspended", |object| {
            seen(object) && text(object, "/status/phase") == "Suspended"
        })
        .await?;
    offers(&suspended, &["resume"], &["refresh", "suspend"]).await?;

    let patch = perform(&bed, "resume").await?;
    ensure!(patch == json!({"spec": {"suspend": null}}), "{patch}");
    let resumed = bed.until_reason("acme", "Connected").await?;
    ensure!(resumed["spec"] == connected["spec"], "as in Git");

    let patch = perform(&bed, "refresh").await?;
    let asked = &patch["metadata"]["annotations"][REQUESTED];
    ensure!(patch == json!({"metadata": {"annotations": {REQUESTED: asked}}}));
    let at: Timestamp = asked.as_str().context("no time")?.parse()?;
    let ago = Timestamp::now().duration_since(at).abs();
    ensure!(ago < jiff::SignedDuration::from_mins(5), "{at}");
    bed.until_reason("acme", "Connected").await?;

    // Who is about to go is asked nothing; a General app has no token, its connections have.
    let mut leaving = resumed.clone();
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    offers(&leaving, &[], &["refresh", "suspend", "resume"]).await?;
    let mut general = resumed.clone();
    general["spec"]["app"]["kind"] = json!("General");
    offers(&general, &["suspend"], &["resume"]).await?;
    let mut bot = general.clone();
    bot["spec"]["app"]["chatbot"] = json!({});
    offers(&bot, &["refresh", "suspend"], &["resume"]).await?;
    let mut connection = general;
    connection["kind"] = json!("ZoomConnection");
    offers(&connection, &["refresh"], &[]).await
}

/// Exactly these actions, of which the first may be used now.
async fn offers(object: &Value, enabled: &[&str], disabled: &[&str]) -> anyhow::Result<()> {
    let found = lua::run("actions/discovery.lua", object).await?;
    let found = found.as_object().context("no table")?;
    let with = |off: bool| -> Vec<&str> {
        let of = found.iter().filter(|(_, action)| action["disabled"] == off);
        let mut names: Vec<&str> = of.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    };
    let sorted = |names: &[&str]| -> Vec<String> {
        let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    };
    ensure!(
        with(false) == sorted(enabled) && with(true) == sorted(disabled),
        "{found:?}"
    );
    Ok(())
}

/// Performs an action on the integration; the patch that it came to.
async fn perform(bed: &Bed, action: &str) -> anyhow::Result<Value> {
    let before = bed.integration("acme").await?;
    let after = lua::run(&format!("actions/{action}.lua"), &before).await?;
    let patch = difference(&before, &after).context("nothing changed")?;
    bed.patch("zoomintegrations", "acme", &patch).await?;
    Ok(patch)
}

/// JSON merge patch from one object to another, neither of which has `null`.
fn difference(from: &Value, to: &Value) -> Option<Value> {
    let (from, to) = (plain(from), plain(to));
    let (Some(before), Some(after)) = (from.as_object(), to.as_object()) else {
        return (from != to).then_some(to);
    };
    let mut patch = Map::new();
    for key in before.keys().chain(after.keys()) {
        let change = match (before.get(key), after.get(key)) {
            (Some(from), Some(to)) => difference(from, to),
            (Some(_), None) => Some(Value::Null),
            (None, to) => to.cloned(),
        };
        if let Some(change) = change {
            patch.insert(key.clone(), change);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// As Lua has it: one kind of empty table, one kind of number, and no `null`.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.is_empty() => json!({}),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}
