//! One app for many tenants: the platform's namespace, and one for each tenant.

mod attacks;
mod consents;
mod crowd;
mod crowded;
mod example;
mod self_service;
mod sinks;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::{
    bed::{
        App, Bed, Case, LIMIT, Options, Sim,
        object::{key, message, reason, seen, status, text},
        wait_for,
    },
    receiver::{UNTIL_MOUNTED, back_end::BackEnd, buffer::only_pod},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tenants::one_app_and_two_tenants", two_tenants).needs_host(),
        Case::new("tenants::an_account_is_proved_by_consent", consents::proved).needs_host(),
        Case::new("tenants::self_service_elsewhere", self_service::elsewhere).needs_host(),
        Case::new("tenants::shared_app", example::shared_app).needs_host(),
        Case::new("tenants::crowd_under_load", crowd::crowd).needs_host(),
        Case::new("tenants::a_forwarded_link", attacks::forwarded_link).needs_host(),
        Case::new("tenants::a_plain_user", attacks::plain_user).needs_host(),
        Case::new("tenants::a_removal_ends_one_connection", attacks::removal).needs_host(),
    ]
}

/// A receiver waits for a route for two and a half minutes before it treats an account as nobody's.
const UNTIL_UNCLAIMED: Duration = Duration::from_mins(4);

async fn two_tenants(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["clinic", "school"], async |[clinic, school]| {
        scenario(&bed, clinic, school).await
    })
    .await
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn scenario(platform: &Bed, clinic: &Bed, school: &Bed) -> anyhow::Result<()> {
    let options = Options::default().serving(&[platform, clinic, school]);
    let (sim, _operator) = platform.zoom_and_operator(&options).await?;
    let app = App::general("acme");
    app.register(&sim, json!({})).await?;
    platform.apply(&app.0.secret()).await?;
    let accounts = claims(&[("CLINIC", clinic), ("SCHOOL", school)]);
    let stated = json!({"accounts": accounts});
    platform.apply(&app.manifest_for_all(&stated)).await?;
    let sinks = [
        BackEnd::start(clinic, "back-end").await?,
        BackEnd::start(school, "back-end").await?,
    ];
    for (number, tenant) in [clinic, school].into_iter().enumerate() {
        let user = app.people(&sim).await?.remove(number);
        let minted = app.mint(&sim, &user).await?;
        let spec = json!({
            "integrationRef": {"namespace": platform.namespace()},
            "sink": {"http": {"serviceRef": {"name": "back-end"}}},
            "externalRefs": {"tenant": number.to_string()},
        });
        app.import(tenant, "zoom", &minted, &spec).await?;
    }

    // Each tenant has its token, and nothing of the app's.
    for tenant in [clinic, school] {
        let connection = until(tenant, "connected and routed", |connection| {
            reason(connection, "Ready") == "Connected"
                && status(connection, "NamespaceAllowed") == "True"
                && status(connection, "EventsRouted") == "True"
        })
        .await?;
        println!("{}", message(&connection, "EventsRouted"));
        let token = tenant.get("secrets", "zoom-zoom-token").await?;
        ensure!(!key(&token, "access-token").is_empty());
        for secret in tenant.list("secrets", "").await? {
            let shown = format!("{:?}", secret["data"]);
            let hidden = [&app.0.client_secret, &app.0.webhook_secret];
            let encoded =
                hidden.map(|hidden| json!(k8s_openapi::ByteString(hidden.clone().into_bytes())));
            for value in encoded {
                let value = value.as_str().context("no text")?;
                ensure!(
                    !shown.contains(value),
                    "a secret of the app is in {}",
                    tenant.namespace()
                );
            }
        }
    }
    ensure!(platform.find("secrets", "zoom-zoom-token").await?.is_none());

    // Of nobody known. It waits for a route, which may be on its way.
    deliver(&sim, &app, "NOBODY", "0").await?;

    // An event goes to the sink of its account, with the facts of its connection, and to no other.
    let template = template(platform).await?;
    for (account, id) in [("CLINIC", "1"), ("SCHOOL", "2")] {
        deliver(&sim, &app, account, id).await?;
    }
    for (number, (sink, id)) in sinks.iter().zip(["1", "2"]).enumerate() {
        wait_for(
            "the event is at its tenant's sink",
            UNTIL_MOUNTED,
            || async {
                look(platform).await?;
                Ok((sink.count() == 1).then_some(()))
            },
        )
        .await?;
        let request = sink.last().context("no request")?;
        ensure!(
            request.header("ce-tenant") == number.to_string(),
            "{request:?}"
        );
        let body: Value = serde_json::from_slice(&request.body)?;
        ensure!(text(&body, "/payload/object/id") == id, "{body}");
    }

    // A tenant whose sink is broken delays nobody.
    sinks[0].answers(500, Duration::from_secs(5));
    for id in ["3", "4", "5"] {
        deliver(&sim, &app, "CLINIC", id).await?;
    }
    deliver(&sim, &app, "SCHOOL", "6").await?;
    wait_for("the other tenant's event", LIMIT, || async {
        Ok((sinks[1].count() == 2).then_some(()))
    })
    .await?;
    ensure!(sinks[0].count() == 1, "the broken one took an event");
    sinks[0].answers(204, Duration::ZERO);
    wait_for("the events of the tenant that was away", LIMIT, || async {
        Ok((sinks[0].count() >= 4).then_some(()))
    })
    .await?;

    edited(platform, [clinic, school]).await?;

    // A namespace that is no longer allowed keeps what it needs to come back by itself.
    platform
        .change("acme", &json!({"allowedNamespaces": {"from": "Same"}}))
        .await?;
    let barred = until(clinic, "not allowed", |connection| {
        reason(connection, "Ready") == "NamespaceNotAllowed"
    })
    .await?;
    let said = message(&barred, "Ready").to_owned();
    ensure!(said.contains("There is no ZoomIntegration acme"), "{said}");
    ensure!(clinic.find("secrets", "zoom-zoom-grant").await?.is_some());
    ensure!(clinic.find("secrets", "zoom-zoom-token").await?.is_some());
    wait_for("its events wait", LIMIT, || async {
        let route = route_of(platform, clinic).await?;
        Ok(leads_nowhere(&route).then_some(()))
    })
    .await?;
    // The same words where there is nothing.
    let other = json!({"integrationRef": {"name": "other", "namespace": platform.namespace()}});
    clinic.apply(&app.connection("guess", &other)).await?;
    let guess = wait_for("the answer to a guess", LIMIT, || async {
        let found = clinic.get("zoomconnections", "guess").await?;
        Ok((reason(&found, "Ready") == "NamespaceNotAllowed").then_some(found))
    })
    .await?;
    let guessed = message(&guess, "Ready").replace("other", "acme");
    ensure!(said.starts_with(&guessed), "{said}\n{guessed}");
    clinic.delete("zoomconnections", "guess").await?;

    platform
        .change("acme", &json!({"allowedNamespaces": {"from": "All"}}))
        .await?;
    until(clinic, "allowed again", |connection| {
        reason(connection, "Ready") == "Connected" && status(connection, "EventsRouted") == "True"
    })
    .await?;
    for tenant in [clinic, school] {
        wait_for("the route is back", LIMIT, || async {
            let route = route_of(platform, tenant).await?;
            Ok((!leads_nowhere(&route)).then_some(()))
        })
        .await?;
    }

    // A tenant that goes takes its route along, and no Pod was replaced for any of this.
    school.delete("zoomconnections", "zoom").await?;
    wait_for(
        "the route of a deleted connection is erased",
        LIMIT,
        || async {
            let left = routes(platform).await?;
            Ok((left == [format!("{}.zoom.json", clinic.namespace())]).then_some(()))
        },
    )
    .await?;
    ensure!(self::template(platform).await? == template);

    // Whom nobody claims is named, and its event reached nobody.
    wait_for(
        "the unclaimed account is named",
        UNTIL_UNCLAIMED,
        || async {
            let object = platform.integration("acme").await?;
            let named = &object["status"]["webhook"]["unclaimedAccounts"];
            Ok((*named == json!(["NOBODY"])).then_some(()))
        },
    )
    .await?;
    ensure!(
        sim.events().await?.is_empty(),
        "the platform's sink got an event"
    );
    Ok(())
}

/// Has the kubelet look at the receiver, so that new routes come soon.
async fn look(platform: &Bed) -> anyhow::Result<()> {
    platform.look_at_pod(&only_pod(platform).await?).await
}

/// Of a user-managed app the platform says whose events are whose.
fn claims(of: &[(&str, &Bed)]) -> Vec<Value> {
    let claim = |(account, tenant): &(&str, &Bed)| json!({"accountId": account, "namespace": tenant.namespace(), "connection": "zoom"});
    of.iter().map(claim).collect()
}

/// An event of an account.
fn event(account: &str, id: &str) -> Value {
    json!({
        "event": "meeting.ended",
        "event_ts": 1_626_230_691_572_i64,
        "payload": {"account_id": account, "object": {"id": id, "uuid": id}},
    })
}

async fn deliver(sim: &Sim, app: &App, account: &str, id: &str) -> anyhow::Result<()> {
    let event = event(account, id);
    let delivery = sim.deliver(&app.0, json!({"event": event})).await?;
    let answer = &delivery["attempts"][0]["status"];
    ensure!(*answer == 204 || *answer == 200, "{delivery:#}");
    Ok(())
}

/// Waits for a tenant's connection.
async fn until(bed: &Bed, what: &str, holds: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let what = format!("{what}, in {}", bed.namespace());
    bed.until_object("zoomconnections", "zoom", &what, |connection| {
        seen(connection) && holds(connection)
    })
    .await
}

/// The keys of all routes beside the receiver.
async fn routes(platform: &Bed) -> anyhow::Result<Vec<String>> {
    let secrets = platform
        .list("secrets", "zoom-operator.io/use=routes")
        .await?;
    let mut keys: Vec<String> = secrets
        .iter()
        .filter_map(|secret| secret["data"].as_object())
        .flat_map(|data| data.keys().cloned())
        .collect();
    keys.sort();
    Ok(keys)
}

/// The route of a tenant's connection, as the receiver reads it.
/// Somebody edits the routes, or restores those of yesterday: without one tenant's, and with its account at another's.
async fn edited(platform: &Bed, [mine, other]: [&Bed; 2]) -> anyhow::Result<()> {
    let wanted = (
        route_of(platform, mine).await?,
        route_of(platform, other).await?,
    );
    let (secret, file) = secret_of_route(platform, mine).await?;
    let name = text(&secret, "/metadata/name");
    let gone = format!("{}.gone.json", other.namespace());
    let mut wrong = wanted.1.clone();
    wrong["connection"] = json!(format!("{}/gone", other.namespace()));
    wrong["accounts"] = wanted.0["accounts"].clone();
    let wrong = k8s_openapi::ByteString(serde_json::to_vec(&wrong)?);
    let data = [(file, Value::Null), (gone.clone(), json!(wrong))];
    let data = json!({"data": data.into_iter().collect::<serde_json::Map<_, _>>()});
    platform.patch("secrets", name, &data).await?;
    wait_for("the routes are as they were", LIMIT, || async {
        let Ok(mine) = route_of(platform, mine).await else {
            return Ok(None);
        };
        let secret = platform.get("secrets", name).await?;
        let is_right = mine == wanted.0 && secret["data"][&gone].is_null();
        Ok((is_right && route_of(platform, other).await? == wanted.1).then_some(()))
    })
    .await
}

async fn route_of(platform: &Bed, tenant: &Bed) -> anyhow::Result<Value> {
    let (secret, file) = secret_of_route(platform, tenant).await?;
    Ok(serde_json::from_str(&key(&secret, &file))?)
}

/// The Secret with a tenant's route, and its key.
async fn secret_of_route(platform: &Bed, tenant: &Bed) -> anyhow::Result<(Value, String)> {
    let secrets = platform
        .list("secrets", "zoom-operator.io/use=routes")
        .await?;
    let file = format!("{}.zoom.json", tenant.namespace());
    let found = secrets
        .into_iter()
        .find(|secret| !secret["data"][&file].is_null());
    Ok((found.context("no route")?, file))
}

/// Whether no event is sent by this route.
fn leads_nowhere(route: &Value) -> bool {
    route["sink"]["destination"]["service"]["addresses"] == json!([])
}

async fn template(platform: &Bed) -> anyhow::Result<Value> {
    let deployment = platform.get("deployments", "acme-receiver").await?;
    Ok(deployment["spec"]["template"].clone())
}
