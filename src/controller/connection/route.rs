//! The route of a connection, after its grant: reads, decides and writes by means of `routing`.

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
        v1alpha1::{EventsStatus, ZoomConnection},
    },
    controller::{
        Context, connections,
        error::Error,
        grants::secret::StoredGrant,
        key::Key,
        routing::{self, Decision, Evidence, Input, Told, Wanted, Written},
        schedule,
    },
};
use contract::{receiver::routes::Connection, routing_facts::ConnectionFacts};

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
        match observed.access {
            // The integration's pass holds its route, and erases it later.
            AppAccess::Refused(_) => context.requeue.routine(home),
            AppAccess::Unseen(_) => keep(connection, situation),
            AppAccess::Own | AppAccess::Allowed => {}
        }
        return Ok(());
    };
    let (app, integration) = (integration.app_id(), &integration.resource);
    let is_on = routing::is_on(integration, index.have_sinks(&home));
    let routes = &context.memory.routes;
    if !is_on && connection.spec.sink.is_none() && !routes.is_known(&home, &name) {
        return Ok(());
    }
    let sink = routing::observe(&context.reader, connection).await?;
    let proved = evidence(connection, situation).proves(app);
    // Only those who have to do with an account of this one.
    let concerned: Vec<_> = routing::claimed(integration, connection, proved)
        .flat_map(|account| index.connections_of_account(&home, account))
        .collect();
    let readable = connections::readable(&concerned);
    let accounts = routing::accounts(integration, app, connection, proved, readable);
    let facts = index.routing(&home, &name);
    let told = match &facts {
        _ if index.is_untold(&home, &name) => Told::Unknown,
        Some(facts) => Told::Facts(facts),
        None => Told::Nothing,
    };
    let decision = routing::decide(Input {
        connection,
        integration: Some(integration),
        is_on,
        // Until the receivers have been asked, what was known stays so.
        is_running: index
            .routes_by_account(&home)
            .unwrap_or_else(|| routing::is_routed(connection)),
        accounts: &accounts,
        is_authorized: observed.kept().is_some_and(|kept| kept.identified),
        sink: sink.as_ref(),
        told,
    });
    let written = routing::bring(
        routes,
        &context.reader,
        &context.writer,
        integration,
        &name,
        connection.metadata.uid.as_deref(),
        &decision.wanted,
    )
    .await?;
    if sink.is_some_and(|sink| sink.is_awaited) || written != Written::Done {
        situation.look_at(schedule::later(now, routes.pause(&name, now)));
    } else {
        routes.settled(&name);
    }
    situation.routed = routed(decision, written, told.facts());
    if let Some(ends) = routes.contested(&home, now).get(&name.shard()) {
        contested(&mut situation.routed, &home);
        situation.look_at(*ends);
    }
    if matches!(told, Told::Unknown) {
        let before = connection.status.as_ref();
        situation.routed.events = before.and_then(|before| before.events.clone());
    }
    Ok(())
}

/// What the pass knows of the connection's account: as [`Evidence::of`] reads it from the status afterwards.
fn evidence<'a>(connection: &ZoomConnection, situation: &'a Situation) -> Evidence<'a> {
    let observed: &Observed = &situation.observed;
    let is_sound = !observed.is_copy() && plan::mismatch(connection, observed).is_none();
    let is_own = |kept: &&StoredGrant| plan::other_client(kept, observed.client_id()).is_none();
    let kept = observed
        .kept()
        .filter(|kept| is_sound && kept.identified && kept.grant.loss.is_none())
        .filter(is_own);
    let identity = kept.and_then(|kept| kept.identity.as_ref());
    Evidence {
        consented: situation.account.as_ref(),
        granted: identity.map(|identity| identity.account_id.as_str()),
        is_home: observed.access == AppAccess::Own,
    }
}

/// Receivers may not have a route that somebody else changes after each write, whatever was written last.
fn contested(routed: &mut Routed, integration: &Key) {
    let Some(statement) = &mut routed.statement else {
        return;
    };
    if statement.status == Status::False {
        return;
    }
    *statement = Statement::new(
        Type::EventsRouted,
        Status::False,
        Reason::RouteNotWritten,
        format!(
            "Something else changes or deletes the Secret with the route again and again, so receivers may not have it. The platform engineer finds the Secret in the condition ReceiverAvailable of {integration}, and has to exempt it from the policy or tool that changes it."
        ),
    );
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_does_not_stay_is_not_called_routed() {
        let integration = Key::integration("platform", "app");
        let stated = |status| Routed {
            statement: Some(Statement {
                type_: Type::EventsRouted,
                status,
                reason: Reason::Routed,
                message: "as before".into(),
            }),
            ..Routed::default()
        };
        for before in [Status::True, Status::Unknown] {
            let mut routed = stated(before);
            contested(&mut routed, &integration);
            let statement = routed.statement.unwrap();
            assert_eq!(statement.status, Status::False);
            assert_eq!(statement.reason, Reason::RouteNotWritten);
            assert!(statement.message.contains("ZoomIntegration platform/app"));
        }
        // What is wrong anyway says more; without a route there is nothing to say.
        let mut routed = stated(Status::False);
        contested(&mut routed, &integration);
        assert_eq!(routed.statement.unwrap().message, "as before");
        let mut routed = Routed::default();
        contested(&mut routed, &integration);
        assert!(routed.statement.is_none());
    }
}
