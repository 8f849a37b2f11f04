//! Zoom fails at a refresh: the access token lasts, the grant is kept, and nothing is sent twice that could be spent.

use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Scene, Seen, published, refresh_now, seen_of, stored, until, until_connection, until_published,
};
use crate::bed::{
    App, Bed, Case, History, Minted, Options, Sim,
    object::{message, reason, status, text},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("connections::refused_unspent_and_refreshed_later", unspent),
        Case::new("connections::outcome_unknown_and_refreshed_later", unknown),
        Case::new("connections::lost_reply_is_a_lost_grant", lost),
        Case::new("connections::rate_limit_is_waited_for", rate_limit),
        Case::new("connections::zoom_is_down_at_the_import", down_at_import),
        Case::new("connections::zoom_does_not_tell_who_it_is", identity_fails),
        Case::new("connections::wrong_client_secret", wrong_secret),
        Case::new("connections::pair_of_another_app", other_app),
        Case::new(
            "connections::import_with_the_pair_of_another_app",
            import_with_other_app,
        ),
    ]
}

/// A connection of an app of its own, whose refreshes fail once in a certain way.
struct Trial {
    name: &'static str,
    app: App,
    minted: Minted,
    /// What became of the connection since it was connected.
    history: History,
}

// === impl Trial ===

impl Trial {
    /// A connection that is connected, and whose next refresh fails.
    async fn begin(scene: &Scene, name: &'static str, fault: &Value) -> anyhow::Result<Self> {
        let trial = Self::prepare(scene, name).await?;
        trial.strike(scene, fault).await?;
        Ok(trial)
    }

    /// A connection that is connected.
    async fn prepare(scene: &Scene, name: &'static str) -> anyhow::Result<Self> {
        let (bed, sim) = (&scene.bed, &scene.sim);
        let app = App::general(name);
        scene.add(&app, json!({}), &json!({})).await?;
        let person = app.people(sim).await?.remove(0);
        let minted = app.mint(sim, &person).await?;
        app.import(bed, name, &minted, &json!({})).await?;
        until(bed, name, "Connected").await?;
        let history = bed.record_connection(name).await?;
        Ok(Self {
            name,
            app,
            minted,
            history,
        })
    }

    /// Has its next refresh come now, and fail.
    async fn strike(&self, scene: &Scene, fault: &Value) -> anyhow::Result<()> {
        let rule = json!({
            "endpoint": "token", "client_id": self.app.0.client_id, "times": 1, "fault": fault,
        });
        scene.sim.put_fault(self.name, rule).await?;
        refresh_now(&scene.bed, self.name).await
    }

    /// Waits until the last refresh failed for this reason, and consumers noticed nothing: the connection as it was then.
    /// Another attempt may follow soon.
    async fn until_failing(&self, wanted: &str) -> anyhow::Result<Value> {
        let failed = self.history.until(wanted, |connection| {
            text(connection, "/status/token/failure/reason") == wanted
        });
        let connection = failed.await?;
        ensure!(status(&connection, "Ready") == "True", "{connection:#}");
        ensure!(reason(&connection, "TokenFresh") == wanted);
        Ok(connection)
    }

    async fn seen(&self, sim: &Sim) -> anyhow::Result<Seen> {
        seen_of(sim, &self.app, &self.minted).await
    }
}

/// Definite refusals: no trace of an attempt remains, and the next one succeeds.
async fn unspent(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let faults = [
        (
            "limit",
            json!({"kind": "rate_limit", "per": "second"}),
            "RateLimited",
        ),
        (
            "refused",
            json!({"kind": "status", "status": 403, "body": "{\"error\":\"something_new\"}"}),
            "ZoomRefused",
        ),
        (
            "proxy",
            json!({"kind": "status", "status": 407, "body": "<html>proxy</html>"}),
            "ZoomUnintelligible",
        ),
    ];
    for (name, fault, wanted) in &faults {
        let trial = Trial::begin(&scene, name, fault).await?;
        let connection = trial.until_failing(wanted).await?;
        let grant = stored(&bed, name).await?;
        let trace = grant["intent"] != Value::Null && !is_next(&grant, &connection)?;
        ensure!(!trace, "{name}: {grant:#}");
        until_refreshed(&bed, name).await?;
        let seen = trial.seen(&scene.sim).await?;
        seen.ensure_sound()?;
        ensure!(
            seen.alive && seen.generation == 2 && seen.spent_again_after_lost_reply == 0,
            "{name}: {seen:?}"
        );
    }
    Ok(())
}

/// Nobody knows whether Zoom spent the token: the attempt stays recorded, and one more tells that it did not.
async fn unknown(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let faults = [
        (
            "broken",
            json!({"kind": "status", "status": 503, "body": "<html>maintenance</html>"}),
            "ZoomUnavailable",
        ),
        ("cut", json!({"kind": "refuse"}), "ZoomUnreachable"),
        ("garbage", json!({"kind": "garbage"}), "ZoomUnintelligible"),
        (
            "no-token",
            json!({"kind": "status", "status": 200, "body": "{\"scope\":\"\"}"}),
            "ZoomUnintelligible",
        ),
    ];
    for (name, fault, wanted) in &faults {
        let trial = Trial::begin(&scene, name, fault).await?;
        let connection = trial.until_failing(wanted).await?;
        ensure!(!message(&connection, "TokenFresh").contains("maintenance"));
        let grant = stored(&bed, name).await?;
        // The second attempt may be under way, or over, on a slow machine.
        if grant["generation"] == 1 && !is_next(&grant, &connection)? {
            ensure!(grant["intent"]["attempt"] == 1, "{name}: {grant:#}");
        }
        until_refreshed(&bed, name).await?;
        let seen = trial.seen(&scene.sim).await?;
        seen.ensure_sound()?;
        ensure!(
            seen.alive && seen.generation == 2 && seen.spent_again_after_lost_reply == 0,
            "{name}: {seen:?}"
        );
    }
    Ok(())
}

/// Zoom spent the token and its reply reached nobody. One more attempt tells; then a person must act.
async fn lost(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let faults = [
        ("dropped", json!({"kind": "drop"})),
        ("truncated", json!({"kind": "truncated"})),
        ("garbled", json!({"kind": "garbage", "processed": true})),
        (
            "broken",
            json!({"kind": "status", "status": 502, "processed": true}),
        ),
    ];
    for (name, fault) in &faults {
        let trial = Trial::begin(&scene, name, fault).await?;
        let connection = until(&bed, name, "ReplyLost").await?;
        ensure!(text(&connection, "/status/phase") == "Reauthorization required");
        ensure!(status(&connection, "Stalled") == "True");
        ensure!(text(&connection, "/status/grant/lost") == "ReplyLost");
        let seen = trial.seen(&scene.sim).await?;
        seen.ensure_sound()?;
        ensure!(
            seen.spent_again_after_lost_reply == 1 && seen.answered == 3,
            "{name}: {seen:?}"
        );
    }
    // That is the end of it: nothing is sent any more.
    let requests = scene.requests().await?;
    scene.operator.restart().await?;
    for (name, _) in &faults {
        scene
            .change(name, &json!({"externalRefs": {"crm": "1"}}))
            .await?;
        until(&bed, name, "ReplyLost").await?;
    }
    ensure!(scene.requests().await? == requests);
    Ok(())
}

async fn rate_limit(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let trial = Trial::prepare(&scene, "ada").await?;
    let allowed = Timestamp::from_second(Timestamp::now().as_second() + 30)?;
    let fault = json!({"kind": "rate_limit", "per": "day", "retry_after": allowed.to_string()});
    trial.strike(&scene, &fault).await?;
    let connection = trial.until_failing("RateLimited").await?;
    let retry: Timestamp = text(&connection, "/status/token/failure/retryAt").parse()?;
    ensure!(retry >= allowed, "{retry} {allowed}");
    until_refreshed(&bed, "ada").await?;
    let path = format!("apps/{}/requests", trial.app.0.client_id);
    let log = scene.sim.admin("GET", &path, None).await?;
    // The first one tried the app's credentials.
    let last: Timestamp = text(&log, "/3/at").parse()?;
    ensure!(last >= retry && log[4] == Value::Null, "{log:#}");
    Ok(())
}

/// Before there ever was a token: nothing is usable, nothing is lost.
async fn down_at_import(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    scene
        .sim
        .fault("down", "any", json!({"kind": "refuse"}))
        .await?;
    let minted = scene.mint(0).await?;
    scene.app.import(&bed, "ada", &minted, &json!({})).await?;
    let connection = until(&bed, "ada", "ZoomUnreachable").await?;
    ensure!(text(&connection, "/status/phase") == "Connecting");
    ensure!(status(&connection, "Ready") == "Unknown");
    ensure!(status(&connection, "Stalled") == "absent");
    ensure!(bed.find("secrets", "ada-zoom-token").await?.is_none());
    scene.sim.clear_fault("down").await?;
    until(&bed, "ada", "Connected").await?;
    let seen = scene.until_generation("ada", &minted, 1).await?;
    seen.ensure_sound()
}

/// The grant is kept, and not published before it is known whose it is.
async fn identity_fails(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let down = json!({"kind": "status", "status": 503});
    scene.sim.fault("down", "api", down).await?;
    let minted = scene.mint(0).await?;
    let person = json!({"subject": {"email": minted.user}});
    scene.app.import(&bed, "ada", &minted, &person).await?;
    let connection = until(&bed, "ada", "ZoomUnavailable").await?;
    ensure!(reason(&connection, "SubjectVerified") == "NotAsked");
    ensure!(bed.find("secrets", "ada-zoom-token").await?.is_none());
    scene.sim.clear_fault("down").await?;
    let connection = until(&bed, "ada", "Connected").await?;
    ensure!(reason(&connection, "SubjectVerified") == "Verified");
    let seen = scene.until_generation("ada", &minted, 1).await?;
    ensure!(seen.answered == 1, "{seen:?}");
    seen.ensure_sound()
}

/// A mistake of the tenant's costs no grant, and is repaired at once.
async fn wrong_secret(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    let token = published(&bed, "ada").await?;
    let mut wrong = scene.app.0.clone();
    wrong.client_secret = crate::bed::unique("wrong-secret");
    bed.apply(&wrong.secret()).await?;
    refresh_now(&bed, "ada").await?;
    let connection = until(&bed, "ada", "CredentialsRejected").await?;
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(text(&connection, "/status/phase") == "Degraded");
    ensure!(published(&bed, "ada").await? == token, "it is still valid");
    let since = std::time::Instant::now();
    bed.apply(&scene.app.0.secret()).await?;
    until(&bed, "ada", "Connected").await?;
    ensure!(since.elapsed() < Duration::from_secs(40), "not soon");
    let seen = scene.until_generation("ada", &minted, 2).await?;
    seen.ensure_sound()
}

/// The Secret of the app with a pair that Zoom takes, of another app.
async fn of_another_app(scene: &Scene) -> anyhow::Result<Value> {
    let other = App::general("other");
    other.register(&scene.sim, json!({})).await?;
    let mut wrong = scene.app.0.clone();
    wrong.client_id.clone_from(&other.0.client_id);
    wrong.client_secret.clone_from(&other.0.client_secret);
    Ok(wrong.secret())
}

/// The valid pair of another app costs no grant: nothing is sent, and the right pair is enough.
async fn other_app(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    let requests = scene.requests().await?;
    bed.apply(&of_another_app(&scene).await?).await?;
    refresh_now(&bed, "ada").await?;
    let connection = until(&bed, "ada", "ClientIdChanged").await?;
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(text(&connection, "/status/phase") == "Degraded");
    ensure!(message(&connection, "Ready").contains(&scene.app.0.client_id));
    ensure!(reason(&connection, "TokenFresh") == "ClientIdChanged");
    ensure!(text(&connection, "/status/grant/lost").is_empty());
    ensure!(scene.requests().await? == requests, "it was sent");
    bed.apply(&scene.app.0.secret()).await?;
    until(&bed, "ada", "Connected").await?;
    let seen = scene.until_generation("ada", &minted, 2).await?;
    seen.ensure_sound()
}

/// Nobody knows yet whose the imported token is: it is sealed, and tried once with the right pair.
async fn import_with_other_app(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let minted = scene.mint(0).await?;
    bed.apply(&of_another_app(&scene).await?).await?;
    scene.app.import(&bed, "ada", &minted, &json!({})).await?;
    let connection = until(&bed, "ada", "GrantLost").await?;
    ensure!(message(&connection, "Ready").contains("another app"));
    ensure!(!text(&connection, "/status/grant/sealedUntil").is_empty());
    bed.apply(&scene.app.0.secret()).await?;
    until(&bed, "ada", "Connected").await?;
    let seen = scene.until_generation("ada", &minted, 1).await?;
    seen.ensure_sound()
}

/// Whether the intent belongs to the attempt after the one that failed.
fn is_next(grant: &Value, failed: &Value) -> anyhow::Result<bool> {
    let begun = text(grant, "/intent/begun");
    if begun.is_empty() {
        return Ok(false);
    }
    let retry: Timestamp = text(failed, "/status/token/failure/retryAt").parse()?;
    Ok(begun.parse::<Timestamp>()? >= retry)
}

/// Waits until the grant was refreshed for the second time.
async fn until_refreshed(bed: &Bed, name: &str) -> anyhow::Result<()> {
    until_published(bed, name, 2).await?;
    let connection = until_connection(bed, name, "no failure", |connection| {
        reason(connection, "TokenFresh") == "Refreshed"
    })
    .await?;
    ensure!(connection["status"]["token"]["failure"] == Value::Null);
    let grant = stored(bed, name).await?;
    ensure!(grant["intent"] == Value::Null, "{grant:#}");
    Ok(())
}
