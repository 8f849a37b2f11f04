//! Kubernetes in memory.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value, json};
use zoom_operator::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    connect::cluster::{Cluster, Delivered, Parcel, Unavailable},
};

/// Objects by `namespace/name`, Secrets by name.
#[derive(Default)]
pub struct Memory {
    pub integrations: Mutex<BTreeMap<String, Value>>,
    pub connections: Mutex<BTreeMap<String, Value>>,
    pub parcels: Mutex<BTreeMap<String, Parcel>>,
    pub away: AtomicBool,
    pub silent: AtomicBool,
}

impl Memory {
    /// Changes an integration of the namespace `clinics`.
    pub fn integration(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut all = self.integrations.lock().unwrap();
        change(all.get_mut(&format!("clinics/{name}")).unwrap());
    }

    /// Changes a connection of the namespace `clinics`.
    pub fn connection(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut all = self.connections.lock().unwrap();
        change(all.get_mut(&format!("clinics/{name}")).unwrap());
    }

    /// What the controller writes when it has redeemed a code, or failed to.
    pub fn spoke(&self, connection: &str, transaction: &str, outcome: &str, reason: &str) {
        self.connection(connection, |object| {
            object["status"]["consent"] = json!({
                "transaction": transaction, "outcome": outcome, "reason": reason,
                "message": "in the controller's <own> words",
            });
        });
    }

    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    pub fn parcel_count(&self) -> usize {
        self.parcels.lock().unwrap().len()
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        objects: &Mutex<BTreeMap<String, Value>>,
        key: &str,
    ) -> Result<Option<T>, Unavailable> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Unavailable);
        }
        let object = objects.lock().unwrap().get(key).cloned();
        Ok(object.map(|object| serde_json::from_value(object).unwrap()))
    }
}

impl Cluster for Memory {
    fn integration<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<ZoomIntegration>, Unavailable>> {
        let key = format!("{namespace}/{name}");
        async move { self.read(&self.integrations, &key) }.boxed()
    }

    fn connection<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<ZoomConnection>, Unavailable>> {
        let key = format!("{namespace}/{name}");
        async move { self.read(&self.connections, &key) }.boxed()
    }

    fn hand_over(&self, parcel: Parcel) -> BoxFuture<'_, Result<Delivered, Unavailable>> {
        async move {
            if self.silent.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.away.load(Ordering::SeqCst) {
                return Err(Unavailable);
            }
            let mut parcels = self.parcels.lock().unwrap();
            if parcels.contains_key(&parcel.name) {
                return Ok(Delivered::AlreadyExists);
            }
            parcels.insert(parcel.name.clone(), parcel);
            Ok(Delivered::Created)
        }
        .boxed()
    }
}
