//! Removes the routes that nobody has any more: an integration's pass looks after them. A namespace that is no
//! longer allowed keeps a blocked route for a while, so that a wrong label loses no event.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::receiver::routes::{Connection, Route, SHARDS, secret_name};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _, api::Patch};
use serde_json::json;

use super::{
    memory::turn::Turn,
    repair::{Failures, Home, look, repair},
    sink::nowhere,
    write::erase,
};
use crate::controller::{
    error::Error, index::Presence, integration::ownership::owned, key::Key,
    published::patch_parameters, reader::Reads, schedule, tenancy::GRACE,
};

/// What becomes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The connection's own pass decides about it.
    Keep,
    /// Its events wait.
    Hold,
    /// It is erased.
    Erase,
}

/// What becomes of the route of a connection that stands so to its integration. `missed`: since when the connection
/// cannot be seen.
#[must_use]
pub fn fate(presence: Presence, missed: Option<Timestamp>, now: Timestamp) -> Fate {
    let lasts = |since: Timestamp| now < schedule::later(since, GRACE);
    match presence {
        Presence::There => Fate::Keep,
        Presence::Unseen if missed.is_none_or(lasts) => Fate::Hold,
        Presence::Barred {
            is_claimed: false,
            since,
        } if since.is_none_or(lasts) => Fate::Hold,
        Presence::Barred { .. } | Presence::Unseen | Presence::Gone => Fate::Erase,
    }
}

/// Carries out what becomes of each route of an integration. `fate` is asked again before each change, since
/// others take time. `again` gets the connections whose passes are to decide: those found at a first look, those
/// whose route was changed, because they may have come back meanwhile, and those whose last write had no answer. `altered` gets those whose route
/// somebody else changed. Returns when to look again at those that somebody changes again and again.
///
/// # Errors
/// The first request to the API server that failed. What has to do with other Secrets was done.
pub async fn sweep(
    home: Home<'_>,
    fate: impl Fn(&Connection) -> Fate,
    again: impl Fn(&Connection),
    altered: impl Fn(&Connection),
) -> Result<Option<Timestamp>, Error> {
    let key = Key::from(home.integration);
    let is_first = home.routes.all(&key).is_none();
    if is_first {
        look(home).await?;
    }
    let mut failures = Failures::default();
    let rests = repair(home, &again, altered, &mut failures).await;
    let mut is_stuck = [false; SHARDS];
    for connection in home.routes.all(&key).unwrap_or_default() {
        if fate(&connection) == Fate::Keep {
            if is_first {
                again(&connection);
            }
            continue;
        }
        let shard = connection.shard();
        if is_stuck[shard] {
            continue;
        }
        match settle(home, &connection, &fate).await {
            Ok(true) => again(&connection),
            Ok(false) => {}
            Err(error) => {
                is_stuck[shard] = true;
                failures.note(error);
            }
        }
    }
    failures.first().map(|()| rests)
}

/// Carries out what becomes of one route. Returns whether it may have changed.
async fn settle(
    home: Home<'_>,
    connection: &Connection,
    fate: impl Fn(&Connection) -> Fate,
) -> Result<bool, Error> {
    let (routes, key) = (home.routes, Key::from(home.integration));
    let turn = routes.turn(home.writer, &key, connection.shard()).await;
    match fate(connection) {
        Fate::Keep => {}
        Fate::Hold if routes.is_held(&key, connection) => return Ok(false),
        Fate::Hold => {
            hold(home, connection, &turn).await?;
            tracing::info!(%connection, "the route leads nowhere while its namespace is not allowed");
        }
        Fate::Erase => {
            erase(routes, home.writer, &key, connection, &turn).await?;
            tracing::info!(%connection, "erased the route of a connection that is gone");
        }
    }
    Ok(true)
}

/// Lets a route lead nowhere, without its credentials.
async fn hold(home: Home<'_>, connection: &Connection, turn: &Turn<'_>) -> Result<(), Error> {
    let Home {
        routes,
        writer,
        integration,
        ..
    } = home;
    let key = Key::from(integration);
    let name = secret_name(&integration.name_any(), connection.shard());
    let secrets: Reads<Secret> = home.reader.beside(integration);
    let live = secrets.get_opt(&name).await?;
    let live = live.filter(|live| owned(integration, live));
    let file = connection.route_key();
    let data = live.as_ref().and_then(|live| live.data.as_ref());
    let Some(json) = data.and_then(|data| data.get(&file)) else {
        routes.erased(&key, connection);
        return Ok(());
    };
    let Some(json) = held(&json.0) else {
        return erase(routes, writer, &key, connection, turn).await;
    };
    let secrets: Api<Secret> = writer.beside(integration)?;
    let patch = json!({"data": {file: STANDARD.encode(&json)}});
    turn.attempt(connection, Some(&json));
    let patched = secrets
        .patch(&name, &patch_parameters(), &Patch::Merge(patch))
        .await;
    let patched = patched.map_err(Error::from_write)?;
    routes.held(&key, connection.clone(), &json);
    turn.answered(&patched);
    Ok(())
}

/// The route that leads nowhere in place of this one; `None` if it cannot be read. Events without a sink of
/// their own go to the integration's, as before.
fn held(json: &[u8]) -> Option<String> {
    let mut route = Route::from_json(json).ok()?;
    let connection = &route.connection;
    route.sink = route
        .sink
        .is_some()
        .then(|| nowhere(&connection.namespace, &connection.name));
    route.to_json().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contract::receiver::{
        NatsMessageId, SinkFormat, SinkUrl,
        routes::{Destination, Private, RouteCredentials, RouteSink},
    };

    use super::*;

    #[test]
    fn a_namespace_that_is_no_longer_allowed_has_a_grace_unless_another_claims_the_account() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let grace = i64::try_from(GRACE.as_secs()).unwrap();
        let barred = |since: Option<i64>, is_claimed| Presence::Barred {
            since: since.map(at),
            is_claimed,
        };
        for (presence, now, wanted) in [
            (Presence::There, 0, Fate::Keep),
            (Presence::Gone, 0, Fate::Erase),
            (barred(None, false), 100, Fate::Hold),
            (barred(Some(100), false), 99 + grace, Fate::Hold),
            (barred(Some(100), false), 100 + grace, Fate::Erase),
            (barred(Some(100), true), 101, Fate::Erase),
            (barred(None, true), 101, Fate::Erase),
        ] {
            let fate = fate(presence, None, at(now));
            assert_eq!(fate, wanted, "{presence:?} at {now}");
        }
        let unseen = |since: i64, now| fate(Presence::Unseen, Some(at(since)), at(now));
        assert_eq!(unseen(100, 99 + grace), Fate::Hold);
        assert_eq!(unseen(100, 100 + grace), Fate::Erase);
    }

    #[test]
    fn a_held_route_keeps_its_accounts_and_no_secret_and_leads_nowhere() {
        let mut route = Route {
            connection: Connection::new("clinic", "zoom").unwrap(),
            accounts: vec!["a".into()],
            sink: Some(RouteSink {
                destination: Destination::Internet {
                    url: SinkUrl("https://clinic.example/?key=s3cret".into()),
                },
                format: SinkFormat::Zoom,
                timeout_seconds: None,
                message_id: NatsMessageId::default(),
                credentials: RouteCredentials {
                    secret_token: Some(Private::new("s3cret")),
                    ..RouteCredentials::default()
                },
            }),
            external_refs: BTreeMap::new(),
        };
        let json = held(route.to_json().unwrap().as_bytes()).unwrap();
        assert!(!json.contains("s3cret"), "{json}");
        let found = Route::from_json(json.as_bytes()).unwrap();
        assert_eq!(found.accounts, ["a"]);
        let destination = found.sink.unwrap().destination;
        let leads_nowhere = matches!(&destination, Destination::Service { addresses: Some(all), .. } if all.is_empty());
        assert!(leads_nowhere, "{destination:?}");
        assert_eq!(held(json.as_bytes()), Some(json), "it stays so");
        route.sink = None;
        let plain = route.to_json().unwrap();
        assert_eq!(held(plain.as_bytes()), Some(plain.clone()));
        assert_eq!(held(b"{}"), None);
    }
}
