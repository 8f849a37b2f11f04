//! Objects of one kind, by namespace and name. Never older than what was seen or written before.
//!
//! An object is kept as text, which is a third of what it takes as a value, and read when a pass needs it. What
//! the passes over others ask of it is kept beside it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    sync::Arc,
};

use kube::Resource;

/// A kind of object that is kept.
pub trait Kept: Resource {
    /// What is asked of an object without reading it.
    type Facts: Debug;

    /// What is asked of this object.
    fn facts(&self) -> Self::Facts;

    /// The object as text; `None` to keep it as it is.
    fn pack(&self) -> Option<Vec<u8>>;

    /// The object in a text.
    fn unpack(text: &[u8]) -> Option<Self>
    where
        Self: Sized;
}

/// Objects of one kind.
#[derive(Debug)]
pub struct Cache<K: Kept> {
    objects: HashMap<Arc<str>, BTreeMap<Arc<str>, Entry<K>>>,
}

/// An object.
#[derive(Debug)]
struct Entry<K: Kept> {
    version: Option<Box<str>>,
    facts: K::Facts,
    body: Body<K>,
}

#[derive(Debug)]
enum Body<K> {
    Text(Box<[u8]>),
    Whole(Arc<K>),
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

impl<K: Kept> Default for Cache<K> {
    fn default() -> Self {
        Self {
            objects: HashMap::new(),
        }
    }
}

impl<K: Kept> Cache<K> {
    /// Adds an object unless a newer one is known: a watch may lag behind our own writes.
    pub fn apply(&mut self, object: &Arc<K>) -> Applied<K> {
        let (namespace, name) = names(&**object);
        if !self.objects.contains_key(namespace) {
            self.objects.insert(namespace.into(), BTreeMap::new());
        }
        let Some(objects) = self.objects.get_mut(namespace) else {
            return Applied::Known;
        };
        let version = object.meta().resource_version.as_deref();
        let Some(known) = objects.get_mut(name) else {
            objects.insert(name.into(), Entry::new(object));
            return Applied::New;
        };
        if !is_newer(version, known.version.as_deref()) {
            return Applied::Known;
        }
        let before = std::mem::replace(known, Entry::new(object)).object();
        before.map_or(Applied::New, Applied::Replaced)
    }

    /// Removes an object, unless its name belongs to another one now.
    pub fn delete(&mut self, object: &K) -> Option<Arc<K>> {
        let (namespace, name) = names(object);
        let objects = self.objects.get_mut(namespace)?;
        let known = objects.get(name)?.object()?;
        if known.meta().uid != object.meta().uid {
            return None;
        }
        objects.remove(name);
        if objects.is_empty() {
            self.objects.remove(namespace);
        }
        Some(known)
    }

    /// The object of this name.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.objects.get(namespace)?.get(name)?.object()
    }

    /// What is asked of the object of this name without reading it.
    #[must_use]
    pub fn facts(&self, namespace: &str, name: &str) -> Option<&K::Facts> {
        Some(&self.objects.get(namespace)?.get(name)?.facts)
    }

    /// Namespace and name of an object, as they are kept here: whoever keeps them too needs no copies.
    #[must_use]
    pub fn shared(&self, namespace: &str, name: &str) -> Option<(Arc<str>, Arc<str>)> {
        let (namespace, objects) = self.objects.get_key_value(namespace)?;
        let (name, _) = objects.get_key_value(name)?;
        Some((namespace.clone(), name.clone()))
    }

    /// Namespaces, names and facts of the objects of a namespace, or of all objects.
    pub fn within<'a>(
        &'a self,
        scope: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a K::Facts)> {
        let one = scope.and_then(|namespace| self.objects.get_key_value(namespace));
        let all = scope.is_none().then(|| self.objects.iter());
        one.into_iter()
            .chain(all.into_iter().flatten())
            .flat_map(|(namespace, objects)| {
                let objects = objects.iter();
                objects.map(move |(name, entry)| (&**namespace, &**name, &entry.facts))
            })
    }
}

// === impl Entry ===

impl<K: Kept> Entry<K> {
    fn new(object: &Arc<K>) -> Self {
        // What could not be read again is kept as it is.
        let text = object.pack().filter(|text| K::unpack(text).is_some());
        Self {
            version: object.meta().resource_version.as_deref().map(Into::into),
            facts: object.facts(),
            body: text.map_or_else(
                || Body::Whole(object.clone()),
                |text| Body::Text(text.into()),
            ),
        }
    }

    fn object(&self) -> Option<Arc<K>> {
        match &self.body {
            Body::Text(text) => K::unpack(text).map(Arc::new),
            Body::Whole(object) => Some(object.clone()),
        }
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

/// Whether a version is newer than another one of the same name. Versions are numbers that grow across the
/// whole cluster; if they ever are not, the later one counts as newer.
#[must_use]
pub fn is_newer(version: Option<&str>, before: Option<&str>) -> bool {
    let number = |version: Option<&str>| version?.parse::<u64>().ok();
    match (number(version), number(before)) {
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
        assert!(matches!(cache.apply(&service("a", "u", "9")), Applied::New));
        // 10 is our own write; then the watch reports the state before it, and the write itself.
        let own = cache.apply(&service("a", "u", "10"));
        assert!(matches!(own, Applied::Replaced(_)));
        for version in ["9", "10"] {
            let late = cache.apply(&service("a", "u", version));
            assert!(matches!(late, Applied::Known), "{version}");
        }
        let next = cache.apply(&service("a", "u", "11"));
        assert!(matches!(next, Applied::Replaced(_)));
    }

    #[test]
    fn the_end_of_an_object_is_not_that_of_its_successor() {
        let mut cache = Cache::default();
        cache.apply(&service("a", "new", "9"));
        assert!(cache.delete(&service("a", "old", "8")).is_none());
        assert!(cache.delete(&service("a", "new", "10")).is_some());
        assert!(cache.get("n", "a").is_none());
        assert!(cache.objects.is_empty());
    }

    #[test]
    fn objects_are_listed_by_namespace() {
        let mut cache = Cache::default();
        cache.apply(&service("a", "u", "1"));
        cache.apply(&service("b", "v", "2"));
        assert_eq!(cache.within(Some("n")).count(), 2);
        assert_eq!(cache.within(Some("m")).count(), 0);
        assert_eq!(cache.within(None).count(), 2);
    }
}
