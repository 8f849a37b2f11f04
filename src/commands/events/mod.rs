//! `zoom-operator events`: a tenant's dead letters, for people with kubectl rights in its namespace.
//!
//! Reads the Secret with the receiver's control token, and talks to each receiver Pod through a port forward.
//! So exactly the people who may read Secrets and forward ports there can see the events.
//!
//! | question | module |
//! |---|---|
//! | Which commands are there? | [`args`] |
//! | How are the receivers reached? | [`receivers`], [`http`] |
//! | How do events look on the terminal? | [`table`] |

pub mod args;
mod http;
mod owners;
mod receivers;
mod table;

use anyhow::{Context as _, ensure};
use contract::receiver::{
    control::{CONNECTION, Count, DEAD_LETTERS, DeadLetter},
    routes::Connection,
};
use hyper::Method;

pub use self::args::Args;
use self::{
    args::{Command, Which},
    receivers::Receiver,
    table::Row,
};
use crate::commands::terminal::{self, Output, json, print};

/// Runs a command.
///
/// # Errors
/// When a request to the cluster or a receiver fails, or there is no event or integration with this name.
pub fn main(args: Args) -> anyhow::Result<()> {
    terminal::block_on(run(args))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let receivers = receivers::find(&args.cluster, args.command.integration()).await?;
    match args.command {
        Command::List {
            output, connection, ..
        } => list(&receivers, connection.as_ref(), output).await,
        Command::Show { id, .. } => show(&receivers, &id).await,
        Command::Replay { which, .. } => {
            change(&receivers, &which, Method::POST, "/replay", "replayed").await
        }
        Command::Skip {
            pod, connection, ..
        } => skip(&receivers, pod.as_deref(), connection.as_ref()).await,
        Command::Drop { which, .. } => {
            change(&receivers, &which, Method::DELETE, "", "dropped").await
        }
    }
}

async fn list(
    receivers: &[Receiver],
    connection: Option<&Connection>,
    output: Output,
) -> anyhow::Result<()> {
    let mut rows: Vec<Row> = dead_letters(receivers, connection)
        .await?
        .into_iter()
        .map(|(receiver, letter)| Row {
            pod: receiver.pod().to_owned(),
            letter,
        })
        .collect();
    rows.sort_by_key(|row| row.letter.failed_at);
    let text = match output {
        Output::Json => json(&rows)?,
        Output::Table if rows.is_empty() => "No dead letters.\n".to_owned(),
        Output::Table => table::render(&rows)?,
    };
    print(&text)
}

async fn show(receivers: &[Receiver], id: &str) -> anyhow::Result<()> {
    let (receiver, id) = holder(receivers, id).await?;
    let answer = receiver
        .send(Method::GET, &format!("{DEAD_LETTERS}/{id}"))
        .await?;
    let letter: serde_json::Value = http::json(&answer)?;
    print(&json(&letter)?)
}

async fn change(
    receivers: &[Receiver],
    which: &Which,
    method: Method,
    suffix: &str,
    done: &str,
) -> anyhow::Result<()> {
    if which.all || which.connection.is_some() {
        let query = query(which.connection.as_ref());
        let mut count = 0;
        for receiver in receivers {
            if let Some(connection) = &which.connection {
                receiver.knows(connection).await?;
            }
            let path = format!("{DEAD_LETTERS}{suffix}{query}");
            let answer = receiver.send(method.clone(), &path).await?;
            count += http::json::<Count>(&answer)?.count;
        }
        return print(&format!("{count} {done}\n"));
    }
    for id in &which.ids {
        let (receiver, id) = holder(receivers, id).await?;
        let path = format!("{DEAD_LETTERS}/{id}{suffix}");
        receiver.send(method.clone(), &path).await?;
        print(&format!("{id} {done}\n"))?;
    }
    Ok(())
}

/// Skips the first failing event at each receiver, or at the named one.
async fn skip(
    receivers: &[Receiver],
    pod: Option<&str>,
    connection: Option<&Connection>,
) -> anyhow::Result<()> {
    let mut asked = receivers
        .iter()
        .filter(|receiver| pod.is_none_or(|pod| pod == receiver.pod()))
        .peekable();
    ensure!(
        asked.peek().is_some(),
        "no receiver Pod is called {}: {}",
        pod.unwrap_or_default(),
        receivers
            .iter()
            .map(Receiver::pod)
            .collect::<Vec<_>>()
            .join(", ")
    );
    for receiver in asked {
        let pod = receiver.pod();
        if let Some(connection) = connection {
            receiver.knows(connection).await?;
        }
        match receiver.skip(&query(connection)).await? {
            Some(letter) => print(&format!(
                "{} {} is a dead letter now ({}), Pod {pod}\n",
                letter.id,
                letter.event.as_deref().unwrap_or("-"),
                letter.reason,
            ))?,
            None => print(&format!(
                "Pod {pod}: nothing to skip, no event has failed since the last one was taken\n"
            ))?,
        }
    }
    Ok(())
}

/// The query that limits a request to a connection.
fn query(connection: Option<&Connection>) -> String {
    connection
        .map(|connection| format!("?{CONNECTION}={connection}"))
        .unwrap_or_default()
}

/// All dead letters, or those of a connection, each with its receiver. A receiver that cannot be asked is reported and left out, unless
/// none can be asked.
async fn dead_letters<'a>(
    receivers: &'a [Receiver],
    connection: Option<&Connection>,
) -> anyhow::Result<Vec<(&'a Receiver, DeadLetter)>> {
    let mut dead_letters = Vec::new();
    let mut failure = None;
    let mut is_answered = false;
    for receiver in receivers {
        match receiver.dead_letters(connection).await {
            Ok(letters) => {
                is_answered = true;
                dead_letters.extend(letters.into_iter().map(|letter| (receiver, letter)));
            }
            Err(error) => {
                terminal::note(&format!("{error:#}"));
                failure = Some(error);
            }
        }
    }
    match failure {
        Some(error) if !is_answered => Err(error),
        _ => Ok(dead_letters),
    }
}

/// The receiver that has the dead letter whose id begins like this, and the full id.
async fn holder<'a>(
    receivers: &'a [Receiver],
    beginning: &str,
) -> anyhow::Result<(&'a Receiver, String)> {
    let mut found: Vec<(&Receiver, String)> = dead_letters(receivers, None)
        .await?
        .into_iter()
        .filter(|(_, letter)| letter.id.starts_with(beginning))
        .map(|(receiver, letter)| (receiver, letter.id))
        .collect();
    ensure!(
        found.len() <= 1 || found.iter().all(|(_, id)| *id == found[0].1),
        "{} dead letters begin with {beginning}: give more of the id",
        found.len()
    );
    found
        .pop()
        .with_context(|| format!("no dead letter begins with {beginning}"))
}
