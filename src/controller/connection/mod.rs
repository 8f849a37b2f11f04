//! One pass over one connection: observe, plan, apply, settle, report.
//!
//! Zoom's answers decide what comes next, so a pass makes one step after another: `plan` names the next one,
//! `apply` carries it out, and `settle` computes the state afterwards.
//!
//! | Question | Where |
//! |---|---|
//! | Does it wait for its turn before anything is read? | `turn.rs` |
//! | What is done, and in which order? | [`plan::next`] |
//! | When is a token refreshed, when is a sealed one erased? | `plan/refresh.rs` |
//! | What happens to a consent? | `plan/consent.rs` |
//! | What does an answer from Zoom lead to, and when is it tried again? | `settle.rs` |
//! | Where do the account's events go? | `route.rs` |
//! | What does the status say? | `verdict.rs` for `Ready`, `status.rs` for the rest |

pub mod apply;
mod deletion;
mod holder;
pub mod model;
pub mod observe;
mod plan;
mod route;
mod settle;
mod status;
mod subject;
mod turn;
mod verdict;

use std::time::Duration;

use contract::receiver::routes::Connection;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};

use self::{
    model::{Attempted, Outcome, Situation, Step},
    observe::Sources,
};
use super::{
    Context, clock,
    error::Error,
    grants::{Requester, TooEarly},
    handed_over,
    index::{Guarded, Member},
    key::Key,
    reconcile::{Action, Managed},
    report::Reported,
    restart, schedule,
    token_secret::Owner,
};
use crate::api::v1alpha1::{Phase, ZoomConnection, ZoomConnectionStatus};

/// How long a pass starts further steps. A pass that is cut off in the middle reports nothing.
const BEGINS_STEPS: Duration = Duration::from_secs(20);

impl Managed for ZoomConnection {
    async fn end_unseen(&self, context: &Context) -> Result<Action, Error> {
        deletion::conclude_unseen(context, self).await
    }

    fn turn(&self, context: &Context) -> Option<Duration> {
        let (index, now) = (context.reader.index(), Timestamp::now());
        let own = Key::from(self);
        let issued = index.issued_at(&own);
        let spending = turn::only_spends(self, &index.consents(&own)?, issued, now)?;
        let home = observe::integration_key(self);
        let client_id = index.client_id(&home)?;
        let requester = Requester::new(&own, spending.is_consent);
        let early = context.grants.call(&requester, &home.namespace, &client_id);
        let TooEarly(wait) = early.err()?;
        Some(wait.min(schedule::between(now, spending.until)))
    }

    async fn pass(&self, context: &Context) -> Result<Action, Error> {
        if let Some(begun) = deletion::begun(&context.reader, self).await? {
            return Box::pin(deletion::conclude(context, self, begun)).await;
        }
        if deletion::prepare(&context.writer, self).await? {
            // The change of the finalizer triggers the next pass.
            return Ok(Action::requeue(Duration::ZERO));
        }
        let rules = plan::Rules {
            sealed_grant: context.config.sealed_grant_life(),
        };
        let observed = observe::observe(Sources::of(context), self).await?;
        let now = Timestamp::now();
        let until = schedule::later(now, BEGINS_STEPS);
        let mut situation = Situation::new(self, observed, now, until);
        while let Some(step) = plan::next(self, &situation, rules, Timestamp::now()) {
            if step.is_final() && !clock::is_confirmed(&context.reader, "erase a grant").await {
                situation.look_at(schedule::later(Timestamp::now(), clock::UNTIL_RIGHT));
                situation.tried.mark(Attempted::Erasure);
                continue;
            }
            if plan::is_untold(self, &situation, &step) {
                // The consent stays until the status says how it ended, and has the account that only the
                // consent proves.
                let now = Timestamp::now();
                situation = settle::settle(self, situation, &step, Outcome::Done, now);
                situation.look_at(now);
                // The status has room for one end: the next consent comes in the next pass.
                situation.tried.mark(Attempted::Consent);
                continue;
            }
            if let (Step::RemoveOldToken(_), Some(wanted)) = (&step, self.restart()) {
                // Before the removal, so that after a crash in between the next pass does this again.
                let marker = restart::moved(&Owner::connection(self).secret_name);
                restart::restart(&context.restarts(), self, wanted, &marker).await?;
            }
            let outcome = Box::pin(apply::apply(context, self, &situation, &step)).await?;
            situation = settle::settle(self, situation, &step, outcome, Timestamp::now());
        }
        remember(context, self, &situation).await?;
        let secret = Owner::connection(self).secret_name;
        let token = &situation.observed.token;
        restart::with_token(&context.restarts(), self, self.restart(), &secret, token).await?;
        let routed = route::bring(context, self, &mut situation, Timestamp::now()).await;
        if routed.is_err() {
            route::keep(self, &mut situation);
        }
        let action = report(context, self, &situation).await?;
        let before = self
            .status
            .as_ref()
            .and_then(|status| status.account.as_ref());
        if before != situation.account.as_ref() {
            look_for_rivals(context, &Key::from(self));
        }
        // Only now: what the steps came to is stored, whatever becomes of the route.
        routed?;
        Ok(action)
    }

    fn forget(context: &Context, object: &ObjectMeta) {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let name = object.name.as_deref().unwrap_or_default();
        if let Some(connection) = Connection::new(namespace, name) {
            context.memory.routes.settled(&connection);
        }
    }
}

/// Records the wait of the consent that began to wait in this pass.
async fn remember(
    context: &Context,
    connection: &ZoomConnection,
    situation: &Situation,
) -> Result<(), Error> {
    let status = connection.status.as_ref();
    let before = status.and_then(|status| status.consent.as_ref());
    let told = situation.consent.as_ref();
    let told = told.filter(|told| told.is_waiting() && Some(*told) != before);
    let mut consents = situation.observed.consents.iter();
    let consent =
        consents.find(|consent| told.is_some_and(|told| told.transaction == consent.transaction()));
    let Some((consent, wait)) = consent.and_then(|consent| Some((consent, consent.wait?))) else {
        return Ok(());
    };
    let (writer, namespace) = (&context.writer, &context.config.lease_namespace);
    let (by, secret) = (Key::from(connection), &consent.secret_name);
    handed_over::remember(writer, namespace, by, secret, wait).await
}

/// Two connections that prove one account at the same time do not see each other until both have reported. Each
/// decides again about its route then.
fn look_for_rivals(context: &Context, key: &Key) {
    let index = context.reader.index();
    let now = index.get::<Guarded<ZoomConnection>>(&key.namespace, &key.name);
    let now = now.as_ref().and_then(|now| now.0.as_ref().ok());
    if now.is_some_and(|now| index.has_rivals(now)) {
        context.requeue.routine(key.clone());
    }
}

/// Writes the status, and returns when the next pass is due.
async fn report(
    context: &Context,
    connection: &ZoomConnection,
    situation: &Situation,
) -> Result<Action, Error> {
    let now = Timestamp::now();
    let setting = status::Setting {
        operator_class: context.config.scope.class(),
        pages: context.config.connect_url.as_ref(),
        refresh_token_life: context.config.refresh_token_life(),
        sealed_grant: context.config.sealed_grant_life(),
        data_deletion: context.config.data_deletion(),
    };
    let (status, wait) = status::status(connection, situation, setting, now);
    super::report::report(&context.writer, connection, &status).await?;
    let member = Member::new(status.phase, status.token.as_ref(), &status.conditions);
    let member = member.map(|member| Member {
        issued_at: situation.observed.issued_at(),
        ..member
    });
    let index = context.reader.index();
    index.passed(Key::from(connection), member, wait, now);
    let awaits_person = super::verdict::awaits_person(&status.conditions, status.token.as_ref());
    let is_awaited = !situation.observed.consents.is_empty();
    Ok(Action::requeue(wait)
        .retry_if(awaits_person)
        .prompt_if(is_awaited))
}

impl Reported for ZoomConnection {
    fn phase(status: &ZoomConnectionStatus) -> Option<Phase> {
        status.phase
    }

    fn conditions(status: &ZoomConnectionStatus) -> &[Condition] {
        &status.conditions
    }

    fn operator(status: &ZoomConnectionStatus) -> Option<&str> {
        status.operator.as_deref()
    }

    fn set_operator(status: &mut ZoomConnectionStatus, release: Option<String>) {
        status.operator = release;
    }

    fn unreadable(
        observed_generation: Option<i64>,
        conditions: Vec<Condition>,
    ) -> ZoomConnectionStatus {
        ZoomConnectionStatus {
            observed_generation,
            phase: Some(Phase::Degraded),
            conditions,
            ..ZoomConnectionStatus::default()
        }
    }
}

#[cfg(test)]
mod tests;
