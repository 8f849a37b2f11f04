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
pub const BETWEEN_LISTS: Duration = Duration::from_secs(30);

/// The longest time between two lists of which each is followed by a refusal.
const MOST_BETWEEN_LISTS: Duration = Duration::from_mins(10);

/// When a watch lists again.
struct Lists {
    /// When the last repeated list began.
    begun: Option<Instant>,
    /// When the last list was complete.
    listed: Option<Instant>,
    pause: Duration,
}

// === impl Lists ===

impl Lists {
    const fn new() -> Self {
        Self {
            begun: None,
            listed: None,
            pause: BETWEEN_LISTS,
        }
    }

    /// Waits until another list may begin.
    async fn turn(&mut self) {
        if let Some(begun) = self.begun {
            sleep_until(begun + self.pause).await;
            self.pause = self.pause.saturating_mul(2).min(MOST_BETWEEN_LISTS);
        }
        self.begun = Some(Instant::now());
    }

    /// The watch was refused.
    fn refused(&mut self) {
        let listed = self.listed.take();
        if listed.is_none_or(|listed| listed.elapsed() >= BETWEEN_LISTS) {
            self.pause = BETWEEN_LISTS;
        }
    }
}

/// Watches objects.
pub fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    again(move || watcher(api.clone(), config.clone()).boxed())
}

/// The events of a watch that begins again after each refusal.
fn again<K, S>(begin: impl Fn() -> S + Send) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Send,
    S: Stream<Item = watcher::Result<Event<K>>> + Send + Unpin,
{
    let state = (Some(begin()), Lists::new(), begin);
    stream::unfold(state, async |(events, mut lists, begin)| {
        let mut events = if let Some(events) = events {
            events
        } else {
            lists.turn().await;
            begin()
        };
        let event = events.next().await?;
        if matches!(event, Ok(Event::InitDone)) {
            lists.listed = Some(Instant::now());
        }
        let is_over = event.as_ref().is_err_and(is_over);
        if is_over {
            lists.refused();
        }
        Some((event, ((!is_over).then_some(events), lists, begin)))
    })
}

/// Whether a watch was refused after its list: one whose list is refused begins with it anyway.
fn is_over(error: &watcher::Error) -> bool {
    !matches!(error, watcher::Error::InitialListFailed(_)) && outage::is_refused(error)
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        sync::{Arc, atomic::AtomicBool, atomic::Ordering},
        time::Duration,
    };

    use axum::{Json, Router, http::StatusCode, http::Uri};
    use futures::FutureExt as _;
    use k8s_openapi::api::core::v1::Service;
    use kube::{
        Client, Config,
        core::{DeserializeGuard, Status},
    };
    use serde_json::json;

    use super::*;
    use crate::{
        api::v1alpha1::ZoomConnection,
        controller::{
            index::{Guarded, Index},
            outage::Outage,
            queue::{Limits, Requeue},
            watch::follow::Follower,
        },
    };

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

    /// How many passes a connection gets within an hour if each list takes effect and each watch is refused after this
    /// time.
    async fn passes(until_refused: Duration) -> usize {
        let connection = || -> Guarded<ZoomConnection> {
            let object = serde_json::from_value(json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
                "metadata": {
                    "name": "ada", "namespace": "clinics", "uid": "ada", "resourceVersion": "1",
                },
                "spec": {"integrationRef": {"name": "app"}},
            }));
            DeserializeGuard(Ok(object.unwrap()))
        };
        let events = again(move || {
            let listed = [
                Ok(Event::Init),
                Ok(Event::InitApply(connection())),
                Ok(Event::InitDone),
            ];
            let refused = async move {
                tokio::time::sleep(until_refused).await;
                let status = Status::failure("no", "Forbidden").with_code(403);
                let error = kube::Error::Api(status.boxed());
                Err(watcher::Error::WatchStartFailed(error))
            };
            stream::iter(listed).chain(stream::once(refused)).boxed()
        });
        let (index, outage) = (Index::default(), Outage::new(None));
        let requeue = Requeue::new(Limits::new(36));
        let follower = Follower {
            index: &index,
            requeue: &requeue,
            outage: &outage,
            namespace: None,
        };
        let count = Cell::new(0);
        let passes = async {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                while requeue.next().now_or_never().is_some() {
                    count.set(count.get() + 1);
                }
            }
        };
        let both = async {
            tokio::join!(follower.follow(events, |_| {}), passes);
        };
        let _ = tokio::time::timeout(Duration::from_hours(1), both).await;
        count.get()
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_that_allows_to_list_and_not_to_watch_costs_few_passes() {
        let at_once = passes(Duration::from_secs(2)).await;
        assert!((8..=14).contains(&at_once), "{at_once}");
        // The watch works now and then.
        let sometimes = passes(Duration::from_mins(1)).await;
        assert!(sometimes >= 100, "{sometimes}");
    }
}
