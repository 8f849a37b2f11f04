//! The volumes of a receiver's buffer that have to grow. Pure.

use k8s_openapi::{
    api::core::v1::PersistentVolumeClaim, apimachinery::pkg::api::resource::Quantity,
};

use crate::controller::integration::resources::at_least;

/// Conditions of a claim that say why its volume does not grow.
const TROUBLE: [&str; 3] = [
    "ControllerResizeError",
    "NodeResizeError",
    "FileSystemResizePending",
];

/// The volume claims of a receiver whose volumes are to be larger than the template of its `StatefulSet`.
#[derive(Clone, Debug, PartialEq)]
pub struct Volumes {
    /// The size that they are to have.
    pub size: Quantity,
    /// The claims that exist.
    pub claims: Vec<Claimed>,
    /// Why the claims cannot be read, in the API server's words.
    pub unreadable: Option<String>,
}

/// A volume claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// Its name.
    pub name: String,
    /// The size that it asks for.
    pub requested: Option<Quantity>,
    /// The size of its volume.
    pub capacity: Option<Quantity>,
    /// Why the volume does not grow, in Kubernetes' words.
    pub trouble: Option<String>,
}

/// Claims that have to ask for more.
#[derive(Clone, Debug, PartialEq)]
pub struct Expansion {
    /// The size to ask for.
    pub size: Quantity,
    /// The names of the claims.
    pub claims: Vec<String>,
}

// === impl Volumes ===

impl Volumes {
    /// Whether all volumes have the size.
    #[must_use]
    pub fn have_grown(&self) -> bool {
        self.unreadable.is_none()
            && !self.claims.is_empty()
            && self.claims.iter().all(|claim| self.fits(claim))
    }

    /// The claims that have to ask for more.
    #[must_use]
    pub fn expansion(&self) -> Option<Expansion> {
        let asks = |claim: &&Claimed| {
            let requested = claim.requested.as_ref();
            // The API server refuses more for a claim that has no volume yet.
            claim.capacity.is_some() && !requested.is_some_and(|size| at_least(size, &self.size))
        };
        let claims = self.claims.iter().filter(asks);
        let claims: Vec<String> = claims.map(|claim| claim.name.clone()).collect();
        (!claims.is_empty()).then(|| Expansion {
            size: self.size.clone(),
            claims,
        })
    }

    /// What is still growing, as a sentence; `None` if nothing is.
    #[must_use]
    pub fn growing(&self) -> Option<String> {
        let claim = self.claims.iter().find(|claim| !self.fits(claim))?;
        let Some(now) = &claim.capacity else {
            return Some(format!(
                "Claim {} waits for its volume; until then the receiver uses the present size.",
                claim.name
            ));
        };
        let trouble = claim.trouble.as_ref();
        let trouble = trouble.map(|trouble| format!(" ({})", trouble.trim_end_matches('.')));
        Some(format!(
            "The volume of claim {} is being expanded from {} to {}{}; until then the receiver uses the present size.",
            claim.name,
            now.0,
            self.size.0,
            trouble.unwrap_or_default()
        ))
    }

    fn fits(&self, claim: &Claimed) -> bool {
        let capacity = claim.capacity.as_ref();
        capacity.is_some_and(|size| at_least(size, &self.size))
    }
}

// === impl Claimed ===

impl From<&PersistentVolumeClaim> for Claimed {
    fn from(claim: &PersistentVolumeClaim) -> Self {
        let storage = "storage";
        let requested = claim.spec.as_ref().and_then(|spec| {
            let requests = spec.resources.as_ref()?.requests.as_ref()?;
            requests.get(storage).cloned()
        });
        let status = claim.status.as_ref();
        let capacity = status.and_then(|status| status.capacity.as_ref()?.get(storage).cloned());
        let mut conditions = status
            .and_then(|status| status.conditions.as_ref())
            .into_iter()
            .flatten();
        let trouble = conditions.find(|found| TROUBLE.contains(&&*found.type_));
        Self {
            name: claim.metadata.name.clone().unwrap_or_default(),
            requested,
            capacity,
            trouble: trouble.and_then(|found| found.message.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claimed(name: &str, requested: &str, capacity: &str) -> Claimed {
        let claim = json!({
            "metadata": {"name": name},
            "spec": {"resources": {"requests": {"storage": requested}}},
            "status": {
                "capacity": {"storage": capacity},
                "conditions": [{"type": "FileSystemResizePending", "status": "True", "message": "Waiting."}],
            },
        });
        Claimed::from(&serde_json::from_value::<PersistentVolumeClaim>(claim).unwrap())
    }

    fn volumes(claims: Vec<Claimed>) -> Volumes {
        Volumes {
            size: Quantity("2Gi".into()),
            claims,
            unreadable: None,
        }
    }

    #[test]
    fn claims_ask_for_more_once_and_the_volumes_follow() {
        let first = volumes(vec![
            claimed("a", "1Gi", "1Gi"),
            claimed("b", "2048Mi", "1Gi"),
        ]);
        let expansion = first.expansion().unwrap();
        assert_eq!(expansion.claims, ["a"]);
        assert!(!first.have_grown());
        let asked = volumes(vec![claimed("a", "2Gi", "2Gi"), claimed("b", "2Gi", "1Gi")]);
        assert_eq!(asked.expansion(), None);
        assert_eq!(
            asked.growing().unwrap(),
            "The volume of claim b is being expanded from 1Gi to 2Gi (Waiting); until then the receiver uses the present size."
        );
        let grown = volumes(vec![claimed("a", "2Gi", "2Gi"), claimed("b", "2Gi", "3Gi")]);
        assert!(grown.have_grown());
        assert_eq!(grown.growing(), None);
    }

    #[test]
    fn a_claim_without_a_volume_asks_for_nothing_yet() {
        let mut added = claimed("b", "1Gi", "1Gi");
        added.capacity = None;
        let scaled_up = volumes(vec![claimed("a", "2Gi", "2Gi"), added]);
        assert_eq!(scaled_up.expansion(), None);
        assert!(!scaled_up.have_grown());
        let says = scaled_up.growing().unwrap();
        assert!(says.starts_with("Claim b waits for its volume"), "{says}");
    }

    #[test]
    fn without_claims_nothing_has_grown() {
        assert!(!volumes(Vec::new()).have_grown());
        let hidden = Volumes {
            unreadable: Some("forbidden".into()),
            ..volumes(vec![claimed("a", "2Gi", "2Gi")])
        };
        assert!(!hidden.have_grown());
    }
}
