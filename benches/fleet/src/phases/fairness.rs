//! Ten integrations, alone and beside a namespace full of failures; by the controller and by the bare client.

use std::{cell::Cell, time::Instant};

use super::{Bench, LIMIT};
use crate::{
    cluster::until,
    controller::Pod,
    floor,
    results::{Fairness, Tens},
    tenants::Fleet,
};

/// Integrations that are created together.
const TOGETHER: u32 = 10;
/// How often that is repeated while nothing else happens.
const ROUNDS: usize = 5;
/// So many rounds beside the others are enough.
const ENOUGH: usize = 40;
/// Of all parts, with the first round.
const MOST: u32 = 100;
/// The retries have begun when this part of the failing ones was tried again.
const BEGUN: f64 = 0.02;
/// They last at least until this part was.
const ENDING: f64 = 0.8;

/// Creates ten integrations of a fleet after ten others.
struct Rounds<'a> {
    bench: &'a Bench<'a>,
    /// The controller's.
    ours: Fleet,
    /// The bare client's.
    bare: Fleet,
    /// Where the bare client gets its tokens.
    oauth: String,
    made: u32,
    took: Tens,
}

impl Bench<'_> {
    pub(super) async fn fairness(&self) -> anyhow::Result<Fairness> {
        let failing = self.run.objects / 2;
        let pod = self.controller.leader().await?;
        let mut rounds = Rounds::prepare(self).await?;
        // The controller may have begun to lead just now; from then on it does nothing else.
        rounds.next().await?;
        rounds.took = Tens::default();
        rounds.until(|took| took.ours.len() == ROUNDS).await?;
        let alone = std::mem::take(&mut rounds.took);

        let wrong = Fleet::together("wrong", false);
        self.prepare(&wrong, failing).await?;
        let before = self.refused(&pod).await?;
        let is_over = Cell::new(false);
        let crowd = async {
            wrong
                .create(&self.cluster, 0..failing, self.run.in_flight)
                .await?;
            is_over.set(true);
            anyhow::Ok(())
        };
        let beside = rounds.until(|took| is_over.get() || took.ours.len() == ENOUGH);
        futures::try_join!(crowd, beside)?;
        let while_created = std::mem::take(&mut rounds.took);

        // Zoom refuses each of them once, and again about a minute later.
        let again = |part: f64| before + (1.0 + part) * f64::from(failing);
        until("the failing ones are tried again", LIMIT, || async {
            Ok(self.refused(&pod).await? >= again(BEGUN))
        })
        .await?;
        let begun = self.refused(&pod).await?;
        loop {
            rounds.next().await?;
            if rounds.took.ours.len() == ENOUGH || self.refused(&pod).await? >= again(ENDING) {
                break;
            }
        }
        let retried = self.refused(&pod).await? - begun;
        let late = self
            .controller
            .metric(&pod, "zoom_operator_work_overdue")
            .await?;
        let while_retried = std::mem::take(&mut rounds.took);
        wrong.delete(&self.cluster).await?;
        for fleet in [&wrong, &rounds.ours, &rounds.bare] {
            fleet.remove(&self.cluster).await?;
        }
        Ok(Fairness {
            failing,
            alone,
            while_created,
            while_retried,
            retried,
            late,
        })
    }

    /// How many requests for tokens Zoom has refused.
    async fn refused(&self, pod: &Pod) -> anyhow::Result<f64> {
        let all = "zoom_operator_token_requests_total";
        let issued = format!("{all}{{outcome=\"Issued\"}}");
        let all = self.controller.metric(pod, all).await?;
        Ok(all - self.controller.metric(pod, &issued).await?)
    }
}

impl<'a> Rounds<'a> {
    async fn prepare(bench: &'a Bench<'a>) -> anyhow::Result<Self> {
        let ours = Fleet::together("ten", true);
        let bare = Fleet::left_alone("bare");
        for fleet in [&ours, &bare] {
            bench.prepare(fleet, MOST * TOGETHER).await?;
        }
        Ok(Self {
            bench,
            ours,
            bare,
            oauth: bench.zoom.oauth().await?,
            made: 0,
            took: Tens::default(),
        })
    }

    /// Rounds until something holds, and at least one.
    async fn until(&mut self, holds: impl Fn(&Tens) -> bool) -> anyhow::Result<()> {
        loop {
            self.next().await?;
            if holds(&self.took) {
                return Ok(());
            }
        }
    }

    /// Ten by the controller and, at the same time, ten by the bare client.
    async fn next(&mut self) -> anyhow::Result<()> {
        let numbers = self.made..self.made + TOGETHER;
        self.made += TOGETHER;
        let in_flight = usize::try_from(TOGETHER)?;
        let cluster = &self.bench.cluster;
        let started = Instant::now();
        let ours = async {
            self.ours
                .create(cluster, numbers.clone(), in_flight)
                .await?;
            self.connected(&self.ours).await?;
            anyhow::Ok(started.elapsed().as_secs_f64())
        };
        let bare = async {
            floor::serve(cluster, &self.bare, numbers.clone(), &self.oauth, in_flight).await?;
            self.connected(&self.bare).await?;
            anyhow::Ok(started.elapsed().as_secs_f64())
        };
        let (ours, bare) = futures::try_join!(ours, bare)?;
        self.took.ours.push(ours);
        self.took.bare.push(bare);
        Ok(())
    }

    async fn connected(&self, fleet: &Fleet) -> anyhow::Result<()> {
        let all = usize::try_from(self.made)?;
        self.bench
            .watched
            .until("ten integrations", LIMIT, |seen| {
                seen.connected(fleet.name) >= all
            })
            .await
    }
}
