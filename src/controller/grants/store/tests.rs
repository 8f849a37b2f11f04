use kube::core::Status;
use serde_json::json;

use super::*;

#[test]
fn a_deletion_stands_in_line_with_the_consents() {
    let connection = |deleted: Option<&str>| -> ZoomConnection {
        let object = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "ada", "namespace": "n", "deletionTimestamp": deleted},
            "spec": {"integrationRef": {"name": "app"}},
        });
        serde_json::from_value(object).unwrap()
    };
    let key = Key::connection("n", "ada");
    let own = Place::of(&connection(None), "u");
    assert_eq!(own.requester(), Requester::new(&key, false));
    let leaving = Place::of(&connection(Some("2026-01-01T00:00:00Z")), "u");
    assert_eq!(leaving.requester(), Requester::of_deletion(&key));
    // A journal names the Secret, whatever becomes of the connection.
    let text = |place: &Place| serde_json::to_string(place).unwrap();
    assert_eq!(text(&own), text(&leaving));
}

#[test]
fn an_answer_of_the_api_server_is_a_refusal_and_no_answer_is_none() {
    let found = |reason: &str, code| {
        let status = Status::failure("because", reason).with_code(code);
        unwritten(kube::Error::Api(status.boxed()))
    };
    for (reason, code) in [
        ("Invalid", 422),
        ("Forbidden", 403),
        ("BadRequest", 400),
        ("InternalError", 500),
    ] {
        let refused = found(reason, code);
        assert!(
            matches!(&refused, StoreError::Refused(why) if why == "because"),
            "{refused}"
        );
    }
    assert!(matches!(found("Conflict", 409), StoreError::Conflict));
    assert!(matches!(found("AlreadyExists", 409), StoreError::Conflict));
    assert!(matches!(found("NotFound", 404), StoreError::Gone));
    let silent = unwritten(kube::Error::LinesCodecMaxLineLengthExceeded);
    assert!(matches!(silent, StoreError::Unavailable(_)), "{silent}");
}
