//! One of two controllers is killed while it leads: with nothing to do, and while a tenth of the fleet refreshes.

use std::time::Instant;

use jiff::Timestamp;

use super::{Bench, SETTLES, grow::SPARE};
use crate::{
    cluster::each,
    controller::Pod,
    results::Leader,
    tenants::{Fleet, Tenant},
};

impl Bench<'_> {
    pub(super) async fn leader(&self, fleet: &Fleet, first: Pod) -> anyhow::Result<Leader> {
        self.controller.scale(2).await?;
        let lease = self.controller.lease().await?;
        // It has to see a renewal of the first one.
        tokio::time::sleep(SETTLES).await;
        let (killed, started) = (Timestamp::now(), Instant::now());
        self.controller.kill(&first).await?;
        let pod = self.controller.leader().await?;
        let without = started.elapsed().as_secs_f64();
        let meter = self.controller.begin_with_start(&pod, killed);
        let number = self.run.objects + SPARE - 1;
        let start = self.takes_over(fleet, number, &pod, meter).await?;
        let measured = Leader {
            lease,
            without,
            start,
            ..Leader::default()
        };
        let measured = self.while_refreshing(fleet, &pod, measured).await?;
        self.controller.scale(1).await?;
        self.controller.leader().await?;
        Ok(measured)
    }

    /// The same while a tenth of the fleet refreshes; half of that has its token when the leader goes.
    async fn while_refreshing(
        &self,
        fleet: &Fleet,
        pod: &Pod,
        measured: Leader,
    ) -> anyhow::Result<Leader> {
        // Both replicas are there again.
        self.controller.scale(2).await?;
        let refreshing = self.run.objects / 10;
        let tenants: Vec<Tenant> = (0..refreshing).map(|number| fleet.tenant(number)).collect();
        let had = self.asked(&tenants).await?;
        let goes = async {
            self.until_tokens(&self.watched, fleet, refreshing / 2, 3)
                .await?;
            self.controller.kill(pod).await
        };
        futures::try_join!(self.ask(fleet, 0..refreshing), goes)?;
        let before: Vec<bool> = tenants
            .iter()
            .map(|tenant| self.watched.tokens(tenant) >= 3)
            .collect();
        self.controller.leader().await?;
        self.until_tokens(&self.watched, fleet, refreshing, 3)
            .await?;
        tokio::time::sleep(SETTLES).await;
        let has = self.asked(&tenants).await?;
        let (mut twice, mut again) = (0, 0);
        for ((had, has), before) in had.iter().zip(has).zip(&before) {
            let beyond = u32::try_from(has.saturating_sub(had + 1))?;
            again += beyond;
            twice += u32::from(*before && beyond > 0);
        }
        Ok(Leader {
            refreshing,
            before: u32::try_from(before.iter().filter(|had| **had).count())?,
            twice,
            again,
            ..measured
        })
    }

    /// How often Zoom was asked for the tokens of each of these.
    async fn asked(&self, tenants: &[Tenant]) -> anyhow::Result<Vec<u64>> {
        let counts = std::cell::RefCell::new(vec![0; tenants.len()]);
        each(0..tenants.len(), self.run.in_flight, |number| {
            let counts = &counts;
            async move {
                let asked = self
                    .zoom
                    .token_requests(&tenants[number].client_id())
                    .await?;
                counts.borrow_mut()[number] = asked;
                Ok(())
            }
        })
        .await?;
        Ok(counts.into_inner())
    }
}
