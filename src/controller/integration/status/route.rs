//! What the Gateways report about a receiver's `HTTPRoute`.

use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::ZoomIntegrationSpec,
    },
    controller::integration::{
        model::{Applied, Observed},
        resources::{HTTPRoute, ParentStatus},
    },
};

/// Maximum length of a quoted text.
const MOST_TEXT: usize = 500;

/// The condition, if the integration owns its host and every Gateway that has judged the current route
/// refuses it. `None` if there is no route or no judgement yet: a check of the URL then finds out whether it
/// leads to the receiver.
pub(super) fn refused(
    spec: &ZoomIntegrationSpec,
    observed: &Observed,
    applied: &Applied,
) -> Option<Statement> {
    let endpoint = spec.webhook.as_ref()?.endpoint.as_ref()?;
    endpoint.gateway.as_ref().filter(|_| applied.is_exposed())?;
    judged(observed.receiver.http_route.as_ref()?)
}

fn judged(route: &HTTPRoute) -> Option<Statement> {
    let generation = route.metadata.generation;
    let parents = &route.status.as_ref()?.parents;
    let objections: Option<Vec<String>> = parents
        .iter()
        .map(|parent| objection(parent, generation))
        .collect();
    let first = objections?.into_iter().next()?;
    Some(Statement::new(
        Type::EndpointReachable,
        Status::False,
        Reason::RouteRefused,
        format!(
            "{first} Correct endpoint.host or endpoint.gateway.parentRefs, or ask the platform engineer to let the Gateway accept routes of this namespace."
        ),
    ))
}

/// Why a Gateway does not serve the route; `None` if it does, or has not judged this generation yet.
fn objection(parent: &ParentStatus, generation: Option<i64>) -> Option<String> {
    let current = parent.conditions.iter().filter(|condition| {
        condition.observed_generation.is_none() || condition.observed_generation == generation
    });
    let refusal = |type_: &str| {
        current
            .clone()
            .find(|condition| condition.type_ == type_ && condition.status == "False")
    };
    let (what, condition) = match (refusal("Accepted"), refusal("ResolvedRefs")) {
        (Some(condition), _) => ("does not accept the HTTPRoute", condition),
        (None, Some(condition)) => ("cannot resolve the Service of the HTTPRoute", condition),
        (None, None) => return None,
    };
    let sentence: String = condition.message.trim().chars().take(MOST_TEXT).collect();
    let sentence = sentence.trim_end_matches('.');
    let gateway = &parent.parent_ref;
    let name = match &gateway.namespace {
        Some(namespace) => format!("{namespace}/{}", gateway.name),
        None => gateway.name.clone(),
    };
    Some(if sentence.is_empty() {
        format!("Gateway {name} {what} ({}).", condition.reason)
    } else {
        format!("Gateway {name} {what} ({}): {sentence}.", condition.reason)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn say(parents: &Value) -> Option<Statement> {
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "acme-receiver", "generation": 2}, "spec": {},
            "status": {"parents": parents},
        });
        judged(&serde_json::from_value(route).unwrap())
    }

    fn parent(name: &str, accepted: &str, resolved: &str, generation: i64) -> Value {
        let condition = |type_: &str, status: &str| {
            json!({
                "type": type_, "status": status, "reason": format!("No{type_}"),
                "message": "as the Gateway says.", "observedGeneration": generation,
            })
        };
        json!({
            "controllerName": "example.com/gateways", "parentRef": {"name": name, "namespace": "gateways"},
            "conditions": [condition("Accepted", accepted), condition("ResolvedRefs", resolved)],
        })
    }

    #[test]
    fn a_route_that_no_gateway_takes_is_named_with_the_gateways_sentence() {
        let statement = say(&json!([parent("public", "False", "True", 2)])).unwrap();
        assert_eq!(
            (statement.status, statement.reason),
            (Status::False, Reason::RouteRefused)
        );
        assert!(
            statement.message.starts_with(
                "Gateway gateways/public does not accept the HTTPRoute (NoAccepted): as the Gateway says. "
            ),
            "{}",
            statement.message
        );
        let statement = say(&json!([parent("public", "True", "False", 2)])).unwrap();
        assert!(
            statement.message.contains("(NoResolvedRefs)"),
            "{}",
            statement.message
        );
    }

    #[test]
    fn one_gateway_that_serves_it_is_enough() {
        let refuses = parent("inner", "False", "True", 2);
        assert!(say(&json!([refuses.clone(), refuses.clone()])).is_some());
        assert!(say(&json!([refuses, parent("public", "True", "True", 2)])).is_none());
    }

    #[test]
    fn what_was_said_of_an_earlier_route_or_by_nobody_does_not_count() {
        assert!(say(&json!([parent("public", "False", "False", 1)])).is_none());
        assert!(say(&json!([])).is_none());
        assert!(say(&json!([{"conditions": [{"type": "Accepted"}]}])).is_none());
    }
}
