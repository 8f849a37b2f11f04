//! All tokens are asked for at once.

use jiff::Timestamp;
use serde_json::json;

use super::{Bench, LIMIT};
use crate::{
    audit::writes,
    cluster::each,
    controller::Pod,
    results::Refresh,
    tenants::Fleet,
    watched::{ASKED, Watched},
};

/// Beside so many refreshes a new object is as good as alone.
const FEW: u32 = 10;

impl Bench<'_> {
    pub(super) async fn refresh(&self, fleet: &Fleet, pod: &Pod) -> anyhow::Result<Refresh> {
        let all = self.run.objects;
        let single = Fleet::together("single", true);
        self.prepare(&single, 2).await?;
        // Their tokens are old enough by now.
        let ((), new_object_beside_ten) =
            futures::try_join!(self.ask(fleet, 0..FEW), self.one(&single, 0))?;
        self.until_tokens(&self.watched, fleet, FEW, 2).await?;

        let meter = self.controller.begin(pod)?;
        self.ask(fleet, FEW..all).await?;
        // Only now: what asks is a load on the API server that tokens that fall due do not make, and so are the events
        // that tell of it, which are delivered one after the other.
        let asked = usize::try_from(all)?;
        self.watched
            .until("the requests for tokens", LIMIT, |seen| {
                seen.asked(fleet.name) >= asked
            })
            .await?;
        let still_due = all.saturating_sub(u32::try_from(self.watched.with_tokens(fleet.name, 2))?);
        let new_object = self.one(&single, 1).await?;
        self.until_tokens(&self.watched, fleet, all, 2).await?;
        let cost = meter.end(all - FEW)?;
        single.remove(&self.cluster).await?;
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let writes_each = writes(&cost.requests) as f64 / f64::from(all - FEW);
        Ok(Refresh {
            cost,
            writes_each,
            new_object,
            still_due,
            new_object_beside_ten,
        })
    }

    /// Asks for another token of each of these.
    pub(super) async fn ask(
        &self,
        fleet: &Fleet,
        numbers: std::ops::Range<u32>,
    ) -> anyhow::Result<()> {
        each(numbers, self.run.in_flight, |number| async move {
            self.ask_at(&fleet.tenant(number).path()).await
        })
        .await
    }

    /// Asks for another token of the object at this path.
    pub(super) async fn ask_at(&self, path: &str) -> anyhow::Result<()> {
        let now = Timestamp::now().to_string();
        let at = json!({"metadata": {"annotations": {ASKED: now}}});
        self.cluster.merge(path, &at).await
    }

    /// Waits until so many of a fleet have had so many tokens.
    pub(super) async fn until_tokens(
        &self,
        watched: &Watched,
        fleet: &Fleet,
        count: u32,
        tokens: u32,
    ) -> anyhow::Result<()> {
        let count = usize::try_from(count)?;
        watched
            .until("tokens", LIMIT, |seen| {
                seen.with_tokens(fleet.name, tokens) >= count
            })
            .await
    }
}
