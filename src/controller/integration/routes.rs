//! The routes of an integration's connections, as far as its own pass deals with them.

use contract::receiver::routes::{Connection, secret_name};
use jiff::Timestamp;

use super::{model::Observed, observe};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        Context,
        error::Error,
        index::{Presence, Told},
        key::Key,
        routing::{self, Fate},
        schedule,
        tenancy::GRACE,
    },
};

/// Whether the integration's receiver tells accounts apart.
///
/// One that reads routes does so until the last of them is erased: without routes the events of tenants that still wait
/// would go to the integration's own sink.
pub fn are_on(context: &Context, integration: &ZoomIntegration) -> bool {
    let key = Key::from(integration);
    let index = context.reader.index();
    let may_have_routes = || {
        let known = context.memory.routes.all(&key);
        known.is_none_or(|routes| !routes.is_empty())
    };
    routing::is_on(integration, index.have_sinks(&key))
        || integration.spec.is_general()
            && observe::workloads(index, integration).reads_routes(integration)
            && may_have_routes()
}

/// Whether there is a receiver that may need routes: one that is removed delivers what it has stored first.
fn have_receiver(context: &Context, integration: &ZoomIntegration) -> bool {
    let drains = || {
        let workloads = observe::workloads(context.reader.index(), integration);
        let live = workloads.live(integration);
        live.iter().any(|live| live.buffered)
    };
    integration.spec.webhook.is_some() || drains()
}

/// Removes the routes of connections that are gone, or whose namespace is no longer allowed. Returns when to look
/// again.
///
/// # Errors
/// When a request to the API server fails.
pub async fn sweep(
    context: &Context,
    integration: &ZoomIntegration,
) -> Result<Option<Timestamp>, Error> {
    let key = Key::from(integration);
    let has_receiver = have_receiver(context, integration);
    // Without a receiver nobody needs a route; what this process wrote is removed.
    let known = context.memory.routes.all(&key).unwrap_or_default();
    if !integration.spec.is_general() || !has_receiver && known.is_empty() {
        return Ok(None);
    }
    let were_on = are_on(context, integration);
    let routes = &context.memory.routes;
    let fate = |of: &Connection| {
        let presence = if has_receiver {
            let accounts = routes.accounts(&key, of);
            context.reader.index().presence(&key, of, &accounts)
        } else {
            Presence::Gone
        };
        let now = Timestamp::now();
        let missed = routes.missed(&key, of, presence == Presence::Unseen, now);
        routing::fate(presence, missed, now)
    };
    let rests = swept(context, integration, fate).await?;
    let missed = routes.longest_missed(&key);
    let missed = missed.map(|since| schedule::later(since, GRACE));
    // The status is to say so no longer.
    let ends = routes.contested(&key, Timestamp::now());
    // The last route was erased: the receiver needs to read none any more.
    let ended = (were_on && !are_on(context, integration)).then(Timestamp::now);
    let times = [rests, missed, ended].into_iter().flatten();
    Ok(times.chain(ends.into_values()).min())
}

/// Repairs the routes of an integration that is being deleted, and removes none: what its receiver has stored goes by
/// them, also that of connections that are deleted as well.
///
/// # Errors
/// When a request to the API server fails.
pub async fn keep(context: &Context, integration: &ZoomIntegration) -> Result<(), Error> {
    if integration.spec.is_general() && integration.spec.webhook.is_some() {
        swept(context, integration, |_| Fate::Keep).await?;
    }
    Ok(())
}

async fn swept(
    context: &Context,
    integration: &ZoomIntegration,
    fate: impl Fn(&Connection) -> Fate,
) -> Result<Option<Timestamp>, Error> {
    let key = |of: &Connection| Key::connection(&of.namespace, &of.name);
    let again = |of: &Connection| context.requeue.routine(key(of));
    let altered = |of: &Connection| context.requeue.now(key(of));
    let home = routing::Home {
        routes: &context.memory.routes,
        reader: &context.reader,
        writer: &context.writer,
        integration,
    };
    routing::sweep(home, fate, again, altered).await
}

/// The names of the Secrets with routes that somebody else changes again and again.
pub fn contested(context: &Context, integration: &ZoomIntegration, now: Timestamp) -> Vec<String> {
    let key = Key::from(integration);
    let shards = context.memory.routes.contested(&key, now);
    let shards = shards.into_keys();
    shards.map(|shard| secret_name(&key.name, shard)).collect()
}

/// Requests passes for the connections of which the receivers tell something new.
pub fn requeue(context: &Context, integration: &ZoomIntegration, observed: &Observed) {
    let Some(facts) = &observed.facts else {
        return;
    };
    let key = Key::from(integration);
    let asked = observed.pods.iter().filter(|pod| !pod.leaving);
    let mut answers = asked.clone().filter_map(|pod| pod.facts.as_ref());
    let told = Told {
        // A Pod of before sends what it gets to the integration's sink.
        by_account: answers.all(|facts| facts.routing.is_some()),
        is_partial: asked.clone().any(|pod| pod.facts.is_none()),
        routing: facts.routing.clone().unwrap_or_default(),
    };
    for connection in context.reader.index().learn_routing(&key, told) {
        let key = Key::connection(&connection.namespace, &connection.name);
        context.requeue.routine(key);
    }
}
