//! Watches that list again after the API server refused them: what was taken for out of reach is known again only by a
//! complete list, and the library would go on where it was.

use std::{fmt::Debug, time::Duration};

use futures::{Stream, StreamExt as _, stream};
use kube::{
    Api, Resource,
    runtime::watcher::{self, Event, watcher},
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};

use crate::controller::outage;

/// A Role that allows to list and not to watch is not to cost a list every few seconds.
const BETWEEN_LISTS: Duration = Duration::from_secs(30);

/// Watches objects.
pub fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let begin = move || watcher(api.clone(), config.clone()).boxed();
    let state = (Some(begin()), None, begin);
    stream::unfold(state, async |(events, mut begun, begin)| {
        let mut events = if let Some(events) = events {
            events
        } else {
            if let Some(begun) = begun {
                sleep_until(begun + BETWEEN_LISTS).await;
            }
            begun = Some(Instant::now());
            begin()
        };
        let event = events.next().await?;
        let is_over = event.as_ref().is_err_and(is_over);
        Some((event, ((!is_over).then_some(events), begun, begin)))
    })
}

/// Whether a watch was refused after its list: one whose list is refused begins with it anyway.
fn is_over(error: &watcher::Error) -> bool {
    !matches!(error, watcher::Error::InitialListFailed(_)) && outage::is_refused(error)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, atomic::AtomicBool, atomic::Ordering},
        time::Duration,
    };

    use axum::{Json, Router, http::StatusCode, http::Uri};
    use k8s_openapi::api::core::v1::Service;
    use kube::{Client, Config};
    use serde_json::json;

    use super::*;

    /// An API server that refuses the first watch, as while a Role is missing.
    async fn client() -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let was_refused = Arc::new(AtomicBool::new(false));
        let answer = move |uri: Uri| {
            let was_refused = was_refused.clone();
            async move {
                if !uri.query().unwrap_or_default().contains("watch=") {
                    let meta = json!({"resourceVersion": "1"});
                    let list = json!({"apiVersion": "v1", "kind": "ServiceList", "metadata": meta, "items": []});
                    return (StatusCode::OK, Json(list));
                }
                if was_refused.swap(true, Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                let status = json!({
                    "apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Forbidden",
                    "code": 403,
                });
                (StatusCode::FORBIDDEN, Json(status))
            }
        };
        tokio::spawn(async { axum::serve(listener, Router::new().fallback(answer)).await });
        Client::try_from(Config::new(url.parse().unwrap())).unwrap()
    }

    #[tokio::test]
    async fn a_watch_that_was_refused_lists_again() {
        let services: Api<Service> = Api::all(client().await);
        let events = watch(services, watcher::Config::default());
        let told = events.take(5).map(|event| match event {
            Ok(Event::Init) => "init",
            Ok(Event::InitDone) => "listed",
            Ok(_) => "object",
            Err(_) => "refused",
        });
        let told = tokio::time::timeout(Duration::from_secs(10), told.collect::<Vec<_>>());
        let told = told.await.unwrap();
        assert_eq!(told, ["init", "listed", "refused", "init", "listed"]);
    }
}
