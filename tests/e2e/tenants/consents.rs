//! An admin-managed app: the consent proves whose account it is, and nothing that a tenant writes does.

use anyhow::{Context as _, ensure};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::{UNTIL_MOUNTED, deliver, look, route_of, routes, until};
use crate::{
    bed::{
        App, Bed, LIMIT, Options, Sim,
        consent::hand_over,
        object::{key, message, reason, status, text},
        wait_for,
    },
    receiver::back_end::BackEnd,
};

pub async fn proved(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["clinic", "school"], async |[clinic, school]| {
        scenario(&bed, clinic, school).await
    })
    .await
}

async fn scenario(platform: &Bed, clinic: &Bed, school: &Bed) -> anyhow::Result<()> {
    let (sim, app) = prepare(platform, [clinic, school]).await?;
    let sink = BackEnd::start(clinic, "back-end").await?;
    let account = app.0.account_id.clone();
    let people = app.people(&sim).await?;

    // Before anybody consented, no account is known.
    let connection = connect(&app, platform);
    clinic.apply(&connection).await?;
    let before = until(clinic, "waits for its person", |connection| {
        reason(connection, "Ready") == "ReadyToInstall"
            && reason(connection, "EventsRouted") == "AccountUnknown"
    })
    .await?;
    let link = text(&before, "/status/installUrl").to_owned();
    ensure!(link.contains(clinic.namespace()), "{link}");

    hand_over(&sim, &app, platform, clinic, "zoom", &people[0]).await?;
    let connected = until(clinic, "connected by consent", |connection| {
        reason(connection, "Ready") == "Connected" && status(connection, "EventsRouted") == "True"
    })
    .await?;
    ensure!(text(&connected, "/status/account/id") == account);
    ensure!(
        !key(
            &clinic.get("secrets", "zoom-zoom-token").await?,
            "access-token"
        )
        .is_empty()
    );
    let route = route_of(platform, clinic).await?;
    ensure!(route["accounts"] == json!([account]), "{route}");
    deliver(&sim, &app, &account, "1").await?;
    wait_for("its event", UNTIL_MOUNTED, || async {
        look(platform).await?;
        Ok((sink.count() == 1).then_some(()))
    })
    .await?;

    // The tenant writes another account into the Secret of its own grant.
    let forged = json!({"user_id": "u", "account_id": "VICTIM", "email": "mallory@example.com"});
    let grant = clinic.get("secrets", "zoom-zoom-grant").await?;
    let identity = renamed(&key(&grant, "identity"), &forged)?;
    clinic
        .patch(
            "secrets",
            "zoom-zoom-grant",
            &json!({"data": {"identity": identity}}),
        )
        .await?;
    // Another change, so that a pass certainly saw it.
    let refs = json!({"spec": {"externalRefs": {"forged": "yes"}}});
    clinic.patch("zoomconnections", "zoom", &refs).await?;
    wait_for("the route of the pass after it", LIMIT, || async {
        let route = route_of(platform, clinic).await?;
        Ok((route["externalRefs"]["forged"] == "yes").then_some(()))
    })
    .await?;
    let route = route_of(platform, clinic).await?;
    ensure!(route["accounts"] == json!([account]), "{route}");

    // An account has one connection of an admin-managed app, in whichever namespace.
    school.apply(&connect(&app, platform)).await?;
    until(school, "waits for its person", |connection| {
        reason(connection, "Ready") == "ReadyToInstall"
    })
    .await?;
    let other = people.get(1).context("the account has one person")?;
    hand_over(&sim, &app, platform, school, "zoom", other).await?;
    let refused = until(school, "is told of the first", |connection| {
        text(connection, "/status/consent/reason") == "AccountAlreadyConnected"
    })
    .await?;
    let said = text(&refused, "/status/consent/message");
    ensure!(
        said.contains("a ZoomConnection in another namespace"),
        "{said}"
    );
    ensure!(!said.contains(clinic.namespace()), "{said}");
    ensure!(routes(platform).await?.len() == 1);
    ensure!(school.find("secrets", "zoom-zoom-token").await?.is_none());
    println!("{}", message(&refused, "EventsRouted"));
    Ok(())
}

/// The offline Zoom with an admin-managed app, and an operator of these namespaces.
pub async fn prepare(platform: &Bed, [clinic, school]: [&Bed; 2]) -> anyhow::Result<(Sim, App)> {
    let options = Options::default()
        .serving(&[platform, clinic, school])
        .with_pages();
    platform
        .zoom_and_shared_app(&options, "acme", &json!({}))
        .await
}

/// The connection of a tenant with a sink.
pub fn connect(app: &App, platform: &Bed) -> Value {
    let spec = json!({
        "integrationRef": {"namespace": platform.namespace()},
        "sink": {"http": {"serviceRef": {"name": "back-end"}}},
    });
    app.connection("zoom", &spec)
}

/// The stored identity with other values under the names that it has.
fn renamed(stored: &str, forged: &Value) -> anyhow::Result<ByteString> {
    let mut identity: Value = serde_json::from_str(stored)?;
    let fields = identity.as_object_mut().context("no identity")?;
    for (name, value) in fields.iter_mut() {
        let name = name.to_lowercase().replace('_', "");
        for (other, forged) in forged.as_object().into_iter().flatten() {
            if other.replace('_', "") == name {
                *value = forged.clone();
            }
        }
    }
    Ok(ByteString(serde_json::to_vec(&identity)?))
}
