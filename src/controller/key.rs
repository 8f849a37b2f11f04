//! Identifies an object: its kind, namespace and name.

use std::{fmt, sync::Arc};

use kube::Resource;

use crate::api::v1alpha1::{ZoomConnection, ZoomIntegration};

/// The kinds of resource that the controller works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`ZoomIntegration`].
    Integration,
    /// [`ZoomConnection`].
    Connection,
}

/// Identifies an object of either kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

// === impl Kind ===

impl Kind {
    /// The kind in the Kubernetes API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integration => "ZoomIntegration",
            Self::Connection => "ZoomConnection",
        }
    }
}

// === impl Key ===

impl Key {
    /// The key of a [`ZoomIntegration`].
    #[must_use]
    pub fn integration(namespace: &str, name: &str) -> Self {
        Self::new(Kind::Integration, namespace, name)
    }

    /// The key of a [`ZoomConnection`].
    #[must_use]
    pub fn connection(namespace: &str, name: &str) -> Self {
        Self::new(Kind::Connection, namespace, name)
    }

    fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl From<&ZoomIntegration> for Key {
    fn from(object: &ZoomIntegration) -> Self {
        of(Kind::Integration, object)
    }
}

impl From<&ZoomConnection> for Key {
    fn from(object: &ZoomConnection) -> Self {
        of(Kind::Connection, object)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            namespace,
            name,
        } = self;
        write!(formatter, "{} {namespace}/{name}", kind.as_str())
    }
}

fn of(kind: Kind, object: &impl Resource) -> Key {
    let meta = object.meta();
    Key::new(
        kind,
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    )
}
