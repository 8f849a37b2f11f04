//! People who connect by self-service.

use k8s_openapi::{ByteString, api::core::v1::Secret};

use super::*;
use crate::{
    api::{annotation, label},
    controller::{
        grants::{
            handoff,
            secret::{self, StoredGrant},
        },
        key::Key,
    },
};

/// An app with self-service, and a person who has authorized it.
fn self_service() -> (ZoomIntegration, [(&'static str, Value); 3]) {
    let integration = integration(|object| {
        object["spec"]["app"] = json!({"kind": "General", "management": "User"});
        object["spec"]["oauth"] = json!({"consent": {"selfService": {}}});
    });
    let now = Timestamp::now().to_string();
    let handoff = json!({
        "namespace": "clinics", "integration": "acme", "integrationUid": "u1",
        "connection": "acme-1234567890", "clientId": "b",
        "redirectUrl": "https://connect.example.com/cb", "code": "code", "codeVerifier": "v",
        "begun": now, "authorized": now,
    });
    let mut consent = Secret {
        type_: Some(contract::consent::SECRET_TYPE.into()),
        data: Some(
            [(
                contract::consent::SECRET_KEY.into(),
                ByteString(handoff.to_string().into()),
            )]
            .into(),
        ),
        ..Secret::default()
    };
    consent.metadata.name = Some("zoom-consent-t".into());
    let labels = [
        (label::USE, label::CONSENT),
        (label::INTEGRATION, "acme"),
        (label::NAMESPACE, "clinics"),
    ];
    let labels = labels.iter();
    let labels = labels.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    consent.metadata.labels = Some(labels.collect());
    consent.metadata.resource_version = Some("1".into());
    let listed = json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {},
        "items": [{"metadata": consent.metadata}],
    });
    let made = json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {}, "items": [],
    });
    (
        integration,
        [
            ("/api/v1/namespaces/operator/secrets", listed),
            (
                "/api/v1/namespaces/operator/secrets/zoom-consent-t",
                json!(consent),
            ),
            (CONNECTIONS, made),
        ],
    )
}

#[tokio::test]
async fn a_full_quota_refuses_one_person_and_spends_no_code() {
    let full = |_: &Method, path: &str, _: &Value| {
        path.starts_with(CONNECTIONS)
            .then_some((403, "exceeded quota: links"))
    };
    let (integration, objects) = self_service();
    let rehearsal = rehearsed(full, &integration, objects).await;
    let asked = rehearsal.writes(&format!("refused POST {CONNECTIONS}?"));
    assert_eq!(asked.len(), 1);
    assert_eq!(rehearsal.writes("dryRun=All").len(), 1);
    let at_zoom = rehearsal.writes("/oauth/token");
    let is_spent = |form: &Value| form.as_str().unwrap().contains("code=code");
    assert!(!at_zoom.iter().any(is_spent), "{at_zoom:?}");
    assert_eq!(
        rehearsal
            .writes("DELETE /api/v1/namespaces/operator/secrets/zoom-consent-t")
            .len(),
        1
    );
    let events = rehearsal.writes("/events");
    let said = events
        .iter()
        .find(|event| event["reason"] == "SelfServiceRefused")
        .unwrap();
    assert!(
        said["note"]
            .as_str()
            .unwrap()
            .contains("exceeded quota: links"),
        "{said}"
    );
    assert_ne!(self::said(&rehearsal, "Ready").1, "NotPermitted");
}

/// A quota refused the connection for a while, and meanwhile somebody lowered the limit.
#[tokio::test]
async fn a_spent_code_waits_for_a_place_among_the_connections() {
    let (integration, mut objects) = self_service();
    let mut integration = json!(integration);
    integration["spec"]["oauth"]["consent"]["selfService"]["maxConnections"] = json!(1);
    let integration: ZoomIntegration = serde_json::from_value(integration).unwrap();
    let mut consent: Secret = serde_json::from_value(objects[1].1.clone()).unwrap();
    let grant = handoff::grant_of(&consent).unwrap();
    let kept = StoredGrant {
        grant: grant::Grant {
            generation: 1,
            credential: grant::Credential::RefreshToken("r1".into()),
            ..grant
        },
        identity: None,
        identified: false,
        namespace_uid: "n".into(),
        imported: None,
    };
    secret::put(&mut consent, &kept);
    objects[1].1 = json!(consent);
    let labels = json!({(label::SELF_SERVICE): "true", (label::INTEGRATION): "acme"});
    objects[2].1["items"] = json!([{"metadata": {"name": "another", "labels": labels}}]);
    let rehearsal = rehearsed(|_, _, _| None, &integration, objects).await;
    let path = "/api/v1/namespaces/operator/secrets/zoom-consent-t";
    assert!(rehearsal.writes(&format!("DELETE {path}")).is_empty());
    let noted = rehearsal.writes(&format!("PATCH {path}"));
    assert_eq!(noted.len(), 1, "how long it waits");
    let events = rehearsal.writes("/events");
    let said = events
        .iter()
        .find(|event| event["reason"] == "SelfServiceLimit");
    let note = said.unwrap()["note"].as_str().unwrap();
    assert!(note.starts_with("A person authorized and waits"), "{note}");
}

/// Somebody has to raise a limit for eight people who wait for days. Two others are in front of a page.
#[tokio::test]
async fn grants_that_wait_take_no_places() {
    let (integration, objects) = self_service();
    let [_, (_, consent), made] = objects;
    let consent = |name: &str, second: i64, rests: bool| {
        let mut consent = consent.clone();
        let metadata = &mut consent["metadata"];
        metadata["name"] = json!(name);
        metadata["creationTimestamp"] = json!(Timestamp::from_second(second).unwrap().to_string());
        if rests {
            let until = Timestamp::now() + std::time::Duration::from_secs(200);
            metadata["labels"][label::REDEEMED] = json!("true");
            metadata["annotations"] = json!({
                (annotation::ATTEMPTS): "3", (annotation::RETRY_AT): until.to_string(),
            });
        }
        consent
    };
    let held = (0..8).map(|number| consent(&format!("zoom-consent-h{number}"), number, true));
    let new = [
        consent("zoom-consent-older", 100, false),
        consent("zoom-consent-newer", 101, false),
    ];
    let consents: Vec<Value> = held.chain(new).collect();
    let path = |name: &Value| {
        format!(
            "/api/v1/namespaces/operator/secrets/{}",
            name.as_str().unwrap()
        )
    };
    let named = consents
        .iter()
        .map(|consent| (path(&consent["metadata"]["name"]), consent.clone()));
    let own = [
        (OWN, json!(integration)),
        ("/api/v1/namespaces/clinics/secrets/zoom", credentials()),
        (
            "/api/v1/namespaces/clinics",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "clinics", "uid": "n"}}),
        ),
        made,
    ];
    let own = own.map(|(path, object)| (path.to_owned(), object));
    let objects: Vec<(String, Value)> = own.into_iter().chain(named).collect();
    let objects = objects
        .iter()
        .map(|(path, object)| (path.as_str(), object.clone()));
    let full = |_: &Method, path: &str, _: &Value| {
        path.starts_with(CONNECTIONS)
            .then_some((403, "exceeded quota: links"))
    };
    let rehearsal = Rehearsal::new(full, objects).await;
    let (index, app) = (rehearsal.context.reader.index(), Key::from(&integration));
    index.list_consents();
    for consent in &consents {
        let seen = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": consent["metadata"],
        });
        let seen = serde_json::from_value(seen).unwrap();
        let _: Vec<Key> = index.consent_written(&seen, None, Some(&app));
    }
    index.consents_listed();
    Box::pin(integration.pass(&rehearsal.context))
        .await
        .unwrap();
    let ended = |name: &str| {
        let path = format!("DELETE /api/v1/namespaces/operator/secrets/zoom-consent-{name}");
        rehearsal.writes(&path).len()
    };
    assert_eq!((ended("older"), ended("newer"), ended("h0")), (1, 1, 0));
}
