//! What a run has around it: an operator, the offline Zoom with a desk for the developer, and the example's resources.

use std::time::Instant;

use serde_json::{Value, json};

use super::person::Person;
use crate::bed::{
    Bed, LIMIT, Options, Sim, keep,
    object::{key, seen},
    tools, wait_for,
};

/// A run's surroundings.
pub struct Scene {
    pub bed: Bed,
    pub sim: Sim,
    pub example: &'static str,
    /// The operator has consent pages.
    pub pages: bool,
    pub started: Instant,
}

/// Who is at Zoom before anything begins.
#[derive(Clone, Copy, Default)]
pub struct World {
    /// The developer's app is from before granular scopes.
    pub classic: bool,
    /// Users with e-mail addresses of their own; whether they are admins.
    pub users: &'static [(&'static str, bool)],
    /// The operator has consent pages.
    pub pages: bool,
}

// === impl Scene ===

impl Scene {
    pub async fn open(bed: &Bed, example: &'static str, world: World) -> anyhow::Result<Self> {
        let options = if world.pages {
            Options::default().with_pages()
        } else {
            Options::default()
        };
        let (sim, _operator) = bed.zoom_and_operator(&options).await?;
        let scene = Self {
            bed: bed.clone(),
            sim,
            example,
            pages: world.pages,
            started: Instant::now(),
        };
        scene.open_desk(example, world.classic).await?;
        for (user, admin) in world.users {
            let path = format!("accounts/{example}/users/{user}");
            let role = json!({"admin": admin});
            scene.sim.admin("PUT", &path, Some(&role)).await?;
        }
        if world.pages {
            scene.until_pages().await?;
        }
        Ok(scene)
    }

    /// An empty desk in the example's account.
    pub async fn open_desk(&self, desk: &str, classic: bool) -> anyhow::Result<()> {
        let opening = json!({"account_id": self.example, "classic": classic});
        let path = format!("portal/{desk}");
        self.sim.admin("PUT", &path, Some(&opening)).await?;
        Ok(())
    }

    /// The kubelet looks again after a minute or two for a Secret that was missing when a Pod began, so the pages' Pods
    /// begin again once there are keys.
    async fn until_pages(&self) -> anyhow::Result<()> {
        let keys = "zoom-operator-connect-keys";
        self.bed
            .until_object("secrets", keys, "there", |_| true)
            .await?;
        let labels = "app.kubernetes.io/component=connect";
        for pod in self.bed.list("pods", labels).await? {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            self.bed.delete("pods", name).await?;
            self.bed.until_gone("pods", name).await?;
        }
        self.bed.until_deployed("zoom-operator-connect").await?;
        Ok(())
    }

    /// Applies a file of the example as it stands, but for the namespace, and for sinks that exist at the vendor only.
    /// What DNS and TLS do for a webhook's host is left to the offline Zoom.
    pub async fn apply(&self, file: &str) -> anyhow::Result<()> {
        for mut resource in self.resources(file)? {
            let name = resource["metadata"]["name"].as_str().unwrap_or_default();
            let endpoint = &resource["spec"]["webhook"]["endpoint"]["host"];
            if let Some(host) = endpoint.as_str() {
                let url = format!("http://{name}-receiver.{}.svc", self.bed.namespace());
                let path = format!("names/{host}");
                self.sim
                    .admin("PUT", &path, Some(&json!({"url": url})))
                    .await?;
            }
            if let Some(meta) = resource["metadata"].as_object_mut() {
                meta.remove("namespace");
            }
            if let Some(http) = resource.pointer_mut("/spec/webhook/sink/http")
                && let Some(sink) = http.as_object_mut()
                && sink.remove("url").is_some()
            {
                let service = json!({"name": "sink", "path": "/zoom"});
                sink.insert("serviceRef".to_owned(), service);
            }
            self.bed.apply(&resource).await?;
        }
        Ok(())
    }

    fn resources(&self, file: &str) -> anyhow::Result<Vec<Value>> {
        let path = tools::repository()
            .join("examples")
            .join(self.example)
            .join(file);
        let text = std::fs::read_to_string(path)?;
        text.split("\n---\n")
            .map(|document| Ok(serde_saphyr::from_str(document)?))
            .collect()
    }

    /// Somebody who works through the setup of an integration.
    pub fn person(&self, integration: &str) -> Person<'_> {
        Person::new(self, integration)
    }

    /// Waits until the integration is as wished, and the controller has seen its latest change.
    pub async fn until(
        &self,
        integration: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        self.bed
            .until(integration, what, |object| seen(object) && holds(object))
            .await
    }

    /// Something happens in the example's account; how often it was delivered.
    pub async fn happens(&self, event: &str) -> anyhow::Result<usize> {
        let event = json!({
            "event": event,
            "event_ts": jiff::Timestamp::now().as_millisecond(),
            "payload": {"account_id": self.example, "object": {"id": event}},
        });
        let path = format!("portal/{}/events", self.example);
        // Nobody answers, or with 503, while the receiver is being replaced or has no time: Zoom would come again.
        wait_for("what happened is delivered", LIMIT, || async {
            let happened = self.sim.admin("POST", &path, Some(&event)).await?;
            let deliveries = happened["deliveries"].as_array();
            let deliveries = deliveries.map(Vec::as_slice).unwrap_or_default();
            let lost = deliveries.iter().find(|one| one["delivered"] != true);
            anyhow::ensure!(lost.is_none(), "not delivered: {lost:?}");
            Ok(Some(deliveries.len()))
        })
        .await
    }

    /// Has the controller look at the receiver now: at rest it does every few minutes.
    pub async fn look(&self, integration: &str) -> anyhow::Result<()> {
        let now = jiff::Timestamp::now().to_string();
        let touched = json!({"metadata": {"annotations": {"example.com/touched": now}}});
        self.bed
            .patch("zoomintegrations", integration, &touched)
            .await?;
        Ok(())
    }

    /// What reached the sink, once this event has.
    pub async fn at_the_sink(&self, event: &str) -> anyhow::Result<Value> {
        let mark = format!("{event:?}");
        wait_for(&format!("{event} at the sink"), LIMIT, || async {
            let mut events = self.sim.events().await?;
            events.retain(|got| {
                got["body"]
                    .as_str()
                    .is_some_and(|body| body.contains(&mark))
            });
            Ok(events.pop())
        })
        .await
    }

    /// A key of a Secret.
    pub async fn key(&self, secret: &str, name: &str) -> anyhow::Result<String> {
        Ok(key(&self.bed.get("secrets", secret).await?, name))
    }

    /// Whatever people copied is nothing to be found anywhere else.
    pub async fn keep_secrets(&self) -> anyhow::Result<()> {
        for secret in self.bed.list("secrets", "").await? {
            let data = secret["data"].as_object();
            for name in data.into_iter().flatten().map(|(name, _)| name) {
                if ["client-secret", "webhook-secret-token"].contains(&name.as_str()) {
                    keep(&key(&secret, name));
                }
            }
        }
        Ok(())
    }
}
