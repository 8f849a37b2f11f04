//! A status says what was known when it was written.

use serde_json::{Value, json};

use super::fixtures::{FIVE, ago, done, example, half_way, now, spec};
use crate::{
    api::v1alpha1::{Webhook, ZoomConnection, ZoomIntegrationSpec, ZoomIntegrationStatus},
    setup::{
        Facts, State, StepId,
        facts::{Attempt, Remembered},
        known,
        people::{Excerpt, People},
        steps,
    },
};
use zoom::Fault;

/// The status and the connections that contain what `facts` holds.
fn status_with(
    spec: &ZoomIntegrationSpec,
    facts: &Facts,
) -> (ZoomIntegrationStatus, Vec<ZoomConnection>) {
    let secret = &facts.secret;
    let usable: Vec<&String> = secret.keys.difference(&secret.unusable).collect();
    let same: Vec<Value> = secret
        .same
        .iter()
        .map(|(key, other)| json!({"key": key, "other": other}))
        .collect();
    let endpoint = &facts.endpoint;
    let mut conditions = Vec::new();
    let mut say = |type_: &str, status: &str, reason: &str, message: &str, at| {
        conditions.push(json!({
            "type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": at,
        }));
    };
    match facts.credentials {
        Attempt::Untried => say("CredentialsValid", "Unknown", "NotTried", "", now()),
        Attempt::Accepted(at) => say("CredentialsValid", "True", "Accepted", "", at.unwrap()),
        Attempt::Failed(fault) => say("CredentialsValid", "False", fault.as_str(), "", now()),
    }
    if let Some(available) = endpoint.available {
        let status = if available { "True" } else { "False" };
        say("ReceiverAvailable", status, "x", "", now());
    }
    if let Some(why) = &endpoint.unreachable {
        say("EndpointReachable", "False", "x", why, now());
    }
    let before: Vec<Value> = facts
        .before
        .iter()
        .map(|before| {
            json!({"id": before.id.as_str(), "state": before.state.as_str(), "since": before.since})
        })
        .collect();
    let general = !spec.is_server_to_server();
    let scopes = facts.scopes.as_ref();
    let scopes = scopes.map(|found| json!({"granted": found.granted, "missing": found.missing}));
    let status = json!({
        "conditions": conditions,
        "credentials": {
            "found": secret.exists, "usable": usable, "unusable": secret.unusable, "same": same,
        },
        "scopes": if general { Value::Null } else { json!(scopes) },
        "redirectUrl": facts.consent.callback,
        "installUrl": facts.consent.install_url,
        "webhook": {
            "url": spec.webhook.as_ref().and_then(Webhook::url).filter(|_| !endpoint.withheld),
            "lastValidated": endpoint.validated_at, "lastVerified": endpoint.verified_at,
            "lastRejected": endpoint.rejected_at, "removalSeen": endpoint.removal_seen,
            "lastSecret": endpoint.secret.map(|secret| format!("{secret:?}")),
            "eventsSeen": endpoint.events_seen,
        },
        "setup": before,
    });
    let consent = &facts.consent;
    let people = &consent.people;
    let waiting = people
        .links
        .iter()
        .map(|(name, link)| (name.clone(), Some(link)));
    let linkless = people.lost.iter().map(|name| (name.clone(), None));
    let connected = (0..people.connected).map(|number| (format!("connected-{number}"), None));
    let all = waiting.chain(linkless).chain(connected);
    let connections = all.map(|(name, link)| {
        let is_lost = people.lost.contains(&name);
        let is_connected = link.is_none() && !is_lost;
        let phase = if is_connected { "Connected" } else { "Ready to install" };
        let fault = consent.faults.first().map(|fault| {
            json!({"transaction": "t", "outcome": "Failed", "reason": fault.as_str(), "message": ""})
        });
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": name, "namespace": "tenants"},
            "spec": {"integrationRef": {"name": "app"}},
            "status": {
                "phase": phase,
                "installUrl": link,
                "scopes": scopes,
                "consent": fault,
                "grant": {"since": people.since, "lost": is_lost.then_some("GrantLost")},
            },
        }))
        .unwrap()
    });
    (
        serde_json::from_value(status).unwrap(),
        connections.collect(),
    )
}

fn all<'a>(connections: impl IntoIterator<Item = &'a ZoomConnection>) -> Excerpt {
    connections.into_iter().collect::<People>().all()
}

#[track_caller]
fn is_kept(name: &str, spec: &ZoomIntegrationSpec, facts: &Facts) {
    let (status, connections) = status_with(spec, facts);
    let read = known::facts(spec, &status, all(&connections));
    assert_eq!(read, *facts, "{name}");
    // A watch returns the connections in random order.
    let reversed = known::facts(spec, &status, all(connections.iter().rev()));
    assert_eq!(reversed, *facts, "{name}");
}

#[test]
fn a_status_says_all_that_the_list_needs() {
    for name in FIVE {
        let spec = example(name);
        is_kept(name, &spec, &Facts::default());
        is_kept(name, &spec, &half_way(&spec));
        is_kept(name, &spec, &done(&spec));
    }
    let quickstart = spec("quickstart/zoomintegration.yaml");
    is_kept("quickstart", &quickstart, &done(&quickstart));
}

#[test]
fn mistakes_are_read_back_as_well() {
    let spec = example("stackone");
    let mut facts = half_way(&spec);
    facts.credentials = Attempt::Failed(Fault::CredentialsRejected);
    facts.secret.unusable = ["client-secret".to_owned()].into();
    facts.secret.same = vec![("client-secret".into(), "client-id".into())];
    facts.endpoint.available = Some(false);
    facts.endpoint.unreachable = Some("No such host.".into());
    facts.endpoint.withheld = spec.webhook.as_ref().and_then(Webhook::url).is_some();
    facts.endpoint.rejected_at = Some(ago(1));
    facts.endpoint.removal_seen = true;
    facts.consent.faults = vec![Fault::RedirectMismatch];
    facts.consent.people.total += 1;
    facts.consent.people.lost = vec!["ada".into()];
    facts.before = vec![Remembered {
        id: StepId::Credentials,
        state: State::Open,
        since: ago(3),
    }];
    is_kept("stackone", &spec, &facts);
}

#[test]
fn since_when_a_step_stands_so_is_read_back() {
    let spec = example("nectar-dxp");
    let mut facts = half_way(&spec);
    let first = steps(&spec, &facts, ago(2));
    facts.before = first
        .iter()
        .map(|step| Remembered {
            id: step.id,
            state: step.state,
            since: step.since.unwrap(),
        })
        .collect();
    let (status, connections) = status_with(&spec, &facts);
    let read = known::facts(&spec, &status, all(&connections));
    assert_eq!(steps(&spec, &read, now()), first);
}

#[test]
fn what_nobody_knows_is_not_read_into_it() {
    let spec = example("nectar-dxp");
    for (status, reason) in [
        ("False", "AwaitingCredentials"),
        ("Unknown", "ZoomUnavailable"),
    ] {
        let status: ZoomIntegrationStatus = serde_json::from_value(json!({"conditions": [{
            "type": "CredentialsValid", "status": status, "reason": reason, "message": "",
            "lastTransitionTime": now(),
        }], "setup": [{"id": "Unheard", "state": "Done", "since": now()}, {"id": "Scopes", "state": "Odd"}]}))
        .unwrap();
        assert_eq!(
            known::facts(&spec, &status, Excerpt::default()),
            Facts::default()
        );
    }
}

#[test]
fn what_a_consent_failed_by_is_refuted_by_one_that_went_through() {
    let connection = |name: &str, phase: &str, failed: &str, ready: &str| -> ZoomConnection {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": name, "namespace": "tenants"},
            "spec": {"integrationRef": {"name": "app"}},
            "status": {
                "phase": phase,
                "consent": {"transaction": "t", "outcome": "Failed", "reason": failed, "message": ""},
                "conditions": [{
                    "type": "Ready", "status": "False", "reason": ready, "message": "",
                    "lastTransitionTime": "2026-11-22T12:00:00Z",
                }],
            },
        }))
        .unwrap()
    };
    let spec = example("stackone");
    let status = ZoomIntegrationStatus::default();
    let ada = connection(
        "ada",
        "Ready to install",
        "RedirectMismatch",
        "CredentialsRejected",
    );
    let faults = |found: &[&ZoomConnection]| {
        let said = all(found.iter().copied());
        known::facts(&spec, &status, said).consent.faults
    };
    assert_eq!(
        faults(&[&ada]),
        [Fault::RedirectMismatch, Fault::CredentialsRejected]
    );
    let bob = connection("bob", "Connected", "DisabledByAdmin", "Connected");
    assert_eq!(faults(&[&ada, &bob]), [Fault::CredentialsRejected]);
}
