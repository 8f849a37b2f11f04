//! One pass over one connection: observe, apply, report.

pub mod apply;
pub mod observe;
pub mod plan;
pub mod status;
pub mod subject;
pub mod verdict;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};

use self::apply::deletion;
use super::{
    Context,
    error::Error,
    index::Member,
    key::Key,
    reconcile::{Action, Managed},
    report::Reported,
    schedule,
};
use crate::api::v1alpha1::{Phase, ZoomConnection, ZoomConnectionStatus};

impl Managed for ZoomConnection {
    async fn pass(&self, context: &Context) -> Result<Action, Error> {
        if self.metadata.deletion_timestamp.is_some() {
            let again = deletion::conclude(context, self).await?;
            return Ok(again.map_or_else(Action::await_change, |at| {
                Action::requeue(schedule::wait([at], Timestamp::now()))
            }));
        }
        if deletion::prepare(context, self).await? {
            // The change of the finalizer leads to the next pass.
            return Ok(Action::requeue(Duration::ZERO));
        }
        let observed = observe::observe(context, self).await?;
        let applied = apply::apply(context, self, &observed).await?;
        let now = Timestamp::now();
        let setting = status::Setting {
            pages: context.config.connect_url.as_ref(),
            refresh_token_life: context.config.refresh_token_life(),
            sealed_grant: context.config.sealed_grant_life(),
            data_deletion: context.config.data_deletion(),
        };
        let (status, wait) = status::status(self, &observed, &applied, setting, now);
        super::report::report(context, self, &status).await?;
        let member = Member::new(status.phase, status.token.as_ref(), &status.conditions);
        context.index.passed(Key::from(self), member, wait, now);
        Ok(Action::requeue(wait))
    }

    fn gone(_: &Context, _: &ObjectMeta) {}
}

impl Reported for ZoomConnection {
    fn phase(status: &ZoomConnectionStatus) -> Option<Phase> {
        status.phase
    }

    fn conditions(status: &ZoomConnectionStatus) -> &[Condition] {
        &status.conditions
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
