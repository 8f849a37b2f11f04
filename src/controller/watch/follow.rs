//! Puts the events of a watch into the index, and the objects that they affect into the queue.

use std::collections::HashSet;

use futures::{Stream, StreamExt as _};
use kube::{
    Resource as _, ResourceExt as _,
    runtime::watcher::{self, Event},
};
use tokio::time::Instant;

use super::again::BETWEEN_LISTS;
use crate::{
    api::v1alpha1::ZoomConnection,
    controller::{
        index::{Affected, Index, Watch, Watched},
        key::Key,
        outage::Outage,
        queue::Requeue,
    },
};

/// Where the events of a watch go.
#[derive(Clone, Copy)]
pub struct Follower<'a> {
    /// What the watches know.
    pub index: &'a Index,
    /// Requests passes.
    pub requeue: &'a Requeue,
    /// The outage of the watches of this namespace.
    pub outage: &'a Outage,
    /// The namespace; `None` for all of them.
    pub namespace: Option<&'a str>,
}

// === impl Follower ===

impl Follower<'_> {
    /// Puts a watch's events into the index.
    pub async fn follow<K: Watched>(
        &self,
        events: impl Stream<Item = watcher::Result<Event<K>>>,
        gone: impl Fn(&K),
    ) {
        let mut events = std::pin::pin!(events);
        let (index, scope) = (self.index, self.namespace);
        let kind = K::kind(&());
        let forget = |all_but: &HashSet<(String, String)>| {
            for (object, affected) in index.retain::<K>(scope, all_but) {
                gone(&object);
                self.requeue(affected);
            }
        };
        let mut listed = HashSet::new();
        // Whether the end of the list gives all objects a pass.
        let mut is_first = true;
        // When the last list ended.
        let mut completed: Option<Instant> = None;
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    let next = self.outage.failed(&kind, &error);
                    is_first |= next.unavailable;
                    if next.unavailable {
                        let before = index.set_watch(scope, &kind, Watch::Unavailable);
                        let is_fresh = completed.is_some_and(|at| at.elapsed() < BETWEEN_LISTS);
                        if before == Some(Watch::Complete) && !is_fresh {
                            // What is being deleted must not wait for the namespace. A list has just given all a pass.
                            self.requeue_all();
                        }
                        let is_new = before != Some(Watch::Unavailable);
                        if is_new && scope.is_some() && kind == ZoomConnection::kind(&()) {
                            // Routes that nobody can vouch for are held.
                            self.requeue(index.sharing());
                        }
                    }
                    if next.forget {
                        forget(&HashSet::new());
                    }
                    tokio::time::sleep(next.pause).await;
                    if next.undefined && !index.wants_routes(scope) {
                        // There are none, and whoever declares one is told of that by its own pass.
                        forget(&HashSet::new());
                        index.routes_wanted(scope).await;
                    }
                    continue;
                }
            };
            match event {
                // Sent before anything was read.
                Event::Init => {
                    listed.clear();
                    continue;
                }
                Event::InitApply(object) => {
                    listed.insert((object.namespace().unwrap_or_default(), object.name_any()));
                    let affected = index.told(object);
                    self.requeue_told(if is_first {
                        self.elsewhere(affected)
                    } else {
                        affected
                    });
                }
                Event::InitDone => {
                    is_first = false;
                    completed = Some(Instant::now());
                    forget(&std::mem::take(&mut listed));
                    let before = index.set_watch(scope, &kind, Watch::Complete);
                    if before != Some(Watch::Complete) {
                        self.requeue_all();
                        if scope.is_some() && kind == ZoomConnection::kind(&()) {
                            // Until now, integrations of other namespaces could not tell which routes are gone.
                            self.requeue(index.sharing());
                        }
                    }
                }
                Event::Apply(object) => self.requeue_told(index.told(object)),
                Event::Delete(object) => {
                    let affected = index.delete(&object);
                    gone(&object);
                    self.requeue(affected);
                    // The event comes late: what was forgotten by name was the successor's.
                    let namespace = object.namespace().unwrap_or_default();
                    let successor = index.get::<K>(&namespace, &object.name_any());
                    let key = successor.and_then(|successor| K::key(&successor));
                    self.requeue(key.into_iter().collect());
                }
            }
            self.outage.ended(&kind);
        }
    }

    /// Those that do not get a pass at the end of the list anyway, of which only the new ones are urgent.
    fn elsewhere(&self, mut affected: Affected) -> Affected {
        let is_listed = |key: &Key| self.namespace.is_none_or(|own| *own == *key.namespace);
        affected.changed.retain(|key| !is_listed(key));
        affected.asked = affected.asked.filter(|key| !is_listed(key));
        affected
    }

    fn requeue_told(&self, affected: Affected) {
        self.requeue(affected.changed);
        if let Some(key) = affected.asked {
            self.requeue.asked(key);
        }
    }

    /// Requests a pass for every object: the watch started again, and may have missed changes.
    pub fn requeue_all(&self) {
        for (key, is_new) in self.index.keys(self.namespace) {
            if is_new {
                self.requeue.now(key);
            } else {
                self.requeue.listed(key);
            }
        }
    }

    /// Requests a pass for each of these objects, which changed.
    pub fn requeue(&self, keys: Vec<Key>) {
        for key in keys {
            self.requeue.now(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        time::Duration,
    };

    use futures::{FutureExt as _, stream};
    use kube::core::DeserializeGuard;
    use serde_json::json;

    use super::*;
    use crate::controller::{
        index::{Guarded, fixture::with_gateway},
        integration::resources::HTTPRoute,
        queue::Limits,
    };

    /// A watch of all namespaces.
    struct Watching {
        index: Index,
        requeue: Requeue,
        outage: Outage,
    }

    impl Watching {
        fn new(outage: Outage) -> Self {
            Self {
                index: Index::default(),
                requeue: Requeue::new(Limits::new(36)),
                outage,
            }
        }

        fn follower(&self) -> Follower<'_> {
            Follower {
                index: &self.index,
                requeue: &self.requeue,
                outage: &self.outage,
                namespace: None,
            }
        }
    }

    /// A cluster without the Gateway API.
    #[tokio::test(start_paused = true)]
    async fn a_kind_that_is_not_defined_is_looked_for_only_while_somebody_wants_it() {
        let watching = Watching::new(Outage::optional());
        let (index, follower) = (&watching.index, watching.follower());
        let looks = Cell::new(0);
        let events = stream::repeat_with(|| {
            looks.set(looks.get() + 1);
            let status = kube::core::Status::failure("404 page not found", "").with_code(404);
            let error = kube::Error::Api(status.boxed());
            Err(watcher::Error::InitialListFailed(error))
        });
        let mut following = std::pin::pin!(follower.follow::<HTTPRoute>(events, |_| {}));
        let mut within = async |time: u64| {
            let before = looks.get();
            let time = Duration::from_secs(time);
            let _ = tokio::time::timeout(time, following.as_mut()).await;
            looks.get() - before
        };
        assert_eq!(within(24 * 3600).await, 1, "once at the start");
        let gateway = json!({"parentRefs": [{"name": "public"}]});
        index.apply(with_gateway("app", 1, &gateway));
        assert_eq!(within(1).await, 1, "at once");
        let often = within(600).await;
        assert!(
            (16..=30).contains(&often),
            "about every 30 seconds: {often}"
        );
        index.apply(with_gateway("app", 2, &json!(null)));
        assert!(within(60).await <= 1);
        assert_eq!(within(24 * 3600).await, 0);
    }

    /// A restart.
    #[tokio::test(start_paused = true)]
    async fn what_is_new_is_served_before_what_was_only_listed() {
        let object = |name: &str, version: u32, observed: u32| -> Guarded<ZoomConnection> {
            let object = serde_json::from_value(json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
                "metadata": {
                    "name": name, "namespace": "clinics", "uid": name, "generation": 2,
                    "resourceVersion": version.to_string(),
                },
                "spec": {"integrationRef": {"name": "app"}},
                "status": {"observedGeneration": observed},
            }));
            DeserializeGuard(Ok(object.unwrap()))
        };
        let watching = Watching::new(Outage::new(None));
        let due = || {
            let passes = std::iter::from_fn(|| watching.requeue.next().now_or_never());
            let mut names: Vec<String> = passes.map(|key| key.name.to_string()).collect();
            names.sort_unstable();
            names.join(" ")
        };
        let served = RefCell::new(Vec::new());
        let a_second_later = async |event| {
            let at_once = due();
            tokio::time::sleep(Duration::from_secs(1)).await;
            served.borrow_mut().extend([at_once, due()]);
            Ok(event)
        };
        let first = [object("known", 1, 2), object("new", 2, 1)];
        let again = [
            object("known", 1, 2),
            object("new", 2, 1),
            object("late", 3, 2),
        ];
        let list = |objects: Vec<Guarded<ZoomConnection>>| {
            let objects = objects.into_iter().map(Event::InitApply);
            [Event::Init]
                .into_iter()
                .chain(objects)
                .chain([Event::InitDone])
        };
        let events = list(first.into()).chain(list(again.into()));
        let events = stream::iter(events).then(a_second_later);
        watching.follower().follow(events, |_| {}).await;
        served.borrow_mut().retain(|names| !names.is_empty());
        // What a later list tells is news.
        assert_eq!(*served.borrow(), ["new", "known", "app late"]);
    }

    #[tokio::test]
    async fn a_late_deletion_takes_no_pass_from_the_successor() {
        let object = |uid: &str, version: u32| -> Guarded<ZoomConnection> {
            let object = serde_json::from_value(json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
                "metadata": {
                    "name": "ada", "namespace": "clinics", "uid": uid,
                    "resourceVersion": version.to_string(),
                },
                "spec": {"integrationRef": {"name": "app"}},
            }));
            DeserializeGuard(Ok(object.unwrap()))
        };
        let watching = Watching::new(Outage::new(None));
        let (requeue, follower) = (&watching.requeue, watching.follower());
        let key = Key::connection("clinics", "ada");
        let follow = async |events: Vec<Event<Guarded<ZoomConnection>>>| {
            let events = stream::iter(events.into_iter().map(Ok));
            follower.follow(events, |_| requeue.forget(&key)).await;
            let mut passes = Vec::new();
            while let Some(next) = requeue.next().now_or_never() {
                passes.push(next);
            }
            passes.contains(&key)
        };
        let (first, second) = (object("a", 1), object("b", 3));
        let late = vec![
            Event::Apply(first),
            Event::Apply(second),
            Event::Delete(object("a", 2)),
        ];
        assert!(follow(late).await);
        // The successor's own deletion ends its passes.
        let last = vec![Event::Delete(object("b", 4))];
        assert!(!follow(last).await);
    }
}
