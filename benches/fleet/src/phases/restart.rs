//! The controller is killed; the new one starts with everything.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::Value;

use super::{Bench, SETTLES};
use crate::{
    audit::writes,
    controller::{Meter, Pod},
    results::{Results, Start},
    tenants::Fleet,
};

/// What the controller writes for the integration that is created: token Secret, status, Event.
const WRITES_OF_ONE: u64 = 3;

impl Bench<'_> {
    pub(super) async fn restart(
        &self,
        fleet: &Fleet,
        pod: &Pod,
        results: &mut Results,
    ) -> anyhow::Result<Pod> {
        let killed = Timestamp::now();
        self.controller.kill(pod).await?;
        let pod = self.controller.leader().await?;
        let number = self.run.objects;
        let meter = self.controller.begin_with_start(&pod, killed);
        results.restart = self.takes_over(fleet, number, &pod, meter).await?;
        Ok(pod)
    }

    /// What a controller does that has just begun to lead. The integration with this number is created.
    pub(super) async fn takes_over(
        &self,
        fleet: &Fleet,
        number: u32,
        pod: &Pod,
        meter: Meter<'_>,
    ) -> anyhow::Result<Start> {
        let new_object = self.one(fleet, number).await?;
        // Whatever it does about the others, it does soon.
        tokio::time::sleep(SETTLES).await;
        let cost = meter.end(self.run.objects)?;
        let asked = "zoom_operator_token_requests_total";
        let zoom_requests = self.controller.metric(pod, asked).await? - 1.0;
        let (list, _) = self.listed().await?;
        Ok(Start {
            list,
            new_object,
            writes: writes(&cost.requests).saturating_sub(WRITES_OF_ONE),
            zoom_requests,
            cost,
        })
    }

    /// Lists all integrations once: the time, and their bytes.
    pub(super) async fn listed(&self) -> anyhow::Result<(f64, u64)> {
        let started = Instant::now();
        let path = "/apis/zoom-operator.io/v1alpha1/zoomintegrations";
        let all = self.cluster.list(path).await?;
        let took = started.elapsed().as_secs_f64();
        Ok((took, u64::try_from(Value::Array(all).to_string().len())?))
    }
}
