//! Many accounts allow one app, the app's client secret is changed, and all tokens are replaced.

use std::time::{Duration, Instant};

use super::{Bench, LIMIT, SETTLES};
use crate::{
    cluster::each,
    controller::Pod,
    customers::{self, App, CLIENT_ID},
    results::{Connections, Cost},
    watched::Watched,
};

/// For each two integrations of the fleet there is a connection.
const SHARE: u32 = 2;
/// A token that is younger is not replaced on request.
const YOUNGEST: Duration = Duration::from_mins(1);
/// What the names of the connections begin with.
const NAME: &str = "customer";

impl Bench<'_> {
    pub(super) async fn connections(&self) -> anyhow::Result<Connections> {
        let run = self.run;
        let app = App {
            cluster: &self.cluster,
            zoom: &self.zoom,
            operator: &run.namespace,
            pages: &run.pages,
        };
        let count = run.connections.unwrap_or(run.objects.div_ceil(SHARE));
        app.prepare(count, run.in_flight).await?;
        let watched = Watched::begin(&self.cluster, "ZoomConnection");
        let pod = self.controller.leader().await?;
        let first = self.consents(&app, &pod, &watched, 0..count / 2).await?;
        let second = self
            .consents(&app, &pod, &watched, count / 2..count)
            .await?;
        let mut busiest_second = self.zoom.busiest_second(CLIENT_ID).await?;

        let connected = Instant::now();
        tokio::time::sleep(SETTLES).await;
        let asked = self.zoom.token_requests(CLIENT_ID).await?;
        let edit = self.controller.begin(&pod)?;
        app.rotate().await?;
        tokio::time::sleep(SETTLES).await;
        let edit = edit.end(count)?;
        let edit_zoom_requests = self.zoom.token_requests(CLIENT_ID).await? - asked;

        tokio::time::sleep(YOUNGEST.saturating_sub(connected.elapsed())).await;
        let refresh = self.controller.begin(&pod)?;
        each(0..count, run.in_flight, |number| async move {
            self.ask_at(&customers::path(&customers::connection(number)))
                .await
        })
        .await?;
        let all = usize::try_from(count)?;
        watched
            .until("another token for each connection", LIMIT, |seen| {
                seen.with_tokens(NAME, 2) >= all
            })
            .await?;
        let refresh = refresh.end(count)?;
        busiest_second = busiest_second.max(self.zoom.busiest_second(CLIENT_ID).await?);
        let known = self.zoom.get(&format!("apps/{CLIENT_ID}")).await?;
        let counter = |name: &str| known["counters"][name].as_u64().unwrap_or_default();
        app.remove().await?;
        Ok(Connections {
            count,
            consents: [first, second],
            refresh,
            edit,
            edit_zoom_requests,
            busiest_second,
            zoom_in_flight: counter("in_flight_max"),
            spent_again: counter("spent_again"),
        })
    }

    /// So many at a time create a connection, allow the app, and wait until they are connected.
    async fn consents(
        &self,
        app: &App<'_>,
        pod: &Pod,
        watched: &Watched,
        numbers: std::ops::Range<u32>,
    ) -> anyhow::Result<Cost> {
        let count = numbers.end - numbers.start;
        let meter = self.controller.begin(pod)?;
        each(numbers, self.run.in_flight, |number| async move {
            app.consent(number).await?;
            let tenant = customers::connection(number);
            watched
                .until("a consent", LIMIT, |seen| {
                    seen.connected_at(&tenant).is_some()
                })
                .await
        })
        .await?;
        meter.end(count)
    }
}
