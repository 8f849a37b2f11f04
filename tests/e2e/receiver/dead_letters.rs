//! What cannot be delivered is kept for a person, who works with `zoom-operator events`.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{
    answer,
    buffer::{Buffered, buffered},
    meeting_ended, traffic,
};
use crate::bed::{Bed, Case, LIMIT, tools, wait_for};

pub fn cases() -> Vec<Case> {
    vec![Case::new("receiver::dead_letters", dead_letters).needs_host()]
}

/// `zoom-operator events ARGS...` in the test's namespace.
async fn events(bed: &Bed, args: &[&str]) -> anyhow::Result<String> {
    let args: Vec<&str> = ["events"]
        .into_iter()
        .chain(args.iter().copied())
        .chain(["--namespace", bed.namespace()])
        .collect();
    let kubeconfig = tools::kubeconfig().context("no kubeconfig")?;
    let kubeconfig = kubeconfig.to_string_lossy();
    let program = env!("CARGO_BIN_EXE_zoom-operator");
    let said = tools::run_with(program, &args, &[("KUBECONFIG", &*kubeconfig)]).await?;
    ensure!(said.success, "{}{}", said.stdout, said.stderr);
    Ok(said.stdout)
}

async fn listed(bed: &Bed) -> anyhow::Result<Vec<Value>> {
    let text = events(bed, &["list", "acme", "-o", "json"]).await?;
    Ok(serde_json::from_str(&text)?)
}

async fn until_listed(bed: &Bed, count: usize) -> anyhow::Result<Vec<Value>> {
    wait_for("dead letters", LIMIT, || async {
        let list = listed(bed).await?;
        ensure!(list.len() == count, "{list:#?}");
        Ok(Some(list))
    })
    .await
}

async fn send(buffered: &Buffered, order: Value) -> anyhow::Result<()> {
    let delivery = buffered.sim.deliver(&buffered.tenant, order).await?;
    ensure!(*answer(&delivery) == 204, "{delivery:#}");
    Ok(())
}

async fn dead_letters(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    ensure!(events(&bed, &["list", "acme"]).await? == "No dead letters.\n");
    buffered.back_end.answers(422, std::time::Duration::ZERO);
    let refused = meeting_ended("refused");
    let id = traffic::id(&refused.to_string());
    send(&buffered, json!({"event": refused})).await?;
    send(&buffered, json!({"body": "{\"no\": name"})).await?;
    let list = until_listed(&bed, 2).await?;
    let letter = list
        .iter()
        .find(|letter| letter["id"] == id.as_str())
        .with_context(|| format!("{list:#?}"))?;
    ensure!(letter["event"] == "meeting.ended", "{letter:#}");
    ensure!(letter["reason"].to_string().contains("422"), "{letter:#}");
    bed.until("acme", "dead letters are said", |object| {
        object["status"]["conditions"]
            .to_string()
            .contains("DeadLetters")
    })
    .await?;
    let table = events(&bed, &["list", "acme"]).await?;
    ensure!(
        table.contains(&id[..12]) && table.lines().count() == 3,
        "{table}"
    );
    let shown: Value = serde_json::from_str(&events(&bed, &["show", "acme", &id[..8]]).await?)?;
    let body = refused.to_string();
    ensure!(shown["body"] == body.as_str(), "{shown:#}");

    // The back end was repaired.
    buffered.back_end.answers(204, std::time::Duration::ZERO);
    events(&bed, &["replay", "acme", &id]).await?;
    wait_for("the replayed event", LIMIT, || async {
        Ok((buffered.back_end.order() == [id.clone()]).then_some(()))
    })
    .await?;
    until_listed(&bed, 1).await?;
    ensure!(events(&bed, &["drop", "acme", "--all"]).await? == "1 dropped\n");
    until_listed(&bed, 0).await?;
    bed.until("acme", "no dead letters are said", |object| {
        !object["status"]["conditions"]
            .to_string()
            .contains("DeadLetters")
    })
    .await?;
    // What there is not, and who may not.
    ensure!(events(&bed, &["show", "acme", "00000000"]).await.is_err());
    ensure!(events(&bed, &["list", "other"]).await.is_err());
    Ok(())
}
