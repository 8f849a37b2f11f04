//! A connection's own sink: what it was found with, and what a route says of it. Only the reads are I/O.

use std::net::IpAddr;

use contract::{
    receiver::{
        NatsMessageId, SinkFormat, SinkUrl,
        files::{AUTHORIZATION, CA, NATS_CREDS, NKEY_SEED},
        routes::{Destination, Private, RouteCredentials, RouteSink},
    },
    secret_value::{self, Problem},
};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use runtime::outgoing::credentials;

use crate::{
    api::{
        label,
        v1alpha1::{self as api, ConnectionSink, HttpFormat, ServiceRef, ZoomConnection, duration},
    },
    controller::{
        error::Error,
        reader::{Reader, Reads},
        sink_service::{self, SinkService},
    },
};

/// Key of the secret that signs events in Zoom's format.
const SECRET_TOKEN: &str = "webhook-secret-token";

/// What a connection's sink was found with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedSink {
    /// Why no event may be sent to it, as a sentence.
    pub problem: Option<String>,
    /// Whether it is worth a look soon: what it needs does not exist yet, or is a Service, which nobody watches.
    pub is_awaited: bool,
    /// What it asks for.
    pub credentials: RouteCredentials,
    /// The judged addresses of its Service; `None` for any.
    pub addresses: Option<Vec<IpAddr>>,
}

/// Reads what the connection's sink needs, all of it in the connection's own namespace. `None` without a sink.
///
/// # Errors
/// When a request to the API server fails.
pub async fn observe(
    reader: &Reader,
    connection: &ZoomConnection,
) -> Result<Option<ObservedSink>, Error> {
    let Some(sink) = &connection.spec.sink else {
        return Ok(None);
    };
    let mut observed = ObservedSink::default();
    if let Some(reference) = sink.secret() {
        let secrets: Reads<Secret> = reader.beside(connection);
        let found = secrets.get_opt(&reference.name).await?;
        read(sink, &reference.name, found.as_ref(), &mut observed);
    }
    if let Some(service) = sink.service() {
        let namespace = connection.namespace().unwrap_or_default();
        let (finding, addresses) = sink_service::judge(reader, &namespace, service).await?;
        observed.addresses = addresses;
        of_service(service, finding, &mut observed);
    }
    Ok(Some(observed))
}

/// The sink of a route. With a problem it leads nowhere: the events wait, and go to nobody else meanwhile.
#[must_use]
pub fn route_sink(
    connection: &ZoomConnection,
    sink: &ConnectionSink,
    observed: &ObservedSink,
) -> RouteSink {
    let namespace = connection.namespace().unwrap_or_default();
    let name = connection.name_any();
    let mut route = nowhere(&namespace, &name);
    if observed.problem.is_some() {
        return route;
    }
    route.credentials = observed.credentials.clone();
    if let Some(http) = &sink.http {
        route.format = match http.format.unwrap_or_default() {
            HttpFormat::CloudEvents => SinkFormat::CloudEvents,
            HttpFormat::Zoom => SinkFormat::Zoom,
        };
        let timeout = http.timeout.as_deref().and_then(duration::parse);
        route.timeout_seconds = timeout.map(|timeout| timeout.as_secs_f64());
        if let Some(url) = &http.url {
            route.destination = Destination::Internet {
                url: SinkUrl(url.clone()),
            };
        } else if let Some(service) = &http.service_ref {
            route.destination = Destination::Service {
                url: SinkUrl(format!(
                    "http://{}.{namespace}.svc:{}{}",
                    service.name,
                    service.port.unwrap_or(80),
                    service.path.as_deref().unwrap_or("/"),
                )),
                addresses: observed.addresses.clone(),
            };
        }
    } else if let Some(nats) = &sink.nats {
        let subject = nats.subject.clone();
        route.destination = Destination::Nats {
            url: SinkUrl(nats.url.clone()),
            subject: subject.unwrap_or_else(|| format!("zoom.{namespace}.{name}")),
        };
        route.message_id = match nats.message_id.unwrap_or_default() {
            api::NatsMessageId::Body => NatsMessageId::Body,
            api::NatsMessageId::EventKey => NatsMessageId::EventKey,
        };
    }
    route
}

/// The sink of a connection that leads nowhere: events wait, and become dead letters in the end.
#[must_use]
pub fn nowhere(namespace: &str, name: &str) -> RouteSink {
    RouteSink {
        destination: Destination::Service {
            url: SinkUrl(format!("http://{name}.{namespace}.svc/")),
            addresses: Some(Vec::new()),
        },
        format: SinkFormat::default(),
        timeout_seconds: None,
        message_id: NatsMessageId::default(),
        credentials: RouteCredentials::default(),
    }
}

fn read(sink: &ConnectionSink, name: &str, found: Option<&Secret>, observed: &mut ObservedSink) {
    let Some(secret) = found else {
        observed.is_awaited = true;
        observed.problem = Some(format!(
            "Secret {name} with the sink's credentials does not exist: create it with the label {}={}.",
            label::USE,
            label::SINK
        ));
        return;
    };
    if secret.labels().get(label::USE).map(String::as_str) != Some(label::SINK) {
        observed.problem = Some(format!(
            "Secret {name} is not labelled for use by a sink. If it is meant for this, label it {}={}.",
            label::USE,
            label::SINK
        ));
        return;
    }
    match of_secret(sink, secret) {
        Ok(found) => observed.credentials = found,
        Err(complaint) => {
            observed.problem = Some(format!("Secret {name} of the sink {complaint}"));
        }
    }
}

/// What the sink takes of its Secret, or what is wrong with that: without it, nothing may be sent.
fn of_secret(sink: &ConnectionSink, secret: &Secret) -> Result<RouteCredentials, String> {
    let data = |key: &str| {
        let bytes = secret.data.as_ref()?.get(key)?.0.trim_ascii();
        (!bytes.is_empty()).then_some(bytes)
    };
    // Several lines, or with spaces inside.
    let text = |key: &'static str| {
        let text = data(key).map(|bytes| credentials::text(key, bytes));
        let text = text
            .transpose()
            .map_err(|_| unusable(key, "it is not text"))?;
        Ok::<_, String>(text.map(Private::new))
    };
    let value = |key: &'static str| match data(key).map(secret_value::read) {
        None | Some(Err(Problem::Empty)) => Ok(None),
        Some(Ok(value)) => Ok(Some(Private::new(value))),
        Some(Err(problem)) => Err(unusable(key, &format!("it {problem}"))),
    };
    let mut keys = vec![CA];
    let mut found = RouteCredentials::default();
    if sink.http.is_some() {
        keys.insert(0, AUTHORIZATION);
        found.authorization = data(AUTHORIZATION).map(header).transpose()?;
    } else {
        keys.splice(0..0, [NATS_CREDS, NKEY_SEED]);
        found.nats_creds = text(NATS_CREDS)?;
        if found.nats_creds.is_none() {
            found.nkey_seed = value(NKEY_SEED)?;
        }
    }
    let roots = data(CA).map(|bytes| credentials::roots(CA, bytes));
    roots
        .transpose()
        .map_err(|_| unusable(CA, "it has no certificates in PEM that can be read"))?;
    found.ca_crt = text(CA)?;
    if sink.is_signed() {
        found.secret_token = value(SECRET_TOKEN)?;
        if found.secret_token.is_none() {
            return Err(format!(
                "has no usable value under the key {SECRET_TOKEN}, with which events in Zoom's format are signed: put a secret of your own there."
            ));
        }
    }
    // A misspelled key must not make the receiver send without it. A secret to sign with is not misspelled.
    if found == RouteCredentials::default() && data(SECRET_TOKEN).is_none() {
        return Err(format!(
            "has none of the keys that this sink takes: {}. Correct the name of the key, or remove credentialsSecretRef.",
            keys.join(", ")
        ));
    }
    Ok(found)
}

/// As the receiver reads it.
fn header(bytes: &[u8]) -> Result<Private, String> {
    let complaint = |why: &str| unusable(AUTHORIZATION, why);
    let bytes =
        secret_value::read_header(bytes).map_err(|problem| complaint(&format!("it {problem}")))?;
    credentials::header(AUTHORIZATION, bytes)
        .map_err(|_| complaint("it is not a valid HTTP header value"))?;
    let text = credentials::text(AUTHORIZATION, bytes).map_err(|_| complaint("it is not text"))?;
    Ok(Private::new(text))
}

fn unusable(key: &str, why: &str) -> String {
    format!("has no usable value under the key {key}: {why}. Correct the value, or remove the key.")
}

fn of_service(service: &ServiceRef, finding: SinkService, observed: &mut ObservedSink) {
    let name = &service.name;
    let problem = match finding {
        SinkService::Usable => return,
        SinkService::Absent => format!("Service {name} of the sink does not exist: create it."),
        SinkService::NoPort => format!(
            "Service {name} of the sink does not have port {}: correct sink.http.serviceRef.port, or the Service.",
            service.port.unwrap_or(80)
        ),
        SinkService::External => format!(
            "Service {name} of the sink is of type ExternalName and may lead anywhere: name a Service with Pods, or set sink.http.url."
        ),
    };
    observed.is_awaited = true;
    observed.problem.get_or_insert(problem);
}

#[cfg(test)]
mod tests;
