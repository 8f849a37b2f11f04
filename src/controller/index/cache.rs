//! Objects of one kind, by namespace and name. Never older than what was seen or written before.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use kube::Resource;

/// Objects of one kind.
#[derive(Debug)]
pub struct Cache<K> {
    objects: HashMap<String, BTreeMap<String, Arc<K>>>,
}

/// What happened to an object that was added.
#[derive(Debug)]
pub enum Applied<K> {
    /// There was none with this name.
    New,
    /// It replaced an older one.
    Replaced(Arc<K>),
    /// This version, or a newer one, was already known.
    Known,
}

// === impl Cache ===

impl<K> Default for Cache<K> {
    fn default() -> Self {
        Self {
            objects: HashMap::new(),
        }
    }
}

impl<K: Resource> Cache<K> {
    /// Adds an object unless a newer one is known: a watch may lag behind our own writes.
    pub fn apply(&mut self, object: Arc<K>) -> Applied<K> {
        let (namespace, name) = names(&*object);
        let objects = self.objects.entry(namespace.to_owned()).or_default();
        match objects.get_mut(name) {
            None => {
                let name = name.to_owned();
                objects.insert(name, object);
                Applied::New
            }
            Some(known) if is_newer(&*object, &**known) => {
                Applied::Replaced(std::mem::replace(known, object))
            }
            Some(_) => Applied::Known,
        }
    }

    /// Removes an object, unless its name belongs to another one now.
    pub fn delete(&mut self, object: &K) -> Option<Arc<K>> {
        let (namespace, name) = names(object);
        let objects = self.objects.get_mut(namespace)?;
        let known = objects.get(name)?;
        if known.meta().uid != object.meta().uid {
            return None;
        }
        let removed = objects.remove(name);
        if objects.is_empty() {
            self.objects.remove(namespace);
        }
        removed
    }

    /// The object of this name.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<K>> {
        self.objects.get(namespace)?.get(name)
    }

    /// The objects of a namespace, or all objects.
    pub fn within<'a>(&'a self, scope: Option<&'a str>) -> impl Iterator<Item = &'a Arc<K>> {
        let one = scope.map(|namespace| self.objects.get(namespace));
        let all = scope.is_none().then(|| self.objects.values());
        one.flatten()
            .into_iter()
            .chain(all.into_iter().flatten())
            .flat_map(BTreeMap::values)
    }
}

/// Namespace and name of an object.
pub fn names<K: Resource>(object: &K) -> (&str, &str) {
    let meta = object.meta();
    (
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    )
}

/// Whether an object is newer than another one of the same name. Versions are numbers that grow across the
/// whole cluster; if they ever are not, the later one counts as newer.
fn is_newer<K: Resource>(object: &K, known: &K) -> bool {
    let version = |object: &K| object.meta().resource_version.clone();
    let (version, before) = (version(object), version(known));
    let number = |version: &Option<String>| version.as_deref()?.parse::<u64>().ok();
    match (number(&version), number(&before)) {
        (Some(version), Some(before)) => version > before,
        _ => version.is_none() || version != before,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;

    use super::*;

    fn service(name: &str, uid: &str, version: &str) -> Arc<Service> {
        Arc::new(
            serde_json::from_value(serde_json::json!({
                "metadata": {"namespace": "n", "name": name, "uid": uid, "resourceVersion": version},
            }))
            .unwrap(),
        )
    }

    #[test]
    fn a_watch_that_lags_behind_our_own_write_changes_nothing() {
        let mut cache = Cache::default();
        assert!(matches!(cache.apply(service("a", "u", "9")), Applied::New));
        // 10 is our own write; then the watch reports the state before it, and the write itself.
        let own = cache.apply(service("a", "u", "10"));
        assert!(matches!(own, Applied::Replaced(_)));
        for version in ["9", "10"] {
            let late = cache.apply(service("a", "u", version));
            assert!(matches!(late, Applied::Known), "{version}");
        }
        let next = cache.apply(service("a", "u", "11"));
        assert!(matches!(next, Applied::Replaced(_)));
    }

    #[test]
    fn the_end_of_an_object_is_not_that_of_its_successor() {
        let mut cache = Cache::default();
        cache.apply(service("a", "new", "9"));
        assert!(cache.delete(&service("a", "old", "8")).is_none());
        assert!(cache.delete(&service("a", "new", "10")).is_some());
        assert!(cache.get("n", "a").is_none());
        assert!(cache.objects.is_empty());
    }

    #[test]
    fn objects_are_listed_by_namespace() {
        let mut cache = Cache::default();
        cache.apply(service("a", "u", "1"));
        cache.apply(service("b", "v", "2"));
        assert_eq!(cache.within(Some("n")).count(), 2);
        assert_eq!(cache.within(Some("m")).count(), 0);
        assert_eq!(cache.within(None).count(), 2);
    }
}
