//! The volume of a buffer grows where its class allows it, and the status says what to do where it does not.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{RECEIVER, connected};
use crate::bed::{
    Bed, Case, LIMIT, Options,
    object::{message, reason, status, text},
    wait_for,
};

const CLASSES: &str = "/apis/storage.k8s.io/v1/storageclasses";
const CLAIM: &str = "buffer-acme-receiver-0";

pub fn cases() -> Vec<Case> {
    vec![Case::new("receiver::volumes_grow", grow).needs_host()]
}

async fn grow(bed: Bed) -> anyhow::Result<()> {
    let class = Class::create(&bed).await?;
    let result = grow_in(&bed, &class).await;
    class.remove().await?;
    result
}

async fn grow_in(bed: &Bed, class: &Class) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let buffer = json!({"size": "64Mi", "storageClassName": class.name});
    connected(bed, &sim, json!({"webhook": {"buffer": buffer}})).await?;
    until_args(bed, "--buffer-size=46976204").await?;
    // Its class does not allow it: the receiver goes on, and the status names the way out.
    resize(bed, "128Mi").await?;
    let refused = bed.until_reason("acme", "BufferImmutable").await?;
    let sentence = message(&refused, "Ready");
    println!("refused: {sentence}");
    for part in [
        "cannot be expanded to 128Mi",
        "support resize",
        "size back to 64Mi",
    ] {
        ensure!(sentence.contains(part), "{part}: {sentence}");
    }
    ensure!(status(&refused, "ReceiverAvailable") == "True");
    // A volume never shrinks.
    resize(bed, "32Mi").await?;
    bed.until(
        "acme",
        "it is said that a volume does not shrink",
        |object| {
            reason(object, "Ready") == "BufferImmutable"
                && message(object, "Ready").contains("not shrink")
        },
    )
    .await?;
    resize(bed, "64Mi").await?;
    bed.until_reason("acme", "Connected").await?;
    // An administrator allows it.
    class.allow_expansion().await?;
    resize(bed, "128Mi").await?;
    let claim = bed
        .until_object("persistentvolumeclaims", CLAIM, "asks for more", |claim| {
            text(claim, "/spec/resources/requests/storage") == "128Mi"
        })
        .await?;
    bed.until("acme", "it is said that a volume grows", |object| {
        let sentence = message(object, "ReceiverAvailable");
        sentence.contains("from 64Mi to 128Mi") && reason(object, "Ready") == "Connected"
    })
    .await?;
    until_args(bed, "--buffer-size=46976204").await?;
    play_resizer(bed, &claim).await?;
    until_args(bed, "--buffer-size=93952409").await?;
    bed.until("acme", "nothing grows any more", |object| {
        !message(object, "ReceiverAvailable").contains("expanded")
            && reason(object, "Ready") == "Connected"
    })
    .await?;
    let set = bed.get("statefulsets", RECEIVER).await?;
    let first = "/spec/volumeClaimTemplates/0/spec/resources/requests/storage";
    ensure!(text(&set, first) == "64Mi", "{set:#}");
    Ok(())
}

async fn resize(bed: &Bed, size: &str) -> anyhow::Result<()> {
    bed.change("acme", &json!({"webhook": {"buffer": {"size": size}}}))
        .await?;
    Ok(())
}

async fn until_args(bed: &Bed, arg: &str) -> anyhow::Result<()> {
    wait_for(&format!("the receiver has {arg}"), LIMIT, || async {
        let set = bed
            .find("statefulsets", RECEIVER)
            .await?
            .unwrap_or_default();
        let args = &set["spec"]["template"]["spec"]["containers"][0]["args"];
        let has = args
            .as_array()
            .is_some_and(|args| args.contains(&json!(arg)));
        Ok(has.then_some(()))
    })
    .await
}

/// What a storage driver does; the local cluster has none that can.
async fn play_resizer(bed: &Bed, claim: &Value) -> anyhow::Result<()> {
    let size = json!({"storage": "128Mi"});
    let volume = text(claim, "/spec/volumeName");
    let url = format!("/api/v1/persistentvolumes/{volume}");
    let patch = json!({"spec": {"capacity": size}});
    let merge = "application/merge-patch+json";
    bed.request("PATCH", &url, Some((merge, &patch))).await?;
    let url = format!(
        "/api/v1/namespaces/{}/persistentvolumeclaims/{CLAIM}/status",
        bed.namespace()
    );
    let patch = json!({"status": {"capacity": size}});
    bed.request("PATCH", &url, Some((merge, &patch))).await?;
    Ok(())
}

/// A storage class of the test's own, as the default one.
struct Class {
    bed: Bed,
    name: String,
}

impl Class {
    async fn create(bed: &Bed) -> anyhow::Result<Self> {
        let all = bed.request("GET", CLASSES, None).await?;
        let is_default = |class: &&Value| {
            let mark = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class";
            text(class, mark) == "true"
        };
        let default = all["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(is_default);
        let mut class = default.context("no default class")?.clone();
        let name = bed.namespace().to_owned();
        class["apiVersion"] = json!("storage.k8s.io/v1");
        class["kind"] = json!("StorageClass");
        class["metadata"] = json!({"name": name});
        class["allowVolumeExpansion"] = json!(false);
        bed.request("POST", CLASSES, Some(("application/json", &class)))
            .await?;
        Ok(Self {
            bed: bed.clone(),
            name,
        })
    }

    async fn allow_expansion(&self) -> anyhow::Result<()> {
        let patch = json!({"allowVolumeExpansion": true});
        let merge = ("application/merge-patch+json", &patch);
        self.bed.request("PATCH", &self.path(), Some(merge)).await?;
        Ok(())
    }

    async fn remove(self) -> anyhow::Result<()> {
        self.bed.request("DELETE", &self.path(), None).await?;
        Ok(())
    }

    fn path(&self) -> String {
        format!("{CLASSES}/{}", self.name)
    }
}
