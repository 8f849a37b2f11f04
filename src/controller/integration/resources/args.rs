//! The receiver's command line.

use std::{path::Path, time::Duration};

use contract::receiver::{
    Attribute, Flags, Integration, NatsMessageId, Scheme, ServiceAddresses, SinkFlags, SinkFormat,
    SinkUrl,
    files::{
        AUTHENTICATION_DIR, BUFFER_DIR, CONTROL_DIR, CONTROL_TOKEN, DOMAIN_VALIDATION,
        DOMAIN_VALIDATION_DIR, LIFECYCLE_DIR, ROUTES_DIR, SINK_DIR,
    },
    flags::{DEFAULT_ATTEMPTS, DEFAULT_MAX_AGE},
    routes::Unclaimed,
    routing_flags::DEFAULT_SHARE,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;

use super::{
    buffer, quantity,
    setting::{Setting, SinkAccess},
};
use crate::api::v1alpha1::{
    self as api, Authentication, AuthenticationType, Buffer, BufferStorage, HttpFormat, HttpSink,
    NatsSink, UnclaimedAccounts, Webhook, ZoomIntegration, duration,
};

/// The share of a volume for events, in percent. The rest is for indexes, for pages that are rewritten before
/// the old ones are free, and for the file system itself.
const SHARE: u64 = 70;

/// The sink's time limit when Zoom does not wait for it.
const BUFFERED_TIMEOUT: Duration = Duration::from_secs(10);

/// The flags of the integration's receiver.
pub(super) fn build(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    buffer: Option<&Buffer>,
    setting: &Setting<'_>,
) -> Flags {
    let mut flags = Flags::new(Integration {
        namespace: integration.namespace().unwrap_or_default(),
        name: integration.name_any(),
    });
    webhook.path().clone_into(&mut flags.path);
    flags.filter = true;
    flags.event = webhook.events().into_iter().map(Into::into).collect();
    if let Some(wanted) = &webhook.authentication {
        flags.authentication = Some(scheme(wanted));
        flags.authentication_dir = Some(AUTHENTICATION_DIR.into());
    }
    if integration.spec.app.domain_validation.is_some() {
        flags.domain_validation_file =
            Some(Path::new(DOMAIN_VALIDATION_DIR).join(DOMAIN_VALIDATION));
    }
    if let SinkAccess::Granted = setting.sink {
        flags.sink = SinkFlags {
            allow_networks: setting.policy.sink_allow_network.clone(),
            refuse_networks: setting.policy.sink_refuse_network.clone(),
            service_addresses: setting
                .sink_addresses
                .filter(|_| webhook.sink_service().is_some())
                .map(|judged| ServiceAddresses(judged.to_vec())),
            ..sink(integration, webhook, buffer.is_some())
        };
    }
    if let Some(buffer) = buffer {
        buffering(&mut flags, buffer);
        if setting.routes {
            // They hold for tenants' sinks, also while the integration's own is withheld.
            let policy = setting.policy;
            flags
                .sink
                .allow_networks
                .clone_from(&policy.sink_allow_network);
            flags
                .sink
                .refuse_networks
                .clone_from(&policy.sink_refuse_network);
            flags.sink.timeout = sink(integration, webhook, true).timeout;
            flags.routing.dir = Some(ROUTES_DIR.into());
            flags.routing.unclaimed = unclaimed(webhook);
            flags.routing.account_share = account_share(buffer);
        }
    }
    flags.lifecycle_dir = webhook
        .lifecycle_events
        .as_ref()
        .map(|_| LIFECYCLE_DIR.into());
    flags.suspended = integration.spec.suspend;
    let facts = integration.spec.external_refs.iter().flatten();
    flags.attribute = facts
        .map(|(key, value)| Attribute {
            key: key.clone(),
            value: value.clone(),
        })
        .collect();
    flags
}

fn scheme(wanted: &Authentication) -> Scheme {
    match wanted.type_ {
        AuthenticationType::Basic => Scheme::Basic,
        AuthenticationType::CustomHeader => {
            Scheme::Header(wanted.header_name.clone().unwrap_or_default())
        }
    }
}

fn sink(integration: &ZoomIntegration, webhook: &Webhook, buffered: bool) -> SinkFlags {
    let mut flags = SinkFlags::default();
    if let Some(http) = &webhook.sink.http {
        flags.url = http.url.clone().map(SinkUrl);
        flags.service = service(integration, http).filter(|_| flags.url.is_none());
        flags.format = Some(match http.format.unwrap_or_default() {
            HttpFormat::CloudEvents => SinkFormat::CloudEvents,
            HttpFormat::Zoom => SinkFormat::Zoom,
        });
    }
    if let Some(nats) = &webhook.sink.nats {
        flags.nats = Some(SinkUrl(nats.url.clone()));
        flags.nats_subject = Some(subject(integration, nats));
        flags.nats_message_id = nats.message_id.map(|id| match id {
            api::NatsMessageId::Body => NatsMessageId::Body,
            api::NatsMessageId::EventKey => NatsMessageId::EventKey,
        });
    }
    flags.credentials_dir = webhook.sink_secret().map(|_| SINK_DIR.into());
    let stated = webhook.sink.http.as_ref();
    let stated = stated.and_then(|http| duration::parse(http.timeout.as_deref()?));
    flags.timeout = stated.or(buffered.then_some(BUFFERED_TIMEOUT));
    flags
}

fn service(integration: &ZoomIntegration, http: &HttpSink) -> Option<SinkUrl> {
    // An object from before the schema's rule must not inject another host.
    let service = http
        .service_ref
        .as_ref()
        .filter(|service| is_service_name(&service.name))?;
    Some(SinkUrl(format!(
        "http://{}.{}.svc:{}{}",
        service.name,
        integration.namespace().unwrap_or_default(),
        service.port.unwrap_or(80),
        service.path.as_deref().unwrap_or("/"),
    )))
}

/// RFC 1035 labels, as used for the names of Services.
fn is_service_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|symbol| symbol.is_ascii_lowercase() || symbol.is_ascii_digit() || symbol == b'-')
}

/// The subject without the event's type, which the receiver appends.
fn subject(integration: &ZoomIntegration, nats: &NatsSink) -> String {
    nats.subject.clone().unwrap_or_else(|| {
        let namespace = integration.namespace().unwrap_or_default();
        format!("zoom.{namespace}.{}", integration.name_any())
    })
}

fn buffering(flags: &mut Flags, buffer: &Buffer) {
    let max_age = buffer.max_age.as_deref().and_then(duration::parse);
    flags.buffer_dir = Some(BUFFER_DIR.into());
    flags.buffer_size = capacity(&buffer::size(buffer));
    flags.buffer_max_age = max_age.map_or(DEFAULT_MAX_AGE, |age| {
        Duration::from_secs(age.as_secs().max(1))
    });
    flags.buffer_attempts = buffer
        .max_attempts
        .and_then(|attempts| u32::try_from(attempts).ok())
        .unwrap_or(DEFAULT_ATTEMPTS);
    flags.control_token_file = Some(format!("{CONTROL_DIR}/{CONTROL_TOKEN}").into());
    if buffer::storage(buffer) == BufferStorage::Ephemeral {
        flags.buffer_ephemeral = true;
        flags.drain_limit = buffer::drain_limit();
    }
}

fn unclaimed(webhook: &Webhook) -> Unclaimed {
    match webhook.unclaimed_accounts.unwrap_or_default() {
        UnclaimedAccounts::Sink => Unclaimed::Sink,
        UnclaimedAccounts::DeadLetter => Unclaimed::DeadLetter,
        UnclaimedAccounts::Drop => Unclaimed::Drop,
    }
}

/// The percent of the buffer that one account may take.
fn account_share(buffer: &Buffer) -> u8 {
    let stated = buffer.account_share;
    let stated = stated.and_then(|share| u8::try_from(share).ok());
    stated.unwrap_or(DEFAULT_SHARE)
}

/// The bytes of events that fit on a volume of this size.
fn capacity(size: &Quantity) -> u64 {
    let bytes = quantity::bytes(size).unwrap_or_default();
    bytes / 100 * SHARE + bytes % 100 * SHARE / 100
}
