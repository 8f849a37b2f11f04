//! A General app and the people who authorize it.

use serde_json::{Value, json};

use super::{
    Bed, Sim, Tenant,
    tenant::{merge, secret},
};

/// The scope by which Zoom tells who authorized.
pub const USER_SCOPE: &str = "user:read:user";

/// A user-managed General app.
#[derive(Clone, Debug)]
pub struct App(pub Tenant);

/// A grant that the offline Zoom made without a browser.
#[derive(Clone, Debug)]
pub struct Minted {
    pub id: u64,
    pub user: String,
    pub refresh_token: String,
}

// === impl App ===

impl App {
    /// An app of its own.
    pub fn general(name: &str) -> Self {
        Self(Tenant::server_to_server(name))
    }

    /// Makes the app known at Zoom, with settings that differ from the usual.
    pub async fn register(&self, sim: &Sim, settings: Value) -> anyhow::Result<()> {
        let mut app = json!({
            "kind": "General",
            "management": "User",
            "scopes": [USER_SCOPE],
            "display_name": self.0.name,
        });
        merge(&mut app, &settings);
        sim.put_app(&self.0, app).await
    }

    /// Makes it known at Zoom, and applies its Secret and its `ZoomIntegration`.
    pub async fn declare(
        &self,
        bed: &Bed,
        sim: &Sim,
        settings: Value,
        spec: &Value,
    ) -> anyhow::Result<()> {
        self.register(sim, settings).await?;
        bed.apply(&self.0.secret()).await?;
        bed.apply(&self.manifest(spec)).await?;
        Ok(())
    }

    /// Its `ZoomIntegration`, with further fields of `spec`; `null` removes one.
    pub fn manifest(&self, spec: &Value) -> Value {
        let mut own = json!({
            "app": {"kind": "General", "management": "User"},
            "scopes": {"required": [USER_SCOPE]},
            "oauth": {
                "redirectUrl": "https://back-end.example.com/callback",
                "consent": {"mode": "External"},
            },
            "readyWhen": "Installable",
        });
        merge(&mut own, spec);
        self.0.manifest_with(&own)
    }

    /// Mail addresses of the people of its account.
    pub async fn people(&self, sim: &Sim) -> anyhow::Result<Vec<String>> {
        let path = format!("accounts/{}/users", self.0.account_id);
        let account = sim.admin("GET", &path, None).await?;
        let users = account["users"].as_array().cloned().unwrap_or_default();
        Ok(users
            .iter()
            .filter_map(|user| Some(user["email"].as_str()?.to_owned()))
            .collect())
    }

    /// A grant of this user, without a browser.
    pub async fn mint(&self, sim: &Sim, user: &str) -> anyhow::Result<Minted> {
        let path = format!("apps/{}/grants", self.0.client_id);
        let grant = sim
            .admin("POST", &path, Some(&json!({"user": user})))
            .await?;
        let token = grant["refresh_token"].as_str();
        Ok(Minted {
            id: grant["grant"].as_u64().unwrap_or_default(),
            user: user.to_owned(),
            refresh_token: token.unwrap_or_default().to_owned(),
        })
    }

    /// How many token requests there were for grants: not those that tried the app's credentials with a
    /// refresh token that nobody has.
    pub async fn grant_requests(&self, sim: &Sim) -> anyhow::Result<u64> {
        let app = sim.app(&self.0).await?;
        let count = |name: &str| app["counters"][name].as_u64();
        count("token_requests")
            .zip(count("unknown_refresh_tokens"))
            .and_then(|(all, tries)| all.checked_sub(tries))
            .ok_or_else(|| anyhow::anyhow!("no counters in {app}"))
    }

    /// A grant as Zoom sees it.
    pub async fn grant(&self, sim: &Sim, id: u64) -> anyhow::Result<Value> {
        let path = format!("apps/{}/grants/{id}", self.0.client_id);
        sim.admin("GET", &path, None).await
    }

    /// A `ZoomConnection` of this app.
    pub fn connection(&self, name: &str, spec: &Value) -> Value {
        let mut own = json!({"integrationRef": {"name": self.0.name}});
        merge(&mut own, spec);
        json!({
            "apiVersion": "zoom-operator.io/v1alpha1",
            "kind": "ZoomConnection",
            "metadata": {"name": name},
            "spec": own,
        })
    }

    /// A connection that takes over a grant.
    pub async fn import(
        &self,
        bed: &Bed,
        name: &str,
        minted: &Minted,
        spec: &Value,
    ) -> anyhow::Result<()> {
        let from = format!("{name}-import");
        bed.apply(&secret(
            &from,
            &[("refresh-token", minted.refresh_token.as_bytes())],
        ))
        .await?;
        let mut full = json!({"importSecretRef": {"name": from}});
        merge(&mut full, spec);
        bed.apply(&self.connection(name, &full)).await?;
        Ok(())
    }
}
