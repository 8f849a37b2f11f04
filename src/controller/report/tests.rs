use super::*;
use crate::api::v1alpha1::ZoomConnection;

#[test]
fn an_empty_part_of_a_status_is_not_written() {
    let status = json!({
        "token": {},
        "webhook": {"url": "u", "buffer": {"a": {}}},
        "conditions": [{}],
        "warnings": [],
    });
    let written = json!({"webhook": {"url": "u"}, "conditions": [{}], "warnings": []});
    assert_eq!(full(status), written);
}

#[test]
fn a_status_is_signed_when_it_is_written_and_not_written_to_be_signed() {
    let mut connection: ZoomConnection = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada"}, "spec": {"integrationRef": {"name": "app"}},
        "status": {"phase": "Connected"},
    }))
    .unwrap();
    let sign = |connection: &ZoomConnection, phase| {
        let mut status = connection.status.clone().unwrap();
        status.phase = Some(phase);
        // What a pass finds names nobody.
        status.operator = None;
        signed(connection, &status, "a/zoom")
    };
    assert_eq!(sign(&connection, Phase::Connected).operator, None);
    let written = sign(&connection, Phase::Degraded);
    assert_eq!(written.operator.as_deref(), Some("a/zoom"));
    connection.status = Some(written);
    assert_eq!(
        sign(&connection, Phase::Degraded),
        connection.status.clone().unwrap()
    );
    // Another release's name is replaced.
    connection.status.as_mut().unwrap().operator = Some("b/zoom".into());
    let taken = sign(&connection, Phase::Degraded);
    assert_eq!(taken.operator.as_deref(), Some("a/zoom"));
}

/// What is written over the status of this connection.
fn put(
    connection: &ZoomConnection,
    second: i64,
    statements: impl FnOnce(Stored<'_>, Timestamp) -> Vec<Statement>,
) -> Option<(Value, Vec<Condition>)> {
    let status = json!(connection.status());
    let now = Timestamp::from_second(second).unwrap();
    let stored = Stored {
        status: &status,
        conditions: connection
            .status()
            .map_or(&[][..], |status| &status.conditions),
        generation: connection.metadata.generation,
    };
    unfinished::with(statements(stored, now), stored, now)
}

#[test]
fn a_pass_that_never_ends_is_told_and_ready_follows_the_token() {
    let condition = |type_: &str, reason: &str| {
        json!({"type": type_, "status": "True", "reason": reason, "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let mut connection: ZoomConnection = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "generation": 2},
        "spec": {"integrationRef": {"name": "app"}},
        "status": {
            "phase": "Connected",
            "token": {
                "secretName": "ada-zoom-token",
                "refreshAt": "1970-01-01T00:45:00Z",
                "expiresAt": "1970-01-01T01:00:00Z",
            },
            "conditions": [
                condition("Ready", "Connected"),
                condition("TokenFresh", "Refreshed"),
                condition("ScopesGranted", "Granted"),
            ],
        },
    }))
    .unwrap();
    let error = || {
        let status = kube::core::Status::failure("denied by policy p", "Invalid").with_code(422);
        Error::Kubernetes(kube::Error::Api(status.boxed()))
    };
    let say = |connection: &ZoomConnection, second| {
        put(connection, second, |stored, now| {
            unfinished::unfinished(&error(), stored, now)
        })
    };
    let told = |conditions: &[Condition], type_: Type| {
        let found = type_.find(conditions)?;
        Some((found.status.clone(), found.reason.clone()))
    };
    let is = |status: &str, reason: &str| Some((status.to_owned(), reason.to_owned()));
    // The token works on, and whoever looks finds the cause.
    let (status, conditions) = say(&connection, 100).unwrap();
    assert_eq!(status["phase"], "Connected");
    assert_eq!(told(&conditions, Type::Ready), is("True", "Connected"));
    assert_eq!(told(&conditions, Type::TokenFresh), is("True", "Refreshed"));
    assert_eq!(
        told(&conditions, Type::ScopesGranted),
        is("True", "Granted")
    );
    let cause = Type::Reconciling.find(&conditions).unwrap();
    assert_eq!(cause.reason, "NotReconciled");
    assert!(
        cause.message.contains("denied by policy p"),
        "{}",
        cause.message
    );
    connection.status = serde_json::from_value(status).unwrap();
    assert_eq!(say(&connection, 160), None, "once");
    // It is due.
    let (status, conditions) = say(&connection, 2700).unwrap();
    assert_eq!(told(&conditions, Type::Ready), is("True", "Connected"));
    let failed = is("False", "NotReconciled");
    assert_eq!(told(&conditions, Type::TokenFresh), failed);
    connection.status = serde_json::from_value(status).unwrap();
    // It is expired.
    let (status, conditions) = say(&connection, 3600).unwrap();
    assert_eq!(status["phase"], "Degraded");
    assert_eq!(status["token"]["secretName"], "ada-zoom-token");
    assert_eq!(told(&conditions, Type::Ready), failed);
    connection.status = serde_json::from_value(status).unwrap();
    assert_eq!(say(&connection, 3660), None, "once");
    // The first pass never ended.
    connection.status = None;
    let (status, conditions) = say(&connection, 100).unwrap();
    assert_eq!(status["phase"], "Connecting");
    assert_eq!(
        told(&conditions, Type::Ready),
        is("Unknown", "NotReconciled")
    );
}

/// What happens every day, or is over soon, is nothing to tell.
#[test]
fn a_lost_race_and_a_lost_election_are_not_told() {
    let status = json!({});
    let stored = Stored {
        status: &status,
        conditions: &[],
        generation: None,
    };
    for error in [Error::Conflict, Error::Deposed] {
        assert!(unfinished::unfinished(&error, stored, Timestamp::UNIX_EPOCH).is_empty());
    }
}

#[test]
fn a_missing_permission_is_told_once_and_the_rest_of_the_status_stays() {
    let mut connection: ZoomConnection = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "generation": 2},
        "spec": {"integrationRef": {"name": "app"}},
        "status": {"phase": "Connected", "token": {"secretName": "ada-zoom-token"}, "conditions": [
            {"type": "Ready", "status": "True", "reason": "Connected", "message": "",
             "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "TokenFresh", "status": "True", "reason": "Issued", "message": "",
             "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]},
    }))
    .unwrap();
    let refusal = "secrets \"zoom\" is forbidden: User \"op\" cannot get resource \"secrets\"";
    let say = |connection: &ZoomConnection, second| {
        let message = unfinished::lacks_permission(refusal);
        put(connection, second, |_, _| {
            unfinished::without_permission(&message)
        })
    };
    let (status, conditions) = say(&connection, 1).unwrap();
    assert_eq!(status["phase"], "Degraded");
    assert_eq!(status["token"]["secretName"], "ada-zoom-token");
    let ready = Type::Ready.find(&conditions).unwrap();
    assert_eq!((&*ready.status, &*ready.reason), ("False", "NotPermitted"));
    assert!(ready.message.contains(refusal), "{}", ready.message);
    assert_eq!(conditions.len(), 3, "{conditions:?}");
    let news = events(
        connection.status().map(|was| &*was.conditions),
        &conditions,
        None,
    );
    let reasons: Vec<_> = news.into_iter().map(|event| event.reason).collect();
    assert_eq!(reasons, ["NotPermitted"]);
    connection.status = serde_json::from_value(status).unwrap();
    assert_eq!(
        say(&connection, 99),
        None,
        "the next attempt writes nothing"
    );
    connection.status = None;
    assert!(say(&connection, 1).is_some());
}
