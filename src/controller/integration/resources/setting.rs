//! The settings of a receiver that do not come from its integration.

use std::net::IpAddr;

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

/// Whether a receiver may use its sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SinkAccess {
    /// It may, with its credentials, if any are configured.
    #[default]
    Granted,
    /// Not now: the receiver gets no sink and answers events with 503.
    Withheld,
}

/// The settings of a receiver that do not come from its integration.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The image.
    pub image: &'a ReceiverImage,
    /// The operator's policy.
    pub policy: &'a ReceiverPolicy,
    /// Whether the receiver may use its sink.
    pub sink: SinkAccess,
    /// The UID of the credentials Secret that the Pods mount, if it is immutable.
    pub secret_uid: Option<&'a str>,
    /// The addresses that the Service of `serviceRef` was found with; `None` where any may answer for it.
    pub sink_addresses: Option<&'a [IpAddr]>,
    /// The number of Pods for now, if it differs from the declared one.
    pub replicas: Option<i32>,
    /// Its current `StatefulSet`, whose volumes can only grow.
    pub live: Option<&'a StatefulSet>,
    /// Whether the volumes of its `StatefulSet` have the declared size.
    pub grown: bool,
    /// Whether the host belongs to the integration.
    pub exposed: bool,
    /// Whether a receiver with a buffer tells the accounts of many tenants apart.
    pub routes: bool,
}

// === impl Kind ===

impl Kind {
    /// The kind of workload for this buffer.
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
