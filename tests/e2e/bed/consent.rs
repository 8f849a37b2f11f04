//! What the consent pages do when Zoom sends a person back with a code, without pages and browser.

use contract::consent::{Handoff, SECRET_KEY, SECRET_TYPE, Transaction, callback_path};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{App, Bed, PAGES, Sim, evidence::keep, object::text, unique};

/// Hands over the code of `person` for the connection `name` of `tenant`, to an app of `home`, where the operator is
/// installed with consent pages.
pub async fn hand_over(
    sim: &Sim,
    app: &App,
    home: &Bed,
    tenant: &Bed,
    name: &str,
    person: &str,
) -> anyhow::Result<()> {
    let connection = tenant.get("zoomconnections", name).await?;
    let uid = text(&connection, "/metadata/uid").to_owned();
    deliver(sim, app, home, (tenant, name, Some(uid)), person).await
}

/// The same for a person who connects by self-service: the connection `name` is to be made in the namespace of `target`.
pub async fn hand_over_again(
    sim: &Sim,
    app: &App,
    home: &Bed,
    target: &Bed,
    name: &str,
    person: &str,
) -> anyhow::Result<()> {
    deliver(sim, app, home, (target, name, None), person).await
}

async fn deliver(
    sim: &Sim,
    app: &App,
    home: &Bed,
    (tenant, name, connection_uid): (&Bed, &str, Option<String>),
    person: &str,
) -> anyhow::Result<()> {
    let redirect_url = format!(
        "https://{PAGES}{}",
        callback_path(home.namespace(), &app.0.name)
    );
    let verifier = unique("verifier-of-a-consent-that-nobody-guesses");
    let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(&verifier));
    let consent = json!({
        "user": person, "redirect_uri": redirect_url, "code_challenge": challenge,
    });
    let path = format!("apps/{}/codes", app.0.client_id);
    let told = sim.admin("POST", &path, Some(&consent)).await?;
    let code = text(&told, "/code");
    keep(code);
    let integration = home.integration(&app.0.name).await?;
    let elsewhere = (home.namespace() != tenant.namespace()).then(|| home.namespace().to_owned());
    let handoff = Handoff {
        namespace: tenant.namespace().to_owned(),
        integration_namespace: elsewhere.clone(),
        integration: app.0.name.clone(),
        integration_uid: text(&integration, "/metadata/uid").to_owned(),
        connection: name.to_owned(),
        connection_uid,
        client_id: app.0.client_id.clone(),
        redirect_url,
        code: code.into(),
        code_verifier: verifier.into(),
        begun: Timestamp::now(),
        authorized: Timestamp::now(),
    };
    let mut labels = json!({
        "app.kubernetes.io/managed-by": "zoom-operator",
        "zoom-operator.io/use": "consent",
        "zoom-operator.io/integration": app.0.name,
        "zoom-operator.io/connection": name,
        "zoom-operator.io/namespace": tenant.namespace(),
    });
    if let Some(namespace) = elsewhere {
        labels["zoom-operator.io/integration-namespace"] = json!(namespace);
    }
    let secret = Transaction::of(&unique("state")).secret_name();
    home.create(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret, "labels": labels},
        "type": SECRET_TYPE,
        "data": {SECRET_KEY: ByteString(handoff.to_json()?)},
    }))
    .await?;
    Ok(())
}
