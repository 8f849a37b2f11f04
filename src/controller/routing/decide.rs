//! What the route of a connection says, and what its status says about that. Pure.

use contract::{
    receiver::routes::{Connection, Route},
    routing_facts::ConnectionFacts,
};

use super::{
    accounts::Accounts,
    sink::{ObservedSink, route_sink},
};
use crate::api::{
    condition::{Statement, Status, Type},
    reason::Reason,
    v1alpha1::{Management, ZoomConnection, ZoomIntegration},
};

/// What a decision is based on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The connection.
    pub connection: &'a ZoomConnection,
    /// Its integration, if it exists and may be used.
    pub integration: Option<&'a ZoomIntegration>,
    /// Whether the integration's receiver tells accounts apart.
    pub is_on: bool,
    /// Whether its Pods do so by now.
    pub is_running: bool,
    /// The connection's accounts.
    pub accounts: &'a Accounts,
    /// Whether somebody has authorized the connection.
    pub is_authorized: bool,
    /// What its sink was found with.
    pub sink: Option<&'a ObservedSink>,
    /// What the receivers tell of the connection.
    pub told: Told<'a>,
}

/// What the receivers of an integration tell of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// All is well, or they were not asked yet.
    Nothing,
    /// This.
    Facts(&'a ConnectionFacts),
    /// They have more to tell than they told, and told nothing of it.
    Unknown,
}

/// What to do about the route, and what to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub wanted: Wanted,
    /// What to say of it; `None` if the connection has no sink.
    pub statement: Option<Statement>,
}

/// What to do about a route.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Leave what there is.
    Keep,
    /// There is to be none.
    Erase,
    /// There is to be this one.
    Write(Box<Route>),
}

// === impl Told ===

impl<'a> Told<'a> {
    /// The facts, if there are some.
    #[must_use]
    pub const fn facts(self) -> Option<&'a ConnectionFacts> {
        match self {
            Self::Facts(facts) => Some(facts),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

/// Decides about the route.
#[must_use]
pub fn decide(input: Input<'_>) -> Decision {
    let has_sink = input.connection.spec.sink.is_some();
    let say = |status: Status, reason: Reason, message: String| {
        has_sink.then(|| Statement::new(Type::EventsRouted, status, reason, message))
    };
    let erased = |reason: Reason, message: &str| Decision {
        wanted: Wanted::Erase,
        statement: say(Status::False, reason, message.into()),
    };
    let Some(integration) = input.integration else {
        return Decision {
            wanted: Wanted::Erase,
            statement: None,
        };
    };
    let webhook = integration.spec.webhook.as_ref();
    if webhook.is_none_or(|webhook| webhook.buffer.is_none()) {
        // A buffer that is being emptied still needs the routes: its events are nobody else's.
        return Decision {
            wanted: Wanted::Keep,
            statement: say(
                Status::False,
                Reason::BufferRequired,
                "Events are sorted by account once they are stored: set spec.webhook.buffer of the ZoomIntegration.".into(),
            ),
        };
    }
    if !input.is_on {
        return erased(
            Reason::AccountUnknown,
            "The integration's receiver serves one account only.",
        );
    }
    if input.accounts.own.is_empty() {
        let (reason, message) = unknown(input, integration);
        return erased(reason, message);
    }
    let Some(connection) = connection_of(input.connection) else {
        return erased(Reason::AccountUnknown, "The connection has no name.");
    };
    let sink = input.connection.spec.sink.as_ref().zip(input.sink);
    let route = Route {
        connection,
        accounts: input.accounts.own.clone(),
        sink: sink.map(|(sink, found)| route_sink(input.connection, sink, found)),
        external_refs: input
            .connection
            .spec
            .external_refs
            .clone()
            .unwrap_or_default(),
    };
    let problem = input.sink.and_then(|found| found.problem.as_deref());
    let unusable = input.told.facts();
    let unusable = unusable.and_then(|facts| facts.route_problem.as_deref());
    let statement = match (problem, unusable) {
        (Some(problem), _) => say(
            Status::False,
            Reason::SinkRefused,
            format!("{problem} The account's events wait meanwhile, and go nowhere else."),
        ),
        (None, Some(problem)) => say(
            Status::False,
            Reason::RouteUnusable,
            format!("The receiver cannot use the route and keeps the one before: {problem}. Correct spec.sink."),
        ),
        (None, None) if !input.is_running => say(
            Status::False,
            Reason::RoutePending,
            "The receiver does not sort events by account yet: until its Pods are replaced, all events go to the integration's sink.".into(),
        ),
        (None, None) if matches!(input.told, Told::Unknown) => say(
            Status::Unknown,
            Reason::RouteUnreported,
            "The receiver has more to tell of connections than the operator reads, and this one is not among them: the route is written, and whether the receiver can use it is not known. status.events is as it was known last.".into(),
        ),
        (None, None) => say(Status::True, Reason::Routed, routed(input.accounts)),
    };
    Decision {
        wanted: Wanted::Write(Box::new(route)),
        statement,
    }
}

/// The connection as routes name it.
#[must_use]
pub fn connection_of(connection: &ZoomConnection) -> Option<Connection> {
    let metadata = &connection.metadata;
    Connection::new(metadata.namespace.as_deref()?, metadata.name.as_deref()?)
}

fn routed(accounts: &Accounts) -> String {
    let own = accounts.own.join(", ");
    let mut message = format!("The events of account {own} go to this connection's sink.");
    if !accounts.contested.is_empty() {
        message.push_str(" Another connection claims the account too, and does not get its events: the platform engineer corrects spec.accounts of the ZoomIntegration, or deletes one of the two connections.");
    }
    if !accounts.lost.is_empty() {
        message.push_str(" A consent proved that another account belongs to another connection: the platform engineer removes that account from spec.accounts of the ZoomIntegration.");
    }
    message
}

/// Why no account is known to be the connection's.
fn unknown(input: Input<'_>, integration: &ZoomIntegration) -> (Reason, &'static str) {
    if !input.accounts.lost.is_empty() {
        return (
            Reason::AccountClaimed,
            "Another connection of the app has this account by an earlier proof and gets its events: the platform engineer corrects spec.accounts of the ZoomIntegration, or deletes one of the two connections.",
        );
    }
    let is_admin = integration.spec.app.management == Some(Management::Admin);
    let message = if is_admin && input.is_authorized {
        "No consent proves which account this connection has: add user:read:user:admin to scopes.required and on the app's Scopes page, then the account's administrator opens status.installUrl and authorizes the app. Or the platform engineer adds the account to spec.accounts of the ZoomIntegration (accountId, namespace, connection)."
    } else if is_admin {
        "Nobody has authorized the app yet, so no account is known: the account's administrator opens status.installUrl and authorizes the app. Or the platform engineer adds the account to spec.accounts of the ZoomIntegration (accountId, namespace, connection)."
    } else {
        "The consent of one user proves no account: the platform engineer adds the account to spec.accounts of the ZoomIntegration (accountId, namespace, connection)."
    };
    (Reason::AccountUnknown, message)
}

#[cfg(test)]
mod tests;
