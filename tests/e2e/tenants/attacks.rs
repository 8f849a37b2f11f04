//! What a tenant may try against another one of the same app, and what a removal ends.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{UNTIL_MOUNTED, claims, consents, deliver, event, look, route_of, routes, until};
use crate::{
    bed::{
        App, Bed, LIMIT, Options, Sim,
        consent::hand_over,
        merge,
        object::{key, reason, status, text},
        secret, unique, wait_for,
    },
    receiver::{
        back_end::BackEnd,
        load::address,
        traffic::{sign, signed},
    },
};

/// An account beside the one of the app.
const SCHOOL: &str = "SCHOOL";

/// An admin-managed app and two tenants, whose sinks listen.
struct Pair<'a> {
    platform: &'a Bed,
    sim: Sim,
    app: App,
    /// Of the clinic and of the school.
    sinks: [BackEnd; 2],
    /// An administrator of the clinic's account, which is that of the app.
    administrator: String,
    /// Two administrators of the school's account.
    others: [String; 2],
}

// === impl Pair ===

impl<'a> Pair<'a> {
    async fn prepare(platform: &'a Bed, clinic: &Bed, school: &Bed) -> anyhow::Result<Self> {
        let (sim, app) = consents::prepare(platform, [clinic, school]).await?;
        let sinks = [
            BackEnd::start(clinic, "back-end").await?,
            BackEnd::start(school, "back-end").await?,
        ];
        let administrator = app.people(&sim).await?.remove(0);
        let known = sim
            .admin("PUT", &format!("accounts/{SCHOOL}"), None)
            .await?;
        let others = ["/users/0/email", "/users/1/email"].map(|at| text(&known, at).to_owned());
        Ok(Self {
            platform,
            sim,
            app,
            sinks,
            administrator,
            others,
        })
    }

    /// Makes a tenant's connection, and waits for its link.
    async fn connect(&self, tenant: &Bed, spec: &Value) -> anyhow::Result<()> {
        let mut connection = consents::connect(&self.app, self.platform);
        merge(&mut connection["spec"], spec);
        tenant.apply(&connection).await?;
        until(tenant, "waits for its person", |connection| {
            reason(connection, "Ready") == "ReadyToInstall"
        })
        .await?;
        Ok(())
    }

    /// Somebody allows the app by a tenant's link.
    async fn allow(&self, tenant: &Bed, person: &str) -> anyhow::Result<()> {
        hand_over(&self.sim, &self.app, self.platform, tenant, "zoom", person).await
    }

    /// Waits until a tenant is connected with this account; its access token.
    async fn until_connected(&self, tenant: &Bed, account: &str) -> anyhow::Result<String> {
        let connection = until(tenant, "connected and routed", |connection| {
            reason(connection, "Ready") == "Connected"
                && status(connection, "EventsRouted") == "True"
        })
        .await?;
        ensure!(text(&connection, "/status/account/id") == account);
        let route = route_of(self.platform, tenant).await?;
        ensure!(route["accounts"] == json!([account]), "{route}");
        token(tenant).await
    }

    /// Delivers an event of each account: each arrives at its own sink, which has `count` then.
    async fn deliver_to_both(&self, count: usize) -> anyhow::Result<()> {
        for account in [&self.app.0.account_id, SCHOOL] {
            let id = format!("{account}-{count}");
            deliver(&self.sim, &self.app, account, &id).await?;
        }
        for (sink, account) in self.sinks.iter().zip([&self.app.0.account_id, SCHOOL]) {
            wait_for("the tenant's event", UNTIL_MOUNTED, || async {
                look(self.platform).await?;
                Ok((sink.count() >= count).then_some(()))
            })
            .await?;
            let request = sink.last().context("no request")?;
            let body: Value = serde_json::from_slice(&request.body)?;
            ensure!(text(&body, "/payload/account_id") == account, "{body}");
            ensure!(sink.count() == count, "{:?}", sink.order());
        }
        Ok(())
    }
}

/// The clinic's link comes to an administrator of another customer, before and after the clinic's own used it.
pub async fn forwarded_link(platform: Bed) -> anyhow::Result<()> {
    let scenario = async |[clinic, school]: [&Bed; 2]| {
        let pair = Pair::prepare(&platform, clinic, school).await?;
        let account = pair.app.0.account_id.clone();
        let wrong =
            |connection: &Value| text(connection, "/status/consent/reason") == "WrongSubject";

        let meant = json!({"subject": {"accountId": account}});
        pair.connect(clinic, &meant).await?;
        pair.allow(clinic, &pair.others[0]).await?;
        let refused = until(clinic, "refuses the other account", wrong).await?;
        ensure!(refused["status"]["account"].is_null(), "{refused:#}");
        ensure!(
            !refused["status"].to_string().contains(SCHOOL),
            "{refused:#}"
        );
        for name in ["zoom-zoom-token", "zoom-zoom-grant"] {
            ensure!(clinic.find("secrets", name).await?.is_none(), "{name}");
        }
        ensure!(routes(&platform).await?.is_empty());

        pair.allow(clinic, &pair.administrator).await?;
        let own = pair.until_connected(clinic, &account).await?;
        // Without an expectation, whoever came first stays.
        let unsaid = json!({"spec": {"subject": null}});
        clinic.patch("zoomconnections", "zoom", &unsaid).await?;
        until(clinic, "without an expectation", |_| true).await?;
        pair.allow(clinic, &pair.others[1]).await?;
        until(clinic, "refuses who comes second", wrong).await?;
        ensure!(pair.until_connected(clinic, &account).await? == own);

        // The other customer by the link that is its own.
        pair.connect(school, &json!({})).await?;
        pair.allow(school, &pair.others[0]).await?;
        let other = pair.until_connected(school, SCHOOL).await?;
        ensure!(other != own);
        ensure!(pair.until_connected(clinic, &account).await? == own);
        pair.deliver_to_both(1).await
    };
    platform
        .with_neighbours(["clinic", "school"], scenario)
        .await
}

/// An administrator of the school removes the app from the school's account.
pub async fn removal(platform: Bed) -> anyhow::Result<()> {
    let scenario = async |[clinic, school]: [&Bed; 2]| {
        let pair = Pair::prepare(&platform, clinic, school).await?;
        let account = pair.app.0.account_id.clone();
        for (tenant, person) in [(clinic, &pair.administrator), (school, &pair.others[0])] {
            pair.connect(tenant, &json!({})).await?;
            pair.allow(tenant, person).await?;
        }
        let own = pair.until_connected(clinic, &account).await?;
        pair.until_connected(school, SCHOOL).await?;
        pair.deliver_to_both(1).await?;

        let path = format!("accounts/{SCHOOL}/apps/{}/remove", pair.app.0.client_id);
        let told = pair.sim.admin("POST", &path, None).await?;
        ensure!(told["deliveries"][0]["delivered"] == true, "{told:#}");
        until(school, "has no grant any more", |connection| {
            reason(connection, "Ready") == "Deauthorized"
                && connection["status"]["account"].is_null()
        })
        .await?;
        school.until_gone("secrets", "zoom-zoom-token").await?;
        let file = format!("{}.zoom.json", clinic.namespace());
        wait_for("its route is erased", LIMIT, || async {
            Ok((routes(&platform).await? == [file.clone()]).then_some(()))
        })
        .await?;
        // The notice is the school's event, and no other tenant hears of it.
        wait_for("the notice", LIMIT, || async {
            Ok(pair.sinks[1].last_of("us.zoom.app_deauthorized"))
        })
        .await?;

        ensure!(pair.until_connected(clinic, &account).await? == own);
        deliver(&pair.sim, &pair.app, &account, "after").await?;
        wait_for("the other tenant's event", LIMIT, || async {
            Ok((pair.sinks[0].count() == 2).then_some(()))
        })
        .await?;
        ensure!(pair.sinks[0].last_of("us.zoom.app_deauthorized").is_none());
        ensure!(pair.sim.events().await?.is_empty());
        Ok(())
    };
    platform
        .with_neighbours(["clinic", "school"], scenario)
        .await
}

/// Of a user-managed app: a plain user of the clinic allows it by the school's link. And the school would like to send
/// to the clinic's back end, and to forge its events.
pub async fn plain_user(platform: Bed) -> anyhow::Result<()> {
    let scenario = async |[clinic, school]: [&Bed; 2]| {
        let own = unique("webhook-secret");
        let (sim, app) = user_managed(&platform, clinic, school).await?;
        let sinks = [
            BackEnd::start(clinic, "back-end").await?,
            BackEnd::start(school, "back-end").await?,
        ];
        let mut credentials = secret("own", &[("webhook-secret-token", own.as_bytes())]);
        credentials["metadata"]["labels"] = json!({"zoom-operator.io/use": "sink"});
        school.apply(&credentials).await?;
        clinic.apply(&consents::connect(&app, &platform)).await?;
        let mut connection = consents::connect(&app, &platform);
        let http = json!({"format": "Zoom", "credentialsSecretRef": {"name": "own"}});
        merge(&mut connection["spec"]["sink"]["http"], &http);
        school.apply(&connection).await?;
        until(school, "waits for its person", |connection| {
            reason(connection, "Ready") == "ReadyToInstall"
        })
        .await?;
        let known = sim.admin("PUT", "accounts/CLINIC", None).await?;
        let member = text(&known, "/users/3/email");
        ensure!(
            !member.is_empty() && known["users"][3]["role_id"] == "2",
            "{known:#}"
        );
        hand_over(&sim, &app, &platform, school, "zoom", member).await?;
        until(school, "connected, and without an account", |connection| {
            reason(connection, "Ready") == "Connected"
                && reason(connection, "EventsRouted") == "AccountUnknown"
        })
        .await?;
        let file = format!("{}.zoom.json", clinic.namespace());
        wait_for("the clinic's route alone", LIMIT, || async {
            Ok((routes(&platform).await? == [file.clone()]).then_some(()))
        })
        .await?;

        // With what signs its own events, the school signs nobody's.
        platform.until_deployed("acme-receiver").await?;
        let url = address(&platform, "acme-receiver").await?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        for account in ["CLINIC", SCHOOL] {
            let forged = event(account, "forged").to_string();
            let answer = signed(&client, &url, &own, &forged).send().await?;
            ensure!(answer.status() == 401, "{answer:?}");
        }

        // The platform says which account is the school's.
        let accounts = claims(&[("CLINIC", clinic), (SCHOOL, school)]);
        platform
            .change("acme", &json!({"accounts": accounts}))
            .await?;
        until(school, "routed", |connection| {
            status(connection, "EventsRouted") == "True"
        })
        .await?;
        let route = route_of(&platform, school).await?;
        ensure!(route["accounts"] == json!([SCHOOL]), "{route}");
        for account in ["CLINIC", SCHOOL] {
            deliver(&sim, &app, account, account).await?;
        }
        wait_for("both events", UNTIL_MOUNTED, || async {
            look(&platform).await?;
            Ok(sinks.iter().all(|sink| sink.last().is_some()).then_some(()))
        })
        .await?;
        let got = sinks[1].last().context("no request")?;
        let body = std::str::from_utf8(&got.body)?;
        let sent = event(SCHOOL, SCHOOL).to_string();
        ensure!(body == sent, "{body}");
        let second = got.header("x-zm-request-timestamp").parse()?;
        ensure!(got.header("x-zm-signature") == sign(&own, second, body));
        let got = sinks[0].last().context("no request")?;
        ensure!(got.body == event("CLINIC", "CLINIC").to_string(), "{got:?}");

        Box::pin(elsewhere(&platform, clinic, school, &sim, &app)).await?;
        ensure!(sinks[0].count() == 1, "{:?}", sinks[0].last());
        Ok(())
    };
    platform
        .with_neighbours(["clinic", "school"], scenario)
        .await
}

/// The school's sink is to be the clinic's back end.
async fn elsewhere(
    platform: &Bed,
    clinic: &Bed,
    school: &Bed,
    sim: &Sim,
    app: &App,
) -> anyhow::Result<()> {
    let theirs = format!("back-end.{}.svc.cluster.local", clinic.namespace());
    let change = |http: Value| async move {
        let sink = json!({"spec": {"sink": {"http": http}}});
        school.patch("zoomconnections", "zoom", &sink).await
    };
    // A Service has no namespace, and no name with dots.
    let patched = change(json!({"serviceRef": {"namespace": clinic.namespace()}})).await?;
    let kept = &patched["spec"]["sink"]["http"]["serviceRef"];
    ensure!(*kept == json!({"name": "back-end"}), "{kept}");
    let dotted = format!("back-end.{}", clinic.namespace());
    let refused = change(json!({"serviceRef": {"name": dotted}})).await;
    ensure!(refused.is_err(), "{refused:?}");
    // Nor may one be another name for it.
    school
        .apply(&json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "elsewhere"},
            "spec": {"type": "ExternalName", "externalName": theirs},
        }))
        .await?;
    change(json!({"serviceRef": {"name": "elsewhere"}})).await?;
    until(school, "its sink is refused", |connection| {
        reason(connection, "EventsRouted") == "SinkRefused"
    })
    .await?;
    // A URL is under the rules for networks, whoever's Service has the address.
    let url = format!("http://{theirs}/");
    change(json!({"serviceRef": null, "url": url})).await?;
    until(school, "routed to a URL", |connection| {
        status(connection, "EventsRouted") == "True"
    })
    .await?;
    // What comes before the receiver has this route still uses the one before.
    let count = std::cell::Cell::new(0);
    let what = "the receiver refuses the address";
    wait_for(what, UNTIL_MOUNTED, || async {
        look(platform).await?;
        count.set(count.get() + 1);
        deliver(sim, app, SCHOOL, &format!("elsewhere-{}", count.get())).await?;
        let connection = school.get("zoomconnections", "zoom").await?;
        let failure = text(&connection, "/status/events/sinkFailure");
        ensure!(
            failure == "sink's address is not allowed",
            "{:#}",
            connection["status"]
        );
        Ok(Some(()))
    })
    .await
}

/// A user-managed app with the operator's consent; the platform says whose events are the clinic's.
async fn user_managed(platform: &Bed, clinic: &Bed, school: &Bed) -> anyhow::Result<(Sim, App)> {
    let options = Options::default()
        .serving(&[platform, clinic, school])
        .with_pages();
    let (sim, _operator) = platform.zoom_and_operator(&options).await?;
    let app = App::general("acme");
    app.register(&sim, json!({})).await?;
    platform.apply(&app.0.secret()).await?;
    let spec = json!({
        "accounts": claims(&[("CLINIC", clinic)]),
        "oauth": {"redirectUrl": null, "consent": {"mode": "Operator"}},
    });
    platform.apply(&app.manifest_for_all(&spec)).await?;
    Ok((sim, app))
}

/// A tenant's access token.
async fn token(tenant: &Bed) -> anyhow::Result<String> {
    let found = tenant.get("secrets", "zoom-zoom-token").await?;
    Ok(key(&found, "access-token"))
}
