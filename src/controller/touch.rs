//! Passes that one object's pass asks for on others: an integration on its connections, and back.

use std::sync::{Mutex, PoisonError};

use futures::{
    Stream,
    channel::mpsc::{UnboundedSender, unbounded},
};
use kube::runtime::reflector::ObjectRef;

use super::reconcile::{Guarded, Managed};

/// Asks for passes over objects of one kind.
pub struct Touch<K: Managed>(Mutex<Vec<Subscriber<K>>>);

/// A controller, and the namespace that it works on; `None` for all.
type Subscriber<K> = (Option<String>, UnboundedSender<ObjectRef<Guarded<K>>>);

// === impl Touch ===

impl<K: Managed> Default for Touch<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Managed> Touch<K> {
    /// The objects of a namespace, or of all, for which a pass is asked.
    pub fn asked(
        &self,
        namespace: Option<&str>,
    ) -> impl Stream<Item = ObjectRef<Guarded<K>>> + Send + use<K> {
        let (sender, receiver) = unbounded();
        self.lock().push((namespace.map(Into::into), sender));
        receiver
    }

    /// Asks for a pass. The queue behind it holds every object once.
    pub fn ask(&self, namespace: &str, name: &str) {
        for (scope, sender) in self.lock().iter() {
            if scope.as_deref().is_none_or(|scope| scope == namespace) {
                // It fails when the controller has ended, and then there are no passes.
                let _ = sender.unbounded_send(ObjectRef::new(name).within(namespace));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Subscriber<K>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
