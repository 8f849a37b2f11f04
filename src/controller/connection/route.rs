//! The route of a connection, after its grant: reads, decides and writes by means of `routing`.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;

use super::{
    model::{AppAccess, Observed, Routed, Situation},
    observe, plan,
};
use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::{EventsStatus, Management, ZoomConnection},
    },
    controller::{
        Context, connections,
        error::Error,
        routing::{self, Decision, Input, Wanted, Written},
        schedule,
    },
};
use contract::{receiver::routes::Connection, routing_facts::ConnectionFacts};

/// How soon to look again for what a sink needs: somebody is probably creating it.
const UNTIL_THE_SINK_IS_THERE: Duration = Duration::from_secs(30);

/// How soon to try again what the API server refused: somebody may allow it meanwhile.
const AFTER_A_REFUSAL: Duration = Duration::from_mins(1);

/// What the status said of the route, while nothing new is known.
pub fn keep(connection: &ZoomConnection, situation: &mut Situation) {
    let Some(before) = connection.status.as_ref() else {
        return;
    };
    let stated = Type::EventsRouted.find(&before.conditions);
    situation.routed.statement = stated.map(|condition| Statement {
        type_: Type::EventsRouted,
        status: match condition.status.as_str() {
            "True" => Status::True,
            "False" => Status::False,
            _ => Status::Unknown,
        },
        reason: Reason::of(condition).unwrap_or_default(),
        message: condition.message.clone(),
    });
    situation.routed.events.clone_from(&before.events);
}

/// Brings the connection's route to what it is to be.
///
/// # Errors
/// When a request to the API server fails, or somebody wrote in between.
pub async fn bring(
    context: &Context,
    connection: &ZoomConnection,
    situation: &mut Situation,
    now: Timestamp,
) -> Result<(), Error> {
    let namespace = connection.namespace().unwrap_or_default();
    let Some(name) = Connection::new(&namespace, &connection.name_any()) else {
        return Ok(());
    };
    let home = observe::integration_key(connection);
    let index = context.reader.index();
    let observed = &situation.observed;
    let Some(integration) = observed.integration.as_ref() else {
        if let AppAccess::Refused(_) = observed.access {
            // The integration's pass erases its route.
            context.requeue.routine(home);
        }
        return Ok(());
    };
    let integration = &integration.resource;
    let all = index.connections_of(&home.namespace, &home.name);
    let has_sinks = connections::have_sinks(&all, &home.namespace);
    let is_on = routing::is_on(integration, has_sinks);
    let routes = &context.memory.routes;
    if !is_on && connection.spec.sink.is_none() && !routes.is_known(&home, &name) {
        return Ok(());
    }
    let sink = routing::observe(&context.reader, connection).await?;
    let proved = proved(connection, situation);
    let readable = connections::readable(&all);
    let accounts = routing::accounts(integration, connection, proved.as_deref(), readable);
    let facts = index.routing(&home, &name);
    let decision = routing::decide(Input {
        connection,
        integration: Some(integration),
        is_on,
        accounts: &accounts,
        is_authorized: observed.kept().is_some_and(|kept| kept.identified),
        sink: sink.as_ref(),
        facts: facts.as_ref(),
    });
    let written = routing::bring(
        routes,
        &context.reader,
        &context.writer,
        integration,
        &name,
        &decision.wanted,
    )
    .await?;
    if sink.is_some_and(|sink| sink.is_awaited) {
        situation.look_at(schedule::later(now, UNTIL_THE_SINK_IS_THERE));
    }
    if let Written::Refused(_) = written {
        situation.look_at(schedule::later(now, AFTER_A_REFUSAL));
    }
    situation.routed = routed(decision, written, facts.as_ref());
    Ok(())
}

/// The account that a consent proved. In the app's own namespace, where its credentials lie, what the grant's
/// Secret says is as good.
fn proved(connection: &ZoomConnection, situation: &Situation) -> Option<String> {
    let observed: &Observed = &situation.observed;
    let integration = observed.integration.as_ref()?;
    if integration.resource.spec.app.management != Some(Management::Admin) {
        return None;
    }
    if let Some(proved) = &situation.account {
        return Some(proved.id.clone());
    }
    let is_sound =
        observed.access == AppAccess::Own && plan::mismatch(connection, observed).is_none();
    let kept = observed
        .kept()
        .filter(|kept| is_sound && kept.grant.loss.is_none())?;
    let account = &kept.identity.as_ref()?.account_id;
    (!account.is_empty()).then(|| account.clone())
}

fn routed(decision: Decision, written: Written, facts: Option<&ConnectionFacts>) -> Routed {
    let statement = match written {
        Written::Done => decision.statement,
        Written::Refused(why) => decision.statement.map(|_| {
            Statement::new(
                Type::EventsRouted,
                Status::False,
                Reason::RouteNotWritten,
                format!("The route of the account's events could not be written: {why}"),
            )
        }),
    };
    let is_routed = matches!(decision.wanted, Wanted::Write(_));
    let events = facts.filter(|_| is_routed).map(|facts| EventsStatus {
        dead_letters: i64::try_from(facts.dead_letters).unwrap_or(i64::MAX),
        last_reason: facts.last_reason.clone(),
        last_failed_at: facts.last_failed_at.map(Time),
        sink_failure: facts.sink_cause.clone().filter(|_| facts.sink_failures > 0),
    });
    Routed { statement, events }
}
