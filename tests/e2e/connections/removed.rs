//! People who remove the app in Zoom: Zoom tells the receiver, and a token request confirms it.

use jiff::Timestamp;
use serde_json::json;

use super::{Scene, stored, until, with_app};
use crate::bed::{
    Bed, Case, LIMIT, Options,
    object::{message, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("connections::removed_app_is_forgotten", removed),
        Case::new("connections::forged_removal_is_not_believed", forged),
        Case::new(
            "connections::unverified_removal_is_one_question",
            unverified,
        ),
    ]
}

/// A webhook through which Zoom can say who removed the app.
fn webhook() -> serde_json::Value {
    json!({"webhook": {
        "subscriptions": [],
        "sink": {"http": {"serviceRef": {"name": "sink", "path": "/zoom"}}},
    }})
}

async fn removed(bed: Bed) -> anyhow::Result<()> {
    let deauthorization = json!({"deauthorization_url": "http://app-receiver/"});
    let (sim, _operator, app) = with_app(&bed, deauthorization, &webhook()).await?;
    let people = app.people(&sim).await?;
    let (ada, grace) = (
        app.mint(&sim, &people[0]).await?,
        app.mint(&sim, &people[4]).await?,
    );
    app.import(&bed, "ada", &ada, &json!({})).await?;
    app.import(&bed, "grace", &grace, &json!({})).await?;
    until(&bed, "ada", "Connected").await?;
    until(&bed, "grace", "Connected").await?;
    bed.until_deployed("app-receiver").await?;
    // Its address leads to it: Zoom's notice is not repeated by the simulator.
    let event = json!({"event": "meeting.ended", "event_ts": 1_750_000_000_000_i64, "payload": {}});
    sim.deliver(&app.0, json!({"event": event})).await?;

    let path = format!("apps/{}/grants/{}/deauthorize", app.0.client_id, ada.id);
    let told = sim.admin("POST", &path, None).await?;
    anyhow::ensure!(told["delivery"]["delivered"] == true, "{told:#}");
    let connection = until(&bed, "ada", "Deauthorized").await?;
    anyhow::ensure!(text(&connection, "/status/phase") == "Reauthorization required");
    anyhow::ensure!(
        message(&connection, "Ready").contains("data is to be deleted by"),
        "{connection:#}"
    );
    wait_for("the token of who removed the app goes", LIMIT, || async {
        let secret = bed.find("secrets", "ada-zoom-token").await?;
        Ok(secret.is_none().then_some(()))
    })
    .await?;
    let kept = bed.get("secrets", "ada-zoom-grant").await?;
    let kept = crate::bed::object::key(&kept, "grant");
    anyhow::ensure!(!kept.contains("eyJ"), "a token is kept");
    // Nobody else is touched.
    let other = bed.get("zoomconnections", "grace").await?;
    anyhow::ensure!(text(&other, "/status/phase") == "Connected");
    anyhow::ensure!(bed.find("secrets", "grace-zoom-token").await?.is_some());
    Ok(())
}

/// The notice is a hint: as long as Zoom gives tokens, the grant lives.
async fn forged(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator, app) = with_app(&bed, json!({}), &webhook()).await?;
    let ada = app.people(&sim).await?.remove(0);
    let minted = app.mint(&sim, &ada).await?;
    app.import(&bed, "ada", &minted, &json!({})).await?;
    let connection = until(&bed, "ada", "Connected").await?;
    bed.until_deployed("app-receiver").await?;
    let event = json!({
        "event": "app_deauthorized",
        "event_ts": jiff::Timestamp::now().as_millisecond(),
        "payload": {
            "account_id": text(&connection, "/status/subject/accountId"),
            "user_id": text(&connection, "/status/subject/userId"),
            "client_id": app.0.client_id,
        },
    });
    sim.deliver(&app.0, json!({"event": event})).await?;
    // Checked by a token request, which succeeds.
    wait_for("the grant is checked", LIMIT, || async {
        let grant = app.grant(&sim, minted.id).await?;
        Ok((grant["generation"].as_u64() >= Some(2)).then_some(()))
    })
    .await?;
    let connection = until(&bed, "ada", "Connected").await?;
    anyhow::ensure!(text(&connection, "/status/phase") == "Connected");
    anyhow::ensure!(bed.find("secrets", "ada-zoom-token").await?.is_some());
    Ok(())
}

/// Without Zoom's signature it leads to a question, no sooner than ten minutes after the last token, and erases nothing
/// even if Zoom refuses the grant.
async fn unverified(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &webhook()).await?;
    let minted = scene.connect("ada", 0).await?;
    let connection = until(&bed, "ada", "Connected").await?;
    bed.until_deployed("app-receiver").await?;
    let claim = async || {
        let event = json!({
            "event": "app_deauthorized",
            "event_ts": Timestamp::now().as_millisecond(),
            "payload": {
                "account_id": text(&connection, "/status/subject/accountId"),
                "user_id": text(&connection, "/status/subject/userId"),
                "client_id": scene.app.0.client_id,
            },
        });
        let order = json!({"event": event, "signature": format!("v0={}", "0".repeat(64))});
        let delivery = scene.sim.deliver(&scene.app.0, order).await?;
        anyhow::ensure!(delivery["delivered"] == false, "{delivery:#}");
        anyhow::Ok(())
    };

    // The last token is a minute old: no question yet. Once it is older, there is one.
    claim().await?;
    anyhow::ensure!(scene.requests().await? == 1);
    age(&bed, "ada").await?;
    scene.until_generation("ada", &minted, 2).await?;
    until(&bed, "ada", "Connected").await?;

    // Anybody can repeat it: the token is new, so it costs nothing until that is old again.
    claim().await?;
    claim().await?;
    anyhow::ensure!(scene.requests().await? == 2);
    age(&bed, "ada").await?;
    scene.until_generation("ada", &minted, 3).await?;
    anyhow::ensure!(scene.requests().await? == 3);
    anyhow::ensure!(scene.sim.events().await?.is_empty(), "it was forwarded");

    // The person has really removed it, and only the claim says so.
    let path = format!(
        "apps/{}/grants/{}/deauthorize",
        scene.app.0.client_id, minted.id
    );
    scene.sim.admin("POST", &path, None).await?;
    claim().await?;
    age(&bed, "ada").await?;
    let lost = until(&bed, "ada", "GrantLost").await?;
    anyhow::ensure!(
        !text(&lost, "/status/grant/sealedUntil").is_empty(),
        "{lost:#}"
    );
    let grant = stored(&bed, "ada").await?;
    anyhow::ensure!(
        text(&grant, "/credential/refreshToken").len() > 20,
        "erased"
    );
    anyhow::ensure!(bed.find("secrets", "ada-zoom-token").await?.is_some());
    anyhow::ensure!(scene.requests().await? == 4);
    Ok(())
}

/// Makes the access token twelve minutes old, which is no reason to refresh it.
async fn age(bed: &Bed, name: &str) -> anyhow::Result<()> {
    let mut grant = stored(bed, name).await?;
    let now = Timestamp::now().as_second();
    let at = |second| anyhow::Ok(json!(Timestamp::from_second(second)?.to_string()));
    grant["access"]["issuedAt"] = at(now - 720)?;
    grant["access"]["expiresAt"] = at(now + 2880)?;
    let patch = json!({"stringData": {"grant": grant.to_string()}});
    bed.patch("secrets", &format!("{name}-zoom-grant"), &patch)
        .await?;
    Ok(())
}
