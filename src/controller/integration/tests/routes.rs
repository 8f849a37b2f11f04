//! Passes that look after routes.

use contract::receiver::routes::{Connection, secret_name};
use kube::{Resource as _, core::DeserializeGuard};

use super::*;
use crate::{
    api::v1alpha1::ZoomConnection,
    controller::index::{Guarded, Watch},
};

#[tokio::test]
async fn a_receiver_that_delivers_its_last_events_keeps_its_routes() {
    let deleted = integration(|object| {
        object["metadata"]["deletionTimestamp"] = json!(Timestamp::now().to_string());
        object["metadata"]["finalizers"] = json!([buffer_finalizer::FINALIZER]);
        object["spec"] = json!({
            "app": {"kind": "General"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
            "webhook": {
                "sink": {"http": {"url": "https://s"}}, "buffer": {"size": "1Gi"},
                "endpoint": {"host": "hooks.example.com"},
            },
        });
    });
    // Its connection is gone already.
    let own = Connection::new("clinics", "ada").unwrap();
    let others = (0..).map(|n| Connection::new("clinics", &format!("c{n}")).unwrap());
    let stray = others.into_iter().find(|one| one.shard() != own.shard());
    let name = secret_name("acme", own.shard());
    let secret = |stray: Option<&Connection>| {
        let mut secret = owned("Secret", &name);
        secret["metadata"]["labels"] = json!({
            "zoom-operator.io/use": "routes", "zoom-operator.io/integration": "acme",
        });
        secret["data"] = json!({own.route_key(): "e30="});
        if let Some(stray) = stray {
            secret["data"][stray.route_key()] = json!("e30=");
        }
        secret
    };
    let changed = secret(stray.as_ref());
    let list =
        json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {}, "items": [changed]});
    let path: &'static str = format!("{SECRETS}/{name}").leak();
    let objects = scaled(1, Some("1")).into_iter();
    let objects = objects.chain([(SECRETS, list), (path, changed)]);
    let rehearsal = rehearsed(|_, _, _| None, &deleted, objects).await;
    let kept = secret(None)["data"].clone();
    assert_eq!(rehearsal.object(path)["data"], kept);

    let index = rehearsal.context.reader.index();
    let guarded: Guarded<ZoomIntegration> = DeserializeGuard(Ok(deleted));
    index.apply(guarded);
    index.set_watch(None, &ZoomConnection::kind(&()), Watch::Complete);
    again(&rehearsal, |_| ()).await;
    assert_eq!(rehearsal.object(path)["data"], kept);
}
