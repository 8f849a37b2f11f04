//! What is asked of the API server, and what its answers mean.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, http::Uri};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::consent::Handoff;
use jiff::Timestamp;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Mutex};
use zoom_operator::connect::cluster::{Cluster as _, Delivered, Kubernetes, Parcel, Unavailable};

/// An API server that answers everything alike.
struct Server {
    status: u16,
    reason: &'static str,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

async fn answer(State(server): State<Arc<Server>>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let sent = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let echo = sent.to_string();
    server.asked.lock().await.push((uri.to_string(), sent));
    let status = StatusCode::from_u16(server.status).unwrap();
    let failure = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "m", "reason": server.reason, "code": server.status,
    });
    let body = if status.is_success() {
        echo
    } else {
        failure.to_string()
    };
    (status, body)
}

async fn serve(
    status: u16,
    reason: &'static str,
) -> (Kubernetes, Arc<Mutex<Vec<(String, Value)>>>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let server = Server {
        status,
        reason,
        asked: Arc::clone(&asked),
    };
    let router = Router::new().fallback(answer).with_state(Arc::new(server));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = Config::new(format!("http://{address}").parse().unwrap());
    let client = Client::try_from(config).unwrap();
    (Kubernetes::new(client, "operator"), asked)
}

fn parcel() -> Parcel {
    let handoff = Handoff {
        namespace: "clinics".into(),
        integration_namespace: None,
        integration: "plain".into(),
        integration_uid: "i".into(),
        connection: "ada".into(),
        connection_uid: None,
        client_id: "id".into(),
        redirect_url: "https://x.example".into(),
        code: "the-code".into(),
        code_verifier: "v".into(),
        begun: Timestamp::UNIX_EPOCH,
        authorized: Timestamp::UNIX_EPOCH,
    };
    Parcel::new("zoom-consent-x".into(), &handoff).unwrap()
}

#[tokio::test]
async fn a_secret_is_created_in_the_operators_namespace_and_nothing_else() {
    let (cluster, asked) = serve(201, "").await;
    assert_eq!(cluster.hand_over(parcel()).await, Ok(Delivered::Created));
    let asked = asked.lock().await;
    let [(path, secret)] = &asked[..] else {
        panic!("one request: {asked:?}")
    };
    assert!(
        path.starts_with("/api/v1/namespaces/operator/secrets?"),
        "{path}"
    );
    assert_eq!(secret["type"], "zoom-operator.io/consent");
    assert_eq!(secret["metadata"]["name"], "zoom-consent-x");
    assert_eq!(
        secret["metadata"]["labels"]["zoom-operator.io/use"],
        "consent"
    );
    assert_eq!(secret["immutable"], Value::Null);
    let data = STANDARD
        .decode(secret["data"]["handoff"].as_str().unwrap())
        .unwrap();
    assert!(String::from_utf8(data).unwrap().contains("the-code"));
}

#[tokio::test]
async fn answers_mean_there_not_there_or_away() {
    for (status, reason, created, read) in [
        (
            409,
            "AlreadyExists",
            Ok(Delivered::AlreadyExists),
            Err(Unavailable),
        ),
        (409, "Conflict", Err(Unavailable), Err(Unavailable)),
        (404, "NotFound", Err(Unavailable), Ok(())),
        (403, "Forbidden", Err(Unavailable), Ok(())),
        (500, "InternalError", Err(Unavailable), Err(Unavailable)),
    ] {
        let (cluster, asked) = serve(status, reason).await;
        assert_eq!(cluster.hand_over(parcel()).await, created, "{reason}");
        let integration = cluster.integration("clinics", "plain").await;
        assert_eq!(
            integration.map(|found| assert!(found.is_none())),
            read,
            "{reason}"
        );
        let connection = cluster.connection("clinics", "ada").await;
        assert_eq!(
            connection.map(|found| assert!(found.is_none())),
            read,
            "{reason}"
        );
        let asked = asked.lock().await;
        let group = "/apis/zoom-operator.io/v1alpha1/namespaces/clinics";
        for path in ["zoomintegrations/plain", "zoomconnections/ada"] {
            let path = format!("{group}/{path}");
            assert!(asked.iter().any(|(asked, _)| *asked == path), "{asked:?}");
        }
    }
}
