//! The report for each answer from Zoom.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::{commands::doctor::source::Data, setup::tests::fixtures::now};

const SECRETS: [&str; 2] = ["A-CLIENT-SECRET", "A-SECRET-TOKEN"];

fn spec(app: &Value) -> ZoomIntegrationSpec {
    serde_json::from_value(json!({
        "app": app, "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": ["user:read:user:admin"]},
        "webhook": {"sink": {"http": {"serviceRef": {"name": "sink"}}}},
    }))
    .unwrap()
}

fn token(scope: &str) -> Answer {
    Answer::Token(AccessToken {
        secret: SecretString::from("A-TOKEN".to_owned()),
        token_type: "bearer".into(),
        expires_at: now() + jiff::SignedDuration::from_secs(3599),
        issued_at: now(),
        scope: scope.into(),
        api_url: "https://api.zoom.us".parse().unwrap(),
    })
}

fn data() -> Data {
    [
        ("client-id", "id"),
        ("client-secret", SECRETS[0]),
        ("account-id", "account"),
        ("webhook-secret-token", SECRETS[1]),
    ]
    .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
    .into()
}

fn report(kind: &Value, data: &Data, answer: &Answer) -> Report {
    let spec = spec(kind);
    let case = Case {
        spec: &spec,
        is_declared: false,
        origin: &Origin::Environment,
        values: &Values::read(&spec, data),
        answer,
        zoom: "https://zoom.us/",
    };
    let report = diagnose(&case, now());
    let text = report.text().unwrap() + &report.json().unwrap();
    for secret in SECRETS.into_iter().chain(["A-TOKEN"]) {
        assert!(!text.contains(secret), "{text}");
    }
    report
}

fn failed(fault: Fault) -> Answer {
    Answer::Failed(Error::new(fault, "HTTP 400: words of Zoom's"))
}

#[test]
fn each_answer_is_told_in_plain_words() {
    let server = &json!({"kind": "ServerToServer"});
    let general = &json!({"kind": "General", "management": "Admin"});
    let mut twice = data();
    twice.insert("webhook-secret-token".into(), SECRETS[0].into());
    twice.insert("account-id".into(), b" \n".to_vec());
    twice.insert("verification-token".into(), b"v".to_vec());
    let reports = [
        (
            "good",
            report(server, &data(), &token("user:read:user:admin")),
        ),
        (
            "missing scope",
            report(server, &data(), &token("user:read:list_users:admin")),
        ),
        (
            "wrong pair",
            report(server, &data(), &failed(Fault::CredentialsRejected)),
        ),
        (
            "not activated",
            report(server, &data(), &failed(Fault::AccountRejected)),
        ),
        (
            "wrong kind",
            report(server, &data(), &failed(Fault::WrongAppKind)),
        ),
        (
            "no way to Zoom",
            report(server, &data(), &failed(Fault::Unreachable)),
        ),
        (
            "swapped",
            report(
                server,
                &data(),
                &Answer::Swapped(Swap::ClientIdAndAccountId),
            ),
        ),
        ("values", report(server, &twice, &Answer::NotAsked)),
        ("general", report(general, &data(), &Answer::Pair)),
        (
            "general, wrong pair",
            report(general, &data(), &failed(Fault::CredentialsRejected)),
        ),
    ];
    let texts = reports.iter();
    let texts = texts.map(|(name, report)| format!("=== {name}\n{}\n", report.text().unwrap()));
    insta::assert_snapshot!(texts.collect::<Vec<_>>().concat());
    for (name, report) in reports {
        assert_eq!(
            report.is_well(),
            ["good", "general"].contains(&name),
            "{name}"
        );
    }
}

#[test]
fn a_manifest_alone_is_looked_at() {
    let mut spec = spec(&json!({"kind": "General", "management": "User"}));
    spec.oauth = serde_json::from_value(json!({"redirectUrl": "http://a.example/callback"})).ok();
    let manifest = Manifest {
        spec,
        name: "acme".into(),
        is_declared: true,
        document: Value::Null,
    };
    insta::assert_snapshot!(of_manifest(&manifest, now()).text().unwrap());
}

#[test]
fn for_programs_the_same_is_json() {
    let report = report(
        &json!({"kind": "ServerToServer"}),
        &data(),
        &failed(Fault::AppDisabled),
    );
    let value: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(value["well"], false);
    let checks = value["checks"].as_array().unwrap();
    let token = checks
        .iter()
        .find(|check| check["check"] == "token")
        .unwrap();
    assert_eq!(token["verdict"], "ToDo");
}
