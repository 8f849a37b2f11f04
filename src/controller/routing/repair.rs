//! Looks at the Secrets with an integration's routes: at all of them once, and later at those that somebody else has
//! changed.

use std::collections::BTreeMap;

use contract::receiver::routes::{Connection, SHARDS, secret_name};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{ListParams, Patch},
};
use serde_json::{Value, json};

use super::{
    memory::{Routes, turn::Differing},
    versions,
};
use crate::{
    api::{label, v1alpha1::ZoomIntegration},
    controller::{
        error::{Error, chain},
        integration::ownership::{is_controlled, owned},
        key::Key,
        published::patch_parameters,
        reader::{Reader, Reads},
        writer::Writer,
    },
};

/// An integration, and what its routes are read and written with.
#[derive(Clone, Copy)]
pub struct Home<'a> {
    /// What is known of them.
    pub routes: &'a Routes,
    /// Reads Secrets.
    pub reader: &'a Reader,
    /// Writes Secrets.
    pub writer: &'a Writer,
    /// The integration.
    pub integration: &'a ZoomIntegration,
}

/// What came of a look at a Secret that somebody else has changed.
struct Seen {
    /// The connections whose route is another one than was remembered.
    differing: Differing,
    /// Whether something else was wrong.
    was_broken: bool,
    /// Why it still is.
    refused: Option<Error>,
}

/// The first of several failures.
#[derive(Default)]
pub(super) struct Failures(Option<Error>);

// === impl Failures ===

impl Failures {
    /// Records one.
    pub fn note(&mut self, error: Error) {
        self.0.get_or_insert(error);
    }

    /// The first one, if there is one.
    pub fn first(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Reads which connections have a route. A Secret that cannot be repaired counts as changed by somebody else.
///
/// # Errors
/// When the Secrets cannot be listed.
pub(super) async fn look(home: Home<'_>) -> Result<(), Error> {
    let secrets: Reads<Secret> = home.reader.beside(home.integration);
    let selector = format!(
        "{}={},{}={}",
        label::USE,
        label::ROUTES,
        label::INTEGRATION,
        home.integration.name_any()
    );
    let key = Key::from(home.integration);
    home.routes.begin(&key);
    let found = secrets
        .list(&ListParams::default().labels(&selector))
        .await?;
    let mut secrets = Vec::new();
    for shard in 0..SHARDS {
        let name = secret_name(&key.name, shard);
        let mut found = found.iter();
        let secret =
            found.find(|secret| secret.name_any() == name && owned(home.integration, *secret));
        if let Some(secret) = secret {
            secrets.push((shard, mended(home, secret, shard).await));
        }
    }
    let mut written = Vec::new();
    for (shard, secret) in &secrets {
        let version = secret.secret.resource_version();
        if secret.refused.is_none() {
            home.routes.read(&key, *shard, version.as_deref());
        } else {
            home.routes.doubt(&key, *shard, version.as_deref());
        }
        let routes = versions::routes(&secret.secret);
        written.extend(routes.filter(|(connection, _)| connection.shard() == *shard));
    }
    home.routes.found(&key, &written);
    Ok(())
}

/// Looks at the Secrets that somebody else has changed, unless they do so again and again. `altered` gets the
/// connections whose route is another one, and `again` those whose last write took effect without an answer. Returns when
/// to look at the Secrets that are left for now.
pub(super) async fn repair(
    home: Home<'_>,
    again: impl Fn(&Connection),
    altered: impl Fn(&Connection),
    failures: &mut Failures,
) -> Option<Timestamp> {
    let (routes, key) = (home.routes, Key::from(home.integration));
    let mut rests = None;
    for shard in routes.foreign(&key) {
        let now = Timestamp::now();
        if let Some(until) = routes.rests(&key, shard, now) {
            rests = [rests, Some(until)].into_iter().flatten().min();
            continue;
        }
        let seen = match look_again(home, shard).await {
            Ok(seen) => seen,
            Err(error) => {
                failures.note(error);
                continue;
            }
        };
        seen.differing.own.iter().for_each(&again);
        for connection in &seen.differing.altered {
            tracing::warn!(%connection, "somebody else changed the route");
            altered(connection);
        }
        let is_repaired = seen.was_broken || !seen.differing.altered.is_empty();
        if is_repaired && routes.repaired(&key, shard, now) {
            let secret = secret_name(&key.name, shard);
            tracing::warn!(
                secret,
                "somebody changes the routes again and again, such as an admission webhook or a tool that copies Secrets: they are repaired only now and then"
            );
        }
        if let Some(error) = seen.refused {
            failures.note(error);
        }
    }
    rests
}

/// Reads one Secret again that somebody else has written. If it cannot be repaired, it stays one of these.
async fn look_again(home: Home<'_>, shard: usize) -> Result<Seen, Error> {
    let key = Key::from(home.integration);
    let turn = home.routes.turn(home.writer, &key, shard).await;
    let secrets: Reads<Secret> = home.reader.beside(home.integration);
    let live = secrets.get_opt(&secret_name(&key.name, shard)).await?;
    let Some(live) = live.filter(|live| owned(home.integration, live)) else {
        return Ok(Seen {
            differing: turn.looked(None),
            was_broken: false,
            refused: None,
        });
    };
    let live = mended(home, &live, shard).await;
    let differing = if live.refused.is_none() {
        turn.looked(Some(&live.secret))
    } else {
        turn.compared(Some(&live.secret))
    };
    Ok(Seen {
        differing,
        was_broken: live.was_broken,
        refused: live.refused,
    })
}

/// A Secret as it is to be, or as it was if that could not be written.
struct Mended {
    secret: Secret,
    /// Whether something was wrong beside its routes.
    was_broken: bool,
    refused: Option<Error>,
}

/// Removes the routes that belong into another Secret, and lets the Secret end with the integration.
async fn mended(home: Home<'_>, secret: &Secret, shard: usize) -> Mended {
    let strays = versions::strays(secret, shard);
    let is_orphan = !is_controlled(home.integration, &secret.metadata);
    let was_broken = is_orphan || !strays.is_empty();
    let written = if was_broken {
        mend(home, secret, &strays).await
    } else {
        Ok(secret.clone())
    };
    let (secret, refused) = match written {
        Ok(secret) => (secret, None),
        Err(error) => {
            tracing::warn!(
                name = secret.name_any(),
                error = chain(&error),
                "a Secret with routes could not be repaired"
            );
            (secret.clone(), Some(error))
        }
    };
    Mended {
        secret,
        was_broken,
        refused,
    }
}

async fn mend(home: Home<'_>, secret: &Secret, strays: &[&str]) -> Result<Secret, Error> {
    let name = secret.name_any();
    tracing::warn!(
        name,
        ?strays,
        "repairs a Secret that lacks its owner or has routes that belong into other Secrets"
    );
    let data: BTreeMap<_, Option<&str>> = strays.iter().map(|key| (*key, None)).collect();
    let mut patch = json!({"data": data});
    own(home.integration, &secret.metadata, &mut patch);
    let secrets: Api<Secret> = home.writer.beside(home.integration)?;
    let patch = Patch::Merge(patch);
    let patched = secrets.patch(&name, &patch_parameters(), &patch).await;
    patched.map_err(Error::from_write)
}

/// Lets the patch of a Secret with this metadata make the integration its owner if it has none, such as one from a
/// backup: it has credentials, and is to end with the integration.
pub(super) fn own(integration: &ZoomIntegration, live: &ObjectMeta, patch: &mut Value) {
    if !is_controlled(integration, live) {
        let owner = integration.controller_owner_ref(&());
        patch["metadata"] = json!({"ownerReferences": owner.as_slice()});
    }
}
