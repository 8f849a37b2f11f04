//! One pass over one integration: observe, plan, apply, report.

pub mod apply;
mod facts;
pub mod observe;
pub mod plan;
pub mod resources;
pub mod status;
mod support;
pub mod verdict;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{ResourceExt as _, runtime::controller::Action};

use self::observe::Observed;
use super::{
    Context, consents, error::Error, fleet::Member, reconcile::Managed, removals::concerns,
    report::Reported,
};
use crate::api::v1alpha1::{Phase, ZoomIntegration, ZoomIntegrationStatus};

impl Managed for ZoomIntegration {
    async fn pass(&self, context: &Context) -> Result<Action, Error> {
        if self.metadata.deletion_timestamp.is_some() {
            // Children go by their owner references: there is nothing to do, and nothing that can hang.
            return Ok(Action::await_change());
        }
        let observed = observe::observe(context, self).await?;
        pass_removals_on(context, self, &observed);
        let pages = context.config.connect_url.as_ref();
        let plan = plan::plan(self, &observed, pages.is_some(), Timestamp::now());
        tracing::debug!(?plan, "planned");
        let applied = apply::apply(context, self, &observed, &plan).await?;
        consents::self_service(context, self).await?;
        let namespace = self.namespace().unwrap_or_default();
        let setting = status::Setting {
            endpoints: context.zoom.endpoints(),
            pages,
            connections: context
                .connections
                .count(&namespace, &self.name_any(), &context.fleet),
        };
        let now = Timestamp::now();
        let (status, wait) = status::status(self, &observed, &applied, &setting, now);
        super::report::report(context, self, &status).await?;
        let member = Member::new(status.phase, status.token.as_ref(), &status.conditions);
        context.fleet.seen(self, member, wait, now);
        Ok(Action::requeue(wait))
    }

    fn gone(context: &Context, object: &ObjectMeta) {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let name = object.name.as_deref().unwrap_or_default();
        for connection in context.connections.of(namespace, name) {
            context.touched.ask(namespace, &connection.name_any());
        }
    }
}

/// Asks for passes over the connections of people who removed the app.
fn pass_removals_on(context: &Context, integration: &ZoomIntegration, observed: &Observed) {
    let Some(facts) = &observed.facts else {
        return;
    };
    let namespace = integration.namespace().unwrap_or_default();
    let name = integration.name_any();
    let new = context.removals.learn(&namespace, &name, &facts.removals);
    if new.is_empty() {
        return;
    }
    let management = integration.spec.app.management;
    for cached in context.connections.of(&namespace, &name) {
        let status = cached
            .0
            .as_ref()
            .ok()
            .and_then(|found| found.status.as_ref());
        let subject = status.and_then(|status| status.subject.as_ref());
        let concerned = subject.is_some_and(|subject| {
            new.iter()
                .any(|removal| concerns(removal, subject, management))
        });
        if concerned {
            context.touched.ask(&namespace, &cached.name_any());
        }
    }
}

impl Reported for ZoomIntegration {
    fn phase(status: &ZoomIntegrationStatus) -> Option<Phase> {
        status.phase
    }

    fn conditions(status: &ZoomIntegrationStatus) -> &[Condition] {
        &status.conditions
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
