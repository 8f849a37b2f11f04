//! One pass over one integration: observe, plan, apply, settle, report.
//!
//! | Question | Where |
//! |---|---|
//! | What is read? | `observe.rs`, `facts.rs` |
//! | What is to be done? | `plan.rs`; how often a contested token Secret is written: `rewrites.rs`; for the receiver: `objects.rs`, `transition.rs`, `policy.rs`, `hosts.rs` |
//! | How is it done? | `apply` |
//! | What came of it, and when is it tried again? | `settle.rs` |
//! | What does the status say? | `verdict.rs` for `Ready`, `status` for the rest |
//! | What do the receiver's objects look like? | `resources` |
//! | What happens at the end? | `deletion`, `buffer_finalizer.rs` |

pub mod altered;
pub mod answers;
mod apply;
mod buffer_finalizer;
mod count;
mod deletion;
mod facts;
pub mod hosts;
pub mod lifecycle;
mod model;
mod objects;
mod observe;
pub mod own_metadata;
pub mod ownership;
mod plan;
mod policy;
pub mod resources;
pub mod rewrites;
mod rollout_state;
pub mod routes;
mod settle;
pub mod shared;
mod status;
mod support;
mod transition;
mod trouble;
pub mod untold;
mod verdict;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::ResourceExt as _;

pub use self::model::ReceiverPod;
use self::{
    model::{Applied, Observed, ReceiverFinding},
    observe::Sources,
};
use super::{
    Context, audit, connections, consents,
    error::Error,
    index::Member,
    key::Key,
    reach::{self, ReachState},
    reconcile::{Action, Managed},
    refusal,
    removals::Removals,
    report::Reported,
    schedule,
};
use crate::api::v1alpha1::{Phase, SelfService, ZoomIntegration, ZoomIntegrationStatus};

/// Time until the next pass, if this one learned something that the status is to say.
const SOON: Duration = Duration::from_secs(1);

impl Managed for ZoomIntegration {
    async fn end_unseen(&self, context: &Context) -> Result<Action, Error> {
        deletion::conclude_unseen(context, self).await
    }

    async fn pass(&self, context: &Context) -> Result<Action, Error> {
        if self.metadata.deletion_timestamp.is_some() {
            return Box::pin(deletion::conclude(context, self)).await;
        }
        let observed = observe::observe(Sources::of(context), self).await?;
        if deletion::prepare(context, self, &observed.receiver).await? {
            // The change of the finalizer triggers the next pass.
            return Ok(Action::requeue(Duration::ZERO));
        }
        requeue_removed(context, self, &observed);
        routes::requeue(context, self, &observed);
        let plan = plan::plan(self, &observed, rules(context, self), Timestamp::now());
        let outcome = Box::pin(apply::apply(context, self, &observed, &plan)).await?;
        let now = Timestamp::now();
        let mut applied = settle::settle(self, &observed, &plan, &outcome, now);
        remember(context, self, &applied);
        let again = match routes::sweep(context, self).await {
            Ok(again) => again,
            Err(error) => {
                let what = "A route of a connection could not be written or erased";
                Some(schedule::later(
                    now,
                    refusal::tell(&context.writer, self, what, error).await?,
                ))
            }
        };
        applied.receiver.contested = routes::contested(context, self, now);
        applied.look_again = [applied.look_again, again].into_iter().flatten().min();
        let consents = match consents::self_service(context, self).await {
            Ok(again) => again,
            Err(error) => {
                let what = "The consents of self-service could not be handled";
                Some(schedule::later(
                    now,
                    refusal::tell(&context.writer, self, what, error).await?,
                ))
            }
        };
        applied.look_again = [applied.look_again, consents].into_iter().flatten().min();
        let action = report(context, self, &observed, &mut applied, now).await?;
        Ok(action.prompt_if(consents.is_some()))
    }

    fn passed(context: &Context, key: &Key, begun: Timestamp) {
        let name = (key.namespace.to_string(), key.name.to_string());
        let rollouts = &context.receivers.rollouts;
        apply::turn::pass_on(rollouts, &context.requeue, &name, begun);
    }

    fn forget(context: &Context, object: &ObjectMeta) {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let name = object.name.as_deref().unwrap_or_default();
        let uid = object.uid.as_deref().unwrap_or_default();
        context.memory.answers.forget(uid);
        context.memory.versions.forget(uid);
        context.memory.untold.forget(uid);
        context.memory.rewrites.forget(uid);
        context.memory.altered.forget(namespace, name);
        context
            .memory
            .routes
            .forget(&Key::integration(namespace, name));
        let name = (namespace.to_owned(), name.to_owned());
        context.receivers.reach.forget(&name);
        apply::turn::release(&context.receivers.rollouts, &context.requeue, &name);
    }
}

/// The Pods of the integration's receiver, with their current facts.
pub async fn receiver_pods(context: &Context, integration: &ZoomIntegration) -> Vec<ReceiverPod> {
    let receiver = observe::workloads(context.reader.index(), integration);
    facts::gather(
        &context.reader,
        &context.receivers.http,
        integration,
        &receiver,
    )
    .await
}

/// What the operator's configuration and the index say.
fn rules<'a>(context: &'a Context, integration: &ZoomIntegration) -> plan::Rules<'a> {
    plan::Rules {
        has_pages: context.config.connect_url.is_some(),
        knows_labels: context.config.scope.namespaces().is_none(),
        rejected: integration
            .spec
            .is_general()
            .then(|| context.reader.index().rejected(&Key::from(integration)))
            .flatten(),
        own_host: context
            .config
            .connect_url
            .as_ref()
            .and_then(url::Url::host_str),
        image: &context.config.receiver,
        receivers: &context.config.policy,
        routes: routes::are_on(context, integration),
    }
}

/// Remembers what the next pass must know even if this one cannot write its status.
fn remember(context: &Context, integration: &ZoomIntegration, applied: &Applied) {
    let uid = integration.uid().unwrap_or_default();
    if let Some(rewritten) = &applied.rewritten {
        context.memory.rewrites.learn(&uid, rewritten.clone());
    }
    context.memory.answers.learn(uid, &applied.checked);
    let namespace = integration.namespace().unwrap_or_default();
    let altered = &applied.receiver.altered;
    context
        .memory
        .altered
        .learn(&namespace, &integration.name_any(), altered);
}

/// Writes the status, and returns when the next pass is due.
async fn report(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    applied: &mut Applied,
    now: Timestamp,
) -> Result<Action, Error> {
    let key = Key::from(integration);
    let uid = integration.uid().unwrap_or_default();
    context.memory.untold.tell(&uid, &mut applied.receiver);
    let index = context.reader.index();
    let made_in = integration.spec.self_service();
    let made_in = made_in.and_then(SelfService::namespace);
    let setting = status::Setting {
        endpoints: context.zoom.client.endpoints(),
        pages: context.config.connect_url.as_ref(),
        knows_labels: context.config.scope.namespaces().is_none(),
        connections: index.summary(
            &key,
            made_in.unwrap_or(&key.namespace),
            status::MOST_LOST,
            status::MOST_LINKS,
        ),
        reach: try_url(context, integration, observed, applied, now),
        sharers: observed
            .credentials
            .client_id
            .as_deref()
            .map(|client_id| index.sharers_of(client_id, &key))
            .unwrap_or_default(),
    };
    let (mut status, next) = status::status(integration, observed, applied, &setting, now);
    let news = lifecycle::is_wanted(integration).then(|| {
        let concerned = index.to_tell(&key, lifecycle::earliest_told(now));
        let concerned: Vec<_> = connections::readable(&concerned).collect();
        lifecycle::states(integration, &status, &concerned, now)
    });
    let (writer, live) = (&context.writer, observed.receiver.lifecycle.as_ref());
    let retracted = apply::lifecycle::retract(writer, integration, live, news.is_some()).await;
    if let Some(webhook) = &mut status.webhook {
        webhook.announced = lifecycle::announced(integration, news.as_deref(), retracted.is_ok());
    }
    super::report::report(writer, integration, &status).await?;
    let before = integration.status.as_ref();
    let before = before.and_then(|status| status.client_id.as_deref());
    if let Some(event) = shared::changed(before, status.client_id.as_deref()) {
        writer.publish(integration, event).await;
    }
    // Only now: the id of a state has the time that the status states.
    let told = match news {
        Some(news) => {
            let defaults = &context.config.policy.defaults;
            apply::lifecycle::publish(writer, integration, defaults, live, news).await
        }
        None => retracted,
    };
    let wait = match told {
        Err(error) if !error.is_final() => {
            let sentence = error.into_refusal()?;
            tracing::warn!(sentence, "the lifecycle states could not be written");
            next.pass.min(refusal::ONCE_OVERLOADED)
        }
        told => {
            let refused = told.err().map(Error::into_refusal).transpose()?;
            let wait = refused.as_ref().map(|_| schedule::UNTIL_ALLOWED);
            // The status is to say so.
            let news = context.memory.untold.learn(&uid, refused).then_some(SOON);
            news.or(wait).map_or(next.pass, |wait| next.pass.min(wait))
        }
    };
    if let Some(record) = audit::host(integration, &status) {
        record.write();
    }
    let pods = observed.pods.clone();
    index.plan_poll(key.clone(), next.poll, pods, now);
    let webhook = integration.spec.webhook.as_ref();
    let unclaimed = webhook.and_then(|webhook| webhook.unclaimed_accounts);
    let progress = applied.receiver.progress;
    let member = Member::of_integration(&status, unclaimed, observed.buffer(), progress);
    index.passed(key, member, wait, now);
    let awaits_person = super::verdict::awaits_person(&status.conditions, status.token.as_ref());
    Ok(Action::requeue(wait).retry_if(awaits_person))
}

/// What is known about the webhook URL. Starts a check if one is due, without waiting for it.
fn try_url(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    applied: &mut Applied,
    now: Timestamp,
) -> Option<ReachState> {
    let name = (
        integration.namespace().unwrap_or_default(),
        integration.name_any(),
    );
    let credentials = &observed.credentials;
    let wanted = reach::wanted(
        &integration.spec,
        credentials.webhook_secret_token.as_ref(),
        &credentials.webhook_version(),
        status::validated(integration, observed, applied, now)
            .filter(|_| !status::lacks_headers(observed.facts.as_ref())),
        applied.receiver.finding == ReceiverFinding::Available,
        now,
    );
    let wanted = wanted.filter(|_| applied.is_exposed());
    let seen = context.receivers.reach.look(&name, wanted, now);
    applied.look_again = [applied.look_again, seen.again].into_iter().flatten().min();
    context.receivers.reach.is_on().then_some(seen)
}

/// Requests passes for the connections of people who removed the app.
fn requeue_removed(context: &Context, integration: &ZoomIntegration, observed: &Observed) {
    let Some(facts) = &observed.facts else {
        return;
    };
    // A wrong signature is a reason to ask Zoom, and nothing to believe.
    let health = facts.health.as_ref();
    let removals = Removals {
        verified: facts.removals.clone(),
        unverified: health
            .map(|health| health.unverified_removals.clone())
            .unwrap_or_default(),
    };
    let management = integration.spec.app.management;
    let index = context.reader.index();
    for key in index.learn_removals(&Key::from(integration), &removals, management) {
        context.requeue.now(key);
    }
}

impl Reported for ZoomIntegration {
    fn phase(status: &ZoomIntegrationStatus) -> Option<Phase> {
        status.phase
    }

    fn conditions(status: &ZoomIntegrationStatus) -> &[Condition] {
        &status.conditions
    }

    fn operator(status: &ZoomIntegrationStatus) -> Option<&str> {
        status.operator.as_deref()
    }

    fn set_operator(status: &mut ZoomIntegrationStatus, release: Option<String>) {
        status.operator = release;
    }

    fn unreadable(
        observed_generation: Option<i64>,
        conditions: Vec<Condition>,
    ) -> ZoomIntegrationStatus {
        ZoomIntegrationStatus {
            observed_generation,
            phase: Some(Phase::Degraded),
            conditions,
            ..ZoomIntegrationStatus::default()
        }
    }
}

#[cfg(test)]
mod tests;
