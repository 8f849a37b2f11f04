//! What besides the integration says how a receiver is to be.

use k8s_openapi::api::apps::v1::StatefulSet;

use super::buffer;
use crate::{
    api::v1alpha1::{Buffer, BufferStorage},
    controller::config::{ReceiverImage, ReceiverPolicy},
};

/// The kinds of [`Workload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Deployment.
    Deployment,
    /// A `StatefulSet`.
    StatefulSet,
}

/// Whether a receiver may be given its sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SinkAccess {
    /// Yes, with its credentials, if any are named.
    #[default]
    Granted,
    /// Not now: the receiver is told no sink, and answers events with 503.
    Withheld,
}

/// What besides the integration says how a receiver is to be.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The image.
    pub image: &'a ReceiverImage,
    /// The operator's policy.
    pub policy: &'a ReceiverPolicy,
    /// Whether it has its sink.
    pub sink: SinkAccess,
    /// Number of Pods, where it is another than declared for now.
    pub replicas: Option<i32>,
    /// Its `StatefulSet` as it is, whose volume cannot change.
    pub live: Option<&'a StatefulSet>,
    /// Whether its host is its own.
    pub exposed: bool,
}

// === impl Kind ===

impl Kind {
    /// The kind of workload that has such a buffer.
    #[must_use]
    pub fn of(buffer: Option<&Buffer>) -> Self {
        match buffer.map(buffer::storage) {
            Some(BufferStorage::Persistent) => Self::StatefulSet,
            Some(BufferStorage::Ephemeral) | None => Self::Deployment,
        }
    }

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
        }
    }
}
