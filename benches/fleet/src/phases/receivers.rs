//! Many receivers are made, left alone, and replaced after a change of the operator's settings.

use std::time::Duration;

use super::{Bench, LIMIT, SETTLES};
use crate::{
    controller::Pod,
    hooks,
    results::{Cost, Receivers},
    stub::Stub,
};

/// For each ten integrations of the fleet there is a receiver.
const SHARE: u32 = 10;
/// The chart's `receiver.maxConcurrentRollouts`.
const AT_A_TIME: usize = 5;
/// Changes the Pods of all receivers: networks that sinks may be in.
const NETWORK: &str = "192.0.2.0/24";
/// Between two looks at the receivers.
const LOOKS: Duration = Duration::from_millis(500);

impl Bench<'_> {
    /// On this node.
    pub(super) async fn receivers(&self, node: &str) -> anyhow::Result<Receivers> {
        let count = self.run.receivers.unwrap_or(self.run.objects / SHARE);
        let stub = Stub::begin().await?;
        hooks::prepare(&self.cluster).await?;
        let pod = self.controller.leader().await?;
        let first = self.made(node, &pod, 0..count / 2).await?;
        let second = self.made(node, &pod, count / 2..count).await?;
        let polls_while_made = stub.asked();

        tokio::time::sleep(SETTLES).await;
        let (rest, before) = (self.controller.begin(&pod)?, stub.asked());
        tokio::time::sleep(self.idle_time()).await;
        let (rest, polls_at_rest) = (rest.end(count)?, stub.asked() - before);
        let (rollout, at_a_time) = self.rollout(count).await?;
        hooks::remove(&self.cluster, node).await?;
        Ok(Receivers {
            count,
            made: [first, second],
            polls_while_made,
            rest,
            polls_at_rest,
            rollout,
            at_a_time,
            allowed_at_a_time: AT_A_TIME,
        })
    }

    async fn made(
        &self,
        node: &str,
        pod: &Pod,
        numbers: std::ops::Range<u32>,
    ) -> anyhow::Result<Cost> {
        let count = numbers.end - numbers.start;
        let all = usize::try_from(numbers.end)?;
        let meter = self.controller.begin(pod)?;
        hooks::create(&self.cluster, numbers, node, self.run.in_flight).await?;
        self.watched
            .until("the receivers are connected", LIMIT, |seen| {
                seen.connected(hooks::NAME) >= all
            })
            .await?;
        meter.end(count)
    }

    /// Replaces all; the cost, and the most at a time.
    async fn rollout(&self, count: u32) -> anyhow::Result<(Cost, usize)> {
        let since = jiff::Timestamp::now();
        let argument = format!("--sink-allow-network={NETWORK}");
        let pod = self.controller.add_argument(&argument).await?;
        let meter = self.controller.begin_with_start(&pod, since);
        let mut most = 0;
        let rolling = async {
            loop {
                let all = hooks::deployments(&self.cluster).await?;
                let rolling = all.iter().filter(|one| !hooks::is_settled(one)).count();
                let replaced = all
                    .iter()
                    .filter(|one| one["spec"].to_string().contains(NETWORK))
                    .count();
                most = most.max(rolling);
                if rolling == 0 && replaced == usize::try_from(count)? {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(LOOKS).await;
            }
        };
        tokio::time::timeout(LIMIT, rolling).await??;
        // The fleet is listed by the new controller, and its tokens fall due: that is measured elsewhere.
        Ok((meter.end_within(count, hooks::PREFIX)?, most))
    }
}
