//! The offline Zoom: its admin API, through the API server.

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::Value;

use crate::cluster::Cluster;

/// The offline Zoom.
#[derive(Clone)]
pub struct Zoom {
    cluster: Cluster,
    namespace: String,
}

// === impl Zoom ===

impl Zoom {
    /// The one in this namespace.
    pub fn new(cluster: &Cluster, namespace: &str) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
        }
    }

    fn path(&self, path: &str) -> String {
        format!(
            "/api/v1/namespaces/{}/services/http:zoom-sim:admin/proxy/{path}",
            self.namespace
        )
    }

    /// Where tokens come from.
    pub async fn oauth(&self) -> anyhow::Result<String> {
        let path = format!("/api/v1/namespaces/{}/services/zoom-sim", self.namespace);
        let service = self.cluster.get(&path).await?;
        let address = service["spec"]["clusterIP"].as_str();
        Ok(format!("http://{}", address.context("no address")?))
    }

    /// What is there.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.cluster.get(&self.path(path)).await
    }

    /// Replaces what is there; the answer.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.cluster.put(&self.path(path), body).await
    }

    /// Changes some settings.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        self.cluster.merge(&self.path(path), body).await
    }

    /// Adds something; the answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.cluster.create(&self.path(path), body).await
    }

    /// How many tokens an app was asked for.
    pub async fn token_requests(&self, client_id: &str) -> anyhow::Result<u64> {
        let app = self.get(&format!("apps/{client_id}")).await?;
        app["counters"]["token_requests"]
            .as_u64()
            .context("no counters")
    }

    /// Most of an app's last thousand token requests that came within a second.
    pub async fn busiest_second(&self, client_id: &str) -> anyhow::Result<usize> {
        let log = self.get(&format!("apps/{client_id}/requests")).await?;
        let mut times = Vec::new();
        for request in log.as_array().into_iter().flatten() {
            let at = request["at"].as_str().context("no time")?;
            times.push(at.parse::<Timestamp>()?);
        }
        Ok(busiest(times))
    }
}

/// Most of these moments that lie within a second.
fn busiest(mut times: Vec<Timestamp>) -> usize {
    times.sort_unstable();
    let mut busiest = 0;
    let mut first = 0;
    for (last, at) in times.iter().enumerate() {
        while at.duration_since(times[first]).as_millis() >= 1000 {
            first += 1;
        }
        busiest = busiest.max(last - first + 1);
    }
    busiest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_begins_anywhere() -> Result<(), jiff::Error> {
        let at = |millis: i64| Timestamp::from_millisecond(1_700_000_000_000 + millis);
        let times = [0, 900, 950, 1000, 1899, 1900, 5000];
        let times = times.into_iter().map(at).collect::<Result<_, _>>()?;
        assert_eq!(busiest(times), 4);
        assert_eq!(busiest(Vec::new()), 0);
        Ok(())
    }
}
