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
        let now = Timestamp::from_second(second).unwrap();
        without_permission(connection, &lacks_permission(refusal), now)
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
