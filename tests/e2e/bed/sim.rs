//! The offline Zoom and the demo sink of a test, scripted through the API server's Service proxy.

use serde_json::{Value, json};

use super::{
    Bed, Tenant,
    namespace::JSON,
    operator::image,
    tenant::{SCOPE, merge},
    tools,
    wait::{LIMIT, wait_for},
};

/// The offline Zoom and the demo sink.
#[derive(Clone)]
pub struct Sim {
    bed: Bed,
}

// === impl Sim ===

impl Sim {
    /// Deploys both and waits until they answer.
    pub async fn deploy(bed: &Bed) -> anyhow::Result<Self> {
        let public_url = format!("http://zoom-sim.{}.svc", bed.namespace());
        let manifests =
            std::fs::read_to_string(tools::repository().join("tests/zoom-sim/deploy.yaml"))?
                .replace(r#""http://zoom-sim"]"#, &format!("{public_url:?}]"))
                .replace(
                    "localhost/zoom-sim:dev",
                    &image("E2E_SIM_IMAGE", "localhost/zoom-sim:dev"),
                );
        anyhow::ensure!(manifests.contains(&public_url), "deploy.yaml has changed");
        for document in manifests.split("\n---\n") {
            bed.apply(&serde_saphyr::from_str(document)?).await?;
        }
        let sim = Self { bed: bed.clone() };
        for service in ["zoom-sim", "sink"] {
            wait_for(&format!("{service} answers"), LIMIT, || async {
                sim.ask("GET", service, "ready", None).await.map(Some)
            })
            .await?;
        }
        Ok(sim)
    }

    async fn ask(
        &self,
        method: &str,
        service: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let namespace = self.bed.namespace();
        let path =
            format!("/api/v1/namespaces/{namespace}/services/http:{service}:admin/proxy/{path}");
        self.bed
            .request(method, &path, body.map(|body| (JSON, body)))
            .await
    }

    /// Any request to the admin API.
    pub async fn admin(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        self.ask(method, "zoom-sim", path, body).await
    }

    // === Apps ===

    /// Makes the tenant's app known, with its credentials and settings that differ from the usual.
    pub async fn put_app(&self, tenant: &Tenant, settings: Value) -> anyhow::Result<()> {
        let mut app = json!({
            "kind": "ServerToServer",
            "client_secret": tenant.client_secret,
            "account_id": tenant.account_id,
            "scopes": [SCOPE],
            "active": true,
            "webhook_secret_token": tenant.webhook_secret,
            "token_lifetime_seconds": 3600,
        });
        merge(&mut app, &settings);
        self.admin("PUT", &format!("apps/{}", tenant.client_id), Some(&app))
            .await?;
        Ok(())
    }

    /// Changes settings of the tenant's app.
    pub async fn patch_app(&self, tenant: &Tenant, settings: Value) -> anyhow::Result<()> {
        let path = format!("apps/{}", tenant.client_id);
        self.admin("PATCH", &path, Some(&settings)).await?;
        Ok(())
    }

    /// The app's settings, without secrets, and `counters`.
    pub async fn app(&self, tenant: &Tenant) -> anyhow::Result<Value> {
        self.admin("GET", &format!("apps/{}", tenant.client_id), None)
            .await
    }

    /// How many token requests there were.
    pub async fn token_requests(&self, tenant: &Tenant) -> anyhow::Result<u64> {
        let app = self.app(tenant).await?;
        app["counters"]["token_requests"]
            .as_u64()
            .ok_or_else(|| anyhow::anyhow!("no counters in {app}"))
    }

    // === Faults ===

    /// Sets a fault: `endpoint` is `token`, `api` or `any`; it strikes everybody until it is deleted.
    pub async fn fault(&self, name: &str, endpoint: &str, fault: Value) -> anyhow::Result<()> {
        self.put_fault(name, json!({"endpoint": endpoint, "fault": fault}))
            .await
    }

    /// Sets a fault with all its fields.
    pub async fn put_fault(&self, name: &str, rule: Value) -> anyhow::Result<()> {
        self.admin("PUT", &format!("faults/{name}"), Some(&rule))
            .await?;
        Ok(())
    }

    /// Ends a fault.
    pub async fn clear_fault(&self, name: &str) -> anyhow::Result<()> {
        self.admin("DELETE", &format!("faults/{name}"), None)
            .await?;
        Ok(())
    }

    /// A fault, with `applied` and `held`.
    pub async fn fault_state(&self, name: &str) -> anyhow::Result<Value> {
        let faults = self.admin("GET", "faults", None).await?;
        Ok(faults[name].clone())
    }

    // === Webhooks ===

    /// Delivers an event, or whatever `order` says, to the tenant's receiver; the delivery after its first attempt. The
    /// address of a Service leads to its Pods a moment after they are ready, and a busy machine may answer too late for
    /// Zoom: what nobody answered is delivered again, so that it may arrive more than once.
    pub async fn deliver(&self, tenant: &Tenant, order: Value) -> anyhow::Result<Value> {
        let mut full = json!({"url": tenant.receiver_url(), "retries": false});
        merge(&mut full, &order);
        let path = format!("apps/{}/deliveries", tenant.client_id);
        wait_for("an answer of the receiver", LIMIT, || async {
            let delivery = self.admin("POST", &path, Some(&full)).await?;
            anyhow::ensure!(
                delivery["attempts"][0]["status"].is_number(),
                "{delivery:#}"
            );
            Ok(Some(delivery))
        })
        .await
    }

    /// Zoom's URL validation of the tenant's receiver; again while nobody answers, as with [`Sim::deliver`].
    pub async fn validate(&self, tenant: &Tenant) -> anyhow::Result<Value> {
        let path = format!("apps/{}/validations", tenant.client_id);
        let body = json!({"url": tenant.receiver_url()});
        wait_for("an answer of the receiver", LIMIT, || async {
            let report = self.admin("POST", &path, Some(&body)).await?;
            anyhow::ensure!(report["status"].is_number(), "{report:#}");
            Ok(Some(report))
        })
        .await
    }

    /// What reached the sink.
    pub async fn events(&self) -> anyhow::Result<Vec<Value>> {
        let events = self.ask("GET", "sink", "events", None).await?;
        Ok(events.as_array().cloned().unwrap_or_default())
    }

    /// How the sink answers: `{"status":503,"delay_ms":0,"times":null}`.
    pub async fn sink_answers(&self, answer: Value) -> anyhow::Result<()> {
        self.ask("PUT", "sink", "answer", Some(&answer)).await?;
        Ok(())
    }
}
