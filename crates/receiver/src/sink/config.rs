//! Where events go, and the sink that this makes.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use contract::receiver::{Integration, NatsMessageId, SinkFormat};
use futures::{FutureExt as _, future};
use ipnet::IpNet;

use super::{
    any::{Built, Sink},
    credentials::{Credentials, Followed},
    http::{BuildError, HttpSink, Settings, Target},
    nats::{self, NatsSink},
};
use crate::{cloudevent::Extension, secrets::Secrets};
use runtime::outgoing::{
    guard::{Guard, Lookup},
    policy::Policy,
};

pub use contract::receiver::sink_flags::DEFAULT_TIMEOUT;

/// Where events go. Without a destination every event is answered 503.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// A URL that events are posted to: on the internet, or in an allowed network.
    pub url: Option<Target>,
    /// The URL of a Service of the tenant's own namespace, whose private addresses are fine.
    pub service: Option<Target>,
    /// A NATS server with `JetStream`: on the internet, or in an allowed network.
    pub nats: Option<nats::Target>,
    /// What the subjects begin with; the event's name follows.
    pub nats_subject: Option<nats::Prefix>,
    /// The id of a message, by which the stream drops repeats.
    pub nats_message_id: NatsMessageId,
    /// The form in which events are posted.
    pub format: SinkFormat,
    /// Directory of the sink's credentials.
    pub credentials_dir: Option<PathBuf>,
    /// The time that the sink has for an event.
    pub timeout: Duration,
    /// Networks beyond the internet that a URL may lead to.
    pub allow_networks: Vec<IpNet>,
    /// Networks that a URL never leads to.
    pub refuse_networks: Vec<IpNet>,
    /// The only addresses that the Service may have; `None` for any.
    pub service_addresses: Option<Vec<IpAddr>>,
    /// What resolves names.
    pub lookup: Lookup,
}

// === impl SinkConfig ===

impl SinkConfig {
    /// The sink of this configuration, if it names one. Credentials are looked at every `interval`.
    ///
    /// # Errors
    /// When no TLS provider is installed in the process.
    pub fn build(
        &self,
        source: Integration,
        extensions: Vec<Extension>,
        secrets: Secrets,
        interval: Duration,
    ) -> Result<Option<Built>, BuildError> {
        let service = || self.cluster(self.service_addresses.as_deref());
        let internet = || self.internet();
        let (place, guard) = match (&self.url, &self.service, &self.nats, &self.nats_subject) {
            (Some(url), ..) => (Place::Http(url), internet()),
            (_, Some(url), ..) => (Place::Http(url), service()),
            (_, _, Some(url), Some(prefix)) => (Place::Nats(url, prefix), internet()),
            _ => return Ok(None),
        };
        let (credentials, follower) = match &self.credentials_dir {
            Some(directory) => {
                let (credentials, follower) = Followed::begin(directory.clone(), interval);
                (credentials, follower.boxed())
            }
            None => (
                Followed::fixed(Credentials::default()),
                future::pending().boxed(),
            ),
        };
        let sink = match place {
            Place::Http(target) => Sink::Http(HttpSink::new(Settings {
                target: target.clone(),
                format: self.format,
                timeout: self.timeout,
                source,
                extensions,
                guard,
                credentials,
                secrets,
            })?),
            Place::Nats(target, prefix) => Sink::Nats(NatsSink::new(nats::Settings {
                target: target.clone(),
                prefix: prefix.clone(),
                message_id: self.nats_message_id,
                timeout: self.timeout,
                source,
                extensions,
                guard,
                credentials,
            })),
        };
        Ok(Some(Built { sink, follower }))
    }

    /// Where a URL may lead.
    #[must_use]
    pub fn internet(&self) -> Guard {
        let refused = self.refuse_networks.iter().copied();
        let policy = Policy::internet(self.allow_networks.clone()).refusing(refused);
        Guard::new(policy, self.lookup.clone())
    }

    /// Where a Service may be: at its judged addresses, or anywhere in the cluster.
    #[must_use]
    pub fn cluster(&self, judged: Option<&[IpAddr]>) -> Guard {
        let policy = match judged {
            Some(judged) => Policy::cluster().only(judged.iter().copied()),
            None => Policy::cluster(),
        };
        Guard::new(policy, self.lookup.clone())
    }
}

enum Place<'a> {
    Http(&'a Target),
    Nats(&'a nats::Target, &'a nats::Prefix),
}

impl Default for SinkConfig {
    /// No sink.
    fn default() -> Self {
        Self {
            url: None,
            service: None,
            nats: None,
            nats_subject: None,
            nats_message_id: NatsMessageId::default(),
            format: SinkFormat::default(),
            credentials_dir: None,
            timeout: DEFAULT_TIMEOUT,
            allow_networks: Vec::new(),
            refuse_networks: Vec::new(),
            service_addresses: None,
            lookup: Lookup::default(),
        }
    }
}
