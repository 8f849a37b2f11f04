//! The fleet grows to a tenth, to half and to the whole.

use super::{Bench, LIMIT};
use crate::{controller::Pod, results::Results, tenants::Fleet};

/// Further integrations that later phases create one by one.
pub const SPARE: u32 = 2;

impl Bench<'_> {
    pub(super) async fn grow(&self, fleet: &Fleet, results: &mut Results) -> anyhow::Result<Pod> {
        let run = self.run;
        self.prepare(fleet, run.objects + SPARE).await?;
        self.controller.scale(1).await?;
        let pod = self.controller.leader().await?;
        results.start = pod.memory()?;
        let mut from = 0;
        for to in [run.objects / 10, run.objects / 2, run.objects] {
            let meter = self.controller.begin(&pod)?;
            fleet.create(&self.cluster, from..to, run.in_flight).await?;
            let all = usize::try_from(to)?;
            self.watched
                .until("all are connected", LIMIT, |seen| {
                    seen.connected(fleet.name) >= all
                })
                .await?;
            results.steps.push(meter.end(to - from)?);
            from = to;
        }
        Ok(pod)
    }
}
