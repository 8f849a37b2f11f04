//! One app for many tenants: the platform's namespace, and a neighbour for each tenant.

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::{App, Bed, Options, Sim, tenant::merge};

/// The scope by which Zoom tells who authorized an admin-managed app.
const ADMIN_SCOPE: &str = "user:read:user:admin";

// === impl Bed ===

impl Bed {
    /// Makes namespaces beside the test's own for the time of `scenario`.
    pub async fn with_neighbours<const N: usize>(
        &self,
        suffixes: [&str; N],
        scenario: impl AsyncFnOnce([&Self; N]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let made = try_join_all(suffixes.map(|suffix| self.neighbour(suffix))).await?;
        let neighbours = std::array::from_fn(|number| &made[number]);
        let result = Box::pin(scenario(neighbours)).await;
        try_join_all(made.iter().map(Self::remove)).await?;
        result
    }

    /// The offline Zoom, an operator, and the admin-managed app `name` for every namespace, whose accounts are proved by
    /// the operator's consent pages.
    pub async fn zoom_and_shared_app(
        &self,
        options: &Options,
        name: &str,
        spec: &Value,
    ) -> anyhow::Result<(Sim, App)> {
        let (sim, _operator) = self.zoom_and_operator(options).await?;
        let app = App::general(name);
        app.register_admin_managed(&sim).await?;
        self.apply(&app.0.secret()).await?;
        self.apply(&app.manifest_admin_managed(spec)).await?;
        Ok((sim, app))
    }
}

// === impl App ===

impl App {
    /// Makes the admin-managed app known at Zoom, which tells its receiver of removals.
    pub async fn register_admin_managed(&self, sim: &Sim) -> anyhow::Result<()> {
        let settings = json!({
            "management": "Admin",
            "scopes": [ADMIN_SCOPE],
            "deauthorization_url": self.0.receiver_url(),
        });
        self.register(sim, settings).await
    }

    /// Its `ZoomIntegration` for the connections of every namespace, with a receiver, and further fields of `spec`.
    pub fn manifest_for_all(&self, spec: &Value) -> Value {
        let mut manifest = self.manifest(&json!({
            "allowedNamespaces": {"from": "All"},
            "webhook": {
                "subscriptions": [{"name": "meetings", "events": ["meeting.ended"]}],
                "sink": {"http": {"serviceRef": {"name": "sink", "path": "/zoom"}}},
                "buffer": {"storage": "Ephemeral", "size": "16Mi"},
                "unclaimedAccounts": "DeadLetter",
            },
        }));
        merge(&mut manifest["spec"], spec);
        manifest
    }

    /// The same of an admin-managed app, with the operator's consent pages.
    pub fn manifest_admin_managed(&self, spec: &Value) -> Value {
        let mut manifest = self.manifest_for_all(&json!({
            "app": {"management": "Admin"},
            "scopes": {"required": [ADMIN_SCOPE]},
            "oauth": {"redirectUrl": null, "consent": {"mode": "Operator"}},
        }));
        merge(&mut manifest["spec"], spec);
        manifest
    }
}
