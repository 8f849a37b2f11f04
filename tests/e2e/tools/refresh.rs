//! Another token at somebody's wish: once for each wish, at most once a minute.

use anyhow::ensure;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Person;
use crate::bed::{
    App, Bed, Case, LIMIT, Options, Sim, Tenant,
    object::{key, reason, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tools::refresh_of_an_integration", integration),
        Case::new("tools::refresh_of_a_connection", connection),
    ]
}

/// So long ago the token was got, and nothing is due.
fn some_minutes_ago() -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(5)
}

/// Takes a wish back, which would be granted once more when its token seems older than it is.
async fn take_back(bed: &Bed, resource: &str, name: &str) -> anyhow::Result<()> {
    let none = json!({"metadata": {"annotations": {
        "zoom-operator.io/refresh-requested-at": null,
    }}});
    bed.patch(resource, name, &none).await?;
    Ok(())
}

async fn integration(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    tenant
        .declare(&bed, &sim, json!({}), &tenant.manifest())
        .await?;
    bed.until_reason("acme", "Connected").await?;
    let token = || async {
        let secret = bed.get("secrets", &tenant.token_secret()).await?;
        anyhow::Ok(key(&secret, "access-token"))
    };
    let before = token().await?;
    let issued = json!({"metadata": {"annotations": {
        "zoom-operator.io/issued-at": some_minutes_ago().to_string(),
    }}});
    bed.patch("secrets", &tenant.token_secret(), &issued)
        .await?;
    // Another end than the first one has, even within the same second.
    sim.patch_app(&tenant, json!({"token_lifetime_seconds": 3000}))
        .await?;
    let person = Person::new(&bed).await?;
    let said = person.must(&["refresh", "acme"]).await?;
    ensure!(said.starts_with("zint/acme has a new token"), "{said}");
    ensure!(token().await? != before, "the token is the same");
    ensure!(sim.token_requests(&tenant).await? == 2);

    // The wish stands and was granted: what else leads to a pass asks for nothing.
    let labels = json!({"metadata": {"labels": {"example.com/touched": "true"}}});
    bed.patch("zoomintegrations", "acme", &labels).await?;
    bed.change("acme", &json!({"externalRefs": {"tenantid": "7"}}))
        .await?;
    bed.until_reason("acme", "Connected").await?;
    ensure!(sim.token_requests(&tenant).await? == 2);

    // What Zoom refuses is said, and consumers keep what they have.
    let other = token().await?;
    take_back(&bed, "zoomintegrations", "acme").await?;
    bed.patch("secrets", &tenant.token_secret(), &issued)
        .await?;
    sim.patch_app(&tenant, json!({"active": false})).await?;
    let said = person.zoom(&["refresh", "acme"]).await?;
    ensure!(
        !said.success && said.stderr.contains("activate the app"),
        "{said:?}"
    );
    ensure!(token().await? == other);
    suspended(&bed, &person).await
}

async fn suspended(bed: &Bed, person: &Person) -> anyhow::Result<()> {
    bed.change("acme", &json!({"suspend": true})).await?;
    let said = person.zoom(&["refresh", "acme"]).await?;
    ensure!(
        !said.success && said.stderr.contains("is suspended"),
        "{said:?}"
    );
    Ok(())
}

async fn connection(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let app = App::general("app");
    app.declare(&bed, &sim, json!({}), &json!({})).await?;
    let people = app.people(&sim).await?;
    let minted = app.mint(&sim, &people[0]).await?;
    app.import(&bed, "ada", &minted, &json!({})).await?;
    wait_for("ada is connected", LIMIT, || async {
        let connection = bed.get("zoomconnections", "ada").await?;
        Ok((reason(&connection, "Ready") == "Connected").then_some(()))
    })
    .await?;
    make_old(&bed).await?;
    let shorter = json!({"token_lifetime_seconds": 3000});
    sim.patch_app(&app.0, shorter).await?;
    let before = generation(&bed).await?;
    let person = Person::new(&bed).await?;
    let said = person.zoom(&["refresh", "app"]).await?;
    ensure!(
        !said.success && said.stderr.contains("its connections: zconn/ada"),
        "{said:?}"
    );
    let said = person.must(&["refresh", "zconn/ada"]).await?;
    ensure!(said.starts_with("zconn/ada has a new token"), "{said}");
    ensure!(generation(&bed).await? == before + 1);
    alive(&sim, &app, minted.id).await?;

    // Zoom forgets the grant: a refusal is no reason to go on waiting, and the next wish knows it before.
    take_back(&bed, "zoomconnections", "ada").await?;
    make_old(&bed).await?;
    app.register(&sim, json!({})).await?;
    for _ in 0..2 {
        let said = person.zoom(&["refresh", "zconn/ada"]).await?;
        let refused = said
            .stderr
            .contains("no other token: Zoom no longer accepts");
        ensure!(!said.success && refused, "{said:?}");
    }
    Ok(())
}

async fn grant(bed: &Bed) -> anyhow::Result<Value> {
    let secret = bed.get("secrets", "ada-zoom-grant").await?;
    Ok(serde_json::from_str(&key(&secret, "grant"))?)
}

async fn generation(bed: &Bed) -> anyhow::Result<u64> {
    Ok(grant(bed).await?["generation"].as_u64().unwrap_or_default())
}

async fn make_old(bed: &Bed) -> anyhow::Result<()> {
    let refresh_at = || async {
        let connection = bed.get("zoomconnections", "ada").await?;
        anyhow::Ok(text(&connection, "/status/token/refreshAt").to_owned())
    };
    let before = refresh_at().await?;
    let mut grant = grant(bed).await?;
    let issued = some_minutes_ago();
    grant["access"]["issuedAt"] = json!(issued.to_string());
    let expires = issued + SignedDuration::from_hours(1);
    grant["access"]["expiresAt"] = json!(expires.to_string());
    let patch = json!({"stringData": {"grant": grant.to_string()}});
    bed.patch("secrets", "ada-zoom-grant", &patch).await?;
    wait_for("the token is known to be old", LIMIT, || async {
        Ok((refresh_at().await? != before).then_some(()))
    })
    .await
}

/// No refresh token was used twice.
async fn alive(sim: &Sim, app: &App, id: u64) -> anyhow::Result<()> {
    let grant = app.grant(sim, id).await?;
    let again = &grant["counters"]["spent_again"];
    ensure!(grant["alive"] == true && again == 0, "{grant:#}");
    Ok(())
}
