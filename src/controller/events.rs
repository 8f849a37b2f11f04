//! Kubernetes Events about the declared resources.

use kube::{
    Client, Resource,
    runtime::events::{Event, Recorder, Reporter},
};

/// Publishes Events.
#[derive(Clone)]
pub struct Events {
    client: Client,
    reporter: Reporter,
}

// === impl Events ===

impl Events {
    /// Publishes with this client, on behalf of `identity`.
    #[must_use]
    pub fn new(client: Client, identity: String) -> Self {
        let reporter = Reporter {
            controller: "zoom-operator".into(),
            instance: Some(identity),
        };
        Self { client, reporter }
    }

    /// Publishes an Event about `object`.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn publish<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        event: &Event,
    ) -> Result<(), kube::Error> {
        // A recorder keeps each Event for minutes and goes through all of them for the next one, to count those
        // that repeat. Ours tell of changes.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        recorder.publish(event, &object.object_ref(&())).await
    }
}

#[cfg(test)]
mod tests {
    use allocation_counter::measure;
    use axum::{Router, body::Bytes, http::header::CONTENT_TYPE};
    use k8s_openapi::api::core::v1::Service;
    use kube::{Config, runtime::events::EventType};
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_published_event_is_not_kept() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let echo = |body: Bytes| async { ([(CONTENT_TYPE, "application/json")], body) };
        let events = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let server = axum::serve(listener, Router::new().fallback(echo));
            tokio::spawn(async { server.await });
            let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
            Events::new(client, "pod-1".into())
        });
        let publish = async |number: u32| {
            let meta = json!({"name": format!("tenant-{number}"), "namespace": "clinics"});
            let object: Service = serde_json::from_value(json!({"metadata": meta})).unwrap();
            let event = Event {
                type_: EventType::Normal,
                reason: "Connected".into(),
                note: Some("The token is valid and has the required scopes.".into()),
                action: "Reconcile".into(),
                secondary: None,
            };
            events.publish(&object, &event).await.unwrap();
        };
        // The connection and its buffers.
        (0..20).for_each(|number| runtime.block_on(publish(number)));
        let used = measure(|| (20..120).for_each(|number| runtime.block_on(publish(number))));
        assert!(used.bytes_current < 20_000, "{} bytes", used.bytes_current);
    }
}
