//! The bare client, while no controller is there.

use std::time::Instant;

use super::Bench;
use crate::{floor, results::Results, tenants::Fleet};

impl Bench<'_> {
    pub(super) async fn floor(&self, results: &mut Results) -> anyhow::Result<()> {
        self.controller.scale(0).await?;
        let fleet = Fleet::spread("floor");
        self.prepare(&fleet, self.run.objects).await?;
        let oauth = self.zoom.oauth().await?;
        let run = self.run;
        let all = 0..run.objects;
        let took = floor::serve(&self.cluster, &fleet, all, &oauth, run.in_flight).await?;
        results.floor.served = took.as_secs_f64();
        let started = Instant::now();
        fleet.delete(&self.cluster).await?;
        results.floor.deleted = started.elapsed().as_secs_f64();
        fleet.remove(&self.cluster).await
    }
}
