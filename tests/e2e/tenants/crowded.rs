//! 200 accounts of one app in 50 namespaces, each with a connection and a sink of its own. Of twelve a consent proves
//! whose they are, of the others the platform says so.

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::{
    crowd::metric,
    sinks::{Owner, SERVICE, Sinks},
};
use crate::{
    bed::{
        App, Bed, LIMIT, Sim,
        consent::hand_over,
        object::{name, status, text},
        secret, unique, wait_for,
    },
    receiver::buffer::only_pod,
};

pub const NAMESPACES: usize = 50;
/// Accounts of each namespace.
pub const EACH: usize = 4;
/// Accounts that a consent proves; the first ones.
const PROVED: usize = 12;
/// A tenant's Secret for its sink.
const OWN_SECRET: &str = "for-the-back-end";

/// The platform, and all its tenants.
pub struct Crowd {
    pub bed: Bed,
    pub sim: Sim,
    pub app: App,
    pub sinks: Sinks,
    /// Secrets that the tenant with Zoom's format has had.
    pub own_secrets: Vec<String>,
    tenants: Vec<Bed>,
}

/// Name of the n-th account.
pub fn account(number: usize) -> String {
    format!("account-{number}")
}

/// Name of its connection.
fn connection(number: usize) -> String {
    format!("zoom-{}", number % EACH)
}

// === impl Crowd ===

impl Crowd {
    /// Makes all of it and waits until the receiver has every route. The account `signed` gets Zoom's format.
    pub async fn prepare(
        bed: &Bed,
        tenants: &[Bed],
        label: &str,
        signed: usize,
    ) -> anyhow::Result<Self> {
        let (sim, sinks) = futures::try_join!(Sim::deploy(bed), Sinks::start(bed))?;
        let app = App::general("acme");
        app.register_admin_managed(&sim).await?;
        let crowd = Self {
            bed: bed.clone(),
            sim,
            app,
            sinks,
            own_secrets: vec![unique("webhook-secret")],
            tenants: tenants.to_vec(),
        };
        bed.apply(&crowd.app.0.secret()).await?;
        bed.apply(&crowd.integration(label)).await?;
        try_join_all(tenants.iter().map(|tenant| crowd.sinks.lead_from(tenant))).await?;
        let own = crowd.own_secrets[0].clone();
        crowd.put_own(signed, &own).await?;
        let connect = (0..NAMESPACES * EACH).map(|number| crowd.connect(number, signed, label));
        try_join_all(connect).await?;
        for number in 0..PROVED {
            crowd.consent(number).await?;
        }
        crowd.until_routed(label).await?;
        Ok(crowd)
    }

    fn tenant(&self, number: usize) -> &Bed {
        &self.tenants[number / EACH]
    }

    fn integration(&self, label: &str) -> Value {
        let stated = (PROVED..NAMESPACES * EACH).map(|number| {
            json!({
                "accountId": account(number),
                "namespace": self.tenant(number).namespace(),
                "connection": connection(number),
            })
        });
        self.app.manifest_admin_managed(&json!({
            "allowedNamespaces": {
                "from": "Selector", "selector": {"matchLabels": {(label): "yes"}},
            },
            "accounts": stated.collect::<Vec<_>>(),
            "webhook": {"buffer": {"storage": null, "size": "64Mi"}},
        }))
    }

    /// The connection of an account, with the account's name as its facts and in its sink's path.
    async fn connect(&self, number: usize, signed: usize, label: &str) -> anyhow::Result<()> {
        let tenant = self.tenant(number);
        let mut http = json!({
            "serviceRef": {"name": SERVICE, "path": format!("/{}", account(number))},
        });
        let mut secrets = Vec::new();
        if number == signed {
            http["format"] = json!("Zoom");
            http["credentialsSecretRef"] = json!({"name": OWN_SECRET});
            secrets.clone_from(&self.own_secrets);
        }
        self.sinks.own(Owner {
            account: account(number),
            namespace: tenant.namespace().to_owned(),
            secrets,
        });
        let spec = json!({
            "integrationRef": {"namespace": self.bed.namespace()},
            "sink": {"http": http},
            "externalRefs": {"tenant": account(number)},
        });
        let mut connection = self.app.connection(&connection(number), &spec);
        connection["metadata"]["labels"] = json!({(label): "yes"});
        tenant.apply(&connection).await?;
        Ok(())
    }

    /// An administrator of the account allows the app by the connection's link.
    async fn consent(&self, number: usize) -> anyhow::Result<()> {
        let path = format!("accounts/{}", account(number));
        let known = self.sim.admin("PUT", &path, None).await?;
        let administrator = text(&known, "/users/0/email");
        let (tenant, name) = (self.tenant(number), connection(number));
        tenant
            .until_object("zoomconnections", &name, "its link", |connection| {
                !text(connection, "/status/installUrl").is_empty()
            })
            .await?;
        hand_over(
            &self.sim,
            &self.app,
            &self.bed,
            tenant,
            &name,
            administrator,
        )
        .await
    }

    async fn until_routed(&self, label: &str) -> anyhow::Result<()> {
        let path =
            format!("/apis/zoom-operator.io/v1alpha1/zoomconnections?labelSelector={label}%3Dyes");
        wait_for("every connection is routed", 2 * LIMIT, || async {
            let all = self.bed.request("GET", &path, None).await?;
            let all = all["items"].as_array().cloned().unwrap_or_default();
            let waiting = all.iter().find(|one| status(one, "EventsRouted") != "True");
            anyhow::ensure!(
                waiting.is_none(),
                "{} waits: {:#}",
                name(waiting.unwrap_or(&Value::Null)),
                waiting.unwrap_or(&Value::Null)["status"]
            );
            Ok((all.len() == NAMESPACES * EACH).then_some(()))
        })
        .await?;
        let proved = self
            .tenant(0)
            .get("zoomconnections", &connection(0))
            .await?;
        anyhow::ensure!(
            text(&proved, "/status/account/id") == account(0),
            "{proved:#}"
        );
        wait_for("the receiver has every route", LIMIT, || async {
            let pod = only_pod(&self.bed).await?;
            self.bed.look_at_pod(&pod).await?;
            let routes = metric(&self.bed, "zoom_receiver_routes").await?;
            anyhow::ensure!(routes > 199.0, "{routes} routes");
            Ok(Some(()))
        })
        .await
    }

    /// The tenant gives its sink another secret. What was signed with the one before may still arrive.
    pub async fn rotate_own(&mut self, number: usize) -> anyhow::Result<String> {
        let own = unique("webhook-secret");
        self.own_secrets.push(own.clone());
        self.sinks.own(Owner {
            account: account(number),
            namespace: self.tenant(number).namespace().to_owned(),
            secrets: self.own_secrets.clone(),
        });
        self.put_own(number, &own).await?;
        Ok(own)
    }

    async fn put_own(&self, number: usize, own: &str) -> anyhow::Result<()> {
        let mut object = secret(OWN_SECRET, &[("webhook-secret-token", own.as_bytes())]);
        object["metadata"]["labels"] = json!({"zoom-operator.io/use": "sink"});
        self.tenant(number).apply(&object).await?;
        Ok(())
    }
}
