//! `zoom-operator uninstall-check` against an API server that lets it look into some namespaces only.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::process::{Program, Said};

/// What the API server says of a namespace without a Role in it, whether or not it exists.
fn forbidden() -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "forbidden", "reason": "Forbidden", "code": 403,
    });
    (StatusCode::FORBIDDEN, Json(status)).into_response()
}

/// Nothing waits in `empty`, an integration in `held`; the others may not be looked into.
async fn list(Path((namespace, kind)): Path<(String, String)>) -> Response {
    let items = match (namespace.as_str(), kind.as_str()) {
        ("held", "zoomintegrations") => json!([{
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {
                "name": "acme", "namespace": "held", "finalizers": ["zoom-operator.io/buffer"],
            },
        }]),
        ("empty" | "held", _) => json!([]),
        _ => return forbidden(),
    };
    let list = json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {},
        "items": items,
    });
    Json(list).into_response()
}

async fn one(Path((_, _, name)): Path<(String, String, String)>) -> Response {
    let integration = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": name, "namespace": "held"},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
        },
    });
    Json(integration).into_response()
}

async fn check(namespaces: &str) -> Said {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let objects = "/apis/zoom-operator.io/v1alpha1/namespaces/{namespace}/{kind}";
    let router = Router::new()
        .route(objects, get(list))
        .route(&format!("{objects}/{{name}}"), get(one));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "x", "user": {}}],
    });
    let namespaces = format!("--watch-namespaces={namespaces}");
    let program = Program::new()
        .args(&["uninstall-check", &namespaces])
        .file(".kube/config", &config.to_string());
    program.run().await
}

#[tokio::test]
async fn a_namespace_that_is_gone_is_named_and_blocks_nothing() {
    let said = check("empty,gone").await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(
        said.stdout,
        "cannot look into gone (no such namespace, or no permission)\nno object waits for the operator\n"
    );
}

#[tokio::test]
async fn what_waits_in_another_namespace_still_blocks() {
    let said = check("gone,held").await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("zint/acme -n held"), "{said:?}");
    assert!(said.stdout.contains("cannot look into gone"), "{said:?}");
}

#[tokio::test]
async fn without_any_permission_nothing_is_known() {
    let said = check("gone,secret").await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("gone, secret"), "{said:?}");
}
