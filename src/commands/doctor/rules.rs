//! Whether the cluster would take a manifest. Rules of the definition (CEL) and admission policies are evaluated only
//! by an API server, so it is asked to create the resource without storing it.

use std::{future::Future, time::Duration};

use kube::{
    Api,
    api::{DynamicObject, PostParams},
    core::{ApiResource, Status},
};
use serde_json::Value;

use super::report::CheckStatus;
use crate::{api::v1alpha1::ZoomIntegration, commands::terminal::Session};

/// An address in a kubeconfig may lead nowhere.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the cluster says of a manifest.
pub async fn check(
    session: impl Future<Output = anyhow::Result<Session>>,
    document: &Value,
) -> (CheckStatus, String) {
    match session.await {
        Ok(session) => {
            let answer = tokio::time::timeout(TIMEOUT, ask(session, document)).await;
            answer.unwrap_or_else(|_| unchecked("the API server does not answer"))
        }
        Err(error) => unchecked(&format!("{error:#}")),
    }
}

async fn ask(session: Session, document: &Value) -> (CheckStatus, String) {
    let mut object: DynamicObject = match serde_json::from_value(document.clone()) {
        Ok(object) => object,
        Err(error) => return (CheckStatus::ToDo, error.to_string()),
    };
    let namespace = object.metadata.namespace.get_or_insert(session.namespace);
    let resource = ApiResource::erase::<ZoomIntegration>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(session.client, namespace, &resource);
    let params = PostParams {
        dry_run: true,
        field_manager: Some("kubectl-zoom-doctor".into()),
    };
    match api.create(&params, &object).await {
        Ok(_) => accepted(),
        Err(kube::Error::Api(status)) => judged(&status),
        Err(error) => unchecked(&error.to_string()),
    }
}

/// What a refusal means.
fn judged(status: &Status) -> (CheckStatus, String) {
    let told = status.message.trim();
    match status.code {
        // The rules are evaluated first.
        409 => accepted(),
        // A missing permission, not a policy.
        403 if told.contains("cannot create resource") => unchecked(told),
        400 | 403 | 422 => (
            CheckStatus::ToDo,
            format!("The API server would refuse it: {told}"),
        ),
        404 => unchecked(&format!(
            "the namespace or the definition does not exist there: {told}"
        )),
        _ => unchecked(told),
    }
}

fn accepted() -> (CheckStatus, String) {
    (
        CheckStatus::Ok,
        "The API server would accept it: it was asked without storing anything.".into(),
    )
}

fn unchecked(why: &str) -> (CheckStatus, String) {
    (
        CheckStatus::Unknown,
        format!(
            "Not checked, because only a cluster with the definitions evaluates their rules: {}. Give --kubeconfig or --context, or run kubectl apply --dry-run=server.",
            why.trim_end_matches('.')
        ),
    )
}

/// The fields of the spec that this version of the definition does not have, as paths. An API server drops them, or
/// refuses them if it is strict. What every resource has, such as `metadata`, is in no definition.
pub fn unknown_fields(document: &Value, version: &Value) -> Vec<String> {
    let schema = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut found = Vec::new();
    look(&document["spec"], schema, "spec", &mut found);
    found
}

fn look(value: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let is_open = schema["x-kubernetes-preserve-unknown-fields"] == true;
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                let declared = &schema["properties"][name];
                let any = &schema["additionalProperties"];
                if declared.is_object() {
                    look(value, declared, &path, found);
                } else if any.is_object() {
                    look(value, any, &path, found);
                } else if !is_open && *any != true {
                    found.push(path);
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                look(item, &schema["items"], &format!("{path}[{number}]"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt as _;
    use serde_json::json;

    use super::*;
    use crate::commands::doctor::report::{RULES, Report};

    #[tokio::test]
    async fn without_a_cluster_nothing_is_said_to_be_right() {
        let none = async { Err(anyhow::anyhow!("no cluster: set KUBECONFIG")) };
        let (verdict, message) = check(none, &json!({})).await;
        assert_eq!(verdict, CheckStatus::Unknown);
        assert!(
            message.contains("no cluster: set KUBECONFIG. Give"),
            "{message}"
        );
    }

    #[test]
    fn a_refusal_is_the_manifests_fault_or_says_nothing_about_it() {
        let says = |code, message: &str| {
            let status = Status::failure(message, "Reason").with_code(code);
            judged(&status)
        };
        let rule =
            "ZoomIntegration \"acme\" is invalid: spec: Invalid value: oauth is for General apps";
        let (verdict, message) = says(422, rule);
        assert_eq!(verdict, CheckStatus::ToDo);
        assert!(message.contains(rule), "{message}");
        for (code, message, verdict) in [
            (
                400,
                "strict decoding error: unknown field \"spec.a\"",
                CheckStatus::ToDo,
            ),
            (403, "denied by the policy hosts", CheckStatus::ToDo),
            (
                403,
                "zoomintegrations is forbidden: User \"a\" cannot create resource",
                CheckStatus::Unknown,
            ),
            (404, "namespaces \"a\" not found", CheckStatus::Unknown),
            (409, "already exists", CheckStatus::Ok),
            (503, "later", CheckStatus::Unknown),
        ] {
            assert_eq!(says(code, message).0, verdict, "{message}");
        }
    }

    #[test]
    fn what_was_not_checked_is_not_called_right() {
        let mut report = Report::on("acme");
        report.add(RULES, CheckStatus::Ok, "");
        assert!(report.text().unwrap().contains("Nothing to do."));
        report.add(RULES, CheckStatus::Unknown, "");
        let text = report.text().unwrap();
        assert!(text.contains("as far as could be checked"), "{text}");
    }

    #[test]
    fn a_field_that_the_definition_lacks_is_named() {
        let definition = serde_json::to_value(ZoomIntegration::crd()).unwrap();
        let version = &definition["spec"]["versions"][0];
        let mut document = json!({
            "apiVersion": "zoom-operator.io/v1alpha1",
            "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "labels": {"team": "a"}},
            "spec": {
                "externalRefs": {"tenant": "1"},
                "webhook": {"buffer": {}, "subscriptions": [{"name": "a", "events": ["meeting.ended"]}]},
            },
        });
        assert_eq!(unknown_fields(&document, version), [""; 0]);
        document["spec"]["bufer"] = json!({});
        document["spec"]["webhook"]["sink"] = json!({"htp": {}});
        assert_eq!(
            unknown_fields(&document, version),
            ["spec.bufer", "spec.webhook.sink.htp"]
        );
    }
}
