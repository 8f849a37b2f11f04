//! What a receiver is told on its command line.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;

use super::{
    buffer,
    names::CONTROL_PORT,
    paths, quantity,
    setting::{Setting, SinkAccess},
};
use crate::api::v1alpha1::{
    Authentication, AuthenticationType, Buffer, BufferStorage, HttpFormat, HttpSink, NatsMessageId,
    NatsSink, Webhook, ZoomIntegration, duration,
};

/// Seconds that an event is kept unless stated: a week.
const DEFAULT_MAX_AGE: u64 = 7 * 24 * 3600;

/// The share of a volume that is for events, in per cent: indexes, pages that are written anew before the
/// old ones are free, and the file system itself take the rest.
const SHARE: u64 = 70;

/// Milliseconds that the sink has when Zoom does not wait for it.
const BUFFERED_TIMEOUT: u64 = 10_000;

/// The arguments of the container.
pub(super) fn build(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    buffer: Option<&Buffer>,
    setting: &Setting<'_>,
) -> Vec<String> {
    let mut args = vec![
        format!(
            "--integration={}/{}",
            integration.namespace().unwrap_or_default(),
            integration.name_any()
        ),
        format!("--path={}", webhook.path()),
        format!("--signing-secrets-dir={}", paths::SIGNING_DIR),
        format!("--state-dir={}", paths::STATE_DIR),
        "--filter".into(),
    ];
    args.extend(
        webhook
            .events()
            .iter()
            .map(|event| format!("--event={event}")),
    );
    args.extend(webhook.authentication.iter().flat_map(authentication));
    if let SinkAccess::Granted = setting.sink {
        args.extend(sink(integration, webhook, buffer.is_some()));
        args.extend(
            setting
                .policy
                .sink_allow_network
                .iter()
                .map(|network| format!("--sink-allow-network={network}")),
        );
    }
    args.extend(buffer.iter().flat_map(|buffer| buffering(buffer)));
    if integration.spec.suspend {
        args.push("--suspended".into());
    }
    for (key, value) in integration.spec.external_refs.iter().flatten() {
        args.push(format!("--attribute={key}={value}"));
    }
    args
}

fn authentication(wanted: &Authentication) -> [String; 2] {
    let how = match wanted.type_ {
        AuthenticationType::Basic => "basic".to_owned(),
        AuthenticationType::CustomHeader => {
            format!(
                "header:{}",
                wanted.header_name.as_deref().unwrap_or_default()
            )
        }
    };
    [
        format!("--authentication-dir={}", paths::AUTHENTICATION_DIR),
        format!("--authentication={how}"),
    ]
}

fn sink(integration: &ZoomIntegration, webhook: &Webhook, buffered: bool) -> Vec<String> {
    let mut args = Vec::new();
    if let Some(http) = &webhook.sink.http {
        args.extend(http_target(integration, http));
        args.push(match http.format.unwrap_or_default() {
            HttpFormat::CloudEvents => "--sink-format=CloudEvents".into(),
            HttpFormat::Zoom => "--sink-format=Zoom".into(),
        });
    }
    if let Some(nats) = &webhook.sink.nats {
        args.push(format!("--sink-nats={}", nats.url));
        args.push(format!(
            "--sink-nats-subject={}",
            subject(integration, nats)
        ));
        // Only when stated: a receiver of an earlier version does not know the flag.
        args.extend(nats.message_id.map(|id| match id {
            NatsMessageId::Body => "--sink-nats-message-id=Body".into(),
            NatsMessageId::EventKey => "--sink-nats-message-id=EventKey".into(),
        }));
    }
    if webhook.sink_secret().is_some() {
        args.push(format!("--sink-credentials-dir={}", paths::SINK_DIR));
    }
    let stated = webhook.sink.http.as_ref().and_then(|http| {
        let timeout = duration::parse(http.timeout.as_deref()?)?;
        u64::try_from(timeout.as_millis()).ok()
    });
    if let Some(timeout) = stated.or(buffered.then_some(BUFFERED_TIMEOUT)) {
        args.push(format!("--sink-timeout={}", seconds(timeout)));
    }
    args
}

fn http_target(integration: &ZoomIntegration, http: &HttpSink) -> Option<String> {
    if let Some(url) = &http.url {
        return Some(format!("--sink-url={url}"));
    }
    // An object from before the schema's rule must not smuggle another host in.
    let service = http
        .service_ref
        .as_ref()
        .filter(|service| is_service_name(&service.name))?;
    Some(format!(
        "--sink-service=http://{}.{}.svc:{}{}",
        service.name,
        integration.namespace().unwrap_or_default(),
        service.port.unwrap_or(80),
        service.path.as_deref().unwrap_or("/"),
    ))
}

/// RFC 1035 labels, as the names of Services are.
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

fn buffering(buffer: &Buffer) -> Vec<String> {
    let max_age = buffer.max_age.as_deref().and_then(duration::parse);
    let max_age = max_age.map_or(DEFAULT_MAX_AGE, |age| age.as_secs().max(1));
    let mut args = vec![
        format!("--buffer-dir={}", paths::BUFFER_DIR),
        format!("--buffer-size={}", capacity(&buffer::size(buffer))),
        format!("--buffer-max-age={max_age}"),
        format!("--control-listen=[::]:{CONTROL_PORT}"),
        format!("--control-token-file={}/token", paths::CONTROL_DIR),
    ];
    if let Some(attempts) = buffer.max_attempts {
        args.push(format!("--buffer-attempts={attempts}"));
    }
    if buffer::storage(buffer) == BufferStorage::Ephemeral {
        args.push("--buffer-ephemeral".into());
        args.push(format!("--drain-limit={}", buffer::drain_limit().as_secs()));
    }
    args
}

/// The bytes of events that a volume of this size takes.
fn capacity(size: &Quantity) -> u64 {
    let bytes = quantity::bytes(size).unwrap_or_default();
    bytes / 100 * SHARE + bytes % 100 * SHARE / 100
}

/// Milliseconds as seconds, as the flag has them.
fn seconds(milliseconds: u64) -> String {
    match (milliseconds / 1000, milliseconds % 1000) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{rest:03}"),
    }
}
