//! Where integrations declare a Gateway. Not every cluster has the Gateway API: without it, nobody looks for it where no
//! integration wants it.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::watch;

/// How many integrations declare a Gateway, by namespace.
#[derive(Debug, Default)]
pub struct Gateways(watch::Sender<Declared>);

type Declared = HashMap<Arc<str>, usize>;

// === impl Gateways ===

impl Gateways {
    /// Whether an integration of a namespace, or of any, declares one.
    pub fn are_in(&self, scope: Option<&str>) -> bool {
        is_in(&self.0.borrow(), scope)
    }

    /// Waits until an integration of a namespace, or of any, declares one.
    pub fn declared(&self, scope: Option<&str>) -> impl Future<Output = ()> + Send + use<> {
        let mut declared = self.0.subscribe();
        let scope = scope.map(ToOwned::to_owned);
        async move {
            // Who counts outlives every waiter.
            let _ = declared
                .wait_for(|declared| is_in(declared, scope.as_deref()))
                .await;
        }
    }

    /// An integration of this namespace declares one now.
    pub fn insert(&self, namespace: &str) {
        self.0.send_modify(|declared| {
            if let Some(count) = declared.get_mut(namespace) {
                *count += 1;
            } else {
                declared.insert(namespace.into(), 1);
            }
        });
    }

    /// An integration of this namespace does not any more.
    pub fn remove(&self, namespace: &str) {
        self.0.send_modify(|declared| {
            if let Some(count) = declared.get_mut(namespace) {
                *count -= 1;
                if *count == 0 {
                    declared.remove(namespace);
                }
            }
        });
    }
}

fn is_in(declared: &Declared, scope: Option<&str>) -> bool {
    scope.map_or(!declared.is_empty(), |namespace| {
        declared.contains_key(namespace)
    })
}
