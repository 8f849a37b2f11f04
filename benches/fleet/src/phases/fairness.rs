//! Ten integrations, alone and beside a namespace full of failures.

use std::time::{Duration, Instant};

use super::{Bench, LIMIT};
use crate::{results::Fairness, tenants::Fleet};

/// Healthy integrations.
const HEALTHY: u32 = 10;

impl Bench<'_> {
    pub(super) async fn fairness(&self) -> anyhow::Result<Fairness> {
        let failing = self.run.objects / 2;
        // The controller may have begun to lead just now; from then on it does nothing else.
        self.ten("first").await?;
        let alone = self.ten("alone").await?;
        let wrong = Fleet::together("wrong", false);
        self.prepare(&wrong, failing).await?;
        let crowd = wrong.create(&self.cluster, 0..failing, self.run.in_flight);
        let meanwhile = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.ten("beside").await
        };
        let ((), beside) = futures::try_join!(crowd, meanwhile)?;
        wrong.delete(&self.cluster).await?;
        wrong.remove(&self.cluster).await?;
        Ok(Fairness {
            failing,
            beside,
            alone,
        })
    }

    async fn ten(&self, name: &'static str) -> anyhow::Result<f64> {
        let fleet = Fleet::together(name, true);
        self.prepare(&fleet, HEALTHY).await?;
        let started = Instant::now();
        fleet
            .create(&self.cluster, 0..HEALTHY, self.run.in_flight)
            .await?;
        let all = usize::try_from(HEALTHY)?;
        self.watched
            .until("ten integrations", LIMIT, |seen| {
                seen.connected(name) >= all
            })
            .await?;
        let took = started.elapsed().as_secs_f64();
        fleet.remove(&self.cluster).await?;
        Ok(took)
    }
}
