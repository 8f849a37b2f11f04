//! `refresh`: requests another token from the operator by an annotation, and waits for it. Needs permission
//! to patch the resource, but not to read Secrets. People without this tool can set the annotation by hand;
//! so can an action of Argo CD.

mod outcome;

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use hyper::{Request, header::DATE};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
    client::Body,
    runtime::wait::{Condition, await_condition},
};
use serde_json::json;

use self::outcome::{Answer, RefreshOutcome, outcome};
use crate::{
    api::{
        annotation,
        condition::Type,
        v1alpha1::{TokenStatus, ZoomConnection, ZoomIntegration},
    },
    commands::terminal::{
        self, Cluster, Session, Target, note, plain, print, resources::Ours, time::when,
    },
};

/// Field manager of the annotation.
const FIELD_MANAGER: &str = "kubectl-zoom";

/// Arguments of `refresh`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The Server-to-Server integration, or `zconn/NAME`.
    #[arg(value_name = "NAME")]
    pub target: Target,
    /// Request the token and return without waiting.
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait, in seconds. A token younger than a minute is replaced once it is a minute old.
    #[arg(long, default_value = "90", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// The cluster and namespace.
    #[command(flatten)]
    pub cluster: Cluster,
}

/// A resource with its own token.
trait Holder: Ours + Send + Sync + 'static {
    fn token(&self) -> Option<&TokenStatus>;
    /// Why there will be no token until a person authorizes again.
    fn lost(&self) -> Option<String>;

    fn answer(&self) -> Answer {
        Answer {
            token: self.token().cloned().unwrap_or_default(),
            lost: self.lost(),
        }
    }
}

impl Holder for ZoomIntegration {
    fn token(&self) -> Option<&TokenStatus> {
        self.status.as_ref()?.token.as_ref()
    }

    fn lost(&self) -> Option<String> {
        None
    }
}

impl Holder for ZoomConnection {
    fn token(&self) -> Option<&TokenStatus> {
        self.status.as_ref()?.token.as_ref()
    }

    fn lost(&self) -> Option<String> {
        let status = self.status.as_ref()?;
        let lost = status.grant.as_ref()?.lost.clone()?;
        let ready = Type::Ready.find(&status.conditions);
        Some(ready.map_or(lost, |ready| ready.message.clone()))
    }
}

/// Runs `refresh`.
///
/// # Errors
/// When a request to the cluster fails, there is no resource with this name, it has no token of its own, Zoom
/// refuses, or the operator does not answer in time.
pub fn main(args: &Args) -> anyhow::Result<()> {
    terminal::block_on(async {
        let session = args.cluster.session().await?;
        match &args.target {
            Target::Integration(name) => {
                let found: ZoomIntegration = session.get(name).await?;
                check(&session, &found).await?;
                ask(&session, found, args).await
            }
            Target::Connection(name) => {
                let found: ZoomConnection = session.get(name).await?;
                let reference = &found.spec.integration_ref;
                if reference.is_foreign(&session.namespace) {
                    // A tenant need not be able to read the app's namespace.
                    let home = reference.namespace(&session.namespace);
                    let apps: Api<ZoomIntegration> = Api::namespaced(session.client.clone(), home);
                    if let Ok(Some(integration)) = apps.get_opt(&reference.name).await {
                        ensure_awake(&integration)?;
                    }
                } else {
                    let integration: ZoomIntegration = session.get(&reference.name).await?;
                    ensure_awake(&integration)?;
                }
                ask(&session, found, args).await
            }
        }
    })
}

/// For an integration without its own token, names the resources that have one.
async fn check(session: &Session, integration: &ZoomIntegration) -> anyhow::Result<()> {
    ensure_awake(integration)?;
    if integration.spec.has_own_token() {
        return Ok(());
    }
    let name = integration.name_any();
    if integration.spec.is_webhook_only() {
        bail!("{name} is a Webhook-only app, which has no token");
    }
    let connections = session.connections(&name).await?;
    let names: Vec<String> = connections
        .iter()
        .map(|connection| format!("zconn/{}", connection.name_any()))
        .collect();
    if names.is_empty() {
        bail!(
            "{name} is a General app, whose tokens belong to connections, and there are none yet"
        );
    }
    bail!(
        "{name} is a General app, whose tokens belong to its connections: {}",
        names.join(", ")
    )
}

fn ensure_awake(integration: &ZoomIntegration) -> anyhow::Result<()> {
    if integration.spec.suspend {
        bail!(
            "ZoomIntegration {} is suspended: no token is refreshed",
            integration.name_any()
        );
    }
    Ok(())
}

async fn ask<K: Holder>(session: &Session, before: K, args: &Args) -> anyhow::Result<()> {
    let api: Api<K> = session.api();
    let name = before.name_any();
    if let Some(message) = before.lost() {
        bail!("no other token: {}", plain(&message));
    }
    let requested_at = server_time(session).await.unwrap_or_else(Timestamp::now);
    let patch = json!({"metadata": {"annotations": {
        annotation::REFRESH_REQUESTED_AT: requested_at.to_string(),
    }}});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let patched = api.patch(&name, &params, &Patch::Merge(patch)).await;
    patched.map_err(|error| match error {
        kube::Error::Api(status) => anyhow!("the API server refuses: {}", status.message),
        error => anyhow!(error),
    })?;
    note(&format!("requested a new token of {}", args.target));
    if args.no_wait {
        return Ok(());
    }
    let old = before.answer();
    let limit = Duration::from_secs(args.timeout);
    let answered = await_condition(api, &name, answered::<K>(old.clone(), requested_at));
    let found = tokio::time::timeout(limit, answered)
        .await
        .map_err(|_| {
            anyhow!(
                "no answer within {} s. The request stays in annotation {}. Check that the operator runs and serves this namespace. If the clocks of this machine and the cluster differ, a token that looks newer than the request is not replaced",
                args.timeout,
                annotation::REFRESH_REQUESTED_AT
            )
        })?
        .context("failed to watch the resource")?
        .with_context(|| format!("{} was deleted", args.target))?;
    let now = found.answer();
    match outcome(&old, &now, requested_at) {
        Some(RefreshOutcome::Refused(message)) => bail!("no other token: {}", plain(&message)),
        Some(RefreshOutcome::Replaced {
            lacking: Some(message),
        }) => note(&format!("it lacks scopes: {}", plain(&message))),
        Some(RefreshOutcome::Replaced { lacking: None }) | None => {}
    }
    let token = now.token;
    let expires = token.expires_at.map(|time| when(time.0, Timestamp::now()));
    print(&format!(
        "{} has a new token, in Secret {}, until {}\n",
        args.target,
        plain(&token.secret_name.unwrap_or_default()),
        expires.unwrap_or_default()
    ))
}

/// The time of the API server's clock; `None` if the answer has none.
async fn server_time(session: &Session) -> Option<Timestamp> {
    let request = Request::get("/version").body(Body::empty()).ok()?;
    let answer = session.client.send(request).await.ok()?;
    outcome::time(answer.headers().get(DATE)?.to_str().ok()?)
}

fn answered<K: Holder>(old: Answer, requested_at: Timestamp) -> impl Condition<K> {
    move |object: Option<&K>| {
        object.is_none_or(|object| outcome(&old, &object.answer(), requested_at).is_some())
    }
}
