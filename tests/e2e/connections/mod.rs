//! Connections of General apps: one grant for each person, kept alive by the operator alone.

mod crash;
mod deletion;
mod endings;
mod failing;
mod fleet;
mod identity;
mod imported;
mod interference;
mod life;
mod lifecycle;
mod moved;
mod removed;
mod rights;
mod setting;

use anyhow::ensure;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bed::{
    App, Bed, Case, LIMIT, Minted, Operator, Options, Sim, keep,
    object::{key, reason, seen, status, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    [
        imported::cases(),
        life::cases(),
        moved::cases(),
        lifecycle::cases(),
        interference::cases(),
        setting::cases(),
        failing::cases(),
        endings::cases(),
        identity::cases(),
        deletion::cases(),
        removed::cases(),
        rights::cases(),
        crash::cases(),
        fleet::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a test of one connection has at hand.
struct Scene {
    bed: Bed,
    sim: Sim,
    operator: Operator,
    app: App,
}

/// A grant's counters and what became of it, as Zoom sees it.
#[derive(Debug)]
struct Seen {
    alive: bool,
    dead_because: String,
    generation: u64,
    in_flight_max: u64,
    spent_again: u64,
    spent_again_after_lost_reply: u64,
    /// Requests that were answered, whatever the answer.
    answered: u64,
}

/// The offline Zoom, an operator, and an app that both know.
async fn with_app(
    bed: &Bed,
    settings: Value,
    spec: &Value,
) -> anyhow::Result<(Sim, Operator, App)> {
    let scene = Scene::new(bed, &Options::default(), settings, spec).await?;
    Ok((scene.sim, scene.operator, scene.app))
}

/// Waits until the connection's Ready has this reason; the connection.
async fn until(bed: &Bed, name: &str, wanted: &str) -> anyhow::Result<Value> {
    until_connection(bed, name, wanted, |connection| {
        reason(connection, "Ready") == wanted
    })
    .await
}

/// Waits until the controller has seen the latest change and the connection is as wished.
async fn until_connection(
    bed: &Bed,
    name: &str,
    what: &str,
    holds: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    bed.until_object("zoomconnections", name, what, |connection| {
        seen(connection) && holds(connection)
    })
    .await
}

/// The grant as the operator stored it.
async fn stored(bed: &Bed, name: &str) -> anyhow::Result<Value> {
    let secret = bed.get("secrets", &format!("{name}-zoom-grant")).await?;
    let grant: Value = serde_json::from_str(&key(&secret, "grant"))?;
    for secret in ["/credential/refreshToken", "/access/token"] {
        let secret = text(&grant, secret);
        if !secret.is_empty() {
            keep(secret);
        }
    }
    Ok(grant)
}

/// Makes the next refresh come now, as if the access token had been got an hour ago.
async fn refresh_now(bed: &Bed, name: &str) -> anyhow::Result<()> {
    let mut grant = stored(bed, name).await?;
    let now = Timestamp::now().as_second();
    let at = |second| anyhow::Ok(json!(Timestamp::from_second(second)?.to_string()));
    grant["access"]["issuedAt"] = at(now - 3000)?;
    grant["access"]["expiresAt"] = at(now + 600)?;
    let patch = json!({"stringData": {"grant": grant.to_string()}});
    bed.patch("secrets", &format!("{name}-zoom-grant"), &patch)
        .await?;
    Ok(())
}

/// The token that consumers find.
async fn published(bed: &Bed, name: &str) -> anyhow::Result<String> {
    let secret = bed.get("secrets", &format!("{name}-zoom-token")).await?;
    Ok(key(&secret, "access-token"))
}

/// Waits until consumers find the token of this generation of the grant.
async fn until_published(bed: &Bed, name: &str, generation: u64) -> anyhow::Result<Value> {
    wait_for(
        &format!("{name}: generation {generation} is published"),
        LIMIT,
        || async {
            let grant = stored(bed, name).await?;
            let current = grant["generation"].as_u64() >= Some(generation);
            let same = published(bed, name).await? == text(&grant, "/access/token");
            Ok((current && same).then_some(grant))
        },
    )
    .await
}

/// Reasons of the Events about a connection.
async fn events(bed: &Bed, name: &str) -> anyhow::Result<Vec<String>> {
    let mut events = bed.list("events", "").await?;
    events.retain(|event| {
        event["regarding"]["name"] == name && event["regarding"]["kind"] == "ZoomConnection"
    });
    Ok(events
        .iter()
        .map(|event| text(event, "/reason").to_owned())
        .collect())
}

// === impl Scene ===

impl Scene {
    /// The offline Zoom, an operator, and an app that both know.
    async fn new(
        bed: &Bed,
        options: &Options,
        settings: Value,
        spec: &Value,
    ) -> anyhow::Result<Self> {
        let scene = Self::untried(bed, options, settings, spec).await?;
        scene.until_tried(&scene.app).await?;
        Ok(scene)
    }

    /// The same, while Zoom may be out of reach.
    async fn untried(
        bed: &Bed,
        options: &Options,
        settings: Value,
        spec: &Value,
    ) -> anyhow::Result<Self> {
        let (sim, operator) = bed.zoom_and_operator(options).await?;
        let scene = Self {
            bed: bed.clone(),
            sim,
            operator,
            app: App::general("app"),
        };
        let (app, sim) = (&scene.app, &scene.sim);
        app.declare(bed, sim, settings, spec).await?;
        Ok(scene)
    }

    /// The same, and the connection `ada` with a grant that was refreshed once.
    async fn connected(bed: &Bed) -> anyhow::Result<(Self, Minted)> {
        let scene = Self::new(bed, &Options::default(), json!({}), &json!({})).await?;
        let minted = scene.connect("ada", 0).await?;
        Ok((scene, minted))
    }

    /// Makes an app known to both, and waits until its credentials were tried.
    async fn add(&self, app: &App, settings: Value, spec: &Value) -> anyhow::Result<()> {
        app.declare(&self.bed, &self.sim, settings, spec).await?;
        self.until_tried(app).await
    }

    /// Waits until the app's credentials were tried: what happens at Zoom from then on is about grants.
    async fn until_tried(&self, app: &App) -> anyhow::Result<()> {
        self.bed
            .until(&app.0.name, "its credentials were tried", |integration| {
                matches!(status(integration, "CredentialsValid"), "True" | "False")
            })
            .await?;
        Ok(())
    }

    /// A grant of one of the account's people.
    async fn mint(&self, person: usize) -> anyhow::Result<Minted> {
        let people = self.app.people(&self.sim).await?;
        self.app.mint(&self.sim, &people[person]).await
    }

    /// A connection with a grant of one of the account's people.
    async fn connect(&self, name: &str, person: usize) -> anyhow::Result<Minted> {
        let minted = self.mint(person).await?;
        self.app
            .import(&self.bed, name, &minted, &json!({}))
            .await?;
        until(&self.bed, name, "Connected").await?;
        Ok(minted)
    }

    /// How many token requests there were for the app's grants.
    async fn requests(&self) -> anyhow::Result<u64> {
        self.app.grant_requests(&self.sim).await
    }

    /// A grant as Zoom sees it.
    async fn seen(&self, minted: &Minted) -> anyhow::Result<Seen> {
        seen_of(&self.sim, &self.app, minted).await
    }

    /// Waits until the connection holds a grant of this generation, which Zoom knows as the newest.
    async fn until_generation(
        &self,
        name: &str,
        minted: &Minted,
        generation: u64,
    ) -> anyhow::Result<Seen> {
        until_published(&self.bed, name, generation).await?;
        let seen = self.seen(minted).await?;
        ensure!(
            seen.alive && seen.generation == generation,
            "{generation} is not the newest: {seen:?}"
        );
        Ok(seen)
    }

    /// Changes the spec of a connection.
    async fn change(&self, name: &str, spec: &Value) -> anyhow::Result<()> {
        self.bed
            .patch("zoomconnections", name, &json!({"spec": spec}))
            .await?;
        Ok(())
    }
}

/// A grant as Zoom sees it.
async fn seen_of(sim: &Sim, app: &App, minted: &Minted) -> anyhow::Result<Seen> {
    let grant = app.grant(sim, minted.id).await?;
    let counters = &grant["counters"];
    let count = |name: &str| counters[name].as_u64().unwrap_or_default();
    let answers = counters["refresh_requests_by_outcome"].as_object();
    Ok(Seen {
        alive: grant["alive"] == true,
        dead_because: text(&grant, "/dead_because").to_owned(),
        generation: grant["generation"].as_u64().unwrap_or_default(),
        in_flight_max: count("refresh_in_flight_max"),
        spent_again: count("spent_again"),
        spent_again_after_lost_reply: count("spent_again_after_lost_reply"),
        answered: answers.map_or(0, |answers| {
            answers.values().filter_map(Value::as_u64).sum()
        }),
    })
}

// === impl Seen ===

impl Seen {
    /// Never two requests in flight, never a second send after a reply that arrived.
    fn ensure_sound(&self) -> anyhow::Result<()> {
        ensure!(self.in_flight_max <= 1 && self.spent_again == 0, "{self:?}");
        Ok(())
    }
}
