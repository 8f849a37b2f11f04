//! Volumes of a test, and what becomes of them.

use serde_json::{Value, json};

use super::{
    Bed,
    object::text,
    tools,
    wait::{LIMIT, wait_for},
};

/// A claim of the default class, for `volumes` of a Pod's spec after [`Claim::volume`].
pub struct Claim {
    bed: Bed,
    name: String,
}

// === impl Claim ===

impl Claim {
    /// Makes a claim. Its volume is made when a Pod first needs it.
    pub async fn create(bed: &Bed, name: &str, size: &str) -> anyhow::Result<Self> {
        bed.create(&json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
            },
        }))
        .await?;
        Ok(Self::of(bed, name))
    }

    /// A claim that somebody else makes, as a `StatefulSet` does.
    pub fn of(bed: &Bed, name: &str) -> Self {
        Self {
            bed: bed.clone(),
            name: name.to_owned(),
        }
    }

    /// It as one of a Pod's `volumes`, yet without a name.
    pub fn volume(&self) -> Value {
        json!({"persistentVolumeClaim": {"claimName": self.name}})
    }

    /// Name of its volume, once it has one.
    pub async fn bound(&self) -> anyhow::Result<String> {
        let claim = self
            .bed
            .until_object("persistentvolumeclaims", &self.name, "bound", |claim| {
                text(claim, "/status/phase") == "Bound"
            })
            .await?;
        Ok(text(&claim, "/spec/volumeName").to_owned())
    }

    /// Deletes it, and waits until its volume is gone from the API server and, on the local cluster, from the disk.
    pub async fn remove(self) -> anyhow::Result<()> {
        let volume = self.bound().await?;
        self.bed
            .delete("persistentvolumeclaims", &self.name)
            .await?;
        let path = format!("/api/v1/persistentvolumes?fieldSelector=metadata.name%3D{volume}");
        wait_for(&format!("the volume {volume} goes"), LIMIT, || async {
            let list = self.bed.request("GET", &path, None).await?;
            Ok(list["items"]
                .as_array()
                .is_some_and(Vec::is_empty)
                .then_some(()))
        })
        .await?;
        if tools::is_local() {
            anyhow::ensure!(!directory(&volume).exists(), "{volume} is still on disk");
        }
        Ok(())
    }
}

/// Where the local cluster keeps a volume.
pub fn directory(volume: &str) -> std::path::PathBuf {
    tools::repository()
        .join(".cluster/state/volumes")
        .join(volume)
}

/// A volume in memory, for `volumes` of a Pod's spec: it is full at this size (as in `1Mi`), which counts as the
/// container's memory.
pub fn in_memory(size: &str) -> Value {
    json!({"emptyDir": {"medium": "Memory", "sizeLimit": size}})
}
